//! Keys, users and secrets for the tests of the store.

use keydesk::Verifier;
use keydesk::desk::{self, CreatedKey, Picked};
use keydesk::domain::application::ApplicationId;
use keydesk::domain::key::{Key, NewKey};
use keydesk::domain::platform::Catalog;
use keydesk::domain::text::Name;
use keydesk::domain::user::{Email, User};
use keydesk::store::keys::{self, KeyQuery};
use keydesk::store::users;

use crate::support::{Engine, TestDesk, noon};

pub fn application(desk: &TestDesk) -> ApplicationId {
    desk.application()
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

/// A generic key of Storefront that expires in this number of days.
pub fn wanted(desk: &TestDesk, key: &str, days: i64) -> NewKey {
    desk.new_key(key, days)
}

pub fn create(desk: &mut TestDesk, key: &str) -> CreatedKey {
    let new = wanted(desk, key, 90);
    desk.create(&new)
}

/// A canary key that was used from 10.0.0.9.
pub fn used_canary(desk: &mut TestDesk) -> Key {
    let new = wanted(desk, "CI canary", 90);
    let CreatedKey { key, secret } = desk::create_canary_key(&mut desk.session(), &new).unwrap();
    let verifier = Verifier::with_clock(desk.address(), noon).unwrap();
    verifier.verify_from(secret.expose(), None, "10.0.0.9".parse().ok()).unwrap();
    drop(verifier);
    desk.store.read(|r| keys::get(r, key.id)).unwrap().unwrap()
}

pub fn picked(key: &Key) -> [Picked; 1] {
    [Picked { id: key.id, version: key.version }]
}

/// All keys of a list, in its order.
pub fn listed(desk: &TestDesk, query: &KeyQuery) -> Vec<Key> {
    let mut found = Vec::new();
    let catalog = Catalog::built_in().unwrap();
    desk.store
        .read(|r| {
            keys::each(r, query, &catalog, usize::MAX, |key| {
                found.push(key);
                Ok(())
            })
        })
        .unwrap();
    found
}

/// Another user, signed in by their own login.
pub fn colleague(desk: &mut TestDesk, login: &str, uid: u32) -> User {
    let email = email(&format!("{login}@example.com"));
    desk::add_user(&mut desk.session(), &email, Some(login), Some(uid)).unwrap()
}

pub fn user(desk: &TestDesk, login: &str) -> User {
    desk.store.read(|r| users::by_email(r, &email(&format!("{login}@example.com")))).unwrap().unwrap()
}

/// Parts of statements that add many keys.
pub mod many {
    use super::Engine;

    /// A key ID with this number.
    pub fn id(engine: Engine, number: &str) -> String {
        engine.pick(format!("printf('%010d', {number})"), format!("lpad(({number})::text, 10, '0')"))
    }

    pub fn hash(engine: Engine) -> &'static str {
        engine.pick("zeroblob(32)", "decode(repeat('00', 32), 'hex')")
    }
}
