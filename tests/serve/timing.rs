//! How long a rejection takes tells nothing: not whether an ID exists, existed, is in use, or is that of a canary key. That
//! holds for the first text with an ID, which costs a read of the database, and for the next ones, which do not.

use std::time::{Duration, Instant};

use keydesk::desk;
use keydesk::domain::key::{KeyId, KeyType};
use keydesk::domain::token::{self, Prefix};

use crate::support::Seeded;
use crate::support::TestDesk;
use crate::support::endpoint::{Client, Endpoint};
use crate::{delete, key};

/// Rejected requests of one measurement, of all kinds together.
const REQUESTS: usize = 20_000;

/// How far the medians may lie apart. One read of the database shows as 18 µs in a build without optimization, and counting
/// a rejection for its key, instead of for no key, as 1 to 2 µs.
const TOLERANCE: Duration = Duration::from_micros(4);

/// Other work on the machine moves medians, the less the more requests there are. A difference that is in the program stays.
const ATTEMPTS: usize = 6;

/// Different keys of each kind.
const OF_A_KIND: usize = 20;

const KINDS: usize = 7;

const NAMES: [&str; KINDS] = [
    "unknown",
    "another secret of a key in use",
    "another secret of an unused key",
    "another secret of a deleted key",
    "another secret of a canary key",
    "a deleted key",
    "a canary key",
];

/// The keys that there are, were, or never were.
struct Kinds {
    desk: TestDesk,
    /// With their secrets, as all that follow.
    used: Vec<(KeyId, String)>,
    unused: Vec<(KeyId, String)>,
    deleted: Vec<(KeyId, String)>,
    canaries: Vec<(KeyId, String)>,
    entropy: Seeded,
}

impl Kinds {
    fn new() -> Self {
        let mut desk = TestDesk::in_memory();
        desk.now = keydesk::host::clock::now();
        let mut keys = |name: &str| {
            let mut create = |_| {
                let (created, secret) = key(&mut desk, name);
                (created.key.id, secret)
            };
            (0..OF_A_KIND).map(&mut create).collect::<Vec<_>>()
        };
        let (used, unused) = (keys("Used"), keys("Unused"));
        let mut deleted = Vec::new();
        let mut canaries = Vec::new();
        // Each of its own: those whose text is presented, and those of which another secret is.
        for _ in 0..2 * OF_A_KIND {
            let (created, secret) = key(&mut desk, "Deleted");
            delete(&mut desk, &created);
            deleted.push((created.key.id, secret));
            let new = desk.new_key("Canary", 90);
            let canary = desk::create_canary_key(&mut desk.session(), &new).unwrap();
            canaries.push((canary.key.id, canary.secret.expose().to_owned()));
        }
        Self { desk, used, unused, deleted, canaries, entropy: Seeded(16) }
    }

    /// A text of each kind with the ID in this place, in the order of [`NAMES`].
    fn texts(&mut self, unknown: KeyId, place: usize) -> [String; KINDS] {
        let mut other = |id| {
            let secret =
                token::draw_secret(&Prefix::default(), KeyType::Production, id, &mut self.entropy).unwrap();
            secret.expose().to_owned()
        };
        [
            other(unknown),
            other(self.used[place].0),
            other(self.unused[place].0),
            other(self.deleted[place].0),
            other(self.canaries[place].0),
            self.deleted[OF_A_KIND + place].1.clone(),
            self.canaries[OF_A_KIND + place].1.clone(),
        ]
    }

    fn draw_id(&mut self) -> KeyId {
        token::draw_id(&mut self.entropy).unwrap()
    }
}

fn timed(client: &mut Client, secret: &str, wanted: u16) -> Duration {
    let request = format!("GET /auth HTTP/1.1\r\nHost: x\r\nX-API-Key: {secret}\r\n\r\n");
    let since = Instant::now();
    let answer = client.say(request.as_bytes()).unwrap();
    let took = since.elapsed();
    assert_eq!(answer.status, wanted);
    took
}

/// By how much each kind differed from the median of its turn, in nanoseconds: what other work on the machine adds to a
/// turn, it adds to all kinds.
#[derive(Default)]
struct Differences([Vec<i64>; KINDS]);

impl Differences {
    /// Presents a text of each kind. Over the turns, each kind follows each other kind as often.
    fn present(&mut self, client: &mut Client, texts: &[String; KINDS], turn: usize) {
        let mut took = [0; KINDS];
        for place in 0..KINDS {
            let kind = (place + turn) % KINDS;
            took[kind] = i64::try_from(timed(client, &texts[kind], 401).as_nanos()).unwrap();
        }
        let mut sorted = took;
        sorted.sort_unstable();
        for (differences, took) in self.0.iter_mut().zip(took) {
            differences.push(took - sorted[KINDS / 2]);
        }
    }

    fn medians(&mut self) -> [i64; KINDS] {
        self.0.each_mut().map(|differences| {
            differences.sort_unstable();
            differences[differences.len() / 2]
        })
    }
}

/// Measures until the medians are near each other.
fn medians_are_near(mut measure: impl FnMut(&mut Differences)) {
    let mut all = Differences::default();
    let mut seen = Vec::new();
    let are_near = (0..ATTEMPTS).any(|_| {
        measure(&mut all);
        let medians = all.medians();
        seen.push(medians);
        let apart = medians.iter().max().unwrap() - medians.iter().min().unwrap();
        apart <= i64::try_from(TOLERANCE.as_nanos()).unwrap()
    });
    assert!(are_near, "{NAMES:?}: {seen:?}");
}

#[test]
fn the_next_rejections_of_an_id_take_as_long_whatever_it_is() {
    let mut kinds = Kinds::new();
    let endpoint = Endpoint::start(&kinds.desk.path(), &[]);
    let mut client = endpoint.connect();
    let unknown = kinds.draw_id();
    Differences::default().present(&mut client, &kinds.texts(unknown, 0), 0);
    medians_are_near(|differences| {
        for turn in 0..REQUESTS / KINDS {
            timed(&mut client, &kinds.used[0].1, 204);
            differences.present(&mut client, &kinds.texts(unknown, 0), turn);
        }
    });
}

#[test]
fn the_first_rejection_of_an_id_takes_as_long_whatever_it_is() {
    let mut kinds = Kinds::new();
    let endpoint = Endpoint::start(&kinds.desk.path(), &[]);
    let mut client = endpoint.connect();
    medians_are_near(|differences| {
        for turn in 0..REQUESTS / KINDS / OF_A_KIND {
            // After any change of a key, everything is read again.
            key(&mut kinds.desk, "Another");
            for place in 0..OF_A_KIND {
                timed(&mut client, &kinds.used[place].1, 204);
            }
            for place in 0..OF_A_KIND {
                let unknown = kinds.draw_id();
                differences.present(&mut client, &kinds.texts(unknown, place), turn + place);
            }
        }
    });
}
