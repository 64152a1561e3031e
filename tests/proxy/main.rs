//! The path of a request: a client, a real proxy with the configuration of `assets/`, the endpoint, and an API behind them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod concurrent_changes;
mod connections;
mod doctor;
mod readme;
mod request_path;
mod systemd;
mod tunnels;

use std::sync::Arc;

use keydesk::config::settings::Settings;
use keydesk::desk::{CreatedKey, Picked};
use keydesk::host::clock;
use keydesk::store::Store;
use keydesk::tui::app::msg::{Operation, Outcome};
use keydesk::tui::effects::Effects as Screen;

use support::{Seeded, TestDesk, ana};

fn key(desk: &mut TestDesk, name: &str) -> CreatedKey {
    let new = desk.new_key(name, 90);
    desk.create(&new)
}

/// What carries out the screen's operations, on a connection of its own.
fn screen(desk: &TestDesk, seed: u64) -> Screen {
    let mut entropy = Seeded(seed);
    let store = Store::open_existing(desk.path(), &mut entropy).unwrap();
    let settings = Settings::parse(std::path::Path::new("config.toml"), "").unwrap();
    let desk = keydesk::desk::Desk::new(store, ana(), None, Box::new(entropy));
    Screen::new(desk, Arc::new(settings))
}

/// Deletes as the delete dialog does.
fn delete(screen: &mut Screen, created: &CreatedKey) {
    let picked = Picked { id: created.key.id, version: created.key.version };
    let done = screen.operate(Operation::DeleteKeys(vec![picked]), clock::now()).unwrap();
    assert!(matches!(done, Outcome::Deleted(batch) if batch.done.len() == 1));
}
