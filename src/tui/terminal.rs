//! The terminal, taken over and given back whole, whatever happens.
//!
//! Giving it back must work on a dead terminal and from any thread: it writes fixed bytes, ignores errors, prints
//! nothing else and waits for nothing.

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

/// Whether the terminal is ours at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A folder that goes when the program is made to leave, as that of `keydesk demo`.
static THROWAWAY: OnceLock<PathBuf> = OnceLock::new();

/// Names a folder that is to go when the program is made to leave.
pub fn throw_away(folder: PathBuf) {
    let _ = THROWAWAY.set(folder);
}

/// Why the screen cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// A pipe, a file, a closed output.
    #[error("keydesk's screen needs a terminal, and {0} is none")]
    NoTerminal(&'static str),
    /// It shows text only.
    #[error("the terminal is of a kind that cannot be drawn on (TERM={0:?})")]
    Dumb(String),
    /// The system refused.
    #[error("the terminal could not be taken over: {0}")]
    Failed(#[from] io::Error),
}

/// Looks whether there is a terminal to draw on.
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

/// Takes the terminal over; gives it back when dropped.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    pub fn new(mouse: bool) -> Result<Self, TerminalError> {
        check()?;
        // With NO_COLOR crossterm would also drop bold and reverse: that is left to a theme of our own.
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

    /// Goes to the background and comes back.
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

/// Gives the terminal back. A second time does nothing.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = stdout().lock();
    wipe(&mut out);
    let _ = execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
}

/// Overwrites every cell of the screen, so that nothing that stood there is left when it is put away. Errors are
/// ignored: the terminal may be gone.
pub fn wipe(out: &mut impl Write) {
    let _ = out.write_all(b"\x1b[0m\x1b[2J").and_then(|()| out.flush());
}

/// Restores the terminal when something panics. The message names the place and nothing that was in memory: the text
/// of a panic may hold anything. A panic on a thread other than the loop's ends the process, since the loop would
/// go on drawing on a terminal that is no longer ours.
pub fn install_panic_hook() {
    let main = std::thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        let tell = || {
            let _ = writeln!(
                io::stderr(),
                "keydesk stopped by a fault of its own at {place}. What was reported as done is done."
            );
            // Last: what panicked may hold the log's lock.
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

/// Leaves on signals and when the terminal is gone, without waiting for the loop: with the terminal gone,
/// waiting for its events never ends.
pub fn watch() -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            leave(128 + signal, || {});
        }
    })?;
    std::thread::Builder::new().name("hangup".into()).spawn(|| {
        // SIGHUP may be ignored (nohup), and then nothing else tells. macOS cannot poll `/dev/tty`.
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
        // An empty set of wishes makes some systems return at once.
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// How long a terminal that takes no bytes may hold up the end.
const PATIENCE: Duration = Duration::from_millis(700);

/// Gives the terminal back, says something, and ends the process, within a second whatever the terminal does.
///
/// Standard output stays locked until the end: a frame that the loop still draws would land, with whatever is on it,
/// on the screen that the terminal keeps.
fn leave(code: i32, tell: impl FnOnce()) {
    // The loop may be stuck in a write to a terminal that takes none, and then the lock is never free.
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
    reason = "no other thread can be waited for; a commit under way is SQLite's to keep whole"
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

    /// Takes nothing, as a terminal that is gone.
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
    fn what_was_not_taken_is_not_given_back() {
        restore();
        assert!(!TAKEN.load(Ordering::SeqCst));
    }
}
