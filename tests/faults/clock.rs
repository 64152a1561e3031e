//! A clock that jumps by years, back and forth: the real program under libfaketime, skipped where that is missing.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::endpoint::Endpoint;
use crate::support::fake_clock::FakeClock;
use crate::support::home::{Home, run};
use crate::support::pty::Pty;

fn endpoint(database: &Path, clock: &FakeClock, options: &[&str]) -> Endpoint {
    let mut command = crate::support::endpoint::command(env!("CARGO_BIN_EXE_keydesk"), database);
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(options).envs(clock.environment());
    Endpoint::from_command(command)
}

#[test]
fn an_expired_key_stays_expired() {
    let Some(library) = FakeClock::library() else { return };
    let home = Home::set_up();
    let (_, short) = home.key("Short", &["--expires", "90d"]);
    let (_, long) = home.key("Long", &["--expires", "3650d"]);
    let clock = FakeClock::new(library, home.path("clock"));
    let running = endpoint(&home.database(), &clock, &[]);
    let passes = || (running.accepts(&short), running.accepts(&long));
    assert_eq!(passes(), (true, true));
    clock.set("-30y");
    assert_eq!(passes(), (true, true), "a clock set back ends nothing");
    clock.set("+1y");
    assert_eq!(passes(), (false, true));
    for by in ["+0", "-5y", "+2y", "-1d", "-20y", "+0"] {
        clock.set(by);
        assert_eq!(passes(), (false, true), "at {by}");
    }
    clock.set("+20y");
    assert_eq!(passes(), (false, false));
    clock.set("+0");
    assert_eq!(passes(), (false, false));
    let (code, said) = running.stop_and_read_log();
    let said = said.join("\n");
    assert!(said.contains("the clock was set back"), "{said}");
    assert!(said.matches("the clock was set back").count() < 8, "once for each jump: {said}");
    assert_eq!(code, Some(0), "timers go by another clock");
    let again = endpoint(&home.database(), &clock, &[]);
    assert!(again.accepts(&short), "within a run; the next one believes the clock");
}

#[test]
fn the_log_stays_in_order_and_writers_are_warned() {
    let Some(library) = FakeClock::library() else { return };
    let home = Home::set_up();
    let clock = FakeClock::new(library, home.path("clock"));
    for (by, name) in [("+3y", "Ahead"), ("-4y", "Behind"), ("+0", "Now")] {
        clock.set(by);
        let mut command = home.command(&["keys", "create", "--name", name]);
        let said = run(command.envs(clock.environment()));
        assert_eq!(said.code, 0, "{said:?}");
        let warned = said.err.contains("the system clock is behind the last entry of the audit log");
        assert_eq!(
            warned,
            name == "Behind",
            "what was written before it is in the future by 7 years: {said:?}"
        );
    }
    let entries = home.run(&["audit", "list", "--json"]).json();
    let numbers: Vec<u64> =
        entries.as_array().unwrap().iter().map(|entry| entry["number"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|one, next| *one == *next + 1), "{numbers:?}");
    assert_eq!(home.run(&["audit", "verify"]).code, 0);

    clock.set("-10y");
    let mut pty = Pty::in_home(&home, &[], &clock.environment());
    pty.wait_for("the system clock is behind the last entry of the audit log");
    pty.wait_for("Now");
    clock.set("+10y");
    std::thread::sleep(Duration::from_millis(1_200));
    let since = Instant::now();
    pty.send("j");
    pty.send("q");
    assert_eq!(pty.wait_for_end(Duration::from_secs(5)), 0);
    assert!(since.elapsed() < Duration::from_secs(5));
}

/// Clocks by which nothing can be decided: before 1970, where many libraries panic, and far from any life of a key.
const WRONG: [&str; 5] = [
    "@1960-01-01 00:00:00",
    "@1969-12-31 23:59:58",
    "@1970-01-01 00:00:01",
    "@2000-01-01 00:00:00",
    "@3500-01-01 00:00:00",
];

#[test]
fn no_command_relies_on_an_implausible_clock() {
    let Some(library) = FakeClock::library() else { return };
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &[]);
    let before = home.run(&["audit", "list", "--json"]).out;
    let out = home.path("out").display().to_string();
    let commands: [&[&str]; 21] = [
        &["init", "--email", "bea@example.com", "--app", "Other"],
        &["apps", "list"],
        &["apps", "create", "New"],
        &["keys", "list", "--json"],
        &["keys", "create", "--name", "New"],
        &["keys", "show", &id],
        &["keys", "usage", &id],
        &["keys", "rotate", &id],
        &["keys", "disable", &id],
        &["keys", "delete", &id, "--yes"],
        &["users", "list"],
        &["users", "add", "bea@example.com"],
        &["platforms"],
        &["verify"],
        &["serve", "--listen", "127.0.0.1:0"],
        &["check", "--within", "1d"],
        &["audit", "list"],
        &["audit", "verify"],
        &["export", "--format", "csv"],
        &["backup", &out],
        &["doctor"],
    ];
    let clock = home.path("clock");
    for wrong in WRONG {
        let clock = FakeClock::new(library.clone(), clock.clone());
        clock.set(wrong);
        for arguments in commands {
            let mut command = home.command(arguments);
            let output = run(command.envs(clock.environment()).write_stdin(secret.as_str()));
            let when = format!("{wrong} {arguments:?}: {output:?}");
            assert_eq!(output.code, 3, "{when}");
            assert!(output.err.contains("the system clock is wrong: it shows "), "{when}");
            assert!(output.err.contains("set the system clock") && output.out.is_empty(), "{when}");
        }
        let mut pty = Pty::in_home(&home, &[], &clock.environment());
        pty.wait_for("the system clock is wrong");
        assert_eq!(pty.wait_for_end(Duration::from_secs(5)), 3, "{wrong}");
    }
    assert_eq!(home.run(&["audit", "list", "--json"]).out, before, "nothing was changed");
}

#[test]
fn an_endpoint_survives_a_clock_before_1970() {
    for options in [[].as_slice(), &["--threads", "2"]] {
        survive_a_clock_before_1970(options);
    }
}

fn survive_a_clock_before_1970(options: &[&str]) {
    let Some(library) = FakeClock::library() else { return };
    let home = Home::set_up();
    let (_, short) = home.key("Short", &["--expires", "30d"]);
    let (_, long) = home.key("Long", &["--expires", "365d"]);
    let clock = FakeClock::new(library, home.path("clock"));
    clock.set("+60d");
    let running = endpoint(&home.database(), &clock, options);
    for wrong in WRONG.iter().take(4) {
        clock.set(wrong);
        assert_eq!((running.accepts(&short), running.accepts(&long)), (false, true), "{wrong}");
    }
    clock.set("@3500-01-01 00:00:00");
    assert_eq!((running.accepts(&short), running.accepts(&long)), (false, false));
    let (ended, lines) = running.stop_and_read_log();
    assert_eq!(ended, Some(0));
    assert!(!lines.join("\n").contains("panicked"), "{lines:?}");
}
