//! The forward-auth endpoint: the real program over real sockets.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod abuse;
mod allowed_sources;
mod canaries;
mod check_config;
mod contract;
mod envoy;
mod faults;
mod lifecycle;
mod openapi;
mod outages;
mod races;
mod recording_book;
mod rejected_ids;
mod threads;
mod timing;
mod until_unused;
mod usage_at_speed;
mod usage_recording;

use keydesk::desk::{self, CreatedKey};

use support::TestDesk;

/// A key for any purpose, and its secret.
fn key(desk: &mut TestDesk, name: &str) -> (CreatedKey, String) {
    let new = desk.new_key(name, 90);
    let created = desk.create(&new);
    let secret = created.secret.expose().to_owned();
    (created, secret)
}

fn delete(desk: &mut TestDesk, created: &CreatedKey) {
    let picked = [desk::Picked { id: created.key.id, version: created.key.version }];
    desk::delete_keys(&mut desk.session(), &picked).unwrap();
}
