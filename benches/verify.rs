//! `Verifier::verify` against a prepared point lookup by rusqlite on the same file, and shared by two threads.
//!
//! Each verification is a fresh read. Only the ratios, taken alternating within one run, mean something on a shared
//! machine.
//!
//! Run it with `cargo bench --bench verify`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    unreachable_pub,
    reason = "a measurement, not a product"
)]

mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use keydesk::Verifier;
use keydesk::domain::secret::Secret;
use rusqlite::{Connection, OpenFlags, Statement};
use support::Many;

/// The position of the key ID in the text of a key: `ik_live_<id>_...`.
const ID: std::ops::Range<usize> = 8..18;

/// Verifications in a round.
const ROUND: usize = 1_000;
const ROUNDS: usize = 301;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let active = Many::keys(1_000, 1_000);
    let million = Many::keys(1_000_000, 250_000);
    let ratios = [
        ("1,000 active keys: verify / bare lookup", alternate(&mut criterion, "1000 keys", &active), "0.5"),
        (
            "random over 1,000,000: verify / bare lookup",
            alternate(&mut criterion, "1000000 keys", &million),
            "1.5",
        ),
        ("one Verifier: 2 threads / 1 thread, 1,000 active keys", share(&active), "1.7"),
    ];
    criterion.final_summary();
    println!("\n{:<56} {:>8} {:>6}", "", "measured", "goal");
    for (what, ratio, goal) in ratios {
        println!("{what:<56} {ratio:>8.2} {goal:>6}");
    }
}

fn verify(verifier: &Verifier, secret: &Secret) {
    assert!(verifier.verify(secret.expose(), None).unwrap().is_accepted());
}

fn look_up(statement: &mut Statement<'_>, secret: &Secret) {
    let row = statement.query_row([&secret.expose()[ID]], |row| {
        Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(2)?))
    });
    black_box(row.unwrap());
}

/// The time of a verification relative to that of a lookup, over all secrets in turn.
fn alternate(criterion: &mut Criterion, name: &str, many: &Many) -> f64 {
    let verifier = Verifier::open(many.path()).unwrap();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let bare = Connection::open_with_flags(many.path(), flags).unwrap();
    bare.pragma_update(None, "mmap_size", 0).unwrap();
    let mut statement = bare.prepare("SELECT hash, expires, disabled FROM keys WHERE key_id = ?1").unwrap();

    let mut group = criterion.benchmark_group(name);
    let mut turn = many.secrets.iter().cycle();
    group.bench_function("bare lookup", |b| b.iter(|| look_up(&mut statement, turn.next().unwrap())));
    group.bench_function("verify", |b| b.iter(|| verify(&verifier, turn.next().unwrap())));
    group.finish();

    let mut rounds = many.secrets.chunks(ROUND).cycle();
    // Each has keys of its own: the other would have read the pages before.
    let mut time = |run: &mut dyn FnMut(&Secret)| {
        let round = rounds.next().unwrap();
        let since = Instant::now();
        round.iter().for_each(run);
        since.elapsed().as_secs_f64()
    };
    let mut ratios: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let bare = time(&mut |secret| look_up(&mut statement, secret));
            time(&mut |secret| verify(&verifier, secret)) / bare
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ROUNDS / 2]
}

/// The throughput of two threads that share a verifier, relative to one thread.
fn share(many: &Many) -> f64 {
    let verifier = Verifier::open(many.path()).unwrap();
    let rate = |threads: usize| {
        let until = Instant::now() + Duration::from_millis(500);
        let accepted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads)
                .map(|thread| {
                    let verifier = &verifier;
                    scope.spawn(move || {
                        let turn = many.secrets.iter().cycle().skip(thread * many.secrets.len() / 2);
                        turn.take_while(|_| Instant::now() < until)
                            .map(|secret| verify(verifier, secret))
                            .count()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        accepted as f64
    };
    rate(2);
    let mut ratios: Vec<f64> = (0..9)
        .map(|_| {
            let one = rate(1);
            rate(2) / one
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[4]
}
