//! Faults from outside: programs that are killed, writes that fail, and where a secret may not be found afterwards.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test says why it fails or is skipped")]

#[path = "../cli_support/mod.rs"]
mod cli_support;
#[path = "../support/endpoint.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::panic,
    clippy::expect_used,
    clippy::format_push_string,
    reason = "shared"
)]
mod endpoint;
#[path = "../support/mod.rs"]
mod support;

mod canary;
mod kills;
mod writes;

use cli_support::Home;

/// The file is sound, the log is whole and tells exactly what there is: each operation with its entry, or neither.
fn is_sound(home: &Home, when: &str) {
    let raw = rusqlite::Connection::open(home.database()).unwrap();
    let check: String = raw.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok", "{when}");
    drop(raw);
    let said = home.run(&["audit", "verify"]);
    assert_eq!(said.code, 0, "{when}: {said:?}");
}

/// Whether a secret is let in; else the reason.
fn verdict(home: &Home, secret: &str) -> Result<(), String> {
    let document = home.run_with(secret, &["verify", "--json"]).json();
    if document["valid"] == true { Ok(()) } else { Err(document["reason"].as_str().unwrap().to_owned()) }
}
