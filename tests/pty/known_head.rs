//! The real program on a backup that was restored: it says so at the start, and the deletion before the very end of a
//! session is remembered too.

use std::time::Duration;

use crate::support::pty::Pty;
use crate::{ENTER, ESC, GONE, delete, folder, reveal, set_up, started};

/// Creates a key, copies the database, deletes the key and leaves at once. The database as it was copied is put back.
fn restored(folder: &tempfile::TempDir) -> (std::path::PathBuf, String) {
    let database = set_up(folder);
    let mut pty = started(&database);
    let secret = reveal(&mut pty);
    pty.send("c");
    pty.wait("copy", |pty| pty.screen().contains("lipboard"));
    pty.send(ESC);
    pty.wait_for("It expires on");
    let copy = folder.path().join("copy.db");
    let raw = rusqlite::Connection::open(&database).unwrap();
    raw.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    drop(raw);
    delete(&mut pty);
    pty.send("q");
    assert_eq!(pty.wait_for_end(GONE), 0);
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("keydesk.db{end}")));
    }
    std::fs::copy(&copy, &database).unwrap();
    (database, secret)
}

#[test]
fn a_restored_backup_is_reported_and_accepted() {
    let folder = folder();
    let (database, secret) = restored(&folder);
    let verify = || keydesk::Verifier::open(&database).unwrap().verify(&secret, None).unwrap().is_accepted();
    let mut pty = Pty::keydesk(&database, &[], &[]);
    pty.wait_for("Audit log mismatch");
    pty.wait_for("This deleted key exists again");
    assert!(verify(), "it is");
    // The same deletion within the same second would be the very same entry, and the log the one that was seen.
    std::thread::sleep(Duration::from_millis(1_100));
    pty.send("\t");
    pty.send(ENTER);
    pty.wait_for("To confirm, type");
    let month = keydesk::host::clock::now().format("%B %Y");
    pty.send(&format!("Generic {month}"));
    pty.wait_for("Press Enter to delete");
    pty.send(ENTER);
    pty.wait_for("Requests that use it are now");
    assert!(!verify());
    pty.wait_for("! log mismatch");
    pty.send("4v");
    pty.wait_for("Accept log...");
    pty.send("\t\r\t\r");
    pty.wait_for("Audit log accepted");
    pty.wait("flag taken away", |pty| !pty.screen().contains("! log mismatch"));
    pty.send("q");
    assert_eq!(pty.wait_for_end(GONE), 0);
    let mut pty = started(&database);
    pty.send("4");
    pty.wait_for("Intact · ");
    assert!(!pty.screen().contains("mismatch"), "{}", pty.screen());
}
