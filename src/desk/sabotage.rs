//! Triggers of the connection itself, which no schema shows, drop or undo each change: nothing that did not happen is
//! reported as done.

use chrono::TimeDelta;
use tempfile::TempDir;

use super::*;
use crate::domain::application::ApplicationId;
use crate::domain::key::{KeyKind, KeyType, NewKey};
use crate::domain::source::AllowedSources;
use crate::domain::text::Name;
use crate::domain::token::EntropyError;
use crate::domain::user::{Email, UserId};
use crate::store::StoreError;

struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(5).wrapping_add(1);
            *byte = self.0;
        }
        Ok(())
    }
}

struct Place {
    _folder: TempDir,
    store: Store,
    entropy: Counting,
    caller: Caller,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut entropy = Counting(1);
        let store = Store::open(folder.path().join("keydesk.db"), &mut entropy).unwrap();
        let caller = Caller { uid: 1000, login: "ana".into() };
        let mut place = Self { _folder: folder, store, entropy, caller };
        let (email, name) = (Email::parse("ana@example.com").unwrap(), Name::parse("Storefront").unwrap());
        set_up(&mut place.session(), &email, &name, None).unwrap();
        place
    }

    fn session(&mut self) -> Session<'_> {
        let now = Instant::from_timestamp(1_795_424_400, 0).unwrap();
        Session {
            store: &mut self.store,
            caller: &self.caller,
            now,
            entropy: &mut self.entropy,
            max_lifetime: None,
        }
    }

    fn create(&mut self) -> Result<CreatedKey, DeskError> {
        let mut session = self.session();
        let new = NewKey {
            application: ApplicationId(1),
            name: Name::parse("Checkout").unwrap(),
            kind: KeyKind::Generic,
            key_type: KeyType::Production,
            expires: session.now + TimeDelta::days(90),
            owner: None,
            note: None,
            allowed_sources: AllowedSources::default(),
        };
        create_key(&mut session, &new)
    }

    fn entries(&self) -> u64 {
        self.store.read(crate::store::audit::head).unwrap().0
    }
}

type Operation = fn(&mut Place, Picked) -> Result<(), DeskError>;

fn delete(place: &mut Place, picked: Picked) -> Result<(), DeskError> {
    delete_keys(&mut place.session(), &[picked]).map(drop)
}

fn disable(place: &mut Place, picked: Picked) -> Result<(), DeskError> {
    set_access(&mut place.session(), &[picked], KeyAccess::Disabled).map(drop)
}

fn deliver(place: &mut Place, picked: Picked) -> Result<(), DeskError> {
    mark_delivered(&mut place.session(), picked.id)
}

fn rotate(place: &mut Place, picked: Picked) -> Result<(), DeskError> {
    rotate_keys(&mut place.session(), &[picked], Ending::AtOnce).map(drop)
}

fn create(place: &mut Place, _: Picked) -> Result<(), DeskError> {
    place.create().map(drop)
}

fn create_an_application(place: &mut Place, _: Picked) -> Result<(), DeskError> {
    create_application(&mut place.session(), &Name::parse("Billing").unwrap()).map(drop)
}

fn rename(place: &mut Place, _: Picked) -> Result<(), DeskError> {
    rename_application(&mut place.session(), ApplicationId(1), 1, &Name::parse("Shop").unwrap()).map(drop)
}

fn delete_an_application(place: &mut Place, _: Picked) -> Result<(), DeskError> {
    delete_application(&mut place.session(), ApplicationId(1), 1, 1).map(drop)
}

fn add_a_user(place: &mut Place, _: Picked) -> Result<(), DeskError> {
    add_user(&mut place.session(), &Email::parse("eve@example.com").unwrap(), None, None).map(drop)
}

fn disable_a_user(place: &mut Place, _: Picked) -> Result<(), DeskError> {
    disable_user(&mut place.session(), UserId(2), 1, &|_| true).map(drop)
}

fn delete_a_user(place: &mut Place, _: Picked) -> Result<(), DeskError> {
    delete_user(&mut place.session(), UserId(2), 1, &|_| true).map(drop)
}

#[test]
fn what_the_database_did_not_do_is_an_error() {
    const IGNORE: &str = "SELECT raise(IGNORE)";
    let back =
        "UPDATE keys SET disabled = NULL, is_disabled = 0, replaced_by = NULL WHERE key_id = NEW.key_id";
    let cases: &[(&str, &str, Operation)] = &[
        ("BEFORE DELETE ON keys", IGNORE, delete),
        ("AFTER INSERT ON tombstones", "UPDATE tombstones SET deleted = 5", delete),
        ("BEFORE UPDATE ON keys", IGNORE, disable),
        ("AFTER UPDATE ON keys", back, disable),
        ("AFTER INSERT ON audit", "UPDATE keys SET disabled = NULL, is_disabled = 0", disable),
        ("BEFORE UPDATE ON keys", IGNORE, deliver),
        ("AFTER UPDATE ON keys", "UPDATE keys SET delivered = 5 WHERE key_id = NEW.key_id", deliver),
        ("BEFORE UPDATE ON keys", IGNORE, rotate),
        ("AFTER UPDATE ON keys", back, rotate),
        ("BEFORE INSERT ON keys", IGNORE, create),
        ("AFTER INSERT ON keys", "UPDATE keys SET hash = zeroblob(32)", create),
        ("BEFORE INSERT ON applications", IGNORE, create_an_application),
        ("BEFORE UPDATE ON applications", IGNORE, rename),
        ("AFTER UPDATE OF name ON applications", "UPDATE applications SET name = 'Other'", rename),
        ("BEFORE DELETE ON applications", IGNORE, delete_an_application),
        ("BEFORE DELETE ON keys", IGNORE, delete_an_application),
        ("BEFORE INSERT ON users", IGNORE, add_a_user),
        ("AFTER INSERT ON users", "UPDATE users SET login = 'mallory' WHERE id = NEW.id", add_a_user),
        ("BEFORE UPDATE ON users", IGNORE, disable_a_user),
        (
            "AFTER UPDATE OF status ON users",
            "UPDATE users SET status = 'active' WHERE id = 2",
            disable_a_user,
        ),
        ("BEFORE UPDATE ON users", IGNORE, delete_a_user),
        ("BEFORE INSERT ON audit", IGNORE, disable),
    ];
    for (when, what, operation) in cases {
        let mut place = Place::new();
        let key = place.create().unwrap().key;
        add_user(&mut place.session(), &Email::parse("ben@example.com").unwrap(), Some("ben"), None).unwrap();
        let entries = place.entries();
        let (table, event) = (when.rsplit(' ').next().unwrap(), when.rsplit_once(' ').unwrap().0);
        place.store.sabotage(&format!("CREATE TEMP TRIGGER evil {event} main.{table} BEGIN {what}; END"));
        let result = operation(&mut place, Picked { id: key.id, version: key.version });
        assert!(
            matches!(result, Err(DeskError::Store(StoreError::NotMade { .. }))),
            "{when}: {what}: {result:?}"
        );
        assert_eq!(place.entries(), entries, "{when}: an entry was written");
        assert_eq!(place.store.read(|r| keys::get(r, key.id)).unwrap().as_ref(), Some(&key), "{when}");
        place.store.sabotage("DROP TRIGGER temp.evil");
        operation(&mut place, Picked { id: key.id, version: key.version }).unwrap();
    }
}
