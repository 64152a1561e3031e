//! The nine rules that hold everywhere (product page).

use chrono::TimeDelta;
use keydesk::desk::{self, DeskError, Who};
use keydesk::domain::Instant;
use keydesk::domain::user::{Caller, User, UserStatus};
use keydesk::store::{StoreError, audit, keys};
use keydesk::{Decision, Reason, Verifier};

use crate::clock::{self, clock};
use crate::engines::on_both_engines;
use crate::fixtures::{colleague, create, email, name, picked, user, wanted};
use crate::support::{self, Engine, TestDesk};

on_both_engines!(
    rule_1_a_key_is_accepted_for_its_own_application_only,
    rule_3_a_disabled_creators_key_works_and_shows_the_email,
    rule_4_a_deleted_creators_key_works_and_the_email_is_removed,
    rule_5_a_deleted_key_stays_deleted_and_leaves_a_tombstone,
    rule_6_deleting_an_application_deletes_its_keys,
    rule_7_a_failed_change_is_rolled_back_with_its_entry,
    rule_9_read_only_users_change_nothing,
    of_two_concurrent_admins_one_succeeds_and_the_other_is_told,
    an_undelivered_key_is_marked_as_such,
    rule_8_every_rejection_has_a_reason_for_the_admin,
    a_clock_set_back_does_not_revive_an_expired_key,
    a_successor_being_delivered_elsewhere_is_not_withdrawn,
    with_an_implausible_clock_the_library_opens_and_changes_nothing,
);

fn verifier(desk: &TestDesk) -> Verifier {
    Verifier::with_clock(desk.address(), support::noon).unwrap()
}

fn reason(decision: &Decision) -> Option<Reason> {
    match decision {
        Decision::Accepted(_) => None,
        Decision::Refused(refusal) => Some(refusal.reason),
    }
}

fn verified(desk: &TestDesk, secret: &str, application: Option<&str>) -> Option<Reason> {
    reason(&verifier(desk).verify(secret, application).unwrap())
}

fn rule_1_a_key_is_accepted_for_its_own_application_only(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    desk::create_application(&mut desk.session(), &name("Billing")).unwrap();
    let secret = created.secret.expose();
    assert_eq!(verified(&desk, secret, Some("storefront")), None, "without regard to case");
    assert_eq!(verified(&desk, secret, Some("Billing")), Some(Reason::WrongApplication));
    assert_eq!(verified(&desk, secret, Some("Nowhere")), Some(Reason::WrongApplication));
    assert_eq!(verified(&desk, secret, None), None);
}

#[test]
fn rule_2_only_the_hash_is_stored() {
    let mut desk = TestDesk::new();
    let created = create(&mut desk, "Checkout");
    let bytes = support::all_bytes(&desk.path());
    let random_part = &created.secret.expose()["ik_live_0123456789_".len()..];
    assert!(!support::contains(&bytes, random_part) && !support::contains(&bytes, &random_part[..16]));
    let hash = created.secret.hash();
    assert!(bytes.windows(32).any(|window| window == hash.as_bytes()), "the hash is");
}

fn rule_3_a_disabled_creators_key_works_and_shows_the_email(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    colleague(&mut desk, "ben", 1001);
    desk.caller = Caller { uid: 1001, login: "ben".into() };
    let created = create(&mut desk, "Checkout");
    desk.caller = support::ana();
    let ben = user(&desk, "ben");
    desk::disable_user(&mut desk.session(), ben.id, ben.version, &|_| true).unwrap();
    assert_eq!(verified(&desk, created.secret.expose(), None), None);
    let key = desk.store.read(|r| keys::get(r, created.key.id)).unwrap().unwrap();
    assert_eq!(key.creator.email.unwrap().as_str(), "ben@example.com");
    assert_eq!(key.creator.status, UserStatus::Disabled);
}

fn rule_4_a_deleted_creators_key_works_and_the_email_is_removed(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    colleague(&mut desk, "benedikta", 1001);
    desk.caller = Caller { uid: 1001, login: "benedikta".into() };
    let created = create(&mut desk, "Checkout");
    desk.caller = support::ana();
    let user = user(&desk, "benedikta");
    desk::delete_user(&mut desk.session(), user.id, user.version, &|_| true).unwrap();
    assert!(desk.store.scrub().unwrap(), "nobody else reads");
    assert_eq!(verified(&desk, created.secret.expose(), None), None, "until it expires");
    let key = desk.store.read(|r| keys::get(r, created.key.id)).unwrap().unwrap();
    assert_eq!((key.creator.email, key.creator.id), (None, user.id), "the number remains");
    if !engine.is_sqlite() {
        return;
    }
    let bytes = support::all_bytes(&desk.path());
    assert!(!support::contains(&bytes, "benedikta"), "neither email nor login, in database or log");
    // The last thing that could still have it: a file that is not folded back yet.
    drop(desk.store);
    assert!(!support::contains(&support::all_bytes(&desk.folder.path().join("keydesk.db")), "benedikta"));
}

fn rule_5_a_deleted_key_stays_deleted_and_leaves_a_tombstone(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    let verifier = verifier(&desk);
    assert!(verifier.verify(created.secret.expose(), None).unwrap().is_accepted());
    let receipts = desk::delete_keys(&mut desk.session(), &picked(&created.key)).unwrap();
    let decision = verifier.verify(created.secret.expose(), None).unwrap();
    assert_eq!(reason(&decision), Some(Reason::Deleted), "the very next verification, by any connection");
    assert!(matches!(decision, Decision::Refused(refusal) if refusal.key == Some(created.key.id)));
    let tombstone = desk.store.read(|r| keys::tombstone(r, created.key.id)).unwrap().unwrap();
    assert_eq!(tombstone, receipts[0]);
    assert_eq!(
        (tombstone.name.as_str(), tombstone.deleted, tombstone.deleted_by.0),
        ("Checkout", desk.now, 1)
    );
    let again = desk::delete_keys(&mut desk.session(), &picked(&created.key));
    assert!(matches!(again, Err(DeskError::Deleted { .. })), "the other is told what happened");
    // Not even by hand: the database holds the rule.
    assert!(desk.try_sql("DELETE FROM tombstones").is_err());
    let back = desk.try_sql(
        "INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, created, \
         expires) SELECT key_id, hash, application_id, name, name, name, prefix, type, platform, 1, 1, 2 FROM tombstones",
    );
    assert!(back.unwrap_err().contains("does not come back"));
}

fn rule_6_deleting_an_application_deletes_its_keys(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let other = desk::create_application(&mut desk.session(), &name("Billing")).unwrap();
    let mut new = wanted(&desk, "Invoices", 30);
    new.application = other.id;
    let created = desk::create_key(&mut desk.session(), &new).unwrap();
    let wrong = desk::delete_application(&mut desk.session(), other.id, other.version, 0);
    assert!(matches!(wrong, Err(DeskError::Changed { .. })), "confirmed with another number of keys");
    assert_eq!(verified(&desk, created.secret.expose(), None), None);
    let gone = desk::delete_application(&mut desk.session(), other.id, other.version, 1).unwrap();
    assert_eq!(gone, 1);
    assert_eq!(verified(&desk, created.secret.expose(), None), Some(Reason::Deleted));
}

fn rule_7_a_failed_change_is_rolled_back_with_its_entry(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    let before = desk.store.read(audit::head).unwrap();
    let both = [picked(&created.key)[0], desk::Picked { id: "0000000000".parse().unwrap(), version: 1 }];
    assert!(matches!(desk::delete_keys(&mut desk.session(), &both), Err(DeskError::NotFound { .. })));
    assert_eq!(verified(&desk, created.secret.expose(), None), None, "all or none");
    assert_eq!(desk.store.read(audit::head).unwrap(), before);
    desk::delete_keys(&mut desk.session(), &picked(&created.key)).unwrap();
    assert_eq!(desk.store.read(audit::head).unwrap().0, before.0 + 1);
}

fn rule_8_every_rejection_has_a_reason_for_the_admin(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    let secret = created.secret.expose().to_owned();
    let mut mistyped = secret.clone();
    mistyped.replace_range(30..31, if &secret[30..31] == "a" { "b" } else { "a" });
    assert_eq!(verified(&desk, &mistyped, None), Some(Reason::Malformed));
    assert_eq!(verified(&desk, "", None), Some(Reason::Malformed));
    let mut foreign = TestDesk::on(engine);
    foreign.entropy.0 = 4_711;
    let stranger = create(&mut foreign, "Checkout");
    assert_eq!(verified(&desk, stranger.secret.expose(), None), Some(Reason::Unknown));
    desk::set_access(&mut desk.session(), &picked(&created.key), desk::KeyAccess::Disabled).unwrap();
    assert_eq!(verified(&desk, &secret, None), Some(Reason::Disabled));
    clock::set(support::noon() + TimeDelta::days(90));
    let later = Verifier::with_clock(desk.address(), clock).unwrap().without_recording();
    assert_eq!(reason(&later.verify(&secret, None).unwrap()), Some(Reason::Expired), "from the very second");
}

fn rule_9_read_only_users_change_nothing(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    let ana = user(&desk, "ana");
    for result in [
        desk::disable_user(&mut desk.session(), ana.id, ana.version, &|_| true).map(drop),
        desk::delete_user(&mut desk.session(), ana.id, ana.version, &|_| true).map(drop),
    ] {
        assert!(matches!(result, Err(DeskError::LastActiveUser { .. })));
    }
    let ben = colleague(&mut desk, "ben", 1001);
    for result in [
        desk::disable_user(&mut desk.session(), ana.id, ana.version, &|user| user.id == ana.id).map(drop),
        desk::delete_user(&mut desk.session(), ana.id, ana.version, &|user| user.id == ana.id).map(drop),
    ] {
        assert!(matches!(result, Err(DeskError::LastActiveUser { .. })), "Ben cannot sign in here");
    }
    let asked = |user: &User| panic!("the system was asked about user {}", user.id.0);
    desk::disable_user(&mut desk.session(), ben.id, ben.version, &asked).unwrap();
    // On a server the role is the user, whatever its number there.
    let also = engine.pick(Some((4_000, "ana")), None);
    for (uid, login) in [(1001, "ben"), (1002, "stranger"), (1000, "impostor")].into_iter().chain(also) {
        desk.caller = Caller { uid, login: login.into() };
        let result = desk::delete_keys(&mut desk.session(), &picked(&created.key));
        assert!(matches!(result, Err(DeskError::NotAllowed(_))), "{login}: {result:?}");
        let result = desk::add_user(&mut desk.session(), &email("x@example.com"), None, None);
        assert!(matches!(result, Err(DeskError::NotAllowed(_))), "{login}: {result:?}");
    }
    assert_eq!(desk::who(&desk.store, &desk.caller).unwrap(), Who::Unknown);
    assert_eq!(verified(&desk, created.secret.expose(), None), None);
}

fn a_clock_set_back_does_not_revive_an_expired_key(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    clock::set(support::noon());
    let verifier = Verifier::with_clock(desk.address(), clock).unwrap().without_recording();
    assert!(verifier.verify(created.secret.expose(), None).unwrap().is_accepted());
    clock::set(created.key.expires);
    assert!(!verifier.verify(created.secret.expose(), None).unwrap().is_accepted());
    clock::set(support::noon());
    assert!(!verifier.verify(created.secret.expose(), None).unwrap().is_accepted());
}

#[test]
fn a_replaced_database_accepts_no_key() {
    let mut desk = TestDesk::new();
    let created = create(&mut desk, "Checkout");
    let verifier = verifier(&desk);
    std::fs::rename(desk.path(), desk.folder.path().join("old.db")).unwrap();
    assert!(verifier.verify(created.secret.expose(), None).is_err());
    std::fs::copy(desk.folder.path().join("old.db"), desk.path()).unwrap();
    assert!(verifier.verify(created.secret.expose(), None).is_err(), "another file at the same path");
    let result = desk::delete_keys(&mut desk.session(), &picked(&created.key));
    assert!(matches!(result, Err(DeskError::Store(StoreError::Moved { .. }))), "{result:?}");
}

fn of_two_concurrent_admins_one_succeeds_and_the_other_is_told(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    let mut other =
        keydesk::store::Store::open(desk.store.location().clone(), &mut support::Seeded(1)).unwrap();
    let caller = support::ana();
    let mut entropy = support::Seeded(2);
    let mut elsewhere = desk::Session {
        store: &mut other,
        caller: &caller,
        now: support::noon(),
        entropy: &mut entropy,
        max_lifetime: None,
    };
    desk::set_access(&mut elsewhere, &picked(&created.key), desk::KeyAccess::Disabled).unwrap();
    let stale = desk::delete_keys(&mut desk.session(), &picked(&created.key));
    assert!(matches!(stale, Err(DeskError::Changed { .. })), "decided on another version");
    let renewed = desk.store.read(|r| keys::get(r, created.key.id)).unwrap().unwrap();
    desk::delete_keys(&mut desk.session(), &picked(&renewed)).unwrap();
}

fn an_undelivered_key_is_marked_as_such(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    assert_eq!(created.key.delivered, None);
    desk::mark_delivered(&mut desk.session(), created.key.id).unwrap();
    let head = desk.store.read(audit::head).unwrap();
    desk::mark_delivered(&mut desk.session(), created.key.id).unwrap();
    assert_eq!(desk.store.read(audit::head).unwrap(), head, "a second time changes nothing");
    let key = desk.store.read(|r| keys::get(r, created.key.id)).unwrap().unwrap();
    assert_eq!(key.delivered, Some(desk.now));
}

fn a_successor_being_delivered_elsewhere_is_not_withdrawn(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    let wanted = picked(&created.key);
    let begun = desk::begin_rotation(&mut desk.session(), wanted[0], None).unwrap();
    let mut other =
        keydesk::store::Store::open(desk.store.location().clone(), &mut support::Seeded(1)).unwrap();
    let caller = support::ana();
    let mut entropy = support::Seeded(2);
    let mut elsewhere = desk::Session {
        store: &mut other,
        caller: &caller,
        now: support::noon(),
        entropy: &mut entropy,
        max_lifetime: None,
    };
    let Err(DeskError::BeingRotated { prefix, by }) =
        desk::rotate_keys(&mut elsewhere, &wanted, desk::Ending::AtOnce)
    else {
        unreachable!("it is claimed");
    };
    assert_eq!((prefix, by), (created.key.prefix, Some(begun.created.key.prefix.clone())));
    let successor = begun.created.key.id;
    drop(begun);
    if !engine.is_sqlite() {
        // No one knows there whether a process of another host was killed.
        let again = desk::rotate_keys(&mut elsewhere, &wanted, desk::Ending::AtOnce);
        assert!(matches!(again, Err(DeskError::BeingRotated { .. })), "{again:?}");
        desk::withdraw_successor(&mut elsewhere, successor).unwrap();
    }
    let rotated = desk::rotate_keys(&mut elsewhere, &wanted, desk::Ending::AtOnce).unwrap();
    let successors = desk.store.read(|r| keys::successors(r, created.key.id)).unwrap();
    assert_eq!(successors.len(), 1, "the one that was never delivered is gone");
    assert_eq!(successors[0].id, rotated[0].created.key.id);
}

#[test]
fn a_trigger_added_while_the_database_is_open_is_detected() {
    let mut desk = TestDesk::new();
    let created = create(&mut desk, "Checkout");
    let raw = rusqlite::Connection::open(desk.path()).unwrap();
    raw.execute_batch("CREATE TRIGGER evil BEFORE DELETE ON keys BEGIN SELECT raise(IGNORE); END").unwrap();
    let result = desk::delete_keys(&mut desk.session(), &picked(&created.key));
    assert!(matches!(result, Err(DeskError::Store(StoreError::AlteredSchema { .. }))), "{result:?}");
    assert_eq!(verified(&desk, created.secret.expose(), None), None);
    raw.execute_batch("DROP TRIGGER evil").unwrap();
    desk::delete_keys(&mut desk.session(), &picked(&created.key)).unwrap();
    assert_eq!(verified(&desk, created.secret.expose(), None), Some(Reason::Deleted));
}

fn with_an_implausible_clock_the_library_opens_and_changes_nothing(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    let before_1970 = Instant::from_timestamp(-315_619_200, 0).unwrap();
    clock::set(before_1970);
    let opened = Verifier::with_clock(desk.address(), clock);
    assert!(opened.is_err_and(|error| error.to_string().contains("1960-01-01")));
    desk.now = before_1970;
    let deleted = desk::delete_keys(&mut desk.session(), &picked(&created.key));
    assert!(matches!(deleted, Err(DeskError::Store(StoreError::Clock(_)))));
}
