//! Checks of the environment: settings, log, clipboard, terminal, process.

use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{AccessFlags, access};

use crate::cli::checks::Outcome;
use crate::cli::output::text;
use crate::config::ConfigError;
use crate::config::settings::Settings;
use crate::domain::text::inert;
use crate::host::clipboard::ClipboardMode;
use crate::host::clipboard::choice::{Channel, channels};
use crate::host::clipboard::tmux::SetClipboard;
use crate::host::clipboard::{self, tmux};
use crate::host::files::ConfigExposure;

fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

pub(super) fn settings(path: &Path, read: &Result<Settings, ConfigError>) -> Outcome {
    let place = text::path(path);
    match read {
        Ok(_) if let Some(exposure) = ConfigExposure::of(path) => {
            Outcome::fault(inert(&exposure.problem(path)), inert(&exposure.command(path)))
        }
        Ok(_) if path.exists() => Outcome::good(place),
        Ok(_) => Outcome::good(format!("defaults: {place} does not exist")),
        Err(error) => Outcome::fault(
            inert(&error.to_string()),
            "Fix that line. Run \"keydesk config --default\" to print all settings with their defaults",
        ),
    }
}

pub(super) fn log(path: Option<PathBuf>) -> Outcome {
    let Some(path) = path else {
        return Outcome::fault("this user has no home directory", "Set HOME");
    };
    let place = text::path(&path);
    match std::fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.mode() & 0o077 != 0 => {
            Outcome::fault(format!("others can read {place}"), format!("chmod 0600 {place}"))
        }
        Ok(_) if access(&path, AccessFlags::W_OK).is_err() => {
            Outcome::fault(format!("cannot write {place}"), format!("chmod 0600 {place}"))
        }
        Ok(_) => Outcome::good(place),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Outcome::good(format!("{place} does not exist yet: nothing was logged"))
        }
        Err(error) => Outcome::fault(
            format!("cannot create {place}: {error}"),
            "Make its directory your own, with mode 0700",
        ),
    }
}

/// Reports how keydesk copies in this session, and why.
pub(super) fn clipboard(mode: ClipboardMode) -> Outcome {
    let facts = clipboard::facts();
    let through_tmux = || match tmux::set_clipboard() {
        Ok(SetClipboard::Off) => Outcome::note(
            "through tmux, which forwards no copies (set-clipboard is off)",
            "tmux set-option -s set-clipboard on",
        ),
        Ok(SetClipboard::Forwards(mode)) => {
            Outcome::good(format!("through tmux to its terminal (set-clipboard is {})", inert(&mode)))
        }
        Err(reason) => Outcome::note(
            format!("through tmux, but {reason}"),
            "Write the secret to a file instead: --out FILE, or w in the terminal UI",
        ),
    };
    match channels(&facts, mode).first() {
        None => Outcome::good("off (clipboard = \"off\" in config.toml)"),
        Some(Channel::System) if mode == ClipboardMode::System && !facts.display => Outcome::fault(
            "clipboard = \"system\" in config.toml, but there is no display",
            "Set clipboard = \"auto\" in config.toml",
        ),
        Some(Channel::System) => {
            Outcome::good("clipboard of the display: this is a local session with a display")
        }
        Some(Channel::Tmux) => through_tmux(),
        Some(Channel::Terminal(_)) => {
            if let Some(terminal) = facts.deaf {
                let instead = "Select with the mouse, or write the secret to a file: --out FILE, or w in the terminal UI";
                return Outcome::note(format!("{terminal} does not support copying (OSC 52)"), instead);
            }
            let why = if facts.remote { "this is a remote session" } else { "there is no display" };
            Outcome::good(format!("clipboard of the terminal (OSC 52): {why}. Paste to check"))
        }
    }
}

/// Reports the size, characters and colors of the terminal.
pub(super) fn terminal() -> Outcome {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Outcome::good("not a terminal: the terminal UI needs one, the commands do not");
    }
    let kind = var("TERM").unwrap_or_default();
    if kind.is_empty() || kind == "dumb" {
        return Outcome::note(
            format!("TERM is {kind:?}: the terminal UI cannot run, the commands work"),
            "Set TERM to the type of your terminal, such as xterm-256color",
        );
    }
    let (columns, rows) = crossterm::terminal::size().unwrap_or_default();
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(var).unwrap_or_default().to_lowercase();
    let utf8 = locale.contains("utf-8") || locale.contains("utf8");
    let colors = match var("COLORTERM").as_deref() {
        _ if var("NO_COLOR").is_some() => "no colors (NO_COLOR)",
        Some("truecolor" | "24bit") => "16 million colors",
        _ if kind.contains("256color") => "256 colors",
        _ => "16 colors",
    };
    let characters = if utf8 { "UTF-8" } else { "ASCII" };
    let seen = format!("{}, {columns}x{rows}, {characters}, {colors}", inert(&kind));
    if columns < 80 || rows < 24 {
        Outcome::note(format!("{seen}: small"), "Resize the terminal to 80x24 or larger")
    } else if !utf8 {
        Outcome::note(seen, "Set a UTF-8 locale to see lines and symbols: export LANG=C.UTF-8")
    } else {
        Outcome::good(seen)
    }
}

/// Reports whether a crash could write secrets to a file.
pub(super) fn core_dumps() -> Outcome {
    let limit = getrlimit(Resource::RLIMIT_CORE).map_or(u64::MAX, |(soft, _)| soft);
    #[cfg(target_os = "linux")]
    let dumpable = nix::sys::prctl::get_dumpable().unwrap_or(true);
    #[cfg(not(target_os = "linux"))]
    let dumpable = false;
    if limit == 0 && !dumpable {
        Outcome::good("off: a crash writes no secrets to a file")
    } else {
        Outcome::fault("on: a crash could write secrets to a file", "Run \"ulimit -c 0\" before keydesk")
    }
}
