//! Where requests come from: in the details of a key, in the dialogs that would break something, in a tombstone.

use chrono::TimeDelta;
use insta::assert_snapshot;
use keydesk::desk::{self, Ending, Picked};
use keydesk::domain::Instant;
use keydesk::domain::key::KeyId;

use crate::script::Script;
use crate::support::{TestDesk, noon};

fn ago(length: TimeDelta) -> Instant {
    noon() - length
}

/// Records that requests came from an address, and with them the use of the key.
fn record(desk: &TestDesk, key: KeyId, reason: &str, source: &str, requests: u32, times: [TimeDelta; 2]) {
    let [first, last] = times.map(|length| ago(length).timestamp());
    let raw = rusqlite::Connection::open(desk.path()).unwrap();
    let id = key.as_str();
    raw.execute(
        "INSERT INTO key_sources VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (id, reason, source, requests, first, last),
    )
    .unwrap();
    if reason.is_empty() {
        let from = Some(source).filter(|source| !source.is_empty());
        raw.execute(
            "INSERT INTO key_use SELECT key_id, application_id, ?2, ?3, ?4 FROM keys WHERE key_id = ?1
             ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last),
             last_from = iif(excluded.last >= last, excluded.last_from, last_from)",
            (id, first, last, from),
        )
        .unwrap();
        raw.execute(
            "INSERT INTO key_uses VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET count = count + excluded.count",
            (id, last / 86_400, requests),
        )
        .unwrap();
    }
}

/// Checkout was rotated 2 hours ago. One source has moved, one uses both keys, two have not moved.
fn rotated() -> (TestDesk, KeyId) {
    let mut desk = TestDesk::new();
    desk.now -= TimeDelta::days(40);
    let new = desk.new_key("Checkout", 120);
    let old = desk.deliver(&new).key;
    desk.now = ago(TimeDelta::hours(2));
    let picked = [Picked { id: old.id, version: old.version }];
    let rotated =
        desk::rotate_keys(&mut desk.session(), &picked, Ending::After(TimeDelta::hours(24))).unwrap();
    let successor = rotated[0].created.key.id;
    desk::mark_delivered(&mut desk.session(), successor).unwrap();
    desk.now = noon();
    let (days, minutes, seconds) = (TimeDelta::days, TimeDelta::minutes, TimeDelta::seconds);
    record(&desk, old.id, "", "10.0.0.4", 409, [days(39), minutes(95)]);
    record(&desk, successor, "", "10.0.0.4", 120, [minutes(95), seconds(1)]);
    record(&desk, old.id, "", "192.168.178.201", 1_204, [days(12), seconds(3)]);
    record(&desk, successor, "", "192.168.178.201", 7, [minutes(90), seconds(9)]);
    record(&desk, old.id, "", "10.0.0.9", 3, [days(2), minutes(7)]);
    record(&desk, old.id, "", "2001:db8:85a3:8d3:1319:8a2e:370:7348", 52, [days(30), days(1)]);
    record(&desk, old.id, "", "", 8, [days(38), days(20)]);
    record(&desk, old.id, "", "*", 17, [days(39), days(37)]);
    (desk, old.id)
}

#[test]
fn details_list_the_sources_and_which_of_them_have_moved() {
    for (columns, rows, keys) in
        [(80, 24, "enter pgdn"), (120, 36, "enter pgdn"), (160, 45, ""), (200, 50, "")]
    {
        let mut script = Script::on(rotated().0, columns, rows);
        script.press(keys);
        assert_snapshot!(format!("sources_{columns}"), script.picture());
    }
}

#[test]
fn the_pane_says_that_there_is_more_and_how_to_see_it() {
    let mut script = Script::on(rotated().0, 160, 30);
    let screen = script.screen();
    assert!(screen.contains("more lines: Enter"), "{screen}");
    script.press("enter");
    assert!(script.screen().contains("Sources"), "{}", script.screen());
}

#[test]
fn dialogs_say_from_how_many_sources_a_key_is_used_and_which_have_not_moved() {
    for (columns, rows) in [(80, 24), (120, 36)] {
        let mut script = Script::on(rotated().0, columns, rows);
        script.press("d");
        assert_snapshot!(format!("sources_delete_{columns}"), script.picture());
        script.press("esc down r");
        let screen = script.screen();
        let used = "127 requests in the last 24 hours, from 2 sources, the";
        assert!(screen.contains(used) && !screen.contains("Moved"), "{screen}");
    }
}

#[test]
fn a_key_that_was_never_used_has_no_chart() {
    let mut desk = TestDesk::new();
    let new = desk.new_key("Checkout", 90);
    desk.deliver(&new);
    let mut script = Script::on(desk, 80, 24);
    script.press("enter");
    let screen = script.screen();
    assert!(screen.contains("Never used"), "{screen}");
    assert!(!screen.contains("30 days ago") && !screen.contains("Sources"), "{screen}");
}

#[test]
fn the_tombstone_lists_the_sources_of_requests_since_the_deletion() {
    let (mut desk, old) = rotated();
    let version = desk.store.read(|r| keydesk::store::keys::get(r, old)).unwrap().unwrap().version;
    desk::delete_keys(&mut desk.session(), &[Picked { id: old, version }]).unwrap();
    record(&desk, old, "deleted", "10.0.0.9", 5, [TimeDelta::seconds(9), TimeDelta::seconds(2)]);
    record(&desk, old, "disabled", "10.0.0.77", 5, [TimeDelta::days(9), TimeDelta::days(8)]);
    let mut script = Script::on(desk, 100, 40);
    script.press("4 enter");
    let screen = script.screen();
    assert!(screen.contains("Sources since the deletion"), "{screen}");
    assert!(screen.contains("10.0.0.9") && !screen.contains("10.0.0.77"), "{screen}");
}
