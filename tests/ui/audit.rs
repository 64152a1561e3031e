//! The Audit log screen: narrowed, found wanting, and not the one that was seen.

use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use keydesk::desk::known_head::KnownHeads;
use keydesk::desk::{self, Picked};
use keydesk::domain::key::Key;
use keydesk::host::known_head_files::KnownHeadFiles;
use keydesk::store::{Store, applications, keys};
use keydesk::tui::app::msg::{Msg, Notice};

use crate::script::Script;
use crate::support::{Seeded, TestDesk};

const SIZES: [(u16, u16); 2] = [(80, 24), (140, 40)];

fn create(desk: &mut TestDesk, name: &str) -> Key {
    let new = desk.new_key(name, 90);
    desk.create(&new).key
}

fn delete(desk: &mut TestDesk, gone: &[&Key]) {
    let picked: Vec<Picked> = gone.iter().map(|key| Picked { id: key.id, version: key.version }).collect();
    desk::delete_keys(&mut desk.session(), &picked).unwrap();
}

/// Some work of two weeks.
fn worked() -> TestDesk {
    let mut desk = TestDesk::new();
    desk.now -= chrono::TimeDelta::days(14);
    create(&mut desk, "Checkout");
    let old = create(&mut desk, "Old shop");
    desk.add_user("ben@example.com", None);
    desk.now += chrono::TimeDelta::days(13);
    delete(&mut desk, &[&old]);
    desk.now += chrono::TimeDelta::days(1);
    desk
}

#[test]
fn filter_terms_narrow_the_log() {
    let mut script = Script::on(worked(), 140, 40);
    let rows = |script: &mut Script, filter: &str| {
        script.press("4 esc /").text(filter);
        let screen = script.screen();
        ["Database set up", "Application created", "Key created", "User added", "Key deleted"]
            .map(|label| screen.matches(label).count())
    };
    assert_eq!(rows(&mut script, ""), [1, 1, 2, 1, 1]);
    assert_eq!(rows(&mut script, "action:deleted"), [0, 0, 0, 0, 1]);
    assert_eq!(rows(&mut script, "since:7d"), [1, 1, 0, 0, 1], "set up today, by the tests' clock");
    assert_eq!(rows(&mut script, "until:7d"), [0, 0, 2, 1, 0]);
    assert_eq!(rows(&mut script, "user:ben@"), [0, 0, 0, 1, 0]);
    assert_eq!(rows(&mut script, "key:old"), [0, 0, 1, 0, 1]);
    assert_eq!(rows(&mut script, "key:old action:created user:ANA app:store"), [0, 0, 1, 0, 0]);
    assert_eq!(rows(&mut script, "action:"), [1, 1, 2, 1, 1], "still typing");
    rows(&mut script, "since:yesterday");
    assert_snapshot!("audit_complaint", script.picture());
}

/// Changes what a trigger would not allow, and puts the trigger back.
fn change_past(raw: &rusqlite::Connection, trigger: &str, change: &str) {
    let sql = "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?";
    let again: String = raw.query_row(sql, [trigger], |row| row.get(0)).unwrap();
    raw.execute_batch(&format!("DROP TRIGGER {trigger}; {change}; {again}")).unwrap();
}

#[test]
fn changes_without_an_entry_are_displayed() {
    for (columns, rows) in SIZES {
        let desk = worked();
        let raw = rusqlite::Connection::open(desk.path()).unwrap();
        let change = "DELETE FROM keys; UPDATE users SET status = 'disabled' WHERE id = 2";
        change_past(&raw, "keys_leave_a_tombstone", change);
        let mut script = Script::on(desk, columns, rows);
        script.press("4");
        assert_snapshot!(format!("audit_untrue_{columns}"), script.picture());
        change_past(&raw, "audit_is_not_changed", "UPDATE audit SET at = 0 WHERE number = 3");
        let mut again = TestDesk::new();
        again.store = Store::open(script.folder.path().join("keydesk.db"), &mut Seeded(5)).unwrap();
        let mut script = Script::on(again, columns, rows);
        script.press("4");
        assert_snapshot!(format!("audit_broken_{columns}"), script.picture());
    }
}

/// A database that was restored after two deletions, and the known head of somebody who made them.
fn restored() -> (TestDesk, KnownHeads) {
    let mut desk = TestDesk::new();
    let known_heads = KnownHeads::new(KnownHeadFiles::new(desk.folder.path().join("known-heads")));
    let doomed = [create(&mut desk, "Checkout"), create(&mut desk, "Billing run")];
    create(&mut desk, "Newsletter");
    let copy = desk.folder.path().join("copy.db");
    let raw = rusqlite::Connection::open(desk.path()).unwrap();
    raw.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).unwrap();
    delete(&mut desk, &[&doomed[0], &doomed[1]]);
    assert!(known_heads.check(&desk.store, &crate::support::ana()).mismatch.is_none());
    desk.store = Store::open(&copy, &mut Seeded(5)).unwrap();
    desk.now += chrono::TimeDelta::hours(1);
    (desk, known_heads)
}

#[test]
fn a_restored_backup_is_reported_at_start_with_the_restored_keys() {
    for (columns, rows) in SIZES {
        let (desk, known_heads) = restored();
        let mut script = Script::with_known_heads(desk, known_heads, columns, rows);
        assert_snapshot!(format!("log_mismatch_{columns}"), script.picture());
        script.press("esc");
        assert!(script.app.modals.is_empty() && script.app.shared.log_mismatch.is_some());
        assert_snapshot!(format!("log_mismatch_later_{columns}"), script.picture());
        script.press("4 v tab tab enter");
        assert_snapshot!(format!("log_mismatch_accept_{columns}"), script.picture());
        script.press("enter esc");
        assert!(script.app.shared.log_mismatch.is_some(), "No had the focus");
    }
}

#[test]
fn restored_keys_are_deleted_and_the_log_is_accepted() {
    let (desk, known_heads) = restored();
    let mut script = Script::with_known_heads(desk, known_heads, 140, 40);
    script.press("tab enter").text("delete 2 keys").press("enter");
    let screen = script.screen();
    assert!(screen.contains("2 keys deleted") && screen.contains("! log mismatch"), "{screen}");
    assert!(!screen.contains("Checkout") && screen.contains("Newsletter"), "{screen}");
    assert!(script.app.shared.log_mismatch.as_ref().unwrap().restored.is_empty());
    script.press("4 v");
    assert!(!script.screen().contains("exist again"));
    script.press("tab enter tab enter");
    let screen = script.screen();
    assert!(screen.contains("Audit log accepted") && !screen.contains("! log mismatch"), "{screen}");
    assert!(script.app.shared.log_mismatch.is_none() && script.app.modals.is_empty());
    script.press("v");
    assert!(script.screen().contains("contains the known head"));
}

#[test]
fn accepting_requires_two_confirmations_and_keeps_the_keys() {
    let (desk, known_heads) = restored();
    let path = desk.path();
    let mut script = Script::with_known_heads(desk, known_heads, 80, 24);
    script.press("shift-tab enter esc");
    assert!(
        script.app.shared.log_mismatch.is_some() && script.app.modals.len() == 1,
        "Esc goes back to the first question"
    );
    script.press("shift-tab enter tab enter");
    assert!(script.app.shared.log_mismatch.is_none());
    let store = Store::open(&path, &mut Seeded(9)).unwrap();
    let named = |name| {
        let here = store.read(applications::first).unwrap().unwrap().id;
        store.read(|r| keys::named(r, here, name)).unwrap().len()
    };
    assert_eq!((named("Checkout"), named("Billing run")), (1, 1));
}

#[test]
fn the_help_explains_the_filter() {
    for (columns, rows) in SIZES {
        let mut script = Script::on(worked(), columns, rows);
        script.press("4 ?");
        assert_snapshot!(format!("audit_help_{columns}"), script.picture());
    }
}

#[test]
fn the_question_and_the_screen_are_drawn_at_any_size() {
    let (desk, known_heads) = restored();
    let mut script = Script::with_known_heads(desk, known_heads, 80, 24);
    for keys in ["", "tab", "shift-tab shift-tab enter", "esc esc 4", "/"] {
        script.press(keys);
        for (columns, rows) in [(1, 1), (20, 5), (40, 10), (60, 15), (61, 8), (200, 3), (300, 100)] {
            script.msg(Msg::Resize(columns, rows));
        }
    }
}

#[test]
fn a_lost_known_head_is_reported_at_the_start_once() {
    let desk = TestDesk::new();
    let directory = desk.folder.path().join("known-heads");
    let known_heads = KnownHeads::new(KnownHeadFiles::new(directory.clone()));
    assert!(known_heads.record(&desk.store, &crate::support::ana()).loss().is_none());
    assert!(known_heads.check(&desk.store, &crate::support::ana()).known.is_some());
    std::fs::remove_dir_all(&directory).unwrap();
    let path = desk.path();
    let script = Script::with_known_heads(desk, known_heads.clone(), 140, 40);
    let screen = script.screen().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(screen.contains("The known head of this database is missing from"), "{screen}");
    assert!(
        screen.contains("can no longer tell whether audit log entries before now were removed"),
        "{screen}"
    );
    let store = Store::open(&path, &mut Seeded(9)).unwrap();
    let check = known_heads.check(&store, &crate::support::ana());
    assert!(check.known.is_some() && check.loss().is_none(), "{check:?}");
}

#[test]
fn a_clock_behind_the_log_and_a_lost_known_head_are_both_reported_at_the_start() {
    let mut desk = TestDesk::new();
    let directory = desk.folder.path().join("known-heads");
    let known_heads = KnownHeads::new(KnownHeadFiles::new(directory.clone()));
    assert!(known_heads.record(&desk.store, &crate::support::ana()).loss().is_none());
    std::fs::remove_dir_all(&directory).unwrap();
    desk.now -= chrono::TimeDelta::hours(1);
    let mut script = Script::with_known_heads(desk, known_heads, 80, 24);
    for _ in 0..2 {
        let screen = script.screen().split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "the system clock is behind the last entry of the audit log",
            "The known head of this database is missing",
            "The present head is the known head from now on. (Esc)",
        ] {
            assert_eq!(screen.matches(part).count(), 1, "{part}: {screen}");
        }
        script.msg(Msg::Notice(Notice::Changed));
    }
}

#[test]
fn the_start_of_the_log_is_displayed_only_where_it_fits() {
    for (columns, has_start) in [(60, false), (80, true), (120, true)] {
        let mut script = Script::on(worked(), columns, 24);
        script.press("4");
        let screen = script.screen();
        assert!(screen.contains("Intact · 6 entries"), "{screen}");
        assert_eq!(screen.contains("6 entries since 20"), has_start, "{screen}");
    }
}
