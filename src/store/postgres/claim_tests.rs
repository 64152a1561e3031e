//! Claims of several sessions on a real server.

use std::time::Duration;

use super::claims::{Claim, claim, delivered, release};
use super::database::Database;
use super::usage_tests::database;
use crate::domain::key::KeyId;
use crate::store::StoreError;
use crate::support::postgres::Postgres;

fn id(number: u32) -> KeyId {
    format!("{number:010}").parse().unwrap()
}

fn session(place: &crate::support::postgres::Database<'_>) -> Database {
    Database::open_existing(&place.socket_url_as("administrator").parse().unwrap()).unwrap()
}

fn take(session: &Database, numbers: &[u32]) -> Result<Claim, KeyId> {
    let ids: Vec<KeyId> = numbers.iter().map(|number| id(*number)).collect();
    claim(session, &ids, Duration::ZERO).unwrap()
}

fn deliver(session: &mut Database, claim: &Claim, old: u32, new: u32) -> bool {
    session.transact(|r, _| Ok::<_, StoreError>((claim.deliver(&r, id(old), id(new))?, None))).unwrap()
}

#[test]
fn a_claim_holds_for_all_keys_or_none_until_it_is_released() {
    if !Postgres::available() {
        return;
    }
    let place = database();
    let (one, mut other) = (session(&place), session(&place));
    let first = take(&one, &[1, 2]).unwrap();
    assert_eq!(take(&other, &[3, 2]).unwrap_err(), id(2));
    let second = take(&other, &[3]).unwrap();
    assert_eq!(take(&one, &[3]).unwrap_err(), id(3));
    release(&one, &first).unwrap();
    let both = take(&other, &[1, 2]).unwrap();
    let mut end = |claim: &Claim| other.transact(|r, _| Ok::<_, StoreError>((claim.end(&r)?, None))).unwrap();
    assert!(end(&both) && end(&second));
    assert!(!end(&first), "it was given up");
    assert_eq!(place.psql("SELECT count(*) FROM rotation_claims"), "0");
    // A key that does not exist: the change says so.
    take(&one, &[99]).unwrap();
}

#[test]
fn the_claim_of_a_killed_session_runs_out() {
    if !Postgres::available() {
        return;
    }
    let place = database();
    let (mut killed, mut other) = (session(&place), session(&place));
    let first = take(&killed, &[1]).unwrap();
    place.psql("UPDATE rotation_claims SET until = until - 100");
    assert_eq!(take(&other, &[1]).unwrap_err(), id(1));
    place.psql("UPDATE rotation_claims SET until = until - 30");
    let second = take(&other, &[1]).unwrap();
    // It was only slow: what it was about to deliver is not created.
    assert!(!deliver(&mut killed, &first, 1, 2));
    release(&killed, &first).unwrap();
    assert!(deliver(&mut other, &second, 1, 3));
}

#[test]
fn a_delivery_holds_its_claim_until_it_is_done_or_its_key_deleted() {
    if !Postgres::available() {
        return;
    }
    let place = database();
    let (mut one, other) = (session(&place), session(&place));
    for (new, end) in [(2, "finished"), (3, "withdrawn")] {
        let first = take(&one, &[1]).unwrap();
        assert!(deliver(&mut one, &first, 1, new));
        place.psql("UPDATE rotation_claims SET until = 0");
        assert_eq!(take(&other, &[1]).unwrap_err(), id(1), "the secret may be on its way");
        release(&one, &first).unwrap();
        assert_eq!(take(&other, &[1]).unwrap_err(), id(1));
        if end == "finished" {
            one.transact(|r, _| Ok::<_, StoreError>((delivered(&r, id(new))?, None))).unwrap();
        } else {
            place.psql(&format!(
                "BEGIN; INSERT INTO tombstones (key_id, hash, application_id, name, prefix, type, platform, deleted, \
                 deleted_by) SELECT key_id, hash, 1, 'a', 'ik', 'test', '', 1, 1 FROM keys WHERE key_id = '{new:010}'; \
                 DELETE FROM keys WHERE key_id = '{new:010}'; COMMIT"
            ));
        }
        let next = take(&other, &[1]).unwrap();
        release(&other, &next).unwrap();
    }
}

#[test]
fn of_many_sessions_at_once_one_delivers() {
    if !Postgres::available() {
        return;
    }
    let place = database();
    for round in 1..6_u32 {
        let delivering: usize = std::thread::scope(|scope| {
            let sessions = (0..6_u32).map(|number| {
                let place = &place;
                scope.spawn(move || {
                    let mut session = session(place);
                    let claimed = take(&session, &[round]);
                    claimed.is_ok_and(|claim| deliver(&mut session, &claim, round, 10 + round * 6 + number))
                })
            });
            let sessions: Vec<_> = sessions.collect();
            sessions.into_iter().map(|session| usize::from(session.join().unwrap())).sum()
        });
        assert_eq!(delivering, 1);
    }
}
