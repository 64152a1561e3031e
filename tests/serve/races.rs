//! A verification that begins after a deletion was acknowledged is refused: 100,000 races by the library, and as many
//! over HTTP.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keydesk::desk;
use keydesk::domain::key::{KeyId, KeyType};
use keydesk::domain::token::{self, Prefix};
use keydesk::store::applications;
use keydesk::{Decision, Verifier};

use crate::support::endpoint::Endpoint;
use crate::support::{Seeded, TestDesk};

const RACES: usize = 100_000;

/// How many are deleted at once; keys of several deletions differ in age, and each has its races.
const AT_ONCE: usize = 20;

struct Doomed {
    id: KeyId,
    secret: String,
}

/// A database of this moment with many keys, made past the desk: it is not creation that is tested here.
fn many(count: usize) -> (TestDesk, Vec<Doomed>) {
    let mut desk = TestDesk::in_memory();
    desk.now = keydesk::host::clock::now();
    let application = desk.store.read(applications::first).unwrap().unwrap().id;
    let prefix = Prefix::default();
    let mut entropy = Seeded(42);
    let doomed: Vec<Doomed> = (0..count)
        .map(|_| {
            let id = token::draw_id(&mut entropy).unwrap();
            let secret = token::draw_secret(&prefix, KeyType::Production, id, &mut entropy).unwrap();
            Doomed { id, secret: secret.expose().to_owned() }
        })
        .collect();
    let mut raw = rusqlite::Connection::open(desk.path()).unwrap();
    let tx = raw.transaction().unwrap();
    {
        let mut insert = tx
            .prepare(
                "INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id,
                    created, expires)
                 VALUES (?1, ?2, ?3, ?1, lower(?1), lower(?1), ?4, 'production', '', 1, ?5, ?5 + 86400)",
            )
            .unwrap();
        for key in &doomed {
            let hash = keydesk::domain::secret::KeyHash::of(&key.secret);
            insert
                .execute(rusqlite::params![
                    key.id.as_str(),
                    hash.as_bytes(),
                    application.0,
                    prefix.displayed(KeyType::Production, key.id),
                    desk.now.timestamp()
                ])
                .unwrap();
        }
    }
    tx.commit().unwrap();
    (desk, doomed)
}

/// Deletes all of them, and counts up when a deletion is acknowledged.
fn delete_all(
    desk: &mut TestDesk,
    doomed: &[Doomed],
    acknowledged: &AtomicUsize,
    mut after: impl FnMut(&[Doomed]),
) {
    for some in doomed.chunks(AT_ONCE) {
        let picked: Vec<_> = some.iter().map(|key| desk::Picked { id: key.id, version: 1 }).collect();
        desk::delete_keys(&mut desk.session(), &picked).unwrap();
        acknowledged.fetch_add(some.len(), Ordering::SeqCst);
        after(some);
    }
}

#[test]
fn no_deleted_key_is_accepted_by_the_library() {
    let (mut desk, doomed) = many(RACES);
    let verifier = Verifier::open(desk.path()).unwrap().without_recording();
    let (acknowledged, done, accepted_keys) =
        (AtomicUsize::new(0), AtomicBool::new(false), AtomicUsize::new(0));
    let refused = |key: &Doomed| match verifier.verify(&key.secret, None).unwrap() {
        Decision::Refused(refusal) => refusal.reason.as_str() == "deleted",
        Decision::Accepted(_) => false,
    };
    std::thread::scope(|scope| {
        // Beside: they keep reads going at every moment, before and after each deletion.
        for thread in 0..2 {
            let (acknowledged, done, accepted_keys, doomed) = (&acknowledged, &done, &accepted_keys, &doomed);
            scope.spawn(move || {
                let mut turn = thread;
                while !done.load(Ordering::SeqCst) {
                    let gone = acknowledged.load(Ordering::SeqCst);
                    turn += 1;
                    if let Some(key) =
                        gone.checked_sub(1 + turn % AT_ONCE).and_then(|place| doomed.get(place))
                    {
                        assert!(refused(key), "{} after its deletion was acknowledged", key.id);
                    }
                    let next = doomed.get(gone + turn % (4 * AT_ONCE));
                    if next.is_some_and(|key| !refused(key)) {
                        accepted_keys.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        delete_all(&mut desk, &doomed, &acknowledged, |some| {
            for key in some {
                assert!(refused(key), "{} right after its deletion", key.id);
            }
        });
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(acknowledged.into_inner(), RACES);
    assert!(accepted_keys.into_inner() > 0, "existing keys were accepted meanwhile");
}

#[test]
fn no_deleted_key_is_accepted_over_http() {
    race_over_http(RACES, &[]);
}

#[test]
fn no_deleted_key_is_accepted_by_several_threads() {
    race_over_http(RACES / 4, &["--threads", "3"]);
}

fn race_over_http(races: usize, options: &[&str]) {
    let (mut desk, doomed) = many(races);
    let endpoint = Endpoint::start(&desk.path(), options);
    let mut client = endpoint.connect();
    let request =
        |key: &Doomed| format!("GET /auth HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\r\n", key.secret);
    let (acknowledged, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        // Beside: another client asks for keys that are there and for keys that are just going.
        let (acknowledged, done, doomed) = (&acknowledged, &done, &doomed);
        let mut beside = endpoint.connect();
        scope.spawn(move || {
            let mut accepted_keys = 0_u32;
            let mut turn = 0;
            while !done.load(Ordering::SeqCst) {
                turn += 1;
                let gone = acknowledged.load(Ordering::SeqCst);
                let place = (gone + turn % (4 * AT_ONCE)).saturating_sub(AT_ONCE);
                let Some(key) = doomed.get(place) else { continue };
                let answer = beside.say(request(key).as_bytes()).unwrap();
                assert!(answer.status == 401 || place >= gone, "{} after its deletion", key.id);
                accepted_keys += u32::from(answer.status == 204);
            }
            assert!(accepted_keys > 0, "existing keys were accepted meanwhile");
        });
        delete_all(&mut desk, doomed, acknowledged, |some| {
            let requests: String = some.iter().map(request).collect();
            client.stream.get_mut().write_all(requests.as_bytes()).unwrap();
            for key in some {
                assert_eq!(client.answer().unwrap().status, 401, "{} right after its deletion", key.id);
            }
        });
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(acknowledged.into_inner(), races);
}
