//! A database of an old format is upgraded by a process that is killed or fails at each write in turn: old or new,
//! complete, and the next one finishes the upgrade.
//!
//! There is one format so far, so the upgrade is to formats that exist here only. This test program runs itself.

use std::path::PathBuf;

use keydesk::store::open::upgrade_with;

use crate::is_sound_file;
use crate::support::Seeded;
use crate::support::home::Home;
use crate::writes::{FAULTS, Fault, is_possible, run_program};

const STEPS: [&str; 3] = [
    include_str!("../../assets/migrations/0001_base.sql"),
    "ALTER TABLE tombstones ADD COLUMN note TEXT; CREATE INDEX tombstones_by_note ON tombstones (note);",
    "ALTER TABLE applications ADD COLUMN note TEXT; UPDATE applications SET note = 'old';",
];
const NEWEST: i64 = 3;
/// Which file the process below upgrades.
const FILE: &str = "KEYDESK_TEST_UPGRADES";

#[test]
#[ignore = "started by the test below"]
fn upgrades_the_file() {
    if let Some(path) = std::env::var_os(FILE) {
        upgrade_with(&PathBuf::from(path), &STEPS, &mut Seeded(3)).unwrap();
    }
}

fn version(home: &Home) -> i64 {
    let raw = rusqlite::Connection::open(home.database()).unwrap();
    raw.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

fn names(home: &Home) -> Vec<String> {
    let raw = rusqlite::Connection::open(home.database()).unwrap();
    let mut statement = raw.prepare("SELECT name FROM keys").unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    names.collect::<Result<_, _>>().unwrap()
}

#[test]
fn an_interrupted_migration_leaves_the_old_or_the_new_format() {
    if !is_possible() {
        return;
    }
    let program = std::env::current_exe().unwrap();
    let old = Home::set_up();
    old.key("Checkout", &[]);
    for fault in FAULTS {
        let mut states = [0, 0];
        let mut ended = false;
        for number in 1..crate::writes::MOST {
            let home = Home::empty();
            std::fs::create_dir_all(home.database().parent().unwrap()).unwrap();
            std::fs::copy(old.database(), home.database()).unwrap();
            let file = (FILE, home.database().display().to_string());
            let arguments = ["--exact", "--ignored", "migration::upgrades_the_file"];
            let (said, met) = run_program(&home, fault, number, &program, &arguments, &[file]);
            let when = format!("{fault:?} at {number}: {said:?}");
            let after = version(&home);
            assert!(after == 1 || after == NEWEST, "{after}, {when}");
            states[usize::from(after != 1)] += 1;
            if said.code != 0 && !matches!(fault, Fault::Kill) {
                assert!(said.code == 101 && said.out.contains("failed"), "{when}");
            }
            is_sound_file(&home, &when);
            upgrade_with(&home.database(), &STEPS, &mut Seeded(3)).unwrap();
            assert_eq!(names(&home), ["Checkout"], "what was in it is in it: {when}");
            assert_eq!(version(&home), NEWEST, "{when}");
            if !met {
                assert_eq!(said.code, 0, "{when}");
                ended = true;
                break;
            }
        }
        assert!(ended && states[0] > 0 && states[1] > 0, "{fault:?}: {states:?}");
    }
}
