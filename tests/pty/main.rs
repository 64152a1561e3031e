//! The real program in a real pseudo-terminal: first start, create, copy, quit; the terminal given back whatever
//! happens; two sessions that see each other.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]
#![expect(clippy::panic, reason = "it says more than an assertion")]

#[path = "../support/mod.rs"]
mod support;

mod bulk;
#[cfg(target_os = "linux")]
mod clipboard_display;
#[cfg(target_os = "linux")]
mod clipboard_terminal;
mod create;
mod known_head;
mod lifecycle;
mod rotate;
mod sessions;

use std::time::Duration;

use support::pty::Pty;

const ENTER: &str = "\r";
const ESC: &str = "\x1b";

/// Within this time a program is gone after its terminal is (the design allows one second where it is not there).
const GONE: Duration = Duration::from_secs(3);

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A database that is set up, made by the program itself.
fn set_up(folder: &tempfile::TempDir) -> std::path::PathBuf {
    let database = folder.path().join("keydesk.db");
    let mut pty = Pty::keydesk(&database, &[], &[]);
    first_start(&mut pty);
    pty.send("q");
    assert_eq!(pty.wait_for_end(GONE), 0);
    database
}

fn first_start(pty: &mut Pty) {
    pty.wait_for("Welcome to keydesk");
    pty.send("\x15");
    pty.send("ana@example.com\r");
    pty.send("Storefront\r");
    pty.wait_for("Storefront has no API keys yet");
}

fn started(database: &std::path::Path) -> Pty {
    let pty = Pty::keydesk(database, &[], &[]);
    pty.wait_for("Developer settings");
    pty
}

/// Creates a generic key up to where its secret is shown in full; the secret.
fn reveal(pty: &mut Pty) -> String {
    // Before the session has been read there is no Application to create a key in.
    pty.wait_for("ana@example.com");
    pty.send("n");
    pty.wait_for("step 1 of 3");
    pty.send("n");
    pty.wait_for("step 2 of 3");
    pty.send(ENTER);
    pty.wait_for("[>Create API Key<]");
    pty.send(ENTER);
    pty.wait_for("You cannot display the API key");
    pty.send("v");
    pty.wait("whole secret", |pty| secret_on(&pty.screen()).is_some());
    secret_on(&pty.screen()).unwrap()
}

fn secret_on(screen: &str) -> Option<String> {
    let is_secret = |line: &&str| keydesk::domain::token::parse(line).is_ok();
    screen.lines().map(str::trim_end).find(is_secret).map(str::to_owned)
}

/// Deletes the selected key, which has the suggested name, and waits until that is reported.
fn delete(pty: &mut Pty) {
    pty.send("d");
    pty.wait_for("To confirm, type");
    let month = keydesk::host::clock::now().format("%B %Y");
    pty.send(&format!("Generic {month}"));
    pty.wait_for("Press Enter to delete");
    pty.send(ENTER);
    pty.wait_for("Requests that use it are now");
}
