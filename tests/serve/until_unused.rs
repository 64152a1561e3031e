//! Predecessors that end when they are no longer used, under the endpoint: by the use that it has recorded itself.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use keydesk::desk::{self, Ending, Picked};
use keydesk::domain::key::KeyState;
use keydesk::store::keys;

use crate::support::endpoint::{Client, Endpoint};
use crate::support::{TestDesk, until};

/// A rotated key: the secrets of the old and of the new one.
struct Rotated {
    id: keydesk::domain::key::KeyId,
    old: String,
    new: String,
}

fn rotated(desk: &mut TestDesk, name: &str, length: TimeDelta) -> Rotated {
    let wanted = desk.new_key(name, 90);
    let old = desk.deliver(&wanted);
    let picked = Picked { id: old.key.id, version: 1 };
    let mut done = desk::rotate_keys(&mut desk.session(), &[picked], Ending::WhenUnused(length)).unwrap();
    let created = done.remove(0).created;
    desk::mark_delivered(&mut desk.session(), created.key.id).unwrap();
    Rotated { id: old.key.id, old: old.secret.expose().to_owned(), new: created.secret.expose().to_owned() }
}

fn is_accepted(client: &mut Client, secret: &str, source: &str) -> bool {
    let authorization = format!("ApiKey-v1 {secret}");
    let answer = client.get("/auth", &[("Authorization", &authorization), ("X-Forwarded-For", source)]);
    assert!(matches!(answer.status, 204 | 401), "{answer:?}");
    answer.status == 204
}

#[test]
fn a_key_does_not_end_while_one_of_its_two_sources_lags_behind() {
    let mut desk = TestDesk::of_today();
    let Rotated { id, old, new } = rotated(&mut desk, "Checkout", TimeDelta::seconds(3));
    let endpoint = Endpoint::start(&desk.path(), &["--trusted-proxy", "127.0.0.1"]);
    let (mut moved, mut lagging) = (endpoint.connect(), endpoint.connect());
    // Each asks five times a second, three times as long as the key may be unused.
    for _ in 0..45 {
        assert!(is_accepted(&mut moved, &new, "10.0.0.1"));
        assert!(is_accepted(&mut lagging, &old, "10.0.0.2"), "it is still used");
        std::thread::sleep(Duration::from_millis(200));
    }
    let last = Instant::now();
    // The second one moves too.
    assert!(is_accepted(&mut lagging, &new, "10.0.0.2"));
    let ended = || {
        let now = keydesk::host::clock::now();
        let key = desk.store.read(|r| keys::get(r, id)).unwrap().unwrap();
        key.state(now, TimeDelta::zero()) == KeyState::Replaced
    };
    assert!(until(Duration::from_secs(40), || is_accepted(&mut moved, &new, "10.0.0.1") && ended()));
    assert!(last.elapsed() >= Duration::from_secs(2), "instants are whole seconds");
    assert!(!is_accepted(&mut lagging, &old, "10.0.0.2"));
}

#[test]
fn no_answer_is_wrong_while_keys_end_under_load() {
    const REQUESTS: usize = 100_000;
    const LENGTH: i64 = 2;
    /// The end is known once everything before it is written, which takes some seconds.
    const PAUSE: Duration = Duration::from_secs(12);
    const LEAST_TIME: Duration = Duration::from_secs(30);
    let mut desk = TestDesk::of_today();
    let keys: Vec<Rotated> =
        (0..60).map(|n| rotated(&mut desk, &format!("Key {n}"), TimeDelta::seconds(LENGTH))).collect();
    let endpoint = Endpoint::start(&desk.path(), &["--trusted-proxy", "127.0.0.1"]);
    let answers: Vec<(usize, Instant, Instant, bool)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2_usize)
            .map(|thread| {
                let (keys, mut client) = (&keys, endpoint.connect());
                scope.spawn(move || {
                    let (began, mut answers) = (Instant::now(), Vec::new());
                    let mut asked_at: HashMap<usize, Instant> = HashMap::new();
                    let requests =
                        (0..).take_while(|done| *done < REQUESTS / 2 || began.elapsed() < LEAST_TIME);
                    for request in requests {
                        // Each thread has the old keys of its own half.
                        let place = (request * 7 + request / 13) % (keys.len() / 2) * 2 + thread;
                        let key = &keys[place];
                        // Some are used for longer than others, the last ones all the time.
                        let used_for = Duration::from_millis(u64::try_from(place).unwrap() * 150);
                        let is_in_use = place >= 56 || began.elapsed() < used_for;
                        // Once it is not used any more, it is tried from time to time.
                        let quiet = asked_at.get(&place).map(Instant::elapsed);
                        let asks_old = if is_in_use {
                            request % 3 == 0
                        } else {
                            quiet.is_none_or(|quiet| quiet >= PAUSE)
                        };
                        if asks_old {
                            let asked = Instant::now();
                            asked_at.insert(place, asked);
                            let accepted = is_accepted(&mut client, &key.old, "10.0.0.1");
                            answers.push((place, asked, Instant::now(), accepted));
                        } else {
                            assert!(is_accepted(&mut client, &key.new, "10.0.0.1"), "a successor is valid");
                        }
                    }
                    answers
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut last: HashMap<usize, (Instant, bool)> = HashMap::new();
    let mut ended = 0;
    for (place, asked, answered, accepted) in answers {
        match (last.get(&place), accepted) {
            (Some((_, false)), true) => panic!("key {place} is valid again"),
            (Some((used, true)), false) => {
                ended += 1;
                // Recorded in whole seconds: at most one is missing.
                let unused = asked - *used;
                let shortest = Duration::from_secs(u64::try_from(LENGTH - 1).unwrap());
                assert!(unused >= shortest, "key {place} ended {unused:?} after a use");
            }
            _ => {}
        }
        last.insert(place, (answered, accepted));
    }
    for place in 56..60 {
        assert!(last.get(&place).is_some_and(|(_, accepted)| *accepted), "key {place} was used all the time");
    }
    assert!(ended > 10, "{ended} keys ended");
}
