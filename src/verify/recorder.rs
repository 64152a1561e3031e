//! Records use outside the path of requests: a request increments a count in memory, a thread writes it to the database.
//!
//! It never delays or fails a verification. Counts that come faster than they can be added to the tables of use are
//! spilled to a table of their own, the backlog, and added later: neither is lost when the process stops, and memory is
//! bounded. Only while the database cannot be written at all (locked, full, read-only) are counts kept in memory, at most
//! [`MAX_ENTRIES`]. More are counted as lost.
//!
//! While keys end when they are no longer used, the thread also keeps book of what is recorded: see
//! [`recording`](crate::store::recording).

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Stopwatch};

use super::counts::{Counts, Empty, Request, Taken};
use super::recording_book::Book;
use super::time::Time;
use crate::domain::Instant;
use crate::domain::location::Location;
use crate::store::StoreError;
use crate::store::continuity::Continuity;
use crate::store::lookup::Lookup;
use crate::store::usage::day_of;
use crate::store::usage_writer::{BATCH, Spilled, UsageWriter};

/// How often the thread reads the database, also without requests: a deletion must be known before an older copy is
/// written over the file, otherwise the copy could not be detected.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The least time from one write to the next: under load, half a second of requests is written at once. The first request
/// after a quiet time is written with the next look.
const WRITE_EVERY: Duration = Duration::from_millis(500);

/// The same where writing takes long: it takes a tenth of the time where that is enough, since all requests share the
/// processor with it, and use is seen within two seconds.
const WRITE_AT_LEAST_EVERY: Duration = Duration::from_millis(1_500);

/// How long a write waits for other sessions before the counts stay in memory until the next attempt.
const PATIENCE: Duration = Duration::from_millis(800);

/// Counts in memory from which they are spilled. A hash table of 65,536 places holds them and what comes meanwhile.
const SPILL_FROM: usize = 50_000;

/// Maximum number of counts in memory, while the database cannot be written: one for each day, reason, key and source.
const MAX_ENTRIES: usize = 458_752;

/// How long stopping adds counts before the rest is spilled for the next process.
const STOPPING: Duration = Duration::from_secs(1);

/// How long stopping tries again when the database is locked.
const STOPPING_LOCKED: Duration = Duration::from_millis(1_600);

/// How long stopping waits for a server.
const STOPPING_ON_SERVER: Duration = Duration::from_millis(1_600);

/// The same for a server that has not answered for a while.
const GIVING_UP: Duration = Duration::from_millis(400);
const SILENT: Duration = Duration::from_millis(700);

#[derive(Debug, Default)]
struct Waiting {
    counts: Counts,
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

    fn waiting(&self) -> usize {
        self.lock().counts.len()
    }

    /// Takes all counts, and allocates space for this number of other ones.
    fn take(&self, expected: usize) -> Taken {
        let empty = Empty::for_entries(expected);
        let taken = self.lock().counts.take(empty);
        taken.sort()
    }

    fn give_back(&self, taken: &Taken) {
        let lost = self.lock().counts.give_back(taken, MAX_ENTRIES);
        self.lost.fetch_add(lost, Ordering::Relaxed);
    }
}

/// Whether the thread reads the database between verifications too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    On,
    /// For a process that verifies once: the verification itself reads the database.
    Off,
}

/// Records accepted and rejected requests. Dropping it writes the counts in memory.
#[derive(Debug)]
pub(super) struct Recorder {
    shared: Arc<Shared>,
    /// See [`Self::known_until`].
    known_until: Arc<AtomicI64>,
    thread: Option<JoinHandle<()>>,
    time: Arc<Time>,
}

impl Recorder {
    /// Starts the thread that writes. `time` is the one that requests are counted by.
    pub(super) fn start(
        location: &Location,
        time: Arc<Time>,
        continuity: Arc<Continuity>,
        watch: Watch,
    ) -> Self {
        let shared = Arc::<Shared>::default();
        // Both are opened now, since later there may be no file descriptors left, and retried when that fails.
        let lookup = match watch {
            Watch::On => Lookup::open_another(location, Duration::ZERO, Arc::clone(&continuity)).ok(),
            Watch::Off => None,
        };
        let mut writer = UsageWriter::open_beside(location, PATIENCE, &continuity).ok();
        let known_until = Arc::new(AtomicI64::new(0));
        let mut book = Book::open(Arc::clone(&time), Arc::clone(&known_until));
        if let Some(writer) = &mut writer {
            // Failing now, the thread tries again.
            let _ = book.keep(writer, 0);
        }
        let thread = Thread {
            location: location.clone(),
            time: Arc::clone(&time),
            continuity,
            watch,
            lookup,
            writer,
            book,
            swept: None,
            failing: false,
            is_moved: false,
            written: None,
            pause: WRITE_EVERY,
            expected: 0,
            has_backlog: true,
            backlog: Vec::new(),
        };
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("recorder".into()).spawn(move || thread.run(&theirs)).ok();
        Self { shared, known_until, thread, time }
    }

    /// The instant, in seconds, before which all use in this process is recorded, where the database does not say it.
    pub(super) fn known_until(&self) -> i64 {
        self.known_until.load(Ordering::Acquire)
    }

    /// Counts a request.
    pub(super) fn record(&self, request: &Request) {
        if !self.shared.lock().counts.add(request, MAX_ENTRIES) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
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
        let Some(thread) = self.thread.take() else { return };
        // A server that does not answer must not delay the end.
        let since = Stopwatch::now();
        while let Some(silence) = self.time.silence() {
            let limit = if silence > SILENT { GIVING_UP } else { STOPPING_ON_SERVER };
            if thread.is_finished() {
                break;
            }
            if since.elapsed() >= limit {
                tracing::warn!("use was lost: the database does not answer");
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = thread.join();
    }
}

struct Thread {
    location: Location,
    time: Arc<Time>,
    continuity: Arc<Continuity>,
    watch: Watch,
    lookup: Option<Lookup>,
    writer: Option<UsageWriter>,
    book: Book,
    /// The day on which old counts were last deleted.
    swept: Option<i64>,
    /// Whether the last write failed. Logged once for each failure, not for each attempt.
    failing: bool,
    /// The database was moved: nothing is recorded any longer.
    is_moved: bool,
    /// When the last write began.
    written: Option<Stopwatch>,
    /// The time from one write to the next.
    pause: Duration,
    /// The number of counts to expect.
    expected: usize,
    /// Whether the backlog may have counts, of this process or an earlier one.
    has_backlog: bool,
    /// Those of them that are being added.
    backlog: Vec<Spilled>,
}

impl Thread {
    fn run(mut self, shared: &Shared) {
        loop {
            // With a backlog, there is no time to lose.
            let is_busy = self.has_backlog && !self.failing && self.writer.is_some();
            let pause = if is_busy { Duration::ZERO } else { LOOK_EVERY };
            let (waiting, _) = shared
                .stopping
                .wait_timeout_while(shared.lock(), pause, |waiting| !waiting.stop)
                .unwrap_or_else(PoisonError::into_inner);
            let stop = waiting.stop;
            let entries = waiting.counts.len();
            drop(waiting);
            self.look();
            if stop {
                return self.stop(shared);
            }
            if self.continuity.is_broken() {
                continue;
            }
            let is_time = self.written.is_none_or(|written| written.elapsed() >= self.pause);
            let result = if entries >= SPILL_FROM || (entries > 0 && is_time) {
                self.write(shared)
            } else {
                self.add_backlog(shared)
            };
            let kept = self.keep_book(shared);
            let result = result.and(kept);
            self.log(&result);
        }
    }

    /// Refreshes what is known of the database. The next verification reports an error.
    fn look(&mut self) {
        if self.watch == Watch::Off {
            return;
        }
        let mut lookup = match self.lookup.take() {
            Some(lookup) => lookup,
            None => {
                match Lookup::open_another(&self.location, Duration::ZERO, Arc::clone(&self.continuity)) {
                    Ok(lookup) => lookup,
                    Err(_) => return,
                }
            }
        };
        let renewed = lookup.renew();
        if let Ok(Some(shown)) = renewed {
            self.time.learn(shown);
        }
        self.lookup = Some(lookup).filter(|lookup| renewed.is_ok() || lookup.is_reusable());
    }

    fn writer(&mut self) -> Result<&mut UsageWriter, StoreError> {
        match &mut self.writer {
            Some(writer) => Ok(writer),
            none => Ok(none.insert(UsageWriter::open_beside(&self.location, PATIENCE, &self.continuity)?)),
        }
    }

    /// Writes what was counted until now. What cannot be written is counted again.
    fn write(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let began = Stopwatch::now();
        let now = self.time.now();
        let mut taken = shared.take(self.expected);
        self.expected = taken.len();
        let result = self.sweep(now).and_then(|()| self.add(shared, &mut taken, None));
        if taken.is_empty() && !self.has_backlog {
            self.book.written(now);
        }
        shared.give_back(&taken);
        self.written = Some(began);
        self.pause = match result {
            Ok(()) => (10 * began.elapsed()).clamp(WRITE_EVERY, WRITE_AT_LEAST_EVERY),
            Err(_) => WRITE_EVERY,
        };
        result
    }

    /// Adds counts to the tables of use and removes them from `taken`, until `deadline` has passed, or without one until
    /// the recorder stops. Spills what comes too fast meanwhile.
    fn add(
        &mut self,
        shared: &Shared,
        taken: &mut Taken,
        deadline: Option<Stopwatch>,
    ) -> Result<(), StoreError> {
        let is_time = || deadline.map_or_else(|| !shared.lock().stop, |deadline| Stopwatch::now() < deadline);
        while !taken.is_empty() && is_time() && !self.continuity.is_broken() {
            self.writer()?.write_batch(&taken.batch())?;
            taken.remove_batch();
            self.spill(shared)?;
        }
        Ok(())
    }

    /// Spills what waits in memory, if it is too much.
    fn spill(&mut self, shared: &Shared) -> Result<(), StoreError> {
        if shared.waiting() < SPILL_FROM || self.continuity.is_broken() {
            return Ok(());
        }
        let taken = shared.take(SPILL_FROM);
        let result = self.writer().and_then(|writer| writer.spill(taken.all()));
        match &result {
            Ok(()) => self.has_backlog = true,
            Err(_) => shared.give_back(&taken),
        }
        result
    }

    /// Adds some of the backlog.
    fn add_backlog(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let Some(writer) = self.writer.as_mut().filter(|_| self.has_backlog) else { return Ok(()) };
        if self.backlog.is_empty() {
            self.backlog = writer.backlog()?;
            self.has_backlog = !self.backlog.is_empty();
        }
        let rest = self.backlog.len().saturating_sub(BATCH);
        if let Some(some) = self.backlog.get(rest..).filter(|some| !some.is_empty()) {
            writer.add_backlog(some)?;
            self.backlog.truncate(rest);
        }
        self.spill(shared)
    }

    fn keep_book(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let is_empty = !self.has_backlog && shared.waiting() == 0;
        let lost = shared.lost.load(Ordering::Relaxed);
        if is_empty {
            self.book.written(self.time.now());
        }
        if let Some(writer) = &mut self.writer {
            self.book.keep(writer, lost)?;
        }
        Ok(())
    }

    /// Deletes old counts once a day.
    fn sweep(&mut self, now: Instant) -> Result<(), StoreError> {
        if self.swept.is_none_or(|day| day < day_of(now)) {
            self.writer()?.drop_old_days(now)?;
            self.swept = Some(day_of(now));
        }
        Ok(())
    }

    /// Writes everything, or spills it for the next process.
    fn stop(mut self, shared: &Shared) {
        let since = Stopwatch::now();
        if self.continuity.is_broken() {
            return;
        }
        let mut taken = shared.take(0);
        let result = loop {
            let result = self
                .add(shared, &mut taken, Some(since + STOPPING))
                .and_then(|()| if taken.is_empty() { Ok(()) } else { self.writer()?.spill(taken.all()) });
            if !matches!(result, Err(StoreError::Busy)) || since.elapsed() >= STOPPING_LOCKED {
                break result;
            }
        };
        let lost = if result.is_ok() { 0 } else { taken.requests() };
        if lost > 0 {
            tracing::warn!(requests = lost, "use was lost: the database cannot be written");
        }
        while self.has_backlog && since.elapsed() < STOPPING && self.add_backlog(shared).is_ok() {}
        if let Some(writer) = &mut self.writer {
            let is_complete = lost == 0 && writer.has_backlog().is_ok_and(|has| !has);
            self.book.close(writer, is_complete);
        }
        self.log(&result);
    }

    fn log(&mut self, written: &Result<(), StoreError>) {
        match written {
            Ok(()) if self.failing => tracing::info!("use is recorded again"),
            Err(StoreError::MovedTo { .. }) if self.is_moved => {}
            Err(error @ StoreError::MovedTo { .. }) => {
                self.is_moved = true;
                tracing::error!(%error, "use is no longer recorded");
            }
            Err(error) if !self.failing => {
                tracing::warn!(%error, "use cannot be recorded; verification continues");
            }
            _ => {}
        }
        self.failing = written.is_err();
    }
}
