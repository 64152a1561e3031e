//! Limits how many rejected requests are logged one by one.
//!
//! A line costs as much as the request, and a client that retries without pause would bury everything else. Beyond
//! [`LINES`] in a second, rejected requests are counted, and one line reports their number.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Maximum number of lines in a [`WINDOW`].
pub(super) const LINES: u32 = 1_000;

const WINDOW: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct RejectionLog(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    lines: u32,
    /// Requests without a line that were not reported yet.
    more: u64,
}

impl RejectionLog {
    /// Whether a rejection at this time gets a line of its own. Otherwise it is counted, and reported within a second.
    pub(super) fn has_room(self: &Arc<Self>, now: Instant) -> bool {
        let mut window = self.lock();
        if window.began.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW) {
            window.began = Some(now);
            window.lines = 0;
        }
        if window.lines < LINES {
            window.lines += 1;
            return true;
        }
        window.more += 1;
        if window.more == 1 {
            let this = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(WINDOW).await;
                this.report();
            });
        }
        false
    }

    /// Logs the number of requests that were only counted.
    pub(super) fn report(&self) {
        let count = std::mem::take(&mut self.lock().more);
        if count > 0 {
            tracing::info!(count, "rejected more requests than are logged one by one");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Window> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
