//! The wizard and the dialog of the secret at a real terminal, where a paste may arrive as typed characters.

use nix::sys::signal::Signal;

use crate::support::contains;
use crate::support::pty::Pty;
use crate::{ENTER, folder, reveal, set_up};

/// A program over SSH, where a copy would be written to the terminal; a secret is shown.
fn revealing(database: &std::path::Path) -> (Pty, String) {
    let mut pty = Pty::keydesk(database, &[], &[("SSH_TTY", "/dev/pts/9")]);
    let secret = reveal(&mut pty);
    pty.send("w");
    pty.wait_for("new file (mode 0600)");
    (pty, secret)
}

fn assert_not_copied(pty: &Pty) {
    assert!(!contains(&pty.raw(), "\x1b]52;"), "no typed character is a command:\n{}", pty.screen());
}

#[test]
fn a_path_that_cannot_be_written_keeps_its_field_and_typing_goes_there() {
    let folder = folder();
    let database = set_up(&folder);
    let (mut pty, secret) = revealing(&database);
    pty.send("\x15/no-such-directory/cuv.key\r");
    pty.wait_for("! ");
    assert!(pty.screen().contains("File              /no-such-directory/cuv.key"), "{}", pty.screen());
    let path = folder.path().join("cu v.key");
    pty.send("\x15");
    for c in path.display().to_string().chars() {
        pty.send(&c.to_string());
    }
    pty.send(ENTER);
    pty.wait_for("Written to");
    assert_eq!(std::fs::read_to_string(&path).unwrap().trim_end(), secret);
    assert_not_copied(&pty);
    pty.send(ENTER);
    pty.wait_for("created. It expires on");
}

#[test]
fn a_pasted_path_is_text_whatever_it_contains() {
    let folder = folder();
    let database = set_up(&folder);
    for (begin, end) in [("", ""), ("\x1b[200~", "\x1b[201~")] {
        let (mut pty, secret) = revealing(&database);
        pty.send(&format!("\x15{begin}/no-such-directory/cccuvCW.key{end}\r"));
        pty.wait_for("! ");
        let path = folder.path().join(format!("c c{}.key", begin.len()));
        pty.send(&format!("\x15{begin}{}{end}\r", path.display()));
        pty.wait_for("Written to");
        assert_eq!(std::fs::read_to_string(&path).unwrap().trim_end(), secret);
        assert_not_copied(&pty);
        pty.signal(Signal::SIGTERM);
    }
}
