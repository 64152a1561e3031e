//! The forward-auth endpoint: the real program over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod abuse;
mod contract;
mod faults;
mod lifecycle;
mod races;
mod timing;
mod usage_recording;

use chrono::TimeDelta;
use keydesk::desk::{self, CreatedKey};
use keydesk::domain::key::{KeyKind, KeyType, NewKey};
use keydesk::domain::text::Name;
use keydesk::host::clock;
use keydesk::store::applications;

use support::Desk;

/// A database of today.
fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.now = clock::now();
    desk
}

fn new_key(desk: &Desk, name: &str) -> NewKey {
    NewKey {
        application: desk.store.read(applications::first).unwrap().unwrap().id,
        name: Name::parse(name).unwrap(),
        kind: KeyKind::Generic,
        key_type: KeyType::Production,
        expires: desk.now + TimeDelta::days(90),
    }
}

fn create(desk: &mut Desk, new: &NewKey) -> CreatedKey {
    desk::create_key(&mut desk.session(), new).unwrap()
}

/// A key for any purpose, and its secret.
fn key(desk: &mut Desk, name: &str) -> (CreatedKey, String) {
    let new = new_key(desk, name);
    let created = create(desk, &new);
    let secret = created.secret.expose().to_owned();
    (created, secret)
}

fn delete(desk: &mut Desk, created: &CreatedKey) {
    let picked = [desk::Picked { id: created.key.id, version: created.key.version }];
    desk::delete_keys(&mut desk.session(), &picked).unwrap();
}
