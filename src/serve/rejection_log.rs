//! The log lines of rejected requests.
//!
//! A line costs as much as the request, and a client that retries without pause would bury everything else. Beyond
//! [`LINES`] in a second, rejected requests are counted, and one line reports their number. Uses of canary keys are counted
//! apart, so that other requests hide none.
//!
//! Lines are written beside the requests: how long a response takes tells nothing about what is logged of it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::trace_id::TraceId;
use crate::domain::key::KeyId;
use crate::domain::token;

/// Maximum number of lines in a [`WINDOW`].
pub(super) const LINES: u32 = 1_000;

const WINDOW: Duration = Duration::from_secs(1);

/// How often lines are written.
const WRITE_EVERY: Duration = Duration::from_millis(100);

/// What is logged of a rejected request.
#[derive(Debug)]
pub(super) struct Line {
    pub reason: &'static str,
    /// Whether the key is a canary key.
    pub is_alarm: bool,
    pub key: Option<KeyId>,
    pub from: Option<IpAddr>,
    pub application: Option<Box<str>>,
    pub trace_id: Option<TraceId>,
}

#[derive(Debug, Default)]
pub(super) struct RejectionLog(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<Line>,
    rejections: Window,
    alarms: Window,
}

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    lines: u32,
    /// Requests without a line.
    more: u64,
    /// Those of windows that are over, not reported yet.
    due: u64,
}

impl Window {
    fn has_room(&mut self, now: Instant) -> bool {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW) {
            self.began = Some(now);
            self.lines = 0;
            self.due += std::mem::take(&mut self.more);
        }
        let has_room = self.lines < LINES;
        if has_room {
            self.lines += 1;
        } else {
            self.more += 1;
        }
        has_room
    }

    /// The number of requests to report: those of a window that is over, or all.
    fn take(&mut self, which: Reported) -> u64 {
        let is_over = self.began.is_none_or(|began| began.elapsed() >= WINDOW);
        if is_over || which == Reported::All {
            self.due += std::mem::take(&mut self.more);
        }
        std::mem::take(&mut self.due)
    }
}

/// Which of the requests without a line are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reported {
    WindowsThatAreOver,
    All,
}

impl RejectionLog {
    /// Keeps the line of a request at this time until the next write, or counts the request.
    pub(super) fn add(&self, line: Line, now: Instant) {
        let mut waiting = self.lock();
        let window = if line.is_alarm { &mut waiting.alarms } else { &mut waiting.rejections };
        if window.has_room(now) {
            waiting.lines.push(line);
        }
    }

    /// Writes lines as long as it runs.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            tokio::time::sleep(WRITE_EVERY).await;
            self.write(Reported::WindowsThatAreOver);
        }
    }

    /// Writes what is left.
    pub(super) fn finish(&self) {
        self.write(Reported::All);
    }

    fn write(&self, reported: Reported) {
        let (lines, more, more_alarms) = {
            let mut waiting = self.lock();
            let lines = std::mem::take(&mut waiting.lines);
            (lines, waiting.rejections.take(reported), waiting.alarms.take(reported))
        };
        for Line { reason, is_alarm, key, from, application, trace_id } in lines {
            let (key, from) = (key.map(tracing::field::display), from.map(tracing::field::display));
            let trace_id = trace_id.map(tracing::field::display);
            // A key in the path by mistake must not be logged.
            let application = application.as_deref().filter(|name| !token::holds_secret(name));
            if is_alarm {
                tracing::warn!(key, reason, from, application, trace_id, "canary key used");
            } else {
                tracing::info!(key, reason, from, application, trace_id, "rejected");
            }
        }
        if more > 0 {
            tracing::info!(count = more, "rejected more requests than are logged one by one");
        }
        if more_alarms > 0 {
            tracing::warn!(count = more_alarms, "canary keys used more often than is logged one by one");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
