//! The log: a file in the state folder, never the screen. It names no email and no secret: it says which command
//! ended how.

use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use crate::host::{files, places};

/// What is logged unless `KEYDESK_LOG` says otherwise.
const USUAL: &str = "warn";

/// Begins to log, if the file can be had; without it keydesk works all the same.
pub(crate) fn begin() {
    let filter = std::env::var("KEYDESK_LOG").ok().filter(|filter| !filter.is_empty());
    let filter =
        EnvFilter::try_new(filter.as_deref().unwrap_or(USUAL)).unwrap_or_else(|_| EnvFilter::new(USUAL));
    let Some(file) = places::default().and_then(|places| files::open_log(&places.log).ok()) else { return };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        .finish();
    // A second one in the same process is refused, and the first goes on.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
