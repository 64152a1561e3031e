//! When the database cannot be read or trusted, all requests are rejected: 503 or 401, never 204.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use keydesk::Verifier;

use crate::support::TestDesk;
use crate::support::endpoint::Endpoint;
use crate::{delete, key};

fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Breaks something under a running endpoint and a running library; from then on nobody gets in.
fn after(what: &str, break_it: impl FnOnce(&Path)) {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let verifier = Verifier::open(desk.path()).unwrap();
    let mut client = endpoint.connect();
    assert_eq!(client.get("/auth", &[("X-API-Key", &secret)]).status, 204);
    assert!(verifier.verify(&secret, None).unwrap().is_accepted());
    break_it(&desk.path());
    for _ in 0..20 {
        let answer = client.get("/auth", &[("X-API-Key", &secret)]);
        assert_eq!(answer.status, 503, "{what}: {answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(verifier.verify(&secret, None).is_err(), "{what}");
    }
    assert_eq!(endpoint.get("/healthz", &[]).status, 503, "{what}");
    assert_eq!(endpoint.get("/auth", &[]).status, 401, "{what}: no credential needs no database");
    assert_eq!(endpoint.get("/metrics", &[]).status, 200, "{what}: the alarm still rings");
    let errors = endpoint.stop_and_read_log().1.into_iter().filter(|line| line.contains("ERROR")).count();
    assert_eq!(errors, 1, "{what}: it is said once");
}

#[test]
fn a_missing_database_rejects_all_requests() {
    after("removed", |path| std::fs::remove_file(path).unwrap());
    after("renamed", |path| std::fs::rename(path, beside(path, ".old")).unwrap());
    after("log removed", |path| std::fs::remove_file(beside(path, "-wal")).unwrap());
    after("index removed", |path| std::fs::remove_file(beside(path, "-shm")).unwrap());
    after("folder renamed", |path| {
        let folder = path.parent().unwrap();
        std::fs::rename(folder, beside(folder, ".moved")).unwrap();
        // For the test's own tidying up.
        std::fs::create_dir(folder).unwrap();
    });
}

#[test]
fn a_replaced_database_file_rejects_all_requests() {
    let mut other = TestDesk::of_today();
    other.entropy.0 = 1_000;
    key(&mut other, "Another");
    other.store.scrub().unwrap();
    let copy = other.path();
    after("replaced", |path| {
        let new = beside(path, ".new");
        std::fs::copy(&copy, &new).unwrap();
        std::fs::rename(new, path).unwrap();
    });
}

/// Bytes put over the file leave its name, its identity and SQLite's counters as they were.
#[test]
fn an_older_copy_over_the_file_rejects_all_requests() {
    let copy = |from: &Path, to: &Path, preserve: &[&str]| {
        // By another process: SQLite's locks in this one would go with the file that it closes.
        assert!(Command::new("cp").args(preserve).arg(from).arg(to).status().unwrap().success());
    };
    for (what, asked_between, preserve) in [
        ("asked between", true, &[][..]),
        ("asked between, with the old times", true, &["-p"]),
        ("not asked between", false, &[]),
        ("not asked between, with the old times", false, &["-p"]),
    ] {
        let mut desk = TestDesk::of_today();
        let (created, secret) = key(&mut desk, "Checkout");
        let (_, other) = key(&mut desk, "Another");
        assert!(desk.store.scrub().unwrap());
        let endpoint = Endpoint::start(&desk.path(), &[]);
        let verifier = Verifier::open(desk.path()).unwrap();
        let mut client = endpoint.connect();
        let mut status = |secret: &str| client.get("/auth", &[("X-API-Key", secret)]).status;
        assert_eq!((status(&secret), status(&other)), (204, 204));
        assert!(verifier.verify(&other, None).unwrap().is_accepted());
        // Until their use is written down.
        std::thread::sleep(Duration::from_millis(800));
        assert!(desk.store.scrub().unwrap());
        let older = beside(&desk.path(), ".older");
        copy(&desk.path(), &older, preserve);
        delete(&mut desk, &created);
        while !desk.store.scrub().unwrap() {}
        if asked_between {
            assert_eq!(status(&secret), 401, "{what}");
            assert!(!verifier.verify(&secret, None).unwrap().is_accepted(), "{what}");
            std::thread::sleep(Duration::from_millis(800));
            while !desk.store.scrub().unwrap() {}
        } else {
            // The time of the file shows it at once (kernels count it in ticks of up to 10 ms), the audit log when it has
            // been looked at.
            std::thread::sleep(Duration::from_millis(if preserve.is_empty() { 15 } else { 300 }));
        }
        copy(&older, &desk.path(), preserve);
        for turn in 0..20 {
            for secret in [&secret, &other] {
                assert_eq!(status(secret), 503, "{what}: {turn}");
                assert!(verifier.verify(secret, None).is_err(), "{what}: {turn}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(endpoint.get("/healthz", &[]).status, 503, "{what}");
        assert_eq!(status("nonsense"), 401, "{what}: no credential needs no database");
        let before = std::fs::read(beside(&desk.path(), "-wal")).unwrap();
        std::thread::sleep(Duration::from_millis(800));
        assert_eq!(
            std::fs::read(beside(&desk.path(), "-wal")).unwrap(),
            before,
            "{what}: nothing is written"
        );
        let log = endpoint.log();
        let said: Vec<&String> = log.iter().filter(|line| line.contains("overwritten")).collect();
        assert_eq!(said.len(), 1, "{what}: it is said once: {log:?}");
        // Back again, or any other state: until a restart, whose start tells what it finds, nothing counts.
        assert_eq!(status(&other), 503, "{what}");
        drop(verifier);
        assert_eq!(endpoint.stop(), Some(0));
        assert!(Endpoint::start(&desk.path(), &[]).accepts(&other), "{what}: a restart takes it as it is");
    }
}

/// Checkpoints rewrite the file as well, and are none of anybody's business.
#[test]
fn checkpoints_cause_no_rejection() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let mut client = endpoint.connect();
    for turn in 0..200 {
        let (created, gone) = key(&mut desk, &format!("Key {turn}"));
        assert_eq!(client.get("/auth", &[("X-API-Key", &gone)]).status, 204);
        delete(&mut desk, &created);
        desk.store.scrub().unwrap();
        assert_eq!(client.get("/auth", &[("X-API-Key", &gone)]).status, 401);
        assert_eq!(client.get("/auth", &[("X-API-Key", &secret)]).status, 204);
    }
    assert!(!endpoint.log().iter().any(|line| line.contains("ERROR")));
}

#[test]
fn a_damaged_database_never_accepts_a_key() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    desk.store.scrub().unwrap();
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let length = std::fs::metadata(desk.path()).unwrap().len();
    let file = std::fs::OpenOptions::new().write(true).open(desk.path()).unwrap();
    file.set_len(4_096).unwrap();
    let cut = endpoint.get("/auth", &[("X-API-Key", &secret)]).status;
    assert!([401, 503].contains(&cut), "cut off: {cut}");
    file.set_len(length).unwrap();
    let zeros = endpoint.get("/auth", &[("X-API-Key", &secret)]).status;
    assert!([401, 503].contains(&zeros), "filled with zeros: {zeros}");
}

#[test]
fn a_lock_against_readers_is_awaited_and_then_reported() {
    let mut desk = TestDesk::of_today();
    let (_, known) = key(&mut desk, "Checkout");
    // It is read from the database. A known key is not, while nothing is committed.
    let (_, secret) = key(&mut desk, "Orders");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let mut client = endpoint.connect();
    assert_eq!(client.get("/auth", &[("X-API-Key", &known)]).status, 204);
    let index =
        std::fs::OpenOptions::new().read(true).write(true).open(beside(&desk.path(), "-shm")).unwrap();
    // All locks of SQLite's index (bytes 120 to 127; sqlite.org/walformat.html), as during a recovery.
    let all = nix::libc::flock {
        l_type: i16::try_from(nix::libc::F_WRLCK).unwrap(),
        l_whence: i16::try_from(nix::libc::SEEK_SET).unwrap(),
        l_start: 120,
        l_len: 8,
        l_pid: 0,
    };
    let TestDesk { folder: _folder, store, .. } = desk;
    drop(store);
    // The endpoint may be writing down a use just now.
    nix::fcntl::fcntl(&index, nix::fcntl::FcntlArg::F_SETLKW(&all)).unwrap();
    let since = Instant::now();
    let answer = client.get("/auth", &[("X-API-Key", &secret)]);
    assert_eq!(answer.status, 503);
    // SQLite itself tries for ten seconds before it gives up (walTryBeginRead), whatever the busy timeout.
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    drop(index);
    assert_eq!(client.get("/auth", &[("X-API-Key", &secret)]).status, 204, "it was nothing but a lock");
}

#[test]
fn without_a_database_it_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.db");
    let output = crate::support::endpoint::command(env!("CARGO_BIN_EXE_keydesk"), &path)
        .arg("serve")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no database found"));
    assert!(!path.exists());
}
