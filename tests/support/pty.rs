//! The real program in a pseudo-terminal of the test's own, read as a terminal reads it.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::support::home::Home;
use crate::support::{KEYDESK, until};

/// A terminal with a program in it.
pub struct Pty {
    pub child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    parser: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

/// A size that a terminal can have.
fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap_or(NonZero::<u16>::MIN)
}

/// How long a test waits for something to appear.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program in a home directory, as a terminal runs it, with more variables.
pub fn command_in_home(
    home: &Home,
    program: &str,
    arguments: &[&str],
    more: &[(&str, &str)],
) -> CommandBuilder {
    let mut command = CommandBuilder::new(program);
    command.args(arguments);
    command.env_clear();
    for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8")] {
        command.env(name, value);
    }
    for (name, value) in home.environment() {
        command.env(name, value);
    }
    for (name, value) in more {
        command.env(name, value);
    }
    command.cwd(home.0.path());
    command
}

impl Pty {
    /// Starts keydesk on a database, in an environment of nothing but what it needs.
    pub fn keydesk(database: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(KEYDESK);
        command.args(arguments);
        command.env_clear();
        let home = database.parent().expect("a folder");
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("TZ", "UTC")] {
            command.env(name, value);
        }
        command.env("HOME", home);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("KEYDESK_DB", database);
        command.cwd(home);
        for (name, value) in environment {
            command.env(name, value);
        }
        Self::start(command, 80, 24)
    }

    /// Starts keydesk in a home directory, with more variables.
    pub fn in_home(home: &Home, arguments: &[&str], more: &[(&str, &str)]) -> Self {
        Self::start(command_in_home(home, KEYDESK, arguments, more), 80, 24)
    }

    /// Starts a program.
    pub fn start(command: CommandBuilder, columns: u16, rows: u16) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().expect("a reader");
        let parser = Arc::new(Mutex::new(vt100::Parser::new(cells(rows), cells(columns), 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let (screen, bytes) = (Arc::clone(&parser), Arc::clone(&raw));
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count) = output.read(&mut buffer) {
                if count == 0 {
                    break;
                }
                bytes.lock().expect("bytes").extend_from_slice(&buffer[..count]);
                screen.lock().expect("a screen").process(&buffer[..count]);
            }
        });
        let writer = pair.master.take_writer().expect("a writer");
        Self { child, master: pair.master, writer, parser, raw, reader }
    }

    /// Types.
    pub fn send(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).and_then(|()| self.writer.flush()).expect("keys arrive");
    }

    /// What stands on the screen.
    pub fn screen(&self) -> String {
        self.parser.lock().expect("a screen").screen().contents()
    }

    /// Everything that was written to the terminal.
    pub fn raw(&self) -> Vec<u8> {
        self.raw.lock().expect("bytes").clone()
    }

    /// Whether the terminal is as a shell expects it: main screen, cursor, no mouse, no bracketed paste.
    pub fn is_restored(&self) -> bool {
        let parser = self.parser.lock().expect("a screen");
        let screen = parser.screen();
        !screen.alternate_screen()
            && !screen.hide_cursor()
            && !screen.bracketed_paste()
            && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
    }

    /// Waits until a text stands on the screen.
    pub fn wait_for(&self, text: &str) {
        self.wait(&format!("{text:?} on the screen"), |pty| pty.screen().contains(text));
    }

    /// Waits until something is so.
    pub fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let since = Instant::now();
        while !is_so(self) {
            assert!(since.elapsed() < PATIENCE, "no {what} within 10 s:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the program has ended; its exit code.
    pub fn wait_for_end(&mut self, within: Duration) -> u32 {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                // What it wrote last may still be on its way; a child of it may keep the terminal open.
                until(Duration::from_secs(1), || self.reader.is_finished());
                return status.exit_code();
            }
            assert!(since.elapsed() < within, "still running after {within:?}:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = i32::try_from(self.child.process_id().expect("a process")).expect("a number");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).expect("the signal is sent");
    }

    /// Another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.parser.lock().expect("a screen").screen_mut().set_size(cells(rows), cells(columns));
        self.master.resize(size).expect("another size");
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
