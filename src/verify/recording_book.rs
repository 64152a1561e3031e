//! The book of a recorder: the instant up to which everything that it counted is written, and the times in which something
//! may be missing.
//!
//! It is kept in the database only while keys end when they are no longer used. An idle recorder writes nothing otherwise.
//! As long as it is not in the database, this process itself does not end a key by what it may know better.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant as Stopwatch};

use chrono::TimeDelta;

use super::time::Time;
use crate::domain::Instant;
use crate::domain::until_unused::Gap;
use crate::store::StoreError;
use crate::store::recording::Registration;
use crate::store::usage_writer::UsageWriter;

/// How long after a request its use may be counted, at most: requests are counted with the instant of their decision.
const MARGIN: TimeDelta = TimeDelta::seconds(2);

/// How often it is written without requests.
const EVERY: Duration = Duration::from_secs(5);

/// How far the clock may run ahead of the time that has passed. Beyond that it was set, or the system was suspended.
const JUMP: TimeDelta = TimeDelta::seconds(5);

pub(super) struct Book {
    time: Arc<Time>,
    registration: Option<Registration>,
    /// All use before this instant is written.
    complete_until: Instant,
    /// The same in seconds, for the verifications of this process, while it is not registered for sure.
    known_until: Arc<AtomicI64>,
    /// When it was last written.
    kept: Option<Stopwatch>,
    /// The last look at both clocks.
    looked: (Instant, Stopwatch),
    /// The number of requests that were lost, and the gaps that are not written yet.
    lost: u64,
    gaps: Vec<Gap>,
}

impl Book {
    pub(super) fn open(time: Arc<Time>, known_until: Arc<AtomicI64>) -> Self {
        let book = Self {
            registration: None,
            complete_until: time.now(),
            known_until,
            kept: None,
            looked: (time.now(), Stopwatch::now()),
            lost: 0,
            gaps: Vec::new(),
            time,
        };
        book.tell();
        book
    }

    /// Tells the verifications of this process what they may take for known.
    fn tell(&self) {
        let is_sure = self.registration.as_ref().is_some_and(Registration::is_sure);
        let known = if is_sure { i64::MAX } else { self.complete_until.timestamp() };
        self.known_until.store(known, Ordering::Release);
    }

    /// Everything that was counted when the clock showed `now` is written.
    pub(super) fn written(&mut self, now: Instant) {
        if let Some(until) = now.checked_sub_signed(MARGIN) {
            self.complete_until = until;
        }
    }

    /// Registers this process while keys wait for the end of their use, and writes what is known. `lost` is the number of
    /// requests that could not be recorded.
    pub(super) fn keep(&mut self, writer: &mut UsageWriter, lost: u64) -> Result<(), StoreError> {
        let kept = self.write(writer, lost);
        self.tell();
        kept
    }

    fn write(&mut self, writer: &mut UsageWriter, lost: u64) -> Result<(), StoreError> {
        self.look(lost);
        let is_awaited = writer.is_awaited()?;
        if !is_awaited {
            self.gaps.clear();
            if let Some(registration) = &self.registration {
                writer.unregister(registration, &[])?;
            }
            self.registration = None;
            return Ok(());
        }
        let Some(registration) = &self.registration else {
            let registration = writer.register(self.time.now(), self.complete_until, &self.gaps)?;
            self.registration = Some(registration);
            self.gaps.clear();
            self.kept = None;
            return Ok(());
        };
        if self.kept.is_some_and(|kept| kept.elapsed() < EVERY) && self.gaps.is_empty() {
            return Ok(());
        }
        writer.end_abandoned(self.time.now())?;
        // Also where nothing more is written: it shows a server that this process is alive.
        if !writer.advance(registration, self.complete_until, &self.gaps)? {
            self.registration = None;
        }
        self.gaps.clear();
        self.kept = Some(Stopwatch::now());
        Ok(())
    }

    /// Ends the registration where everything is written. Otherwise the row stays, for a gap.
    pub(super) fn close(&mut self, writer: &mut UsageWriter, is_complete: bool) {
        if let Some(registration) = self.registration.take_if(|_| is_complete) {
            // Failing, the row stays too.
            let _ = writer.unregister(&registration, &self.gaps);
        }
    }

    /// Notices lost requests and a clock that was set forward.
    fn look(&mut self, lost: u64) {
        let (now, stopwatch) = (self.time.now(), Stopwatch::now());
        let (before, then) = std::mem::replace(&mut self.looked, (now, stopwatch));
        let passed = TimeDelta::from_std(stopwatch - then).unwrap_or(TimeDelta::MAX);
        let is_ahead = now - before > passed.checked_add(&JUMP).unwrap_or(TimeDelta::MAX);
        if lost > self.lost || is_ahead {
            self.lost = lost;
            self.gaps.push(Gap { since: before.checked_sub_signed(MARGIN).unwrap_or(before), until: now });
        }
    }
}

impl Drop for Book {
    /// Nothing more is recorded.
    fn drop(&mut self) {
        self.registration = None;
        self.tell();
    }
}
