//! The terminal, taken over and given back whole, whatever happens.
//!
//! Giving it back must work on a dead terminal and from any thread: it writes fixed bytes, ignores errors, prints
//! nothing else and waits for nothing.

use std::io::{self, IsTerminal, Write, stdout};
use std::os::fd::AsFd;
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
    /// Takes it over.
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
    let mut out = stdout();
    // The cells that held anything are overwritten before the screen is left.
    let _ = out.write_all(b"\x1b[0m\x1b[2J");
    let _ = execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
}

/// Restores the terminal when something panics. The message names the place and nothing that was in memory: the text
/// of a panic may hold anything.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        restore();
        let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        tracing::error!(place, "panic");
        let _ = writeln!(
            io::stderr(),
            "keydesk stopped by a fault of its own at {place}. What was reported as done is done."
        );
    }));
}

/// Leaves on signals and when the terminal is gone, without waiting for the loop: with the terminal gone,
/// waiting for its events never ends.
pub fn watch() -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            leave(128 + signal);
        }
    })?;
    std::thread::Builder::new().name("hangup".into()).spawn(|| {
        // SIGHUP may be ignored (nohup), and then nothing else tells.
        if let Ok(terminal) = std::fs::File::open("/dev/tty") {
            wait_for_hangup(&terminal);
            leave(129);
        }
    })?;
    Ok(())
}

fn wait_for_hangup(terminal: &std::fs::File) {
    loop {
        let mut places = [PollFd::new(terminal.as_fd(), PollFlags::empty())];
        let _ = poll(&mut places, PollTimeout::from(500_u16));
        let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
        if places[0].revents().is_some_and(|events| events.intersects(gone)) {
            return;
        }
        // An empty set of wishes makes some systems return at once.
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "no other thread can be waited for; a commit under way is SQLite's to keep whole"
)]
fn leave(code: i32) {
    restore();
    std::process::exit(code);
}
