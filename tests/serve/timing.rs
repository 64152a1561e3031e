//! How long a rejection takes tells nothing: not whether an ID exists, existed, or is in use.

use std::time::{Duration, Instant};

use keydesk::domain::key::{KeyId, KeyType};
use keydesk::domain::token::{self, Prefix};

use crate::support::Seeded;
use crate::support::TestDesk;
use crate::support::endpoint::{Client, Endpoint};
use crate::{delete, key};

/// Rejected requests of one measurement, of all kinds together.
const REQUESTS: usize = 20_000;

/// How far the medians may lie apart. A look into the cache instead of the database showed as 2.9 µs in a release build,
/// and as much more in this one.
const TOLERANCE: Duration = Duration::from_micros(2);

/// Other work on the machine moves medians; a difference that is in the program shows each time.
const ATTEMPTS: usize = 6;

/// A well-formed text with this ID and a secret of its own.
fn text_for(id: KeyId, entropy: &mut Seeded) -> String {
    token::draw_secret(&Prefix::default(), KeyType::Production, id, entropy).unwrap().expose().to_owned()
}

fn timed(client: &mut Client, secret: &str, wanted: u16) -> Duration {
    let request = format!("GET /auth HTTP/1.1\r\nHost: x\r\nX-API-Key: {secret}\r\n\r\n");
    let since = Instant::now();
    let answer = client.say(request.as_bytes()).unwrap();
    let took = since.elapsed();
    assert_eq!(answer.status, wanted);
    took
}

#[test]
fn a_rejection_takes_as_long_whatever_the_key_is() {
    let mut desk = TestDesk::of_today();
    let (used, secret) = key(&mut desk, "Used");
    let (unused, _) = key(&mut desk, "Unused");
    let (deleted, deleted_secret) = key(&mut desk, "Deleted");
    let new = desk.new_key("Canary", 90);
    let canary = keydesk::desk::create_canary_key(&mut desk.session(), &new).unwrap();
    delete(&mut desk, &deleted);
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let mut client = endpoint.connect();
    let mut entropy = Seeded(16);
    let known = [used.key.id, unused.key.id, deleted.key.id, canary.key.id];
    let mut seen = Vec::new();
    for _ in 0..ATTEMPTS {
        let mut took = [const { Vec::new() }; 7];
        for turn in 0..REQUESTS / took.len() {
            // In use all the time, so that it is kept in memory.
            timed(&mut client, &secret, 204);
            let unknown = token::draw_id(&mut entropy).unwrap();
            let mut texts: Vec<String> =
                [unknown].iter().chain(&known).map(|id| text_for(*id, &mut entropy)).collect();
            texts.push(deleted_secret.clone());
            texts.push(canary.secret.expose().to_owned());
            // Each kind follows each other kind as often.
            for place in 0..texts.len() {
                let kind = (place + turn) % texts.len();
                took[kind].push(timed(&mut client, &texts[kind], 401));
            }
        }
        let medians = took.map(|mut took| {
            took.sort();
            took[took.len() / 2]
        });
        if medians.iter().max().unwrap().saturating_sub(*medians.iter().min().unwrap()) <= TOLERANCE {
            return;
        }
        seen.push(medians);
    }
    panic!("unknown, wrong secret (used, unused, deleted, canary), deleted, canary: {seen:?}");
}
