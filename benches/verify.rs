//! `Verifier::verify` against a prepared point lookup by rusqlite on the same file.
//!
//! The goal is less than twice the time of the lookup, with a fresh read for each verification.
//!
//! Run it with `cargo bench --bench verify`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a measurement, not a product"
)]

mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use keydesk::Verifier;
use rusqlite::{Connection, OpenFlags};
use support::Many;

/// The position of the key ID in the text of a key: `ik_live_<id>_...`.
const ID: std::ops::Range<usize> = 8..18;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for keys in [1_000, 1_000_000] {
        measure(&mut criterion, keys);
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, keys: usize) {
    let many = Many::keys(keys);
    let verifier = Verifier::open(many.path()).unwrap();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let bare = Connection::open_with_flags(many.path(), flags).unwrap();
    bare.pragma_update(None, "mmap_size", 0).unwrap();
    let mut statement = bare.prepare("SELECT hash, expires, disabled FROM keys WHERE key_id = ?1").unwrap();
    let mut look_up = |secret: &str| {
        let row = statement.query_row([&secret[ID]], |row| {
            Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(2)?))
        });
        black_box(row.unwrap());
    };
    let verify = |secret: &str| assert!(verifier.verify(secret, None).unwrap().is_accepted());

    let mut group = criterion.benchmark_group(format!("{keys} keys"));
    let mut turn = many.secrets.iter().cycle();
    group.bench_function("bare lookup", |b| b.iter(|| look_up(turn.next().unwrap())));
    group.bench_function("verify", |b| b.iter(|| verify(turn.next().unwrap())));
    group.finish();

    // Alternating within one run: on a noisy machine only the ratio is meaningful.
    let time = |run: &mut dyn FnMut(&str)| {
        let since = Instant::now();
        many.secrets.iter().for_each(|secret| run(secret));
        since.elapsed()
    };
    let mut ratios: Vec<f64> = (0..301)
        .map(|_| {
            let bare: Duration = time(&mut look_up);
            time(&mut |secret| verify(secret)).as_secs_f64() / bare.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!("{keys} keys: verify / bare lookup = {:.2} (median of {} pairs)", ratios[150], ratios.len());
}
