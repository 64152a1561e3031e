//! Rotation and the secret in the real program at a real terminal.

use nix::sys::signal::Signal;

use crate::support::{contains, pty::Pty};
use crate::{ENTER, ESC, GONE, folder, reveal, secret_on, set_up, started};

/// A database with one key; its secret.
fn with_a_key(folder: &tempfile::TempDir) -> (std::path::PathBuf, String) {
    let database = set_up(folder);
    let mut pty = started(&database);
    let secret = reveal(&mut pty);
    pty.send("w");
    pty.wait_for("new file (mode 0600)");
    pty.send(ENTER);
    pty.wait_for("Written to");
    pty.send(ESC);
    pty.wait_for("It expires on");
    pty.send("q");
    assert_eq!(pty.wait_for_end(GONE), 0);
    (database, secret)
}

/// Rotates the one key up to the sight of the new secret; the new secret.
fn rotate(pty: &mut Pty, answers: &[(&str, &str)]) -> String {
    pty.wait_for("Generic ");
    pty.send("r");
    for (question, keys) in answers {
        pty.wait_for(question);
        pty.send(keys);
    }
    pty.wait_for("API key created");
    pty.send("v");
    pty.wait("whole secret", |pty| secret_on(&pty.screen()).is_some());
    secret_on(&pty.screen()).unwrap()
}

#[test]
fn after_a_planned_rotation_both_keys_work_and_after_a_leak_only_the_new_one() {
    let folder = folder();
    let (database, first) = with_a_key(&folder);
    let verifier = keydesk::Verifier::open(&database).unwrap();
    let works = |secret: &str| verifier.verify(secret, Some("Storefront")).unwrap().is_accepted();
    let mut pty = Pty::keydesk(&database, &[], &[("SSH_TTY", "/dev/pts/9")]);
    let second = rotate(&mut pty, &[("Leaked", ENTER), ("24 hours", ENTER)]);
    assert!(works(&first) && works(&second));
    pty.send("c");
    pty.wait_for("Sent to your terminal's clipboard (OSC 52)");
    pty.send(ESC);
    pty.wait_for("It expires on");
    assert!(!pty.screen().contains(&second[20..]));
    pty.send("q");
    assert_eq!(pty.wait_for_end(GONE), 0);

    // The first row is the old one, which has a successor; the second is rotated in its turn, as leaked.
    let mut pty = started(&database);
    pty.wait_for("Generic ");
    pty.send("G");
    let third = rotate(&mut pty, &[("l rotates as leaked at once", "l")]);
    assert!(works(&first) && !works(&second) && works(&third), "rejected before the new one is shown");
}

#[test]
fn killed_while_the_new_secret_is_shown_it_is_rotated_and_listed_as_shown() {
    let folder = folder();
    let (database, first) = with_a_key(&folder);
    let mut pty = started(&database);
    let second = rotate(&mut pty, &[("Leaked", ENTER), ("24 hours", ENTER)]);
    pty.signal(Signal::SIGKILL);
    let _ = pty.child.wait();
    let verifier = keydesk::Verifier::open(&database).unwrap();
    for secret in [&first, &second] {
        assert!(verifier.verify(secret, None).unwrap().is_accepted());
    }
    let pty = started(&database);
    pty.wait_for(&second["ik_live_".len()..][..10]);
}

/// Nothing of a secret that was shown, copied and written remains: not on the main screen, not in any file but the one
/// that was asked for, and not in what is written to the terminal after the alternate screen is left.
#[test]
fn a_shown_and_copied_secret_is_stored_nowhere() {
    for signal in [None, Some(Signal::SIGTERM), Some(Signal::SIGHUP)] {
        let folder = folder();
        let database = set_up(&folder);
        let environment = [("SSH_TTY", "/dev/pts/9"), ("KEYDESK_LOG", "trace")];
        let mut pty = Pty::keydesk(&database, &[], &environment);
        pty.wait_for("Developer settings");
        let secret = reveal(&mut pty);
        let (_, canary) = secret.rsplit_once('_').unwrap();
        pty.send("c");
        pty.wait_for("Sent to your terminal's clipboard (OSC 52)");
        pty.send("u");
        pty.wait_for("curl");
        assert!(!pty.screen().contains(canary), "how to use it has a placeholder");
        pty.send(ESC);
        pty.wait_for("You cannot display the API key");
        pty.send("v");
        pty.wait("whole secret", |pty| secret_on(&pty.screen()).is_some());
        match signal {
            None => {
                pty.send(ESC);
                pty.wait_for("It expires on");
                pty.send("q");
            }
            Some(signal) => pty.signal(signal),
        }
        pty.wait_for_end(GONE);
        assert!(pty.is_restored() && !pty.screen().contains(canary), "{signal:?}");
        let raw = pty.raw();
        let left = raw.windows(8).rposition(|window| window == b"\x1b[?1049l").unwrap();
        assert!(!contains(&raw[left..], canary), "{signal:?}");
        let mut folders = vec![folder.path().to_owned()];
        let mut files = 0;
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                files += 1;
                let bytes = std::fs::read(&path).unwrap();
                assert!(!contains(&bytes, canary), "{signal:?}: {}", path.display());
            }
        }
        assert!(files > 1, "the database at least");
    }
}
