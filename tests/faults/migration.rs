//! A database of an old format is brought up to date by whoever opens it first, who is killed or fails at each write in
//! its turn: old or new, whole, and the next one ends it.

use crate::cli_support::Home;
use crate::is_sound_file;
use crate::writes::{FAULTS, Fault, is_possible, run};

const VERSION_1: &str = include_str!("../fixtures/version_1.sql");

/// As the first version left it: what stood in it then is in the fixture.
fn old() -> Home {
    let home = Home::empty();
    std::fs::create_dir_all(home.database().parent().unwrap()).unwrap();
    let raw = rusqlite::Connection::open(home.database()).unwrap();
    raw.execute_batch(VERSION_1).unwrap();
    raw.pragma_update(None, "application_id", keydesk::store::open::APPLICATION_ID).unwrap();
    raw.pragma_update(None, "user_version", 1).unwrap();
    raw.pragma_update(None, "journal_mode", "wal").unwrap();
    home
}

fn version(home: &Home) -> i64 {
    let raw = rusqlite::Connection::open(home.database()).unwrap();
    raw.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn it_is_old_or_new_and_whole() {
    if !is_possible() {
        return;
    }
    for fault in FAULTS {
        let mut states = [0, 0];
        let mut ended = false;
        for number in 1..crate::writes::MOST {
            let home = old();
            let (said, met) = run(&home, fault, number, &["keys", "list", "--json"]);
            let when = format!("{fault:?} at {number}: {said:?}");
            let after = version(&home);
            assert!(after == 1 || after == keydesk::store::migrate::NEWEST, "{after}, {when}");
            states[usize::from(after != 1)] += 1;
            if said.code != 0 && !matches!(fault, Fault::Kill) {
                assert!(said.code == 3 && !said.err.is_empty(), "{when}");
            }
            is_sound_file(&home, &when);
            let list = home.run(&["keys", "list", "--json"]);
            assert_eq!(list.json().as_array().unwrap().len(), 1, "what was in it is in it: {when}");
            assert_eq!(version(&home), keydesk::store::migrate::NEWEST, "{when}");
            if !met {
                assert_eq!(said.code, 0, "{when}");
                ended = true;
                break;
            }
        }
        assert!(ended && states[0] > 0 && states[1] > 0, "{fault:?}: {states:?}");
    }
}
