//! Copies through the terminal: plain OSC 52, through tmux and through GNU screen, each in a pseudo-terminal whose
//! bytes are read as the admin's own terminal would read them.
//!
//! A test whose programs are not installed says so and passes.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::support::home::Home;
use crate::support::pty::{Pty, command_in_home};
use crate::support::{KEYDESK, contains, have, until};

const SSH: (&str, &str) = ("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
const PATIENCE: Duration = Duration::from_secs(10);

/// What the terminal was asked to put into its clipboard, in order.
fn copies(raw: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(raw);
    text.split("\x1b]52;")
        .skip(1)
        .map(|after| {
            let end = after.find(['\x07', '\x1b']).unwrap_or(after.len());
            decode(after[..end].split_once(';').unwrap_or_default().1)
        })
        .collect()
}

/// Base64 (RFC 4648), as far as it is whole.
fn decode(encoded: &str) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = (0_u32, 0);
    let mut bytes = Vec::new();
    for letter in encoded.trim_end_matches('=').chars() {
        let Some(value) = LETTERS.find(letter) else { return format!("no base64: {encoded:?}") };
        bits = ((bits.0 << 6 | u32::try_from(value).unwrap()) & 0xFFFF, bits.1 + 6);
        if bits.1 >= 8 {
            bits.1 -= 8;
            bytes.push(u8::try_from(bits.0 >> bits.1 & 0xFF).unwrap());
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A program in a terminal of our own, in a home directory.
fn in_terminal(home: &Home, program: &str, arguments: &[&str], more: &[(&str, &str)]) -> Pty {
    Pty::start(command_in_home(home, program, arguments, more), 160, 40)
}

/// The command that copies, for a shell: what it said and how it ended go into files.
fn copying(home: &Home) -> String {
    let (said, code) = (home.path("said"), home.path("code"));
    format!(
        "{KEYDESK} keys create --name Checkout --copy >{} 2>&1; echo $? >{}.new; mv {1}.new {1}; sleep 600",
        said.display(),
        code.display()
    )
}

/// Waits for [`copying`] to end: its exit code and what it said.
fn outcome(home: &Home) -> (String, String) {
    let code = home.path("code");
    assert!(until(PATIENCE, || code.exists()), "the command ends");
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    (read(code).trim().to_owned(), read(home.path("said")))
}

#[test]
fn over_ssh_exactly_one_sequence_is_written() {
    let home = Home::clearing_after(45);
    let arguments = ["keys", "create", "--name", "Checkout", "--copy"];
    let mut pty = in_terminal(&home, KEYDESK, &arguments, &[("SSH_TTY", "/dev/pts/9")]);
    assert_eq!(pty.wait_for_end(PATIENCE), 0, "{}", pty.screen());
    let copies = copies(&pty.raw());
    assert_eq!(copies.len(), 1, "{copies:?}");
    assert!(contains(&pty.raw(), "\x1b]52;c;"), "the only selector that mosh forwards");
    assert!(home.accepts(&copies[0]));
    assert!(!contains(&pty.raw(), &copies[0]), "the key itself is not printed");
    assert!(pty.screen().contains("Sent to your terminal's clipboard (OSC 52)"), "{}", pty.screen());
}

#[test]
fn a_successor_is_copied_and_one_that_cannot_be_is_withdrawn() {
    let home = Home::clearing_after(45);
    let create = ["keys", "create", "--name", "Checkout", "--copy"];
    let mut pty = in_terminal(&home, KEYDESK, &create, &[SSH]);
    assert_eq!(pty.wait_for_end(PATIENCE), 0, "{}", pty.screen());
    let first = copies(&pty.raw()).remove(0);
    let rotate = ["keys", "rotate", "Checkout", "--leaked", "--copy"];
    // A terminal that takes no copies: all is as it was.
    let mut pty = in_terminal(&home, KEYDESK, &rotate, &[SSH, ("VTE_VERSION", "7200")]);
    assert_eq!(pty.wait_for_end(PATIENCE), 3, "{}", pty.screen());
    assert!(pty.screen().contains("withdrawn"), "{}", pty.screen());
    // It may have taken it all the same: what it has is no key any more.
    assert!(home.accepts(&first) && !copies(&pty.raw()).iter().any(|copy| home.accepts(copy)));
    let mut pty = in_terminal(&home, KEYDESK, &rotate, &[SSH]);
    assert_eq!(pty.wait_for_end(PATIENCE), 0, "{}", pty.screen());
    let second = copies(&pty.raw()).remove(0);
    assert!(!contains(&pty.raw(), &second), "the key itself is not printed");
    assert!(home.accepts(&second) && !home.accepts(&first));
}

#[test]
fn a_forwarded_display_is_not_used() {
    let home = Home::clearing_after(45);
    let arguments = ["keys", "create", "--name", "Checkout", "--copy"];
    // The terminal does not respond: a query would fail or block.
    let mut pty = in_terminal(&home, KEYDESK, &arguments, &[SSH, ("DISPLAY", "localhost:99.0")]);
    assert_eq!(pty.wait_for_end(PATIENCE), 0, "{}", pty.screen());
    assert_eq!(copies(&pty.raw()).len(), 1);
}

#[test]
fn a_terminal_without_osc_52_is_a_failure() {
    let home = Home::clearing_after(45);
    let arguments = ["keys", "create", "--name", "Checkout", "--copy"];
    let mut pty = in_terminal(&home, KEYDESK, &arguments, &[SSH, ("VTE_VERSION", "7200")]);
    assert_eq!(pty.wait_for_end(PATIENCE), 3, "{}", pty.screen());
    assert!(pty.screen().contains("does not support copying"), "{}", pty.screen());
}

/// tmux on a socket of its own; its server ends when dropped.
struct Tmux {
    socket: String,
    terminal: Pty,
}

impl Tmux {
    /// Starts a session that copies; `settings` are lines of its configuration.
    fn copying(home: &Home, settings: &str, more: &[(&str, &str)]) -> Self {
        let (configuration, socket) = (home.path("tmux.conf"), home.path("tmux.socket"));
        std::fs::write(&configuration, settings).unwrap();
        let (configuration, socket) = (configuration.display().to_string(), socket.display().to_string());
        let arguments = ["-S", &socket, "-f", &configuration, "new-session", &copying(home)];
        Self { terminal: in_terminal(home, "tmux", &arguments, more), socket }
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").args(["-S", &self.socket]).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.ask(&["kill-server"]);
    }
}

#[test]
fn tmux_forwards_the_copy_and_keeps_no_buffer() {
    if !have("tmux") {
        return;
    }
    for mode in ["external", "on"] {
        let home = Home::clearing_after(45);
        let tmux = Tmux::copying(&home, &format!("set -s set-clipboard {mode}\n"), &[SSH]);
        let (code, said) = outcome(&home);
        assert_eq!(code, "0", "{mode}: {said}");
        assert!(said.contains("Sent through tmux; paste to check"), "{mode}: {said}");
        assert!(until(PATIENCE, || !copies(&tmux.terminal.raw()).is_empty()), "{mode}: it arrives");
        let copies = copies(&tmux.terminal.raw());
        assert_eq!(copies.len(), 1, "{mode}");
        assert!(home.accepts(&copies[0]), "{mode}: the whole key");
        assert_eq!(tmux.ask(&["list-buffers"]), "", "{mode}: nothing stays in a buffer");
        let scrollback = tmux.ask(&["capture-pane", "-p", "-S", "-"]);
        assert!(!scrollback.contains(&copies[0]), "{mode}: nothing stays in the pane");
    }
}

#[test]
fn tmux_without_forwarding_is_a_failure() {
    if !have("tmux") {
        return;
    }
    let home = Home::clearing_after(45);
    let settings = "set -s set-clipboard off\nset -g allow-passthrough off\n";
    let tmux = Tmux::copying(&home, settings, &[SSH]);
    let (code, said) = outcome(&home);
    assert_eq!(code, "3", "{said}");
    assert!(said.contains("set-clipboard is off") && said.contains("allow-passthrough is off"), "{said}");
    assert_eq!(tmux.ask(&["list-buffers"]), "");
    assert_eq!(copies(&tmux.terminal.raw()), [""; 0]);
}

#[test]
fn tmux_with_passthrough_is_bypassed() {
    if !have("tmux") {
        return;
    }
    let home = Home::clearing_after(45);
    let settings = "set -s set-clipboard off\nset -g allow-passthrough on\n";
    let tmux = Tmux::copying(&home, settings, &[SSH]);
    let (code, said) = outcome(&home);
    assert_eq!(code, "0", "{said}");
    assert!(until(PATIENCE, || !copies(&tmux.terminal.raw()).is_empty()), "it arrives");
    assert!(home.accepts(&copies(&tmux.terminal.raw())[0]));
    assert_eq!(tmux.ask(&["list-buffers"]), "");
}

#[test]
fn tmux_attached_over_ssh_does_not_copy_to_the_display_of_the_machine() {
    if !have("tmux") {
        return;
    }
    let home = Home::clearing_after(45);
    // The pane believes in a display; tmux knows that somebody came over SSH.
    let more = [SSH, ("DISPLAY", ":98765")];
    let tmux = Tmux::copying(&home, "", &more);
    let (code, said) = outcome(&home);
    assert_eq!(code, "0", "{said}");
    assert!(said.contains("Sent through tmux"), "{said}");
    assert!(until(PATIENCE, || copies(&tmux.terminal.raw()).len() == 1));
}

/// GNU screen with sockets of its own; its session ends when dropped.
struct Screen {
    folder: PathBuf,
    terminal: Pty,
}

impl Drop for Screen {
    fn drop(&mut self) {
        let quit = ["-S", "keydesk", "-X", "quit"];
        let _ = Command::new("screen").args(quit).env("SCREENDIR", &self.folder).output();
    }
}

#[test]
fn screen_forwards_the_copy_in_chunks() {
    use std::os::unix::fs::DirBuilderExt;
    if !have("screen") {
        return;
    }
    let home = Home::clearing_after(45);
    let folder = home.path("screens");
    std::fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
    let sockets = folder.display().to_string();
    let command = copying(&home);
    let arguments = ["-S", "keydesk", "-c", "/dev/null", "sh", "-c", &command];
    let terminal = in_terminal(&home, "screen", &arguments, &[SSH, ("SCREENDIR", &sockets)]);
    let screen = Screen { folder, terminal };
    let (code, said) = outcome(&home);
    assert_eq!(code, "0", "{said}");
    assert!(said.contains("Sent to your terminal's clipboard"), "{said}");
    assert!(until(PATIENCE, || !copies(&screen.terminal.raw()).is_empty()), "it arrives");
    let copies = copies(&screen.terminal.raw());
    assert_eq!(copies.len(), 1);
    assert!(home.accepts(&copies[0]), "the whole key: {copies:?}");
    assert!(!screen.terminal.screen().contains("aWtf"), "no base64 on the screen");
}
