//! Logging: into a file in the state directory, or on standard error for a service. No secret and no email is logged.

use std::sync::Mutex;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::host::{files, locations};

/// Default level of the log file; `KEYDESK_LOG` overrides it.
const DEFAULT_LEVEL: &str = "warn";

/// Default level of `serve`, which logs rejected requests.
const DEFAULT_LEVEL_OF_SERVE: &str = "info";

fn filter(default: &str) -> EnvFilter {
    let filter = std::env::var("KEYDESK_LOG").ok().filter(|filter| !filter.is_empty());
    EnvFilter::try_new(filter.as_deref().unwrap_or(default)).unwrap_or_else(|_| EnvFilter::new(default))
}

/// Starts logging on standard error, for a service. Logging never waits: lines that are not read in time are dropped.
/// The guard writes the rest when it is dropped.
pub(crate) fn begin_on_stderr() -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default().lossy(true).finish(std::io::stderr());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(DEFAULT_LEVEL_OF_SERVE))
        .with_ansi(false)
        .with_writer(writer)
        .finish();
    let _ = tracing::subscriber::set_global_default(subscriber);
    guard
}

/// Starts logging into the file, if it can be opened.
pub(crate) fn begin() {
    let Some(file) = locations::default().and_then(|places| files::open_log(&places.log).ok()) else {
        return;
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(DEFAULT_LEVEL))
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        // Standard error belongs to the command.
        .log_internal_errors(false)
        .finish();
    // A second subscriber in the same process is rejected; the first stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
