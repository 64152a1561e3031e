//! The helper process that owns the clipboard of the display, whose content is lost when its owner ends.
//!
//! It is the same binary with a hidden argument. It reads the secret from standard input, never from an argument or the
//! environment. It ends when something else is copied, and clears the clipboard after a time, on SIGTERM and on
//! SIGHUP.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use arboard::Clipboard;
use zeroize::Zeroizing;

/// The hidden argument that starts it.
pub const WORD: &str = "__hold-clipboard";

/// Printed when the helper owns the clipboard.
pub(super) const READY: &[u8; 6] = b"READY\n";

/// Larger than any secret. A larger text is rejected, never truncated.
const MOST_BYTES: u64 = 4_096;

/// How often the helper compares the clipboard with its text.
const TRIES: u32 = 40;
const BETWEEN_TRIES: Duration = Duration::from_millis(25);

enum Event {
    /// Another program owns the clipboard.
    Lost,
    Signal,
}

/// Owns the clipboard with the text from standard input for a number of seconds.
#[must_use]
pub fn main(seconds: Option<&str>) -> ExitCode {
    crate::host::harden();
    // Leaves the session of the terminal, so that closing the terminal does not end the helper.
    let _ = nix::unistd::setsid();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(45);
    match hold(Duration::from_secs(seconds)) {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}

fn hold(time: Duration) -> Option<()> {
    // Allocated once: growing would leave copies in memory.
    let mut text = Zeroizing::new(String::with_capacity(8_192));
    std::io::stdin().lock().take(MOST_BYTES).read_to_string(&mut text).ok()?;
    if text.len() as u64 == MOST_BYTES {
        return None;
    }
    let mut clipboard = Clipboard::new().ok()?;
    let (events, happened) = mpsc::channel();
    watch_signals(events.clone()).ok()?;
    own(text.clone(), events);
    if !is_there(&mut clipboard, &text) {
        return None;
    }
    let mut out = std::io::stdout();
    out.write_all(READY).and_then(|()| out.flush()).ok()?;
    match happened.recv_timeout(time) {
        // Something else was copied: it must not be cleared.
        Ok(Event::Lost) => return Some(()),
        Ok(Event::Signal) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
    }
    // Read again: something else may have been copied since the last check.
    if clipboard.get_text().is_ok_and(|now| Zeroizing::new(now) == text) {
        // Otherwise some compositors keep a copy.
        let _ = clipboard.clear();
    }
    Some(())
}

/// Serves the text in a thread until another program owns the clipboard.
fn own(text: Zeroizing<String>, events: mpsc::Sender<Event>) {
    std::thread::spawn(move || {
        let _ = serve(&text);
        let _ = events.send(Event::Lost);
    });
}

#[cfg(target_os = "linux")]
fn serve(text: &str) -> Result<(), arboard::Error> {
    use arboard::SetExtLinux;
    // `wait_until` returns immediately on Wayland, and the content would be lost.
    Clipboard::new()?.set().exclude_from_history().wait().text(text)
}

#[cfg(not(target_os = "linux"))]
fn serve(text: &str) -> Result<(), arboard::Error> {
    Clipboard::new()?.set().text(text)?;
    // This system stores the content itself.
    loop {
        std::thread::park();
    }
}

fn is_there(clipboard: &mut Clipboard, text: &str) -> bool {
    (0..TRIES).any(|_| {
        std::thread::sleep(BETWEEN_TRIES);
        clipboard.get_text().is_ok_and(|now| *Zeroizing::new(now) == *text)
    })
}

fn watch_signals(events: mpsc::Sender<Event>) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            let _ = events.send(Event::Signal);
        }
    });
    Ok(())
}
