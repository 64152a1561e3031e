//! The helper process that owns the display's clipboard, whose content ends with its owner.
//!
//! It is our own binary, started again with a hidden word. The secret comes over standard input, never as an
//! argument or in the environment. It leaves by itself when something else is copied, and empties the clipboard at
//! its time, on SIGTERM and on SIGHUP.

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

/// Longer than any secret. A longer text is rejected, never truncated.
const MOST_BYTES: u64 = 4_096;

/// How often the helper looks for its own text in the clipboard.
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
    // Out of the session of the terminal, so that its end does not end us.
    let _ = nix::unistd::setsid();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(45);
    match hold(Duration::from_secs(seconds)) {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}

fn hold(time: Duration) -> Option<()> {
    // Room for all of it at once: growing would leave copies behind.
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
        // Somebody copied something else: that is not ours to touch.
        Ok(Event::Lost) => return Some(()),
        Ok(Event::Signal) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
    }
    // Read once more: between the last look and now somebody may have copied something else.
    if clipboard.get_text().is_ok_and(|now| Zeroizing::new(now) == text) {
        // Killed without it, some compositors keep a copy.
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
    // `wait` and not `wait_until`: the latter returns at once on Wayland and the content is lost.
    Clipboard::new()?.set().exclude_from_history().wait().text(text)
}

#[cfg(not(target_os = "linux"))]
fn serve(text: &str) -> Result<(), arboard::Error> {
    Clipboard::new()?.set().text(text)?;
    // Here the system holds the content itself.
    loop {
        std::thread::park();
    }
}

/// Reads the clipboard back.
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
