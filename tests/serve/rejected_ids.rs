//! What is cached for the IDs of rejected texts is valid only as long as nothing changes.

use keydesk::desk;
use keydesk::domain::key::{KeyId, KeyType};
use keydesk::domain::token::{self, Prefix};
use keydesk::store::keys;
use keydesk::{Reason, Verifier};

use crate::support::endpoint::Endpoint;
use crate::support::{Seeded, TestDesk};
use crate::{delete, key};

fn verifier(desk: &TestDesk) -> Verifier {
    Verifier::open(desk.path()).unwrap().without_recording()
}

/// Why a text is rejected, twice: the second time from the cache. None where it is accepted.
fn reason(verifier: &Verifier, text: &str) -> Option<Reason> {
    let [first, second] = [(); 2].map(|()| match verifier.verify(text, None).unwrap() {
        keydesk::Decision::Accepted(_) => None,
        keydesk::Decision::Refused(refusal) => Some((refusal.reason, refusal.key)),
    });
    assert_eq!(first, second);
    first.map(|(reason, _)| reason)
}

/// A text with this ID and another secret.
fn other_text(id: KeyId) -> String {
    let secret = token::draw_secret(&Prefix::default(), KeyType::Production, id, &mut Seeded(99));
    secret.unwrap().expose().to_owned()
}

#[test]
fn a_key_is_accepted_as_soon_as_it_exists_though_its_id_was_unknown() {
    // The same random bits in both databases: the first key is the same.
    let (created, secret) = key(&mut TestDesk::of_today(), "Elsewhere");
    let mut desk = TestDesk::of_today();
    let verifier = verifier(&desk);
    assert_eq!(reason(&verifier, &secret), Some(Reason::Unknown));
    let (here, _) = key(&mut desk, "Here");
    assert_eq!(here.key.id, created.key.id);
    assert_eq!(reason(&verifier, &secret), None);
    assert_eq!(reason(&verifier, &other_text(here.key.id)), Some(Reason::Unknown));
    assert_eq!(reason(&verifier, &secret), None);
    delete(&mut desk, &here);
    assert_eq!(reason(&verifier, &secret), Some(Reason::Deleted));
    assert_eq!(reason(&verifier, &other_text(here.key.id)), Some(Reason::Unknown));
}

#[test]
fn other_texts_with_the_id_of_a_key_change_nothing_for_its_own_text() {
    let mut desk = TestDesk::of_today();
    let (unused, secret) = key(&mut desk, "Unused");
    let (deleted, deleted_secret) = key(&mut desk, "Deleted");
    let new = desk.new_key("Canary", 90);
    let canary = desk::create_canary_key(&mut desk.session(), &new).unwrap();
    delete(&mut desk, &deleted);
    let verifier = verifier(&desk);
    for id in [unused.key.id, deleted.key.id, canary.key.id] {
        assert_eq!(reason(&verifier, &other_text(id)), Some(Reason::Unknown));
    }
    assert_eq!(reason(&verifier, &secret), None);
    assert_eq!(reason(&verifier, &deleted_secret), Some(Reason::Deleted));
    assert_eq!(reason(&verifier, canary.secret.expose()), Some(Reason::Canary));
    // Disabled, it is known by its own text only.
    let stored = desk.store.read(|r| keys::get(r, unused.key.id)).unwrap().unwrap();
    let picked = [desk::Picked { id: stored.id, version: stored.version }];
    desk::set_access(&mut desk.session(), &picked, desk::KeyAccess::Disabled).unwrap();
    assert_eq!(reason(&verifier, &secret), Some(Reason::Disabled));
    assert_eq!(reason(&verifier, &other_text(unused.key.id)), Some(Reason::Unknown));
}

#[test]
fn a_flood_of_unknown_texts_takes_a_bounded_amount_of_memory_and_leaves_keys_accepted() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "In use");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let mut client = endpoint.connect();
    let mut entropy = Seeded(5);
    let mut flood = |count: usize| {
        for turn in 0..count {
            let id = token::draw_id(&mut entropy).unwrap();
            let text = token::draw_secret(&Prefix::default(), KeyType::Production, id, &mut entropy).unwrap();
            let (text, wanted) = if turn % 100 == 0 { (secret.as_str(), 204) } else { (text.expose(), 401) };
            assert_eq!(client.get("/auth", &[("X-API-Key", text)]).status, wanted);
        }
    };
    // More than are cached.
    flood(20_000);
    let before = endpoint.resident();
    flood(40_000);
    let grown = endpoint.resident().saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} bytes more after 40,000 other unknown texts");
}
