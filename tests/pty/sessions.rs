//! Sessions: the main job, two at once, a lock held elsewhere, a database that goes away, colours and signs.

use std::time::{Duration, Instant};

use crate::support::pty::Pty;
use crate::{ESC, GONE, delete, first_start, folder, reveal, set_up, started};

#[test]
fn from_first_start_to_a_key_in_use() {
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
    pty.wait_for("It expires on");
    assert!(!pty.screen().contains(&secret[20..]));
    let verifier = keydesk::Verifier::open(&database).unwrap();
    assert!(verifier.verify(&secret, Some("Storefront")).unwrap().is_accepted());
    delete(&mut pty);
    assert!(!verifier.verify(&secret, None).unwrap().is_accepted(), "with the very next request");
    pty.send("q");
    assert_eq!(pty.wait_for_end(GONE), 0);
    assert!(pty.is_restored());
    assert!(!pty.screen().contains(&secret[20..]), "nothing of it on the main screen");
}

#[test]
fn two_sessions_see_each_other_within_a_second() {
    let folder = folder();
    let database = set_up(&folder);
    let other = started(&database);
    other.wait_for("has no API keys yet");
    let mut pty = started(&database);
    reveal(&mut pty);
    let since = Instant::now();
    other.wait_for("State: all  1 key");
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
}

#[test]
fn a_moved_database_is_detected_and_never_written() {
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
fn no_color_disables_color() {
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
fn without_utf8_only_ascii_is_used() {
    let folder = folder();
    let database = set_up(&folder);
    let mut pty = Pty::keydesk(&database, &[], &[("LANG", "C")]);
    pty.wait_for("Storefront > Settings > Developer settings");
    pty.send("n");
    pty.wait_for("Create API Key");
    assert!(pty.screen().is_ascii(), "{}", pty.screen());
}

#[test]
fn a_lock_held_by_another_session_is_reported_and_awaited() {
    let folder = folder();
    let database = set_up(&folder);
    let mut pty = started(&database);
    let other = rusqlite::Connection::open(&database).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    pty.send("2");
    pty.send("n");
    pty.wait_for("Create Application");
    pty.send("Billing\r");
    let since = Instant::now();
    pty.wait_for("Waiting for another session");
    assert!(since.elapsed() < Duration::from_millis(1_500), "{:?}", since.elapsed());
    pty.send("\x0c");
    other.execute_batch("ROLLBACK").unwrap();
    pty.wait_for("Application Billing created");
}

#[test]
fn choices_are_remembered_and_their_file_is_no_obstacle() {
    let folder = folder();
    let database = set_up(&folder);
    let file = folder.path().join(".local/state/keydesk/remembered.json");
    let theme = |keys: &str, expected: &str| {
        let mut pty = started(&database);
        pty.wait_for("has no API keys yet");
        pty.send(keys);
        pty.wait_for(expected);
        pty.send("q");
        assert_eq!(pty.wait_for_end(GONE), 0);
    };
    theme("T", "Theme: light.");
    theme("T", "Theme: high-contrast.");
    std::fs::write(&file, "{ damaged").unwrap();
    theme("T", "Theme: light.");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    theme("T", "Theme: light.");
    theme("T", "Theme: light.");
}
