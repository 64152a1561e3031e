//! Each operation is killed, or fails, at each of its writes in turn. Each time it starts from the same home directory, and
//! leaves the database as it was, or as it is after one of its commits.

use std::path::Path;

use crate::support::home::Home;
use crate::writes::{Fault, MOST, is_possible, run};
use crate::{is_sound, verdict};

const FAULTS: [Fault; 3] = [Fault::Kill, Fault::Once("EIO"), Fault::ForEver("ENOSPC")];

/// A home directory with everything in it, for a database at another path.
fn copy(from: &Home) -> Home {
    fn copy_below(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy_below(&entry.path(), &to);
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let home = Home::empty();
    copy_below(from.0.path(), home.0.path());
    home
}

/// The actions in the audit log. Read without keydesk, which would mark what has ended by itself.
fn actions(home: &Home) -> Vec<String> {
    let database = rusqlite::Connection::open(home.database()).unwrap();
    let mut statement = database.prepare("SELECT action FROM audit ORDER BY number").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// What a command does where a commit failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Fails,
    /// It succeeds without the last commit, which a later command can make: it says that a secret was delivered, or that
    /// a key has ended.
    MaySucceed,
}

/// An operation on a prepared home directory.
struct Operation<'a> {
    home: &'a Home,
    arguments: &'a [&'a str],
    /// The actions of each of its commits.
    commits: &'a [&'a [&'a str]],
    /// Checks what the operation has done, once it has succeeded.
    done: &'a dyn Fn(&Home, &str),
    then: Then,
}

impl Operation<'_> {
    fn check(&self) {
        if !is_possible() {
            return;
        }
        let before = actions(self.home);
        let states: Vec<Vec<&str>> =
            (0..=self.commits.len()).map(|commits| self.commits[..commits].concat()).collect();
        for fault in FAULTS {
            let mut seen = vec![false; states.len()];
            let mut ended = false;
            for number in 1..MOST {
                let home = copy(self.home);
                let (said, met) = run(&home, fault, number, self.arguments);
                let when = format!("{:?}, {fault:?} at {number}: {said:?}", self.arguments);
                let after = actions(&home);
                assert_eq!(after[..before.len()], before, "{when}");
                let more = &after[before.len()..];
                let Some(state) = states.iter().position(|state| more == state) else {
                    unreachable!("{more:?} of {states:?}: {when}");
                };
                seen[state] = true;
                assert!(matches!(said.code, 0 | 3 | -1), "{when}");
                if said.code == 0 {
                    assert!(
                        state == self.commits.len()
                            || (self.then == Then::MaySucceed && state + 1 == self.commits.len()),
                        "{when}"
                    );
                    (self.done)(&home, said.out.trim());
                } else {
                    assert!(matches!(fault, Fault::Kill) || !said.err.is_empty(), "it says why: {when}");
                }
                is_sound(&home, &when);
                if !met {
                    assert_eq!(said.code, 0, "{when}");
                    ended = true;
                    break;
                }
            }
            assert!(ended, "{:?}, {fault:?}: each call had its turn", self.arguments);
            assert!(seen[0] && seen[self.commits.len()], "{:?}, {fault:?}: {seen:?}", self.arguments);
        }
    }
}

/// A key that is being replaced, with its secret and that of its successor.
fn replaced(ending: &[&str]) -> (Home, String, String, String) {
    let home = Home::set_up();
    let (id, old) = home.key("Checkout", &[]);
    let said = home.run(&[&["keys", "rotate", &id][..], ending].concat());
    assert_eq!(said.code, 0, "{said:?}");
    (home, id, old, said.out.trim().to_owned())
}

#[test]
fn a_timed_outage_begins_or_does_not() {
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &[]);
    let arguments = ["keys", "disable", &id, "--for", "5m"];
    let done = |home: &Home, _: &str| assert_eq!(verdict(home, &secret), Err("disabled".into()));
    Operation {
        home: &home,
        arguments: &arguments,
        commits: &[&["key.disabled"]],
        done: &done,
        then: Then::Fails,
    }
    .check();
}

#[test]
fn a_canary_key_exists_with_its_secret_or_is_listed_as_not_delivered() {
    let home = Home::set_up();
    let arguments = ["keys", "create", "Trap", "--canary"];
    let done = |home: &Home, secret: &str| assert_eq!(verdict(home, secret), Err("canary".into()));
    let commits: &[&[&str]] = &[&["key.created"], &["key.delivered"]];
    Operation { home: &home, arguments: &arguments, commits, done: &done, then: Then::MaySucceed }.check();
}

#[test]
fn an_alarm_is_acknowledged_or_stays() {
    let home = Home::set_up();
    let said = home.run(&["keys", "create", "Trap", "--canary"]);
    assert_eq!(verdict(&home, said.out.trim()), Err("canary".into()));
    assert_eq!(home.run(&["check"]).code, 1);
    let arguments = ["keys", "acknowledge", "Trap"];
    let done = |home: &Home, _: &str| assert_eq!(home.run(&["check"]).code, 0);
    Operation {
        home: &home,
        arguments: &arguments,
        commits: &[&["key.acknowledged"]],
        done: &done,
        then: Then::Fails,
    }
    .check();
}

#[test]
fn an_edit_changes_all_properties_or_none() {
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &[]);
    let arguments = [
        "keys",
        "edit",
        &id,
        "--name",
        "Shop",
        "--owner",
        "Payments",
        "--note",
        "4711",
        "--from",
        "10.0.0.0/8",
    ];
    let done = |home: &Home, _: &str| {
        let key = home.run(&["keys", "show", &id, "--json"]).json();
        assert_eq!(
            (&key["name"], &key["owner"], &key["note"]),
            (&"Shop".into(), &"Payments".into(), &"4711".into())
        );
        assert_eq!(verdict(home, &secret), Err("source_not_allowed".into()));
    };
    Operation {
        home: &home,
        arguments: &arguments,
        commits: &[&["key.edited"]],
        done: &done,
        then: Then::Fails,
    }
    .check();
}

#[test]
fn a_rotation_until_unused_is_complete_or_leaves_the_old_key() {
    let home = Home::set_up();
    let (id, old) = home.key("Checkout", &[]);
    let arguments = ["keys", "rotate", &id, "--until-unused", "24h"];
    let done = |home: &Home, new: &str| {
        assert_eq!((verdict(home, &old), verdict(home, new)), (Ok(()), Ok(())));
        let key = home.run(&["keys", "show", &id, "--json"]).json();
        assert_eq!(key["ends_when_unused_for"], 86_400);
    };
    let commits: &[&[&str]] = &[&["key.created"], &["key.delivered", "key.rotated"]];
    Operation { home: &home, arguments: &arguments, commits, done: &done, then: Then::Fails }.check();
}

#[test]
fn an_overlap_is_changed_or_stays() {
    let (home, id, old, new) = replaced(&["--overlap", "24h"]);
    for (ending, works) in
        [(&["--until-unused", "24h"][..], true), (&["--for", "7d"], true), (&["--end"], false)]
    {
        let arguments = [&["keys", "overlap", &id][..], ending].concat();
        let done = |home: &Home, _: &str| {
            assert_eq!((verdict(home, &old).is_ok(), verdict(home, &new)), (works, Ok(())), "{ending:?}");
        };
        Operation {
            home: &home,
            arguments: &arguments,
            commits: &[&["key.overlap_changed"]],
            done: &done,
            then: Then::Fails,
        }
        .check();
    }
}

#[test]
fn a_key_that_has_ended_by_itself_is_marked_or_stays_ended() {
    let (home, id, old, new) = replaced(&["--until-unused", "1s"]);
    assert_eq!(verdict(&home, &new), Ok(()));
    assert!(crate::support::until(std::time::Duration::from_secs(20), || !home.accepts(&old)), "it ends");
    let done = |home: &Home, _: &str| {
        let key = home.run(&["keys", "show", &id, "--json"]).json();
        assert_eq!(key["state"], "replaced");
        assert!(!home.accepts(&old) && home.accepts(&new));
    };
    let arguments = ["keys", "list"];
    Operation {
        home: &home,
        arguments: &arguments,
        commits: &[&["key.ended"]],
        done: &done,
        then: Then::MaySucceed,
    }
    .check();
}
