//! Records use outside the path of requests: a request increments a count in memory, a thread writes it to the database.
//!
//! It never delays or fails a verification. While the database cannot be written (locked, full, read-only), at most
//! [`MAX_ENTRIES`] counts are kept in memory. More are counted as lost.

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
use crate::store::usage_writer::{Count, Entry, UsageWriter};

/// How often the thread reads the database, also without requests: a deletion must be known before an older copy is
/// written over the file, otherwise the copy could not be detected.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The least number of checks from one write to the next: under load, half a second of requests is written at once. The
/// first request after a quiet time is written with the next check.
const LOOKS_PER_WRITE: u32 = 5;

/// How long a write waits for other sessions before the counts stay in memory until the next attempt.
const PATIENCE: Duration = Duration::from_millis(800);

/// Maximum number of entries in memory: one for each day, reason and key.
const MAX_ENTRIES: usize = 100_000;

#[derive(Debug, Default)]
struct Waiting {
    /// Each with the number of its last request.
    counts: HashMap<Entry, (u64, Count)>,
    requests: u64,
    stop: bool,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    stopping: Condvar,
    lost: AtomicU64,
}

impl Shared {
    /// Counts stay valid after a panic in another thread.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, entry: Entry, count: &Count) {
        let mut waiting = self.lock();
        waiting.requests += 1;
        let number = waiting.requests;
        if let Some((last, known)) = waiting.counts.get_mut(&entry) {
            *last = number;
            known.add(count);
        } else if waiting.counts.len() < MAX_ENTRIES {
            waiting.counts.insert(entry, (number, *count));
        } else {
            self.lost.fetch_add(count.count, Ordering::Relaxed);
        }
    }
}

/// Records accepted and rejected requests. Dropping it writes the counts in memory.
#[derive(Debug)]
pub(super) struct Recorder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts the thread that writes.
    pub(super) fn start(path: &Path, continuity: Arc<Continuity>) -> Self {
        let shared = Arc::<Shared>::default();
        // Both are opened now, since later there may be no file descriptors left, and retried when that fails.
        let lookup = Lookup::open(path, Duration::ZERO, Arc::clone(&continuity)).ok();
        let writer = UsageWriter::open(path, PATIENCE).ok();
        let thread =
            Thread { path: path.to_owned(), continuity, lookup, writer, swept: None, failing: false };
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("recorder".into()).spawn(move || thread.run(&theirs)).ok();
        Self { shared, thread }
    }

    /// Counts a use, or a rejection for a reason, with the key that it can be attributed to.
    pub(super) fn record(
        &self,
        reason: Option<&'static str>,
        key: Option<KeyId>,
        at: Instant,
        from: Option<IpAddr>,
    ) {
        let source = key.and(from);
        self.shared.add(Entry { day: day_of(at), reason, key, source }, &Count::one((at, from)));
    }

    /// Number of requests that were lost because the database could not be written for too long.
    pub(super) fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.stopping.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Thread {
    path: PathBuf,
    continuity: Arc<Continuity>,
    lookup: Option<Lookup>,
    writer: Option<UsageWriter>,
    /// The day on which old counts were last deleted.
    swept: Option<i64>,
    /// Whether the last write failed. Logged once for each failure, not for each attempt.
    failing: bool,
}

impl Thread {
    fn run(mut self, shared: &Shared) {
        let mut looks = 0_u32;
        loop {
            let (mut waiting, _) = shared
                .stopping
                .wait_timeout_while(shared.lock(), LOOK_EVERY, |waiting| !waiting.stop)
                .unwrap_or_else(PoisonError::into_inner);
            let stop = waiting.stop;
            looks = looks.saturating_add(1);
            let mut entries = Vec::new();
            if stop || (looks >= LOOKS_PER_WRITE && !waiting.counts.is_empty()) {
                looks = 0;
                entries.extend(std::mem::take(&mut waiting.counts));
            }
            drop(waiting);
            // In the order of their last requests: instants are whole seconds.
            entries.sort_unstable_by_key(|(_, (number, _))| *number);
            let mut entries: Vec<(Entry, Count)> =
                entries.into_iter().map(|(entry, (_, count))| (entry, count)).collect();
            self.look();
            if !entries.is_empty() && !self.continuity.is_broken() {
                let written = self.write(&mut entries);
                self.log(&written);
                for (entry, count) in &entries {
                    shared.add(*entry, count);
                }
            }
            if stop {
                return;
            }
        }
    }

    /// Refreshes what is known of the database. The next verification reports an error.
    fn look(&mut self) {
        let lookup = match self.lookup.take() {
            Some(mut lookup) => lookup.renew().map(|()| lookup),
            None => Lookup::open(&self.path, Duration::ZERO, Arc::clone(&self.continuity)),
        };
        self.lookup = lookup.ok();
    }

    /// Writes entries and removes them from the list.
    fn write(&mut self, entries: &mut Vec<(Entry, Count)>) -> Result<(), StoreError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(UsageWriter::open(&self.path, PATIENCE)?),
        };
        if let Some((now, _)) = entries.iter().map(|(_, count)| count.last).max_by_key(|last| last.0)
            && self.swept.is_none_or(|day| day < day_of(now))
        {
            writer.drop_old_days(now)?;
            self.swept = Some(day_of(now));
        }
        writer.write(entries)
    }

    fn log(&mut self, written: &Result<(), StoreError>) {
        match written {
            Ok(()) if self.failing => tracing::info!("use is recorded again"),
            Err(error) if !self.failing => {
                tracing::warn!(%error, "use cannot be recorded; verification continues");
            }
            _ => {}
        }
        self.failing = written.is_err();
    }
}
