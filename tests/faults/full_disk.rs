//! A file system of a few megabytes, mounted for the test, filled to the last block between commands.

use std::process::{Command, Stdio};

use crate::support::home::Home;
use crate::{is_sound, verdict};

/// A home on a small file system, unmounted when dropped.
struct SmallHome(Option<Home>);

impl SmallHome {
    /// None where mounting is not allowed.
    fn mount() -> Option<Self> {
        let home = Home::empty();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"])
            .arg(home.0.path())
            .stderr(Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("skipped: a small file system cannot be mounted here");
            return None;
        }
        let small = Self(Some(home));
        let said = small.home().run(&["init", "--email", "ana@example.com", "--app", "Storefront"]);
        assert_eq!(said.code, 0, "{said:?}");
        Some(small)
    }

    fn home(&self) -> &Home {
        self.0.as_ref().unwrap()
    }

    fn fill(&self, name: &str) {
        let target = format!("of={}", self.home().path(name).display());
        let status =
            Command::new("dd").args(["if=/dev/zero", "bs=1k"]).arg(target).stderr(Stdio::null()).status();
        assert!(status.is_ok_and(|status| !status.success()), "the disk is full");
    }

    fn reserve(&self) -> u64 {
        let path = format!("{}-reserve", self.home().database().display());
        std::fs::metadata(path).map_or(0, |metadata| metadata.len())
    }
}

impl Drop for SmallHome {
    fn drop(&mut self) {
        if let Some(home) = &self.0 {
            let _ = Command::new("umount").arg("-l").arg(home.0.path()).status();
        }
    }
}

const WHOLE: u64 = 1 << 20;

/// The disk is filled again before each command, so that what one returns to the disk is gone for the next.
#[test]
fn no_reading_command_takes_the_way_to_a_deletion_away() {
    let revocations: [&[&str]; 3] =
        [&["keys", "delete", "First", "--yes"], &["keys", "disable", "First"], &["apps", "delete"]];
    for revocation in revocations {
        let Some(small) = SmallHome::mount() else { return };
        let home = small.home();
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
            small.fill(&format!("fill-{number}"));
            let said = home.run(arguments);
            assert!(said.code != 0 || arguments[0] != "keys" || arguments[1] != "create", "{said:?}");
            assert!(said.code == 0 || !said.err.is_empty() || !said.out.is_empty(), "it says why: {said:?}");
            assert_eq!(small.reserve(), WHOLE, "{arguments:?} gave the reserve away: {said:?}");
        }
        small.fill("fill-last");
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

/// Where even the reserve is gone, it is said, and by doctor before.
#[test]
fn a_missing_reserve_is_reported_while_there_is_no_space() {
    let Some(small) = SmallHome::mount() else { return };
    let home = small.home();
    home.key("First", &[]);
    // An open database needs no space to be looked at.
    let _open = home.run(&["keys", "list"]);
    let reserve = format!("{}-reserve", home.database().display());
    std::fs::write(&reserve, "short").unwrap();
    let other = rusqlite::Connection::open(home.database()).unwrap();
    let _: i64 = other.query_row("SELECT count(*) FROM keys", [], |row| row.get(0)).unwrap();
    small.fill("fill");
    let said = home.run(&["doctor", "--json"]);
    assert!(said.out.contains("missing, and cannot be created"), "{said:?}");
    std::fs::remove_file(home.path("fill")).unwrap();
    let said = home.run(&["doctor", "--json"]);
    assert!(said.out.contains("created again"), "{said:?}");
    assert_eq!(small.reserve(), WHOLE);
    drop(other);
}
