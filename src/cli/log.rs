//! The log: a file in the state folder, never the screen. It names no email and no secret: it says which command
//! ended how.

use std::sync::Mutex;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::host::{files, places};

/// What is logged unless `KEYDESK_LOG` says otherwise.
const USUAL: &str = "warn";

/// The same for `serve`, where refusals are news.
const USUAL_SERVING: &str = "info";

fn filter(usual: &str) -> EnvFilter {
    let filter = std::env::var("KEYDESK_LOG").ok().filter(|filter| !filter.is_empty());
    EnvFilter::try_new(filter.as_deref().unwrap_or(usual)).unwrap_or_else(|_| EnvFilter::new(usual))
}

/// Begins to log on standard error, for a service. Whoever logs never waits for whoever reads: when lines come faster
/// than they are read, some are lost.
pub(crate) fn begin_on_stderr() -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default().lossy(true).finish(std::io::stderr());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(USUAL_SERVING))
        .with_ansi(false)
        .with_writer(writer)
        .finish();
    let _ = tracing::subscriber::set_global_default(subscriber);
    guard
}

/// Begins to log, if the file can be had; without it keydesk works all the same.
pub(crate) fn begin() {
    let Some(file) = places::default().and_then(|places| files::open_log(&places.log).ok()) else { return };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(USUAL))
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        // A line that could not be logged is not told of on standard error.
        .log_internal_errors(false)
        .finish();
    // A second one in the same process is refused, and the first goes on.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
