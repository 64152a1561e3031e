//! Very many deletions, each verified by three gateways as soon as it was reported.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::races::{Administrator, Key, keys};
use crate::site::{ADMINISTRATOR, Site};
use crate::support::Seeded;
use crate::support::endpoint::Client;
use crate::support::postgres::{Postgres, server};

const GATEWAYS: usize = 3;
const ADMINISTRATORS: usize = 4;

/// Numbers of keys that are deleted in one operation, in turn.
const AT_ONCE: [usize; 6] = [1, 2, 1, 1, 3, 1];

/// Connections of each administrator to each gateway. All ask at the same time for the keys of an operation.
const CONNECTIONS: usize = 10;

/// What a gateway answered about the deleted keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Found {
    accepted: usize,
    rejected: usize,
    /// 503 and everything else.
    other: usize,
}

impl Found {
    fn count(&mut self, statuses: &[u16]) {
        for status in statuses {
            match status {
                204 => self.accepted += 1,
                401 => self.rejected += 1,
                _ => self.other += 1,
            }
        }
    }
}

#[derive(Debug, Default)]
struct Outcome {
    operations: usize,
    /// Just before their deletion.
    before: [Found; GATEWAYS],
    /// Asked after the deletion was reported.
    after: [Found; GATEWAYS],
    /// From the report of a deletion to the first byte of each question.
    delays: Vec<Duration>,
    /// Questions that were asked while deletions were being made.
    meanwhile: usize,
}

impl Outcome {
    fn and(mut self, other: Self) -> Self {
        let add = |sum: &mut [Found; GATEWAYS], more: [Found; GATEWAYS]| {
            for (sum, more) in sum.iter_mut().zip(more) {
                sum.accepted += more.accepted;
                sum.rejected += more.rejected;
                sum.other += more.other;
            }
        };
        add(&mut self.before, other.before);
        add(&mut self.after, other.after);
        self.operations += other.operations;
        self.delays.extend(other.delays);
        self
    }
}

/// The connections of one administrator to one gateway.
struct Clients(Vec<Client>);

impl Clients {
    fn to(gateway: SocketAddr) -> Self {
        Self((0..CONNECTIONS).map(|_| Client::to(gateway)).collect())
    }

    /// Asks for each key, and for some of them more than once, so that all connections are in use.
    fn ask(&mut self, keys: &[Key]) {
        assert!(keys.len() <= CONNECTIONS);
        for (client, key) in self.0.iter_mut().zip(keys.iter().cycle()) {
            client.stream.get_mut().write_all(key.request.as_bytes()).unwrap();
        }
    }

    fn statuses(&mut self) -> Vec<u16> {
        self.0.iter_mut().map(|client| client.answer().unwrap().status).collect()
    }
}

/// Deletes all keys of an administrator. Each gateway has accepted a key just before, so that it would have it in a cache,
/// and is asked for it again at once.
fn delete_all(
    url: &str,
    keys: &[Key],
    gateways: [SocketAddr; GATEWAYS],
    done: &AtomicUsize,
    seed: u64,
) -> Outcome {
    let mut administrator = Administrator::connect(url, seed);
    let mut clients = gateways.map(Clients::to);
    let mut outcome = Outcome::default();
    let mut rest = keys;
    let mut numbers = AT_ONCE.iter().cycle();
    while let Some(number) = numbers.next().filter(|_| !rest.is_empty()) {
        let (some, others) = rest.split_at((*number).min(rest.len()));
        rest = others;
        for clients in &mut clients {
            clients.ask(some);
        }
        for (clients, found) in clients.iter_mut().zip(&mut outcome.before) {
            found.count(&clients.statuses());
        }
        administrator.delete(some);
        let reported = Instant::now();
        for clients in &mut clients {
            let begun = Instant::now();
            assert!(begun >= reported);
            outcome.delays.push(begun - reported);
            clients.ask(some);
        }
        for (clients, found) in clients.iter_mut().zip(&mut outcome.after) {
            found.count(&clients.statuses());
        }
        outcome.operations += 1;
        done.fetch_add(some.len(), Ordering::SeqCst);
    }
    outcome
}

/// Asks a gateway all the time for keys that are being deleted, so that a read is in flight at each report.
fn keep_busy(gateway: SocketAddr, shares: &[Vec<Key>], done: &[AtomicUsize], is_over: &AtomicBool) -> usize {
    let mut client = Client::to(gateway);
    let mut asked = 0;
    while !is_over.load(Ordering::SeqCst) {
        for (share, done) in shares.iter().zip(done) {
            if let Some(key) = share.get(done.load(Ordering::SeqCst)) {
                let answer = client.say(key.request.as_bytes()).unwrap();
                assert!(matches!(answer.status, 204 | 401 | 503), "{answer:?}");
                asked += 1;
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    asked
}

fn race(site: &Site, gateways: [SocketAddr; GATEWAYS], shares: &[Vec<Key>]) -> Outcome {
    let url = site.database.server().socket_url(ADMINISTRATOR, site.database.name());
    let done: Vec<_> = shares.iter().map(|_| AtomicUsize::new(0)).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (done, is_over, url) = (&done, &is_over, &url);
        let busy = gateways.map(|gateway| scope.spawn(move || keep_busy(gateway, shares, done, is_over)));
        let deleting: Vec<_> = (0..)
            .zip(shares.iter().zip(done))
            .map(|(seed, (share, done))| {
                scope.spawn(move || delete_all(url, share, gateways, done, 100 + seed))
            })
            .collect();
        let outcomes: Vec<_> = deleting.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::SeqCst);
        let meanwhile = busy.map(|busy| busy.join().unwrap()).iter().sum();
        let all = outcomes.into_iter().map(Result::unwrap).fold(Outcome::default(), Outcome::and);
        Outcome { meanwhile, ..all }
    })
}

/// Deletes as many keys, and returns how many verifications that began after a report were rejected.
#[expect(clippy::print_stderr, reason = "the figures of a run")]
fn races(number: usize) -> usize {
    let site = Site::on(server());
    let mut entropy = Seeded(16);
    let since = Instant::now();
    let shares: Vec<_> =
        (0..ADMINISTRATORS).map(|_| keys(&site, number / ADMINISTRATORS, &mut entropy)).collect();
    // As the server does by itself after a while.
    site.database.psql("VACUUM (ANALYZE)");
    let created = since.elapsed();
    let gateways = [(); GATEWAYS].map(|()| site.gateway());
    let since = Instant::now();
    let outcome = race(&site, [0, 1, 2].map(|place| gateways[place].address), &shares);
    let took = since.elapsed();
    let deleted = shares.iter().map(Vec::len).sum::<usize>();
    let mut delays = outcome.delays.clone();
    delays.sort_unstable();
    let at = |percent: usize| delays[(delays.len() - 1) * percent / 100];
    eprintln!(
        "{deleted} keys created in {created:.1?}, deleted in {} operations in {took:.1?}; verifications after the reports, by \
         gateway: {:?}; begun {:.0?} (median) and {:.0?} (99%) after the report; {} more meanwhile",
        outcome.operations,
        outcome.after,
        at(50),
        at(99),
        outcome.meanwhile,
    );
    let asked = outcome.operations * CONNECTIONS;
    for (before, after) in outcome.before.iter().zip(outcome.after) {
        assert_eq!((before.rejected, after.accepted), (0, 0));
        // On a busy machine, a gateway may have no answer in time.
        assert!(after.other <= asked / 10 && before.other <= asked / 10, "{before:?} {after:?}");
    }
    assert!(outcome.meanwhile > outcome.operations);
    outcome.after.iter().map(|found| found.rejected).sum()
}

/// Passes questions on to a gateway, and repeats its answers for a moment, as a gateway with a cache would.
fn with_cache(gateway: SocketAddr, lifetime: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut known: HashMap<String, (Instant, u16)> = HashMap::new();
                let mut gateway = Client::to(gateway);
                let mut client = Client { stream: std::io::BufReader::new(stream) };
                while let Some(request) = request(&mut client) {
                    let kept = known.get(&request).filter(|(at, _)| at.elapsed() < lifetime).copied();
                    let (at, status) = kept
                        .unwrap_or_else(|| (Instant::now(), gateway.say(request.as_bytes()).unwrap().status));
                    known.insert(request, (at, status));
                    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                    client.stream.get_mut().write_all(answer.as_bytes()).unwrap();
                }
            });
        }
    });
    address
}

/// The head of the next request.
fn request(client: &mut Client) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = std::io::BufRead::read_line(&mut client.stream, &mut head).ok()?;
        if read == 0 {
            return None;
        }
    }
    Some(head)
}

#[test]
fn a_gateway_with_a_cache_would_be_noticed() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let shares = vec![keys(&site, 300, &mut Seeded(17))];
    let gateways = [(); GATEWAYS].map(|()| site.gateway());
    let stale = with_cache(gateways[1].address, Duration::from_millis(50));
    let outcome = race(&site, [gateways[0].address, stale, gateways[2].address], &shares);
    let all_rejected = Found { rejected: outcome.operations * CONNECTIONS, ..Found::default() };
    assert_eq!([outcome.after[0], outcome.after[2]], [all_rejected; 2]);
    assert!(outcome.after[1].accepted > 0, "{outcome:?}");
}

#[test]
fn what_was_deleted_is_rejected_at_once_by_three_gateways_3_000_races() {
    if Postgres::available() {
        assert!(races(160) > 3_000);
    }
}

#[test]
#[ignore = "takes about seven minutes"]
fn what_was_deleted_is_rejected_at_once_by_three_gateways_100_000_races() {
    if Postgres::available() {
        let mut rejected = 0;
        while rejected < 100_000 {
            rejected += races(504);
        }
    }
}
