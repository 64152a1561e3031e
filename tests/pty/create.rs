//! The wizard and the dialog of the secret at a real terminal, where a paste may arrive as typed characters.

use nix::sys::signal::Signal;

use crate::support::contains;
use crate::support::pty::Pty;
use crate::{ENTER, ESC, GONE, folder, reveal, set_up};

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

#[test]
fn canceling_the_first_start_says_so_on_the_terminal() {
    let folder = folder();
    let mut pty = Pty::keydesk(&folder.path().join("keydesk.db"), &[], &[]);
    pty.wait_for("Esc quit");
    pty.send(ESC);
    assert_eq!(pty.wait_for_end(GONE), 0);
    assert!(pty.is_restored(), "{}", pty.screen());
    pty.wait_for("keydesk: setup canceled, the database is still empty");
}

#[test]
fn the_date_field_takes_what_is_typed_or_pasted() {
    let folder = folder();
    let database = set_up(&folder);
    let mut pty = Pty::keydesk(&database, &[], &[("LC_ALL", "en_US.UTF-8")]);
    pty.wait_for("ana@example.com");
    // Left from 90 days: 30, 7, and round to the custom date.
    pty.send("n\r\t\t");
    for _ in 0..3 {
        pty.send("\x1b[D");
    }
    pty.send(ENTER);
    pty.wait_for("Su Mo Tu We Th Fr Sa");
    pty.send("24.12.2099");
    pty.wait_for("Expires           2099-12-24 23:59:59 UTC");
    pty.send("\x15\x1b[200~24/13/2099\x1b[201~");
    pty.wait_for("Type 90d");
    pty.send(ENTER);
    pty.wait_for("is not a date: write 90d");
    pty.send("\x1526/12/2099\r");
    pty.wait_for("[>Create API Key<]");
    assert!(pty.screen().contains("Expires       2099-12-26 23:59:59 UTC"), "{}", pty.screen());
    assert!(pty.screen().contains("! Expires on a Saturday."), "{}", pty.screen());
}

#[test]
fn typing_replaces_the_suggested_name_and_suggestions_do_not_repeat() {
    let folder = folder();
    let database = set_up(&folder);
    let mut pty = Pty::keydesk(&database, &[], &[("SSH_TTY", "/dev/pts/9")]);
    pty.wait_for("ana@example.com");
    let month = keydesk::host::clock::now().format("%B %Y");
    for name in [format!("Generic {month} "), format!("Generic {month} 2 ")] {
        pty.send("n\r");
        pty.wait_for(&format!("Name              {name}"));
        for (keys, text) in
            [("\r", "[>Create API Key<]"), ("\r", "API key created"), ("c", "Sent to"), ("\r", "created. It")]
        {
            pty.send(keys);
            pty.wait_for(text);
        }
    }
    // Typed ahead of the answer about the name.
    pty.send("n\r\r\r");
    pty.wait_for("API key created");
    assert!(pty.screen().contains(&format!("Generic {month} 3")), "{}", pty.screen());
    pty.send("c");
    pty.wait_for("Sent to");
    pty.send(ENTER);
    pty.wait_for("created. It");
    pty.send("n\r");
    pty.wait_for("Name              Generic");
    pty.send("Zed");
    pty.wait_for("Name              Zed ");
}
