//! A file system of a few megabytes, mounted for the test, filled to the last block between commands.

use crate::support::home::Home;
use crate::support::small_disk::SmallDisk;
use crate::{is_sound, verdict};

/// A home directory on a small file system.
struct SmallHome {
    disk: SmallDisk,
    home: Home,
}

impl SmallHome {
    /// None where mounting is not allowed.
    fn mount() -> Option<Self> {
        let home = Home::empty();
        let disk = SmallDisk::mount(home.0.path(), "3m")?;
        home.init();
        Some(Self { disk, home })
    }

    fn reserve(&self) -> u64 {
        let path = format!("{}-reserve", self.home.database().display());
        std::fs::metadata(path).map_or(0, |metadata| metadata.len())
    }
}

const WHOLE: u64 = 1 << 20;

/// The disk is filled again before each command, so that what one returns to the disk is gone for the next.
#[test]
fn no_reading_command_consumes_the_reserve_for_deletions() {
    let revocations: [&[&str]; 3] =
        [&["keys", "delete", "First", "--yes"], &["keys", "disable", "First"], &["apps", "delete"]];
    for revocation in revocations {
        let Some(small) = SmallHome::mount() else { return };
        let home = &small.home;
        let (id, secret) = home.key("First", &[]);
        home.key("Second", &[]);
        let reading: [&[&str]; 6] = [
            &["keys", "list"],
            &["keys", "show", &id],
            &["audit", "verify"],
            &["doctor"],
            &["check", "--within", "1d"],
            &["keys", "create", "--name", "Third"],
        ];
        for (number, arguments) in reading.iter().enumerate() {
            small.disk.fill(&format!("fill-{number}"));
            let said = home.run(arguments);
            assert!(said.code != 0 || arguments[0] != "keys" || arguments[1] != "create", "{said:?}");
            assert!(said.code == 0 || !said.err.is_empty() || !said.out.is_empty(), "it says why: {said:?}");
            assert_eq!(small.reserve(), WHOLE, "{arguments:?} gave the reserve away: {said:?}");
        }
        small.disk.fill("fill-last");
        let said = if revocation[0] == "apps" {
            home.run(&["apps", "delete", "Storefront", "--yes"])
        } else {
            home.run(revocation)
        };
        assert_eq!(said.code, 0, "{revocation:?}: {said:?}");
        for number in 0..reading.len() {
            std::fs::remove_file(home.path(&format!("fill-{number}"))).unwrap();
        }
        assert!(verdict(home, &secret).is_err(), "{revocation:?}");
        is_sound(home, "after the disk was full");
        assert_eq!(small.reserve(), WHOLE, "taken again once there is space");
    }
}

/// To mark many keys as ended takes more space than the reserve has; a deletion does not depend on it.
#[test]
fn keys_that_have_ended_by_themselves_do_not_prevent_a_deletion() {
    let home = Home::empty();
    let Some(disk) = SmallDisk::mount(home.0.path(), "12m") else { return };
    home.init();
    let (_, secret) = home.key("First", &[]);
    let (successor, _) = home.key("Second", &[]);
    home.sql(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
         INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, \
         created, expires, delivered, replaced_by, unused_for, unused_since) \
         SELECT printf('Old%07d', i), randomblob(32), 1, 'Old', 'old', 'old', 'ik', 'production', '', 1, \
         unixepoch() - 9000, unixepoch() + 99000, 1, '{successor}', 60, unixepoch() - 9000 FROM n; \
         INSERT INTO key_use (key_id, application_id, first, last) \
         VALUES ('{successor}', 1, unixepoch() - 8000, unixepoch() - 8000)"
    ));
    disk.fill("fill");
    let said = home.run(&["keys", "delete", "First", "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    std::fs::remove_file(home.path("fill")).unwrap();
    assert!(verdict(&home, &secret).is_err());
}

/// Where even the reserve is gone, it is said, and by doctor before.
#[test]
fn a_missing_reserve_is_reported_while_there_is_no_space() {
    let Some(small) = SmallHome::mount() else { return };
    let home = &small.home;
    home.key("First", &[]);
    // An open database needs no space to be looked at.
    let _open = home.run(&["keys", "list"]);
    let reserve = format!("{}-reserve", home.database().display());
    std::fs::write(&reserve, "short").unwrap();
    let other = rusqlite::Connection::open(home.database()).unwrap();
    let _: i64 = other.query_row("SELECT count(*) FROM keys", [], |row| row.get(0)).unwrap();
    small.disk.fill("fill");
    let said = home.run(&["doctor", "--json"]);
    assert!(said.out.contains("cannot reserve the space"), "{said:?}");
    std::fs::remove_file(home.path("fill")).unwrap();
    let said = home.run(&["doctor", "--json"]);
    assert!(said.out.contains("is reserved again"), "{said:?}");
    assert_eq!(small.reserve(), WHOLE);
    drop(other);
}
