//! A deletion that was reported, and verifications that begin after it, over three gateways.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keydesk::desk::{self, DeskError, Picked, Session};
use keydesk::domain::key::{KeyId, KeyType};
use keydesk::domain::location::Location;
use keydesk::domain::secret::KeyHash;
use keydesk::domain::token::{self, Prefix};
use keydesk::domain::user::Caller;
use keydesk::host::clock;
use keydesk::store::{Store, StoreError};

use crate::site::{ADMINISTRATOR, Site};
use crate::support::Seeded;
use crate::support::endpoint::Client;
use crate::support::postgres::{Postgres, server};

const GATEWAYS: usize = 3;
const ADMINISTRATORS: usize = 3;

/// By each administrator.
const DELETIONS: usize = 6;

/// To each gateway, for the keys of each administrator.
const CONNECTIONS: usize = 4;

/// Keys of one deletion, which all are asked for at once after it.
const AT_ONCE: usize = 25;

/// Between two questions before a deletion was reported.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Key {
    pub(crate) id: KeyId,
    pub(crate) request: String,
}

/// Adds keys as the administrator's commands would, but many at a time.
pub(crate) fn keys(site: &Site, count: usize, entropy: &mut Seeded) -> Vec<Key> {
    let mut keys = Vec::with_capacity(count);
    while keys.len() < count {
        let mut sql = String::new();
        for _ in 0..(count - keys.len()).min(200) {
            let id = token::draw_id(entropy).unwrap();
            let secret = token::draw_secret(&Prefix::default(), KeyType::Production, id, entropy).unwrap();
            let hash = KeyHash::of(secret.expose());
            let hash = hash.as_bytes().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            let _ = write!(
                sql,
                "INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, \
                 creator_id, created, expires) VALUES ('{id}', decode('{hash}', 'hex'), 1, 'A', 'a', 'a', \
                 'ik_live_{id}', 'production', '', 1, 100, 4000000000);"
            );
            let request =
                format!("GET /auth HTTP/1.1\r\nHost: keydesk\r\nX-Api-Key: {}\r\n\r\n", secret.expose());
            keys.push(Key { id, request });
        }
        site.database.psql(&sql);
    }
    keys
}

/// Asks for some keys at once, over one connection.
fn ask(client: &mut Client, keys: &[Key]) -> Vec<u16> {
    let requests: String = keys.iter().map(|key| key.request.as_str()).collect();
    client.stream.get_mut().write_all(requests.as_bytes()).unwrap();
    keys.iter().map(|_| client.answer().unwrap().status).collect()
}

/// Deletes all keys, in as many operations as it takes, and counts in `reported` those that were deleted.
fn delete(url: &str, keys: &[Key], reported: &AtomicUsize, seed: u64) {
    let mut administrator = Administrator::connect(url, seed);
    for some in keys.chunks(AT_ONCE) {
        administrator.delete(some);
        reported.fetch_add(some.len(), Ordering::SeqCst);
    }
}

/// An administrator whose session stays open.
pub(crate) struct Administrator {
    store: Store,
    caller: Caller,
    entropy: Seeded,
}

impl Administrator {
    pub(crate) fn connect(url: &str, seed: u64) -> Self {
        let location = Location::parse(url.as_ref()).unwrap();
        let mut entropy = Seeded(seed);
        let store = Store::open(location, &mut entropy).unwrap();
        let caller = store.database_caller().unwrap().unwrap();
        Self { store, caller, entropy }
    }

    /// Deletes keys in one operation. It was reported as done when this returns.
    pub(crate) fn delete(&mut self, keys: &[Key]) {
        let picked: Vec<_> = keys.iter().map(|key| Picked { id: key.id, version: 1 }).collect();
        let mut session = Session {
            store: &mut self.store,
            caller: &self.caller,
            now: clock::now(),
            entropy: &mut self.entropy,
            max_lifetime: None,
        };
        // The others are ahead of it in the queue for the head.
        let mut deleted = desk::delete_keys(&mut session, &picked);
        while let Err(DeskError::Store(StoreError::Busy)) = deleted {
            deleted = desk::delete_keys(&mut session, &picked);
        }
        deleted.unwrap();
    }
}

/// Asks a gateway for the keys of each deletion until it was reported, and once after that.
fn check(gateway: SocketAddr, keys: &[Key], reported: &AtomicUsize, failed: &AtomicBool) -> (usize, usize) {
    let mut client = Client::to(gateway);
    let (mut races, mut accepted_before) = (0, 0);
    for (place, some) in keys.chunks(AT_ONCE).enumerate() {
        loop {
            let was = reported.load(Ordering::SeqCst) > place * AT_ONCE;
            if was {
                let answers = ask(&mut client, some);
                assert!(
                    answers.iter().all(|status| *status == 401),
                    "accepted after its deletion: {answers:?}"
                );
                races += some.len();
                break;
            }
            // Until then, both are right. One of them is enough to keep the gateway at work, and the deletion needs some
            // of the time too.
            std::thread::sleep(PAUSE);
            accepted_before += usize::from(ask(&mut client, &some[..1]) == [204]);
            assert!(!failed.load(Ordering::SeqCst), "the deletion failed");
        }
    }
    (races, accepted_before)
}

/// Sets a flag when its thread ends early.
struct Failing<'a>(&'a AtomicBool);

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        self.0.fetch_or(std::thread::panicking(), Ordering::SeqCst);
    }
}

#[test]
fn what_was_deleted_is_rejected_by_three_gateways_from_then_on_5_400_races() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let mut entropy = Seeded(15);
    let shares = [(); ADMINISTRATORS].map(|()| keys(&site, DELETIONS * AT_ONCE, &mut entropy));
    let gateways = [(); GATEWAYS].map(|()| site.gateway());
    let url = site.database.server().socket_url(ADMINISTRATOR, site.database.name());
    let reported = [(); ADMINISTRATORS].map(|()| AtomicUsize::new(0));
    let failed = AtomicBool::new(false);
    let (races, accepted_before) = std::thread::scope(|scope| {
        let mut checks = Vec::new();
        for (share, reported) in shares.iter().zip(&reported) {
            for gateway in gateways.iter().flat_map(|gateway| [gateway; CONNECTIONS]) {
                let (address, failed) = (gateway.address, &failed);
                checks.push(scope.spawn(move || check(address, share, reported, failed)));
            }
        }
        for (number, (share, reported)) in (0..).zip(shares.iter().zip(&reported)) {
            let (url, failed) = (&url, &failed);
            scope.spawn(move || {
                let _failing = Failing(failed);
                delete(url, share, reported, 100 + number);
            });
        }
        let ended = checks.into_iter().map(|check| check.join().unwrap());
        ended.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    });
    assert_eq!(races, GATEWAYS * CONNECTIONS * ADMINISTRATORS * DELETIONS * AT_ONCE);
    assert!(accepted_before > 0, "no key was valid before");
}
