//! What the demo's keys are used for, and who goes on with those that work no more.

use chrono::TimeDelta;

use super::demo::Choice;
use crate::domain::Instant;
use crate::domain::key::KeyId;
use crate::store::usage::day_of;
use crate::store::use_book::{Count, Line};
use crate::verify::Reason;

/// Days that the screen shows.
const DAYS: i64 = 30;
/// Requests a day of keys that are used.
const RATES: [i64; 6] = [3, 12, 40, 150, 600, 2_400];

/// When a key opens the door, and what is said after.
pub(super) struct Life {
    /// The key.
    pub(super) id: KeyId,
    /// From here on.
    pub(super) from: Instant,
    /// Until here.
    pub(super) until: Instant,
    /// Why it is refused from there on, if somebody goes on presenting it.
    pub(super) then: Option<Reason>,
}

/// What an endpoint would have written down of these keys within the last 30 days.
pub(super) fn lines(lives: &[Life], now: Instant, choice: &mut Choice) -> Vec<Line> {
    let mut book = Vec::new();
    for life in lives {
        let rate = match choice.below(10) {
            0..3 => continue,
            _ => choice.of(&RATES).copied().unwrap_or(1),
        };
        let client = format!("10.0.{}.{}", choice.below(4), choice.among(2, 250));
        let rests = choice.below(2) == 0;
        for ago in (0..DAYS).rev() {
            let weekend = (day_of(now) - ago + 3) % 7 >= 5;
            let count = rate * choice.among(60, 140) / if weekend && rests { 400 } else { 100 };
            // The rarer the requests, the longer ago the last one is.
            let quiet = choice.among(0, 80_000 / rate);
            let until = life.until.min(now);
            let counted = count_of(now, ago, (life.from, until), quiet, count, &client);
            book.extend(counted.map(|count| Line::Used(life.id, count)));
        }
        let Some(reason) = life.then.filter(|_| life.until < now && choice.below(3) == 0) else { continue };
        if reason == Reason::Deleted || now - life.until < TimeDelta::days(DAYS) {
            let (quiet, count) = (choice.among(5, 4_000), choice.among(1, 40));
            let counted = count_of(now, 0, (life.until, now), quiet, count, &client);
            book.extend(counted.map(|count| Line::Refused(reason.as_str(), Some(life.id), count)));
        }
    }
    book
}

/// What happened on a day so long ago, between two instants, the last time some seconds before the end.
fn count_of(
    now: Instant,
    ago: i64,
    (from, until): (Instant, Instant),
    quiet: i64,
    count: i64,
    client: &str,
) -> Option<Count> {
    let start = Instant::from_timestamp((day_of(now) - ago) * 86_400, 0)?;
    let from = from.max(start);
    let until = until.min(start + TimeDelta::seconds(86_399));
    if until < from || count < 1 {
        return None;
    }
    let last = until - TimeDelta::seconds(quiet.min((until - from).num_seconds()));
    let client = Some(client.to_owned());
    Some(Count {
        count: count.unsigned_abs(),
        first: from,
        first_from: client.clone(),
        last,
        last_from: client,
    })
}
