//! Starts the helper that owns the display's clipboard.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::holder::{READY, WORD};
use crate::domain::secret::Secret;

/// A display may accept the connection and never answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts the helper and waits until it owns the clipboard. It may take [`PATIENCE`]: never call it on the thread
/// of the screen. The error is a reason, without the secret.
pub(super) fn copy(secret: &Secret, keydesk: &Path, clear_after: Duration) -> Result<(), String> {
    let mut child = Command::new(keydesk)
        .arg(WORD)
        .arg(clear_after.as_secs().to_string())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("the helper could not be started: {error}"))?;
    let ready = send(&mut child, secret);
    if ready.is_err() {
        // By its own handle, so that no other process can be hit.
        let _ = child.kill();
    }
    // Whoever asks after a child that has ended gets it off the list of processes.
    std::thread::spawn(move || child.wait());
    ready
}

fn send(child: &mut Child, secret: &Secret) -> Result<(), String> {
    let broken = |error: std::io::Error| format!("the helper did not take it: {error}");
    let mut input = child.stdin.take().ok_or("the helper has no input")?;
    input.write_all(secret.expose().as_bytes()).map_err(broken)?;
    drop(input);
    let mut output = child.stdout.take().ok_or("the helper has no output")?;
    let (answer, answered) = mpsc::channel();
    std::thread::spawn(move || {
        let mut said = [0; READY.len()];
        let ready = output.read_exact(&mut said).is_ok() && said == *READY;
        let _ = answer.send(ready);
    });
    match answered.recv_timeout(PATIENCE) {
        Ok(true) => Ok(()),
        Ok(false) => Err("the display's clipboard could not be had".into()),
        Err(_) => Err("the display did not answer within 2 s".into()),
    }
}
