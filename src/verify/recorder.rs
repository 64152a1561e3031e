//! Records use, off the path of requests: a request adds to a tally in memory, a thread writes it down.
//!
//! Nothing here can delay or fail a verification. When the database cannot be written (locked, full, read-only),
//! the tally waits, bounded by [`MOST_LINES`]; what goes beyond is counted and lost.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::domain::Instant;
use crate::domain::key::KeyId;
use crate::store::StoreError;
use crate::store::continuity::Continuity;
use crate::store::lookup::Lookup;
use crate::store::usage::day_of;
use crate::store::usage_writer::{Count, UsageRecord, UsageWriter};

/// How many times the database is looked at before what is in memory is written: uses wait half a second.
const LOOKS_PER_FLUSH: u32 = 5;

/// How often the database is looked at while nothing is asked: a deletion must be known before an older copy is written
/// over the file, or the copy could not be told from what was there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a write waits for other sessions before the tally stays in memory for another round.
const PATIENCE: Duration = Duration::from_millis(800);

/// How many lines wait at most: one for each key, day and reason.
pub(crate) const MOST_LINES: usize = 100_000;

/// What is counted: a use of a key, or a refusal for a reason.
type Entry = (i64, Option<&'static str>, Option<KeyId>);

#[derive(Clone, Copy)]
struct Tally {
    count: u64,
    first: (Instant, Option<IpAddr>),
    last: (Instant, Option<IpAddr>),
}

#[derive(Default)]
struct Waiting {
    tallies: HashMap<Entry, Tally>,
    stop: bool,
}

struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    lost: AtomicU64,
}

impl Shared {
    /// A panic elsewhere has left counts, and counts are whole.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes down who was let in and who was refused. What is still in memory is written when it is dropped.
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

impl Recorder {
    /// Starts the thread that writes. It opens the database itself, and again when that fails.
    #[must_use]
    pub(crate) fn start(path: &Path, continuity: Arc<Continuity>) -> Self {
        // Opened now, since later there may be no file descriptor left.
        let lookup = Lookup::open(path, Duration::ZERO, Arc::clone(&continuity)).ok();
        let shared =
            Arc::new(Shared { waiting: Mutex::default(), wake: Condvar::new(), lost: AtomicU64::new(0) });
        let writer =
            Writer { path: path.to_owned(), continuity, lookup, book: None, swept: None, failing: false };
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("recorder".into()).spawn(move || writer.run(&theirs)).ok();
        Self { shared, thread }
    }

    /// A key was let in.
    pub(crate) fn used(&self, id: KeyId, at: Instant, from: Option<IpAddr>) {
        self.count((day_of(at), None, Some(id)), at, from);
    }

    /// Somebody was refused; the key is the one that it can be put down to.
    pub(crate) fn refused(&self, reason: &'static str, id: Option<KeyId>, at: Instant, from: Option<IpAddr>) {
        self.count((day_of(at), Some(reason), id), at, from);
    }

    /// How many could not be kept: the database was not to be written for too long.
    #[must_use]
    pub(crate) fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    fn count(&self, entry: Entry, at: Instant, from: Option<IpAddr>) {
        let mut waiting = self.shared.lock();
        if let Some(tally) = waiting.tallies.get_mut(&entry) {
            tally.count += 1;
            if at >= tally.last.0 {
                tally.last = (at, from);
            }
        } else if waiting.tallies.len() < MOST_LINES {
            let seen = (at, from);
            waiting.tallies.insert(entry, Tally { count: 1, first: seen, last: seen });
        } else {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's own.
struct Writer {
    path: PathBuf,
    continuity: Arc<Continuity>,
    /// Looks at the database between requests.
    lookup: Option<Lookup>,
    book: Option<UsageWriter>,
    /// The day on which old days were dropped last.
    swept: Option<i64>,
    /// Whether the last write failed: one line in the log for a fault, not one for each round.
    failing: bool,
}

impl Writer {
    fn run(mut self, shared: &Shared) {
        // Opened now, since later there may be no file descriptor left.
        self.book = UsageWriter::open(&self.path, PATIENCE).ok();
        let mut looks = 0;
        loop {
            let waiting = shared.lock();
            let (mut waiting, _) = shared
                .wake
                .wait_timeout_while(waiting, LOOK_EVERY, |waiting| !waiting.stop)
                .unwrap_or_else(PoisonError::into_inner);
            let stop = waiting.stop;
            // More of the same arrives at once under load: one write for all of it.
            looks += u32::from(!waiting.tallies.is_empty());
            let is_due = stop || looks >= LOOKS_PER_FLUSH;
            let tallies = if is_due { std::mem::take(&mut waiting.tallies) } else { HashMap::new() };
            drop(waiting);
            self.look();
            if !tallies.is_empty() && !self.continuity.is_broken() {
                looks = 0;
                let mut lines = tallies.into_iter().map(line).collect();
                let written = self.write(&mut lines);
                self.tell(&written);
                if written.is_err() {
                    put_back(shared, lines);
                }
            }
            if stop {
                return;
            }
        }
    }

    /// What is wrong is said by the next verification.
    fn look(&mut self) {
        let lookup = match self.lookup.take() {
            Some(mut lookup) => lookup.renew().map(|()| lookup),
            None => Lookup::open(&self.path, Duration::ZERO, Arc::clone(&self.continuity)),
        };
        self.lookup = lookup.ok();
    }

    fn write(&mut self, lines: &mut Vec<UsageRecord>) -> Result<(), StoreError> {
        let book = match &mut self.book {
            Some(book) => book,
            none => none.insert(UsageWriter::open(&self.path, PATIENCE)?),
        };
        let latest = lines.iter().map(|line| match line {
            UsageRecord::Used(_, count) | UsageRecord::Refused(_, _, count) => count.last,
        });
        if let Some(now) = latest.max()
            && self.swept.is_none_or(|day| day < day_of(now))
        {
            book.drop_old_days(now)?;
            self.swept = Some(day_of(now));
        }
        book.write(lines)
    }

    fn tell(&mut self, written: &Result<(), StoreError>) {
        match written {
            Ok(()) if self.failing => tracing::info!("use is recorded again"),
            Err(error) if !self.failing => {
                tracing::warn!(%error, "use cannot be recorded at present; verifications go on");
            }
            _ => {}
        }
        self.failing = written.is_err();
    }
}

fn line(((_, reason, id), tally): (Entry, Tally)) -> UsageRecord {
    let text = |from: Option<IpAddr>| from.map(|from| from.to_string());
    let count = Count {
        count: tally.count,
        first: tally.first.0,
        first_from: text(tally.first.1),
        last: tally.last.0,
        last_from: text(tally.last.1),
    };
    match (reason, id) {
        (None, Some(id)) => UsageRecord::Used(id, count),
        (reason, id) => UsageRecord::Refused(reason.unwrap_or("unknown"), id, count),
    }
}

/// What could not be written joins what has come since.
fn put_back(shared: &Shared, lines: Vec<UsageRecord>) {
    let mut waiting = shared.lock();
    for line in lines {
        let (reason, id, count) = match line {
            UsageRecord::Used(id, count) => (None, Some(id), count),
            UsageRecord::Refused(reason, id, count) => (Some(reason), id, count),
        };
        let entry = (day_of(count.last), reason, id);
        let address = |from: Option<String>| from.and_then(|from| from.parse().ok());
        let first = (count.first, address(count.first_from));
        let last = (count.last, address(count.last_from));
        if waiting.tallies.len() >= MOST_LINES && !waiting.tallies.contains_key(&entry) {
            shared.lost.fetch_add(count.count, Ordering::Relaxed);
            continue;
        }
        let tally = waiting.tallies.entry(entry).or_insert(Tally { count: 0, first, last });
        tally.count += count.count;
        tally.first = first;
        if last.0 > tally.last.0 {
            tally.last = last;
        }
    }
}
