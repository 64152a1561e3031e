//! The real program in a real pseudo-terminal: first start, create, copy, quit; the terminal given back whatever
//! happens; two sessions that see each other.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::panic, reason = "it says more than an assertion")]

mod support;

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::pty::Pty;

const ENTER: &str = "\r";
const ESC: &str = "\x1b";

/// Within this time a program is gone after its terminal is (the design allows one second where it is not there).
const GONE: Duration = Duration::from_secs(3);

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A database that is set up, made by the program itself.
fn set_up(folder: &tempfile::TempDir) -> std::path::PathBuf {
    let database = folder.path().join("keydesk.db");
    let mut pty = Pty::keydesk(&database, &[], &[]);
    first_start(&mut pty);
    pty.send("q");
    assert_eq!(pty.wait_for_end(GONE), 0);
    database
}

fn first_start(pty: &mut Pty) {
    pty.wait_for("Welcome to keydesk");
    pty.send("\x15");
    pty.send("ana@example.com\r");
    pty.send("Storefront\r");
    pty.wait_for("Storefront has no API keys yet");
}

fn started(database: &std::path::Path) -> Pty {
    let pty = Pty::keydesk(database, &[], &[]);
    pty.wait_for("Developer settings");
    pty
}

/// Creates a generic key up to where its secret is shown in full; the secret.
fn reveal(pty: &mut Pty) -> String {
    for keys in ["n", "n"] {
        pty.send(keys);
        std::thread::sleep(Duration::from_millis(80));
    }
    pty.wait_for("step 2 of 3");
    pty.send(ENTER);
    pty.wait_for("[>Create API Key<]");
    pty.send(ENTER);
    pty.wait_for("You cannot display the API key");
    pty.send("v");
    pty.wait("whole secret", |pty| secret_on(&pty.screen()).is_some());
    secret_on(&pty.screen()).unwrap()
}

fn secret_on(screen: &str) -> Option<String> {
    let is_secret = |line: &&str| keydesk::domain::token::parse(line).is_ok();
    screen.lines().map(str::trim_end).find(is_secret).map(str::to_owned)
}

#[test]
fn from_an_empty_machine_to_a_key_in_use() {
    let folder = folder();
    let database = folder.path().join("keydesk.db");
    let mut pty = Pty::keydesk(&database, &[], &[("SSH_TTY", "/dev/pts/9")]);
    first_start(&mut pty);
    let secret = reveal(&mut pty);
    pty.send("c");
    pty.wait_for("Sent to your terminal's clipboard (OSC 52)");
    let raw = String::from_utf8_lossy(&pty.raw()).into_owned();
    assert_eq!(raw.matches("\x1b]52;c;").count(), 1, "exactly one copy is sent");
    pty.send(ESC);
    pty.wait_for("It works until");
    assert!(!pty.screen().contains(&secret[20..]));
    let verifier = keydesk::Verifier::open(&database).unwrap();
    assert!(verifier.verify(&secret, Some("Storefront")).unwrap().is_accepted());
    pty.send("d");
    pty.wait_for("To confirm, type");
    let month = keydesk::host::clock::now().format("%B %Y");
    pty.send(&format!("Generic {month}"));
    pty.wait_for("It matches");
    pty.send(ENTER);
    pty.wait_for("Requests with it are refused");
    assert!(!verifier.verify(&secret, None).unwrap().is_accepted(), "with the very next request");
    pty.send("q");
    assert_eq!(pty.wait_for_end(GONE), 0);
    assert!(pty.is_restored());
    assert!(!pty.screen().contains(&secret[20..]), "nothing of it on the main screen");
}

#[test]
fn the_terminal_is_given_back_after_quitting() {
    let folder = folder();
    let database = set_up(&folder);
    for keys in ["q", "\x03"] {
        let mut pty = started(&database);
        pty.send(keys);
        assert_eq!(pty.wait_for_end(GONE), 0);
        assert!(pty.is_restored());
    }
}

#[test]
fn the_terminal_is_given_back_after_signals() {
    let folder = folder();
    let database = set_up(&folder);
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let mut pty = started(&database);
        let secret = reveal(&mut pty);
        pty.signal(signal);
        let code = pty.wait_for_end(Duration::from_secs(1));
        assert_eq!(code, 128 + signal as u32, "{signal}");
        assert!(pty.is_restored(), "{signal}");
        let raw = String::from_utf8_lossy(&pty.raw()).into_owned();
        for sequence in ["\x1b[?1049l", "\x1b[?2004l", "\x1b[?25h"] {
            assert!(raw.contains(sequence), "{signal}: {sequence:?}");
        }
        assert!(!pty.screen().contains(&secret[20..]));
    }
}

/// Opens the screen in a terminal, closes the terminal under it, and waits for its end.
fn outlive_the_terminal(before: &str) {
    if !support::have("setsid") {
        return;
    }
    let folder = folder();
    let database = set_up(&folder);
    let size = nix::pty::Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = nix::pty::openpty(Some(&size), None).unwrap();
    // The program must not hold on to the other end itself.
    let own = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC);
    nix::fcntl::fcntl(&pty.master, own).unwrap();
    let terminal = || std::process::Stdio::from(pty.slave.try_clone().unwrap());
    let line = format!("{before} exec {} --db {}", env!("CARGO_BIN_EXE_keydesk"), database.display());
    let mut child = std::process::Command::new("setsid")
        .args(["--ctty", "sh", "-c", &line])
        .env("TERM", "xterm")
        .env("LANG", "C.UTF-8")
        .env("HOME", folder.path())
        .stdin(terminal())
        .stdout(terminal())
        .stderr(terminal())
        .spawn()
        .unwrap();
    drop(pty.slave);
    let mut master = std::fs::File::from(pty.master);
    let mut seen = Vec::new();
    while !support::contains(&seen, "[?1049h") {
        let mut bytes = [0; 4096];
        let count = std::io::Read::read(&mut master, &mut bytes).unwrap();
        seen.extend_from_slice(&bytes[..count]);
    }
    std::thread::sleep(Duration::from_millis(300));
    drop(master);
    let since = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if since.elapsed() > GONE {
            child.kill().unwrap();
            panic!("still running {GONE:?} after its terminal was gone");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What the next test runs in a terminal of its own; alone it does nothing.
#[test]
fn a_fault_of_its_own() {
    if std::env::var_os("KEYDESK_TEST_PANIC").is_none() {
        return;
    }
    keydesk::tui::terminal::install_panic_hook();
    let _guard = keydesk::tui::terminal::Guard::new(true).unwrap();
    panic!("ik_live_canary in a panic's message");
}

#[test]
fn the_terminal_is_given_back_after_a_panic() {
    let mut command = portable_pty::CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_fault_of_its_own", "--nocapture", "--test-threads=1"]);
    command.env("KEYDESK_TEST_PANIC", "1");
    command.env("TERM", "xterm-256color");
    let mut pty = Pty::start(command, 80, 24);
    pty.wait_for_end(GONE);
    assert!(pty.is_restored());
    let raw = String::from_utf8_lossy(&pty.raw()).into_owned();
    assert!(
        raw.contains("[?1049h") && raw.contains("[?1049l"),
        "the screen was taken and given back: {raw:?}"
    );
    assert!(pty.screen().contains("keydesk stopped by a fault of its own"), "{}", pty.screen());
    assert!(!raw.contains("canary"), "the message may hold anything, and is not shown");
}

#[test]
fn it_ends_when_the_terminal_is_gone() {
    outlive_the_terminal("");
}

#[test]
fn it_ends_when_the_terminal_is_gone_and_hangups_are_ignored() {
    outlive_the_terminal("trap '' HUP;");
}

#[test]
fn it_goes_to_the_background_and_comes_back() {
    if !support::have("bash") {
        return;
    }
    let folder = folder();
    let database = set_up(&folder);
    // A shell with job control: without one there is no background to go to.
    let mut command = portable_pty::CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-i"]);
    for (name, value) in
        [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PS1", "prompt> "), ("SSH_TTY", "x")]
    {
        command.env(name, value);
    }
    command.env("HOME", folder.path());
    let mut pty = Pty::start(command, 80, 24);
    pty.wait_for("prompt>");
    pty.send(&format!("{} --db {}\r", env!("CARGO_BIN_EXE_keydesk"), database.display()));
    pty.wait_for("has no API keys yet");
    let secret = reveal(&mut pty);
    pty.send("\x1a");
    pty.wait_for("Stopped");
    assert!(!pty.screen().contains(&secret[20..]));
    pty.send("fg\r");
    pty.wait_for("You cannot display the API key");
    assert!(!pty.screen().contains(&secret[20..]), "hidden before");
    pty.send("c");
    pty.wait_for("OSC 52");
    pty.send(ESC);
    pty.wait_for("It works until");
    pty.send("q");
    pty.wait_for("Stopped");
    pty.send("exit\r");
    pty.wait_for_end(GONE);
}

#[test]
fn two_sessions_see_each_other_within_a_second() {
    let folder = folder();
    let database = set_up(&folder);
    let other = started(&database);
    other.wait_for("has no API keys yet");
    let mut pty = started(&database);
    let secret = reveal(&mut pty);
    let since = Instant::now();
    other.wait_for(&secret["ik_live_".len()..][..10]);
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
}

#[test]
fn a_database_that_is_moved_away_is_seen_and_never_written() {
    let folder = folder();
    let database = set_up(&folder);
    let mut pty = started(&database);
    std::fs::rename(&database, folder.path().join("elsewhere.db")).unwrap();
    pty.wait_for("was moved, removed or replaced");
    pty.send("2");
    pty.send("n");
    pty.wait_for("Create Application");
    pty.send("Orphan\r");
    pty.wait_for("was moved, removed");
    assert!(!database.exists(), "nothing is made in its place");
}

#[test]
fn without_a_terminal_it_says_so() {
    let folder = folder();
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_keydesk"));
    let assert = command.env("KEYDESK_DB", folder.path().join("keydesk.db")).env("TERM", "xterm").assert();
    let output = assert.code(3).get_output().clone();
    assert!(String::from_utf8_lossy(&output.stderr).contains("terminal"), "{output:?}");
    assert!(output.stdout.is_empty());
    let mut pty = Pty::keydesk(&folder.path().join("keydesk.db"), &[], &[("TERM", "dumb")]);
    assert_eq!(pty.wait_for_end(GONE), 3);
    assert!(!pty.raw().contains(&0x1b), "a terminal that cannot be drawn on gets no sequences");
}

#[test]
fn no_color_is_no_colour() {
    let folder = folder();
    let database = set_up(&folder);
    let mut pty = Pty::keydesk(&database, &[], &[("NO_COLOR", "1")]);
    pty.wait_for("has no API keys yet");
    pty.send("q");
    pty.wait_for_end(GONE);
    let raw = String::from_utf8_lossy(&pty.raw()).into_owned();
    assert!(!raw.contains("\x1b[38;") && !raw.contains("\x1b[48;2"), "{raw:?}");
    assert!(raw.contains("\x1b[1m"), "bold is left");
}

#[test]
fn without_utf8_there_is_ascii_only() {
    let folder = folder();
    let database = set_up(&folder);
    let mut pty = Pty::keydesk(&database, &[], &[("LANG", "C")]);
    pty.wait_for("Storefront > Settings > Developer settings");
    pty.send("n");
    pty.wait_for("Create API Key");
    assert!(pty.screen().is_ascii(), "{}", pty.screen());
}

#[test]
fn sizes_change_under_it() {
    let folder = folder();
    let database = set_up(&folder);
    let mut pty = started(&database);
    for (columns, rows) in [(30, 8), (200, 50), (1, 1), (120, 36)] {
        pty.resize(columns, rows);
        std::thread::sleep(Duration::from_millis(50));
    }
    pty.wait_for("has no API keys yet");
    pty.send("q");
    assert_eq!(pty.wait_for_end(GONE), 0);
}

#[test]
fn the_demo_leaves_nothing_behind() {
    let folder = folder();
    for end in ["q", "SIGTERM"] {
        let place = folder.path().join("tmp");
        std::fs::create_dir_all(&place).unwrap();
        let database = folder.path().join("unused.db");
        let mut pty = Pty::keydesk(&database, &["demo"], &[("TMPDIR", place.to_str().unwrap())]);
        pty.wait_for("Developer settings");
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 1);
        if end == "q" {
            pty.send(end);
        } else {
            pty.signal(Signal::SIGTERM);
        }
        pty.wait_for_end(GONE);
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0, "after {end}");
        assert!(!database.exists());
    }
}
