//! Logging: into a file in the state directory, or on standard error for a service. No secret and no email is logged.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
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
    let (writer, guard) = NonBlockingBuilder::default().lossy(true).finish(io::stderr());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(DEFAULT_LEVEL_OF_SERVE))
        .with_ansi(false)
        .with_writer(writer)
        .finish();
    let _ = tracing::subscriber::set_global_default(subscriber);
    guard
}

/// A log file that is opened, or created, with its first line: a command that has nothing to log creates nothing.
struct LogFile {
    path: PathBuf,
    file: Option<File>,
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let file = match self.file.take() {
            Some(file) => file,
            None => files::open_log(&self.path)?,
        };
        self.file.insert(file).write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Creates the state directory and the file in it, as far as possible: for commands that create the database.
pub(crate) fn create() {
    if let Some(locations) = locations::default()
        && let Some(folder) = locations.log.parent()
    {
        let _ = files::private_folder(folder).and_then(|()| files::open_log(&locations.log));
    }
}

/// Starts logging into the file, in the state directory where that exists.
pub(crate) fn begin() {
    let Some(locations) = locations::default() else { return };
    let file = LogFile { path: locations.log, file: None };
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
