//! Logging to a file in the state directory, or to standard error for `serve`. Secrets and emails are never logged.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Mutex;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::host::{files, locations};

/// Default level of the log file; `KEYDESK_LOG` overrides it.
pub(crate) const DEFAULT_LEVEL: &str = "warn";

/// Default level of `serve`, which logs rejected requests.
const DEFAULT_LEVEL_OF_SERVE: &str = "info";

fn filter(default: &str) -> EnvFilter {
    EnvFilter::try_new(configured().as_deref().unwrap_or(default)).unwrap_or_else(|_| EnvFilter::new(default))
}

/// The value of `KEYDESK_LOG`, if it is not a filter. The default is used instead.
pub(crate) fn invalid_filter() -> Option<String> {
    configured().filter(|filter| EnvFilter::try_new(filter).is_err())
}

fn configured() -> Option<String> {
    std::env::var("KEYDESK_LOG").ok().filter(|filter| !filter.is_empty())
}

/// Starts logging to standard error. Logging never blocks: when standard error is not read in time, lines are lost.
/// Dropping the guard writes the remaining lines.
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

/// A log file that is opened or created with its first line.
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

/// Creates the state directory and the log file if possible. For commands that create the database.
pub(crate) fn create() {
    if let Some(locations) = locations::default()
        && let Some(folder) = locations.log.parent()
    {
        let _ = files::private_folder(folder).and_then(|()| files::open_log(&locations.log));
    }
}

/// Starts logging to the file, if the state directory exists.
pub(crate) fn begin() {
    let Some(locations) = locations::default() else { return };
    let file = LogFile { path: locations.log, file: None };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(DEFAULT_LEVEL))
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        // Standard error is for the messages of the command.
        .log_internal_errors(false)
        .finish();
    // Fails when the process already has a subscriber.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
