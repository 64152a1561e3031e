//! The life of the program in its terminal: taken, given back, gone, in the background, resized.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::pty::Pty;
use crate::{ESC, GONE, folder, reveal, secret_on, set_up, started, support};

#[test]
fn the_terminal_is_restored_after_quitting() {
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
fn the_terminal_is_restored_after_signals() {
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
fn panics_in_a_terminal() {
    if std::env::var_os("KEYDESK_TEST_PANIC").is_none() {
        return;
    }
    keydesk::tui::terminal::install_panic_hook();
    let _guard = keydesk::tui::terminal::Guard::new(true).unwrap();
    panic!("ik_live_canary in a panic's message");
}

#[test]
fn the_terminal_is_restored_after_a_panic() {
    let mut command = portable_pty::CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--exact", "lifecycle::panics_in_a_terminal", "--nocapture", "--test-threads=1"]);
    command.env("KEYDESK_TEST_PANIC", "1");
    command.env("TERM", "xterm-256color");
    let mut pty = Pty::start(command, 80, 24);
    pty.wait_for_end(GONE);
    assert!(pty.is_restored());
    let raw = String::from_utf8_lossy(&pty.raw()).into_owned();
    assert!(raw.contains("[?1049h") && raw.contains("[?1049l"), "the terminal was restored: {raw:?}");
    assert!(pty.screen().contains("keydesk crashed at"), "{}", pty.screen());
    assert!(!raw.contains("canary"), "the text of the panic is not shown");
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
fn it_suspends_and_resumes() {
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
    pty.wait_for("It expires on");
    pty.send("q");
    pty.wait_for("Stopped");
    pty.wait("new prompt", |pty| pty.screen().trim_end().ends_with("prompt>"));
    pty.send("exit\r");
    pty.wait_for_end(GONE);
}

#[test]
fn without_a_terminal_it_reports_an_error() {
    let folder = folder();
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_keydesk"));
    let assert = command.env("KEYDESK_DB", folder.path().join("keydesk.db")).env("TERM", "xterm").assert();
    let output = assert.code(3).get_output().clone();
    assert!(String::from_utf8_lossy(&output.stderr).contains("terminal"), "{output:?}");
    assert!(output.stdout.is_empty());
    let mut pty = Pty::keydesk(&folder.path().join("keydesk.db"), &[], &[("TERM", "dumb")]);
    assert_eq!(pty.wait_for_end(GONE), 3);
    assert!(!pty.raw().contains(&0x1b), "an unsupported terminal gets no sequences");
}

#[test]
fn sizes_change_while_it_runs() {
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

#[test]
fn the_scrollback_never_contains_the_secret() {
    if !support::have("tmux") {
        return;
    }
    let folder = folder();
    let database = set_up(&folder);
    let socket = folder.path().join("tmux.sock");
    let tmux = |arguments: &[&str]| -> String {
        let output = std::process::Command::new("tmux")
            .arg("-S")
            .arg(&socket)
            .args(["-f", "/dev/null"])
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env_remove("TMUX")
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let shown = |text: &str| {
        let since = Instant::now();
        loop {
            let screen = tmux(&["capture-pane", "-p"]);
            if screen.contains(text) {
                return screen;
            }
            assert!(since.elapsed() < Duration::from_secs(10), "no {text:?}:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let line =
        format!("LANG=C.UTF-8 {} --db {}; sleep 60", env!("CARGO_BIN_EXE_keydesk"), database.display());
    tmux(&["new-session", "-d", "-x", "80", "-y", "24", &line]);
    shown("has no API keys yet");
    for (key, next) in [
        ("n", "3rd party service"),
        ("n", "step 2 of 3"),
        ("Enter", "[>Create API Key<]"),
        ("Enter", "You cannot display the API key"),
    ] {
        tmux(&["send-keys", key]);
        shown(next);
    }
    tmux(&["send-keys", "v"]);
    let since = Instant::now();
    let secret = loop {
        if let Some(secret) = secret_on(&tmux(&["capture-pane", "-p"])) {
            break secret;
        }
        assert!(since.elapsed() < Duration::from_secs(10));
    };
    tmux(&["send-keys", "c"]);
    shown("tmux");
    tmux(&["send-keys", "Escape"]);
    shown("It expires on");
    tmux(&["send-keys", "q"]);
    std::thread::sleep(Duration::from_millis(500));
    let memory = tmux(&["capture-pane", "-p", "-S", "-"]);
    let buffers = tmux(&["list-buffers"]);
    tmux(&["kill-server"]);
    assert!(!memory.contains("Developer settings"), "the program has left:\n{memory}");
    assert!(!memory.contains(&secret[20..40]), "{memory}");
    assert!(buffers.is_empty(), "{buffers}");
}
