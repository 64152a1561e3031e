//! Takes over the terminal and restores it, also after a panic or a signal.
//!
//! Restoring must work on a disconnected terminal and from any thread: it writes fixed bytes, ignores errors, prints
//! nothing else and does not wait.

use std::io::{self, IsTerminal, Write, stdout};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, execute};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, raise};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Whether the terminal is taken over.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A directory to delete when the program is terminated, as that of `keydesk demo`.
static THROWAWAY: OnceLock<PathBuf> = OnceLock::new();

/// Sets the directory to delete when the program is terminated.
pub fn throw_away(folder: PathBuf) {
    let _ = THROWAWAY.set(folder);
}

/// Why the terminal UI cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// A pipe, a file, a closed output.
    #[error("the terminal UI needs a terminal: {0} is not one")]
    NoTerminal(&'static str),
    /// It shows text only.
    #[error("the terminal UI does not support this terminal (TERM={0:?})")]
    Dumb(String),
    #[error("cannot initialize the terminal: {0}")]
    Failed(#[from] io::Error),
}

/// Checks that there is a terminal to draw on.
pub fn check() -> Result<(), TerminalError> {
    if !io::stdin().is_terminal() {
        return Err(TerminalError::NoTerminal("standard input"));
    }
    if !stdout().is_terminal() {
        return Err(TerminalError::NoTerminal("standard output"));
    }
    match std::env::var("TERM") {
        Ok(term) if term != "dumb" && !term.is_empty() => Ok(()),
        other => Err(TerminalError::Dumb(other.unwrap_or_default())),
    }
}

/// Takes over the terminal, and restores it when dropped.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    pub fn new(mouse: bool) -> Result<Self, TerminalError> {
        check()?;
        // With NO_COLOR crossterm would also drop bold and reverse: that is for the theme to decide.
        crossterm::style::force_color_output(true);
        let guard = Self(());
        take(mouse)?;
        Ok(guard)
    }

    /// Reports mouse events, or leaves the mouse to the terminal for selecting text.
    pub fn set_mouse(&self, on: bool) {
        let _one_at_a_time = stdout().lock();
        if !TAKEN.load(Ordering::SeqCst) {
            return;
        }
        let _ =
            if on { execute!(stdout(), EnableMouseCapture) } else { execute!(stdout(), DisableMouseCapture) };
    }

    /// Suspends the program; returns when it is resumed.
    pub fn suspend(&self, mouse: bool) -> Result<(), TerminalError> {
        restore();
        let _ = raise(Signal::SIGTSTP);
        take(mouse)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

fn take(mouse: bool) -> Result<(), TerminalError> {
    TAKEN.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    if mouse {
        execute!(stdout(), EnableMouseCapture)?;
    }
    Ok(())
}

/// Restores the terminal. A second call does nothing.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = stdout().lock();
    wipe(&mut out);
    let _ = execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
}

/// Clears the alternate screen, so that the terminal keeps nothing of it. Ignores errors: the terminal may be
/// disconnected.
pub fn wipe(out: &mut impl Write) {
    let _ = out.write_all(b"\x1b[0m\x1b[2J").and_then(|()| out.flush());
}

/// Restores the terminal after a panic. The message has the location only, since the text of a panic may contain
/// anything. A panic on another thread than that of the loop ends the process: the loop would continue to draw on a
/// restored terminal.
pub fn install_panic_hook() {
    let main = std::thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        let tell = || {
            let _ = writeln!(io::stderr(), "keydesk crashed at {place}. Completed changes are saved.");
            // Last: the panicked thread may hold the lock of the log.
            tracing::error!(place, "panic");
        };
        if std::thread::current().id() == main {
            restore();
            tell();
        } else {
            leave(PANICKED, tell);
        }
    }));
}

/// The exit code of a Rust program that panicked.
const PANICKED: i32 = 101;

/// Ends the process on signals and when the terminal is disconnected. It does not wait for the loop, which would wait
/// for events of a disconnected terminal forever.
pub fn watch() -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            leave(128 + signal, || {});
        }
    })?;
    std::thread::Builder::new().name("hangup".into()).spawn(|| {
        // SIGHUP may be ignored (nohup). macOS cannot poll `/dev/tty`.
        let terminal = std::fs::File::open("/dev/tty").ok().filter(|_| !cfg!(target_os = "macos"));
        match &terminal {
            Some(terminal) => wait_for_hangup(terminal.as_fd()),
            None => wait_for_hangup(io::stdin().as_fd()),
        }
        leave(128 + SIGHUP, || {});
    })?;
    Ok(())
}

fn wait_for_hangup(terminal: BorrowedFd<'_>) {
    loop {
        let mut places = [PollFd::new(terminal, PollFlags::empty())];
        let _ = poll(&mut places, PollTimeout::from(500_u16));
        let gone = PollFlags::POLLHUP | PollFlags::POLLERR;
        if places[0].revents().is_some_and(|events| events.intersects(gone)) {
            return;
        }
        // Some systems return at once for an empty set of events.
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// How long a terminal that accepts no output may delay the end.
const PATIENCE: Duration = Duration::from_millis(700);

/// Restores the terminal, prints a message, and ends the process, within a second even if the terminal blocks.
///
/// Standard output stays locked until the end: otherwise the loop could draw one more frame on the main screen.
fn leave(code: i32, tell: impl FnOnce()) {
    // The loop may hold the lock while it is blocked by a write to the terminal.
    let _ = std::thread::Builder::new().spawn(move || {
        std::thread::sleep(PATIENCE);
        let _ = disable_raw_mode();
        exit(code);
    });
    let _no_more_frames = stdout().lock();
    restore();
    tell();
    exit(code);
}

#[expect(
    clippy::disallowed_methods,
    reason = "no other thread can be waited for; SQLite keeps an interrupted commit atomic"
)]
fn exit(code: i32) -> ! {
    if let Some(folder) = THROWAWAY.get() {
        let _ = std::fs::remove_dir_all(folder);
    }
    std::process::exit(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails, as a disconnected terminal.
    struct Dead;

    impl Write for Dead {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn wiping_works_on_any_terminal() {
        let mut alive = Vec::new();
        wipe(&mut alive);
        assert_eq!(alive, b"\x1b[0m\x1b[2J");
        wipe(&mut Dead);
    }

    #[test]
    fn a_terminal_that_was_not_taken_over_is_not_restored() {
        restore();
        assert!(!TAKEN.load(Ordering::SeqCst));
    }
}
