//! Surroundings that lack something: random numbers, a terminal that can do anything, a standard output; too much on the
//! clipboard; a lock that is never given back.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keydesk::domain::token::Entropy;

use crate::support::home::{Home, run};
use crate::support::{Seeded, have, pty::Pty};
use crate::{is_sound, verdict};

/// Without random numbers there is no key, and no panic. Where only a later request fails, which no system does, it may
/// be the standard library's own, and that one panics: no key either.
#[test]
fn without_randomness_no_key_is_created() {
    if !have("strace") {
        return;
    }
    let home = Home::set_up();
    let mut met = 0;
    for when in ["1+", "2+", "3+", "4+", "5+", "6+"] {
        let trace = home.path("trace");
        let mut command = Command::new("strace");
        command.env_clear().envs(home.environment()).args(["-f", "-qq", "-e", "trace=getrandom", "-o"]);
        command.arg(&trace).args(["-e", &format!("inject=getrandom:error=EIO:when={when}")]);
        command.arg(env!("CARGO_BIN_EXE_keydesk")).args(["keys", "create", "--name", "Key"]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let trace = std::fs::read_to_string(trace).unwrap_or_default();
        if !trace.contains("INJECTED") {
            break;
        }
        met += 1;
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.stdout.is_empty() && err.contains("random"), "{when}: {err}");
        if when == "1+" {
            assert_eq!(output.status.code(), Some(3), "{err}");
            assert!(err.starts_with("error: the operating system returned no random bits"), "{err}");
        }
    }
    if met == 0 {
        eprintln!("skipped: strace may not trace here");
        return;
    }
    let said = home.run(&["keys", "list", "--json"]);
    assert_eq!(said.json().as_array().unwrap().len(), 0, "no key was made");
    assert_eq!(home.run(&["audit", "verify"]).code, 0);
}

/// Every command that prints something, into a pipe that nobody reads and into a full device.
#[test]
fn closed_and_full_outputs_end_commands_cleanly() {
    let home = Home::set_up();
    let (id, _) = home.key("Checkout", &[]);
    let commands: [&[&str]; 15] = [
        &["--help"],
        &["apps", "list"],
        &["keys", "list", "--json"],
        &["keys", "show", &id],
        &["keys", "usage", &id],
        &["users", "list"],
        &["platforms"],
        &["audit", "list"],
        &["audit", "head"],
        &["audit", "verify"],
        &["check", "--within", "1d"],
        &["export", "--format", "csv"],
        &["doctor"],
        &["completions", "bash"],
        &["config", "--default"],
    ];
    for arguments in commands {
        let shell = |target: &str| {
            let script = format!("\"$0\" \"$@\" {target}");
            let output = Command::new("sh")
                .args(["-c", &script, env!("CARGO_BIN_EXE_keydesk")])
                .args(arguments)
                .env_clear()
                .envs(home.environment())
                .stdin(Stdio::null())
                .output()
                .unwrap();
            (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        let (code, err) = shell(">&-");
        assert!(matches!(code, Some(0 | 1 | 3)), "{arguments:?} {code:?} {err}");
        assert!(!err.contains("panicked"), "{arguments:?} {err}");
        let (code, err) = shell("> /dev/full");
        assert!(
            matches!(code, Some(1..=3)),
            "{arguments:?} {code:?}: what was not written is not called done"
        );
        assert!(!err.contains("panicked"), "{arguments:?} {err}");
        let (_, err) = shell("| true");
        assert!(!err.contains("panicked") && !err.contains("Broken pipe"), "{arguments:?} {err}");
        let (code, err) = shell(">&- 2>&- <&-");
        assert!(matches!(code, Some(0 | 1 | 3)), "{arguments:?} {code:?} {err}");
    }
    let none = run(home.command(&[]).env("TERM", "dumb"));
    assert_eq!(none.code, 3, "{none:?}");
    assert!(none.err.contains("terminal"), "{none:?}");
}

/// Files may not grow beyond a limit, for each of many: no signal ends anything, what failed says why, and a secret that
/// was printed is that of a key.
#[test]
fn a_file_size_limit_is_reported_as_an_error() {
    let home = Home::set_up();
    let secret_of = |text: &str| text.lines().find(|line| line.starts_with("ik_live_")).map(str::to_owned);
    let mut failed = 0;
    for kilobytes in (0..=136).step_by(8) {
        home.key("Old", &[]);
        home.key("Gone", &[]);
        let (file, list, copy) = (home.path("secret"), home.path("list"), home.path("copy"));
        let paths = [&file, &list, &copy].map(|path| path.display().to_string());
        let commands: [&[&str]; 7] = [
            &["keys", "create", "--name", "New"],
            &["keys", "create", "--name", "New", "--out", &paths[0]],
            &["keys", "rotate", "Old", "--leaked"],
            &["keys", "delete", "Gone", "--yes"],
            &["export", "--format", "csv"],
            &["export", "--format", "json", "--out", &paths[1]],
            &["backup", &paths[2]],
        ];
        for arguments in commands {
            let mut limited = Command::new("bash");
            limited.env_clear().envs(home.environment()).args(["-c", "ulimit -f $0; exec \"$@\""]);
            limited.arg(kilobytes.to_string()).arg(env!("CARGO_BIN_EXE_keydesk")).args(arguments);
            let output = limited.stdin(Stdio::null()).output().unwrap();
            let (out, err) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            let when = format!("{kilobytes} KiB, {arguments:?}: {:?} {err}", output.status);
            assert!(matches!(output.status.code(), Some(0 | 3)), "{when}");
            assert!(!err.contains("panicked"), "{when}");
            if output.status.code() == Some(3) {
                failed += 1;
                let limit = "raise the limit on file sizes";
                assert!(
                    err.lines().any(|line| line.starts_with("error: "))
                        && (err.contains(limit) || err.contains("too large")),
                    "{when}"
                );
            }
            if let Some(secret) = secret_of(&out) {
                assert_eq!(verdict(&home, &secret), Ok(()), "{when}");
            }
            match std::fs::read_to_string(&file) {
                Ok(secret) => assert_eq!(verdict(&home, secret.trim()), Ok(()), "{when}"),
                Err(_) => assert!(output.status.code() == Some(3) || arguments.len() < 6, "{when}"),
            }
            for path in [&file, &list, &copy] {
                let _ = std::fs::remove_file(path);
            }
        }
        is_sound(&home, &format!("{kilobytes} KiB"));
        for key in home.run(&["keys", "list", "--json"]).json().as_array().unwrap() {
            home.run(&["keys", "delete", key["id"].as_str().unwrap(), "--yes"]);
        }
    }
    assert!(failed > 30, "it has met the limit: {failed}");
}

/// A terminal that knows no sequences: plain text, and a screen that is refused with the reason.
#[test]
fn a_dumb_terminal_gets_plain_text() {
    let home = Home::set_up();
    home.key("Checkout", &[]);
    for arguments in
        [&["keys", "list"][..], &["audit", "verify"], &["doctor"], &["check", "--within", "1d"], &[]]
    {
        let mut pty = Pty::in_home(&home, arguments, &[("TERM", "dumb")]);
        let code = pty.wait_for_end(Duration::from_secs(10));
        let raw = String::from_utf8_lossy(&pty.raw()).into_owned();
        assert!(!raw.contains('\x1b'), "{arguments:?}: {raw:?}");
        assert!(!raw.trim().is_empty());
        if arguments.is_empty() {
            assert!(code == 3 && raw.contains("TERM"), "{code} {raw:?}");
        }
    }
}

/// Esc, and a pause: what follows at once would be taken for a key with Alt.
fn escape(pty: &mut Pty) {
    pty.send("\x1b");
    std::thread::sleep(Duration::from_millis(200));
}

/// 10 MB from the clipboard, with line ends, into whatever is open: cut at the field's length, and no line of it is a
/// command.
#[test]
fn pasting_ten_megabytes_does_nothing_unexpected() {
    let home = Home::set_up();
    home.key("Checkout", &[]);
    let mut pty = Pty::in_home(&home, &[], &[]);
    pty.wait_for("Checkout");
    let flood = "dCheckout\rq\x1b[Bn\r".repeat(10_000_000 / 16);
    let paste = |pty: &mut Pty| pty.send(&format!("\x1b[200~{flood}\x1b[201~"));
    // In the list, where it is searched for keys.
    paste(&mut pty);
    pty.wait_for("characters received. They contain no key.");
    escape(&mut pty);
    pty.wait("list", |pty| !pty.screen().contains("characters received"));
    // In the filter.
    pty.send("/");
    paste(&mut pty);
    pty.wait("filter", |pty| pty.screen().contains("dCheckout"));
    escape(&mut pty);
    // In the confirmation of a deletion.
    pty.send("d");
    pty.wait_for("To confirm, type");
    paste(&mut pty);
    pty.wait("mismatch", |pty| pty.screen().contains("dCheckout"));
    pty.send("\r");
    escape(&mut pty);
    pty.wait("list again", |pty| !pty.screen().contains("To confirm, type"));
    pty.send("q");
    assert_eq!(pty.wait_for_end(Duration::from_secs(30)), 0);
    assert!(pty.is_restored());
    let keys = home.run(&["keys", "list", "--json"]);
    assert_eq!(keys.json().as_array().unwrap().len(), 1, "nothing was deleted, nothing made");
}

/// The screen lives while another process holds the write lock for longer than anybody waits; then it gives up, and says
/// what was not done.
#[test]
fn a_lock_that_is_never_released() {
    let home = Home::set_up();
    home.key("Checkout", &[]);
    let mut pty = Pty::in_home(&home, &[], &[]);
    pty.wait_for("Checkout");
    let other = rusqlite::Connection::open(home.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let since = Instant::now();
    pty.send("x");
    pty.wait_for("No recorded use");
    pty.send("y");
    pty.wait_for("Waiting for another session");
    assert!(since.elapsed() < Duration::from_millis(2_500), "{:?}", since.elapsed());
    // It lives: help opens and closes meanwhile.
    pty.send("?");
    pty.wait_for("Keyboard shortcuts");
    escape(&mut pty);
    pty.wait_for("another session");
    // By command, too.
    let said = home.run(&["keys", "disable", "Checkout"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.err.contains("another"), "{said:?}");
    pty.wait("end of the waiting", |pty| !pty.screen().contains("Waiting for another session"));
    let shown = pty.screen();
    assert!(
        shown.contains("busy") || shown.contains("locked") || shown.contains("another session"),
        "{shown}"
    );
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(home.run(&["keys", "show", "Checkout", "--json"]).json()["state"], "valid", "it was not done");
    escape(&mut pty);
    pty.send("x");
    pty.wait_for("No recorded use");
    pty.send("y");
    pty.wait_for("disabled. Requests that use it are rejected");
    pty.send("q");
    assert_eq!(pty.wait_for_end(Duration::from_secs(5)), 0);
}

/// A million random keys, pastes and sizes, the keys that leave excepted: it is there afterwards, Esc leads home, and
/// nothing was deleted, since nobody types a name by chance.
#[test]
fn a_million_random_keys() {
    const KEYS: [&str; 34] = [
        "\r", "\x1b\x1b", " ", "\t", "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F", "\x1b[5~",
        "\x1b[6~", "\x7f", "\x0c", "\x10", "n", "d", "r", "x", "e", "u", "f", "s", "S", "a", "y", "t", "1",
        "2", "3", "4", "?", "/", "v",
    ];
    let home = Home::set_up();
    for name in ["Checkout with a long name", "Billing with a long name"] {
        home.key(name, &[]);
    }
    let mut random = Seeded(11);
    let mut draw = move |below: usize| {
        let mut bytes = [0; 4];
        random.fill(&mut bytes).unwrap();
        usize::try_from(u32::from_le_bytes(bytes)).unwrap() % below
    };
    let mut pty = Pty::in_home(&home, &[], &[("SSH_TTY", "/dev/pts/9")]);
    pty.wait_for("Checkout");
    for _ in 0..1_000 {
        let mut keys = String::new();
        for _ in 0..1_000 {
            match draw(100) {
                0 => {
                    let text: String =
                        (0..draw(30)).map(|_| ['a', '\u{202e}', '\r', 'Z', '%', '\u{9b}'][draw(6)]).collect();
                    keys.extend(["\x1b[200~", &text, "\x1b[201~"]);
                }
                1..=10 => keys.push(char::from(b'a' + u8::try_from(draw(16)).unwrap())),
                _ => keys.push_str(KEYS[draw(KEYS.len())]),
            }
        }
        pty.send(&keys);
        pty.resize(u16::try_from(1 + draw(220)).unwrap(), u16::try_from(1 + draw(70)).unwrap());
    }
    pty.resize(80, 24);
    is_home_again(&mut pty);
    pty.send("q");
    assert_eq!(pty.wait_for_end(Duration::from_secs(10)), 0);
    assert!(pty.is_restored());
    let deleted = home.run(&["audit", "list", "--action", "deleted", "--json"]);
    assert_eq!(deleted.json().as_array().unwrap().len(), 0, "{deleted:?}");
    assert_eq!(home.run(&["audit", "verify"]).code, 0);
}

/// Esc leads back to the list of keys, once all that was typed has been taken.
fn is_home_again(pty: &mut Pty) {
    let since = Instant::now();
    while since.elapsed() < Duration::from_mins(2) {
        assert!(pty.child.try_wait().unwrap().is_none(), "it lives:\n{}", pty.screen());
        let before = pty.screen();
        escape(pty);
        let screen = pty.screen();
        if screen.contains("Close anyway?") {
            // The one question that Esc does not answer with a loss: a secret that nobody has yet.
            pty.send("y");
        } else if before == screen && screen.contains("q quit") && !screen.contains('╭') {
            if screen.contains("[1 Developer settings]") {
                return;
            }
            pty.send("1");
        }
    }
    unreachable!("Esc does not lead home:\n{}", pty.screen());
}
