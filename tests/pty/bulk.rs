//! Actions on a selection, and where the selection is afterwards, in the real program.

use std::path::Path;
use std::process::Command;

use crate::support::{KEYDESK, pty::Pty};
use crate::{ENTER, ESC, folder, set_up};

fn run(database: &Path, arguments: &[&str]) -> String {
    let home = database.parent().unwrap();
    let output = Command::new(KEYDESK)
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("KEYDESK_DB", database)
        .env("TZ", "UTC")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Storefront with these keys, over SSH, so that a copy goes to the terminal.
fn with_keys(folder: &tempfile::TempDir, names: &[&str]) -> (std::path::PathBuf, Pty) {
    let database = set_up(folder);
    for name in names {
        run(&database, &["keys", "create", name]);
    }
    let pty = Pty::keydesk(&database, &[], &[("SSH_TTY", "/dev/pts/9")]);
    pty.wait_for(names[0]);
    (database, pty)
}

#[test]
fn a_selection_with_a_key_that_was_rotated_already_is_rotated_without_it() {
    let folder = folder();
    let (database, mut pty) = with_keys(&folder, &["Alpha", "Beta", "Gamma"]);
    run(&database, &["keys", "rotate", "Beta"]);
    pty.wait_for("4 keys");
    pty.send("a");
    pty.wait_for("4 selected");
    pty.send("r");
    pty.wait_for("1 already rotated: Beta");
    pty.send("p");
    pty.wait_for("In 24 hours");
    // Alpha is rotated by another session before the last Enter.
    run(&database, &["keys", "rotate", "Alpha"]);
    pty.send(ENTER);
    pty.wait_for("(1 of 2)");
    pty.wait_for("1 key skipped: another session was faster");
    pty.send("c");
    pty.wait_for("clipboard (OSC 52)");
    pty.send(ESC);
    pty.wait_for("(2 of 2)");
    pty.send("c");
    pty.wait_for("clipboard (OSC 52)");
    pty.send(ESC);
    pty.wait_for("7 keys");
}

#[test]
fn after_a_leaked_rotation_the_next_action_is_about_the_successor() {
    let folder = folder();
    let (database, mut pty) = with_keys(&folder, &["Alpha"]);
    pty.send("r");
    pty.wait_for("l rotates as leaked at once");
    pty.send("l");
    pty.wait_for("API key created");
    pty.send("c");
    pty.wait_for("clipboard (OSC 52)");
    pty.send(ENTER);
    pty.wait_for("Replaced");
    let list = run(&database, &["keys", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let successor = list.as_array().unwrap().iter().find(|key| !key["replaces"].is_null()).unwrap();
    let id = successor["id"].as_str().unwrap();
    pty.send("d");
    pty.wait_for(&format!("type {} (the end of the key ID)", &id[6..]));
    pty.send(&id[6..]);
    pty.wait_for("Press Enter to delete");
    pty.send(ENTER);
    pty.wait_for("Requests that use it are now");
}

#[test]
fn a_new_key_that_the_filter_hides_is_shown_with_one_key_press() {
    let folder = folder();
    let (_, mut pty) = with_keys(&folder, &["Alpha", "Beta"]);
    pty.send("/alpha\r");
    pty.wait("filtered list", |pty| !pty.screen().contains("Beta"));
    pty.send("n");
    pty.wait_for("step 1 of 3");
    pty.send(ENTER);
    pty.wait_for("step 2 of 3");
    pty.send(ENTER);
    pty.wait_for("[>Create API Key<]");
    pty.send(ENTER);
    pty.wait_for("You cannot display the API key");
    pty.send("c");
    pty.wait_for("clipboard (OSC 52)");
    pty.send(ENTER);
    pty.wait_for("Press Esc to clear the filter");
    pty.send(ESC);
    pty.wait_for("Generic ");
    pty.wait_for("Beta");
}
