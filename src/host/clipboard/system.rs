//! Starts the helper process that owns the clipboard of the display.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::holder::{READY, WORD};
use crate::domain::secret::Secret;

/// Timeout for a display that accepts the connection but never responds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts the helper and waits up to [`PATIENCE`] until it owns the clipboard: never call it on the UI thread. The error
/// is a reason without the secret.
pub(super) fn copy(secret: &Secret, keydesk: &Path, clear_after: Duration) -> Result<(), String> {
    let mut child = Command::new(keydesk)
        .arg(WORD)
        .arg(clear_after.as_secs().to_string())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("could not start the clipboard helper: {error}"))?;
    let ready = send(&mut child, secret);
    if ready.is_err() {
        // By its handle: a process ID may have been reused.
        let _ = child.kill();
    }
    // Reaps the child after it has ended.
    std::thread::spawn(move || child.wait());
    ready
}

fn send(child: &mut Child, secret: &Secret) -> Result<(), String> {
    let broken =
        |error: std::io::Error| format!("could not send the secret to the clipboard helper: {error}");
    let mut input = child.stdin.take().ok_or("the clipboard helper has no standard input")?;
    input.write_all(secret.expose().as_bytes()).map_err(broken)?;
    drop(input);
    let mut output = child.stdout.take().ok_or("the clipboard helper has no standard output")?;
    let (answer, answered) = mpsc::channel();
    std::thread::spawn(move || {
        let mut said = [0; READY.len()];
        let ready = output.read_exact(&mut said).is_ok() && said == *READY;
        let _ = answer.send(ready);
    });
    match answered.recv_timeout(PATIENCE) {
        Ok(true) => Ok(()),
        Ok(false) => Err("could not own the clipboard of the display".into()),
        Err(_) => Err("the display did not respond within 2 s".into()),
    }
}
