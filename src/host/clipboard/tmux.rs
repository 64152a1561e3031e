//! Copying through tmux: a buffer that tmux forwards to its terminal, deleted afterwards.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::domain::secret::Secret;

const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the client of this tmux session is connected over SSH. None when tmux does not say.
#[must_use]
pub fn is_remote() -> Option<bool> {
    let output = run(Command::new("tmux").args(["show-environment", "SSH_CONNECTION"]), None).ok()?;
    // "-SSH_CONNECTION" means: known to be unset.
    Some(output.starts_with("SSH_CONNECTION="))
}

/// The option `set-clipboard`.
#[derive(Clone, Debug, PartialEq, Eq, strum::EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum SetClipboard {
    /// tmux forwards nothing.
    Off,
    /// A value with which tmux forwards copies: `on` or `external`.
    #[strum(default)]
    Forwards(String),
}

/// Asks tmux for its option `set-clipboard`.
pub fn set_clipboard() -> Result<SetClipboard, String> {
    let mode = run(Command::new("tmux").args(["show-options", "-sv", "set-clipboard"]), None)?;
    Ok(mode.trim().parse().unwrap_or(SetClipboard::Off))
}

/// Forwards a text to the terminal of tmux. An error with `set-clipboard` off: tmux forwards nothing then.
pub(super) fn forward(text: &Secret) -> Result<(), String> {
    if set_clipboard()? == SetClipboard::Off {
        return Err("tmux does not forward copies (set-clipboard is off)".into());
    }
    // A unique name, so that no other buffer is changed.
    let name = format!("keydesk-{}", std::process::id());
    let loaded = run(Command::new("tmux").args(["load-buffer", "-w", "-b", &name, "-"]), Some(text));
    // Deleted also after a failure.
    let deleted = run(Command::new("tmux").args(["delete-buffer", "-b", &name]), None);
    loaded?;
    deleted.map(drop)
}

/// Returns an error unless this pane may write through tmux to the terminal.
pub(super) fn check_passthrough() -> Result<(), String> {
    let options = ["show-options", "-Aqpv", "allow-passthrough"];
    match run(Command::new("tmux").args(options), None)?.trim() {
        "off" => Err("tmux does not pass sequences through (allow-passthrough is off)".into()),
        // Versions before 3.3 have no such option and pass everything through.
        _ => Ok(()),
    }
}

/// Runs tmux with a text on its standard input. Kills it after a timeout.
fn run(command: &mut Command, input: Option<&Secret>) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("could not run tmux: {error}");
    let mut child = command
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let (Some(mut stdin), Some(secret)) = (child.stdin.take(), input) {
        // When tmux does not read, its exit status tells why.
        let _ = stdin.write_all(secret.expose().as_bytes());
    }
    let since = Instant::now();
    while child.try_wait().map_err(failed)?.is_none() {
        if since.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return Err("tmux did not respond within 2 s".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err("tmux failed".into())
    }
}
