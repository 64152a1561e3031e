//! The endpoint, `keydesk serve` as it runs in production, against an empty 204 handler built on the same libraries.
//!
//! Each server is a process of its own with HTTP/1. 64 connections send requests without pause, in short rounds to one
//! server and the other. Only the ratios mean something on a shared machine.
//!
//! The rows of proxies, with their examples in `assets/`, compare the throughput through a proxy that asks the endpoint with
//! that through one that asks the empty handler.
//!
//! ```sh
//! cargo bench --bench serve                     # all rows, some minutes
//! cargo bench --bench serve -- 10000 nginx      # the rows whose names contain one of these words
//! KEYDESK_BENCH_ROUNDS=15 KEYDESK_BENCH_SECONDS=2 cargo bench --bench serve -- one-key
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    unreachable_pub,
    reason = "a measurement, not a product"
)]

mod load;
mod postgres;
#[path = "../../tests/support/proxies.rs"]
#[allow(dead_code, clippy::expect_used, reason = "shared with the tests, which use the rest")]
mod proxies;
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use keydesk::KeyId;
use keydesk::domain::token;
use keydesk::host::clock;
use keydesk::host::entropy::SystemEntropy;
use keydesk::store::{Store, usage};
use load::{Answer, Load, Measured, Until};
use proxies::{Kind, Proxy};
use server::{Bare, Server};
use support::Many;

const MILLION: usize = 1_000_000;

/// What the requests of a row present.
#[derive(Clone, Copy)]
enum Traffic {
    /// This number of different keys.
    Keys(usize),
    WrongChecksum,
    UnknownKey,
    NoCredential,
}

/// A kind of traffic whose throughput is compared with that of the empty handler.
struct Row {
    name: &'static str,
    /// Keys in the database.
    keys: usize,
    traffic: Traffic,
    /// The share of the empty handler's throughput that is the goal.
    goal: f64,
}

const ROWS: [Row; 8] = [
    Row { name: "one-key", keys: 1, traffic: Traffic::Keys(1), goal: 0.9 },
    Row { name: "1000-of-1000", keys: 1_000, traffic: Traffic::Keys(1_000), goal: 0.85 },
    Row { name: "1000-of-1000000", keys: MILLION, traffic: Traffic::Keys(1_000), goal: 0.85 },
    Row { name: "10000-of-1000000", keys: MILLION, traffic: Traffic::Keys(10_000), goal: 0.8 },
    Row { name: "50000-of-1000000", keys: MILLION, traffic: Traffic::Keys(50_000), goal: 0.7 },
    Row { name: "wrong-checksum", keys: MILLION, traffic: Traffic::WrongChecksum, goal: 0.85 },
    Row { name: "unknown-key", keys: MILLION, traffic: Traffic::UnknownKey, goal: 0.85 },
    Row { name: "no-credential", keys: MILLION, traffic: Traffic::NoCredential, goal: 0.85 },
];

/// The goal for the 99th percentile, as a multiple of the empty handler's.
const P99_GOAL: f64 = 2.0;

/// The row that uses many different keys within seconds.
const BURST: &str = "burst-250000";
const BURST_KEYS: usize = 250_000;
/// The goal for the throughput through a proxy, as a share of that with the empty handler.
const PROXY_GOAL: f64 = 0.95;

const HEADING_OF_PROXIES: &str = "\
proxy      throughput of bare   goal   p99 of bare   responses/s with bare";

/// How often each of them is used.
const BURST_PASSES: usize = 3;
const STOP_GOAL: Duration = Duration::from_secs(2);
const MEMORY_GOAL_MIB: f64 = 96.0;

fn main() {
    server::serve_if_bare();
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let bare = Server::bare(Bare::Handler);
    // Shared by the rows that need it, since filling it takes a while.
    let million = OnceCell::new();
    let mut table = Vec::new();
    for row in ROWS.iter().filter(|row| wanted(row.name)) {
        let small;
        let many = if row.keys == MILLION {
            million.get_or_init(|| Many::keys(MILLION, BURST_KEYS))
        } else {
            small = Many::keys(row.keys, row.keys);
            &small
        };
        let line = row.measure(&bare, many);
        eprintln!("{line}");
        table.push(line);
    }
    let of_proxies: Vec<String> =
        Kind::ALL.into_iter().filter(|kind| wanted(kind.program())).map(through).collect();
    if wanted(BURST) {
        table.extend(burst(million.get_or_init(|| Many::keys(MILLION, BURST_KEYS))));
    }
    if !table.is_empty() {
        println!("\n{HEADING}");
    }
    for line in table.into_iter().chain(postgres::rows(wanted)) {
        println!("{line}");
    }
    println!("\n{HEADING_OF_PROXIES}");
    for line in of_proxies {
        println!("{line}");
    }
}

const HEADING: &str = "\
row                 throughput of bare   goal   processor of bare     p99 of bare   goal   written";

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

impl Row {
    fn load(&self, many: &Many) -> Arc<Load> {
        let api_key = |text: &str| format!("Authorization: ApiKey-v1 {text}\r\n");
        match self.traffic {
            Traffic::Keys(active) => {
                Load::new(many.secrets[..active].iter().map(|key| api_key(key.expose())), Answer::Accepted)
            }
            Traffic::WrongChecksum => {
                let wrong = many.secrets[..1_000].iter().map(|key| {
                    let (text, last) = key.expose().split_at(key.expose().len() - 1);
                    api_key(&format!("{text}{}", if last == "0" { "1" } else { "0" }))
                });
                Load::new(wrong, Answer::Rejected)
            }
            Traffic::UnknownKey => {
                Load::new((0..1_000).map(|_| api_key(support::draw().1.expose())), Answer::Rejected)
            }
            Traffic::NoCredential => Load::new(std::iter::once(String::new()), Answer::Rejected),
        }
    }

    /// Measures in turn. Returns the line of the table.
    fn measure(&self, bare: &Server, many: &Many) -> String {
        let rounds = setting("KEYDESK_BENCH_ROUNDS", 5);
        let round = Until::Elapsed(Duration::from_secs(setting("KEYDESK_BENCH_SECONDS", 1) as u64));
        let load = self.load(many);
        let endpoint = Server::keydesk(&many.path());
        // Both fill their caches.
        load.run_bare(bare, round);
        load.run(&endpoint, round);
        if let Traffic::Keys(active) = self.traffic {
            load.run(&endpoint, Until::Sent(2 * active));
        }
        let pairs: Vec<(Measured, Measured)> =
            (0..rounds).map(|_| (load.run_bare(bare, round), load.run(&endpoint, round))).collect();
        let of_bare = |ratio: fn(&Measured, &Measured) -> f64| {
            median(pairs.iter().map(|(bare, endpoint)| ratio(bare, endpoint)).collect())
        };
        let written = median(
            pairs.iter().map(|(_, run)| run.spent.written as f64 / run.took.as_secs_f64() / 1e6).collect(),
        );
        format!(
            "{:<18} {:>19.2} {:>6.2} {:>19.2} {:>15.1} {:>6.1} {:>6.1} MB/s",
            self.name,
            of_bare(|bare, endpoint| endpoint.rate() / bare.rate()),
            self.goal,
            of_bare(|bare, endpoint| bare.processor() / endpoint.processor()),
            of_bare(|bare, endpoint| endpoint.p99.as_secs_f64() / bare.p99.as_secs_f64()),
            P99_GOAL,
            written
        )
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Measures a proxy that asks the endpoint and one that asks the empty handler. Returns the line of the table.
fn through(kind: Kind) -> String {
    let name = kind.program();
    if !is_installed(name) {
        return format!("{name:<10} not installed");
    }
    let rounds = setting("KEYDESK_BENCH_ROUNDS", 5);
    let round = Until::Elapsed(Duration::from_secs(setting("KEYDESK_BENCH_SECONDS", 1) as u64));
    let many = Many::keys(1_000, 1_000);
    let load = Load::new(
        many.secrets.iter().map(|key| format!("Authorization: ApiKey-v1 {}\r\n", key.expose())),
        Answer::OfApi,
    );
    let api = Server::bare(Bare::Api);
    let endpoint = Server::keydesk(&many.path());
    let bare = Server::bare(if kind == Kind::Envoy { Bare::HandlerForEnvoy } else { Bare::Handler });
    let with_keydesk = Proxy::start(kind, endpoint.address, None, api.address);
    let with_bare = Proxy::start(kind, bare.address, None, api.address);
    for proxy in [&with_keydesk, &with_bare] {
        load.run_through(proxy.address, round);
    }
    let pairs: Vec<(Measured, Measured)> = (0..rounds)
        .map(|_| (load.run_through(with_bare.address, round), load.run_through(with_keydesk.address, round)))
        .collect();
    let of = |number: fn(&(Measured, Measured)) -> f64| median(pairs.iter().map(number).collect());
    let line = format!(
        "{name:<10} {:>18.2} {PROXY_GOAL:>6.2} {:>13.1} {:>23.0}",
        of(|(bare, keydesk)| keydesk.rate() / bare.rate()),
        of(|(bare, keydesk)| keydesk.p99.as_secs_f64() / bare.p99.as_secs_f64()),
        of(|(bare, _)| bare.rate()),
    );
    eprintln!("{line}");
    line
}

/// Uses many different keys within seconds, stops the endpoint, and counts what it has recorded.
fn burst(many: &Many) -> Vec<String> {
    let keys = &many.secrets[..BURST_KEYS];
    let ids: Vec<KeyId> = keys.iter().map(|key| token::parse(key.expose()).unwrap().id).collect();
    let before = recorded(many, &ids);
    let endpoint = Server::keydesk(&many.path());
    let headers = keys.iter().map(|key| format!("Authorization: ApiKey-v1 {}\r\n", key.expose()));
    let run = Load::new(headers, Answer::Accepted).run(&endpoint, Until::Sent(BURST_PASSES * BURST_KEYS));
    let memory = endpoint.memory() as f64 / f64::from(1 << 20);
    let stopped = endpoint.stop();
    let lost = run.answers as u64 - (recorded(many, &ids) - before);
    let line = |what: &str, measured: String, goal: String| {
        format!("{BURST}: {what:<28} {measured:>24}   goal {goal}")
    };
    vec![
        line(
            "uses lost",
            format!("{lost} of {} in {:.1} s", run.answers, run.took.as_secs_f64()),
            "0".into(),
        ),
        line("time to stop", format!("{:.2} s", stopped.as_secs_f64()), format!("{} s", STOP_GOAL.as_secs())),
        line("memory", format!("{memory:.0} MiB"), format!("{MEMORY_GOAL_MIB} MiB")),
        line("written", format!("{:.0} MB", run.spent.written as f64 / 1e6), "-".into()),
    ]
}

/// The number of recorded uses of these keys in the last days.
fn recorded(many: &Many, ids: &[KeyId]) -> u64 {
    let store = Store::open_existing(many.path(), &mut SystemEntropy).unwrap();
    let now = clock::now();
    store
        .read(|r| ids.iter().map(|id| Ok(usage::last_30_days(r, *id, now)?.iter().sum::<u64>())).sum())
        .unwrap()
}
