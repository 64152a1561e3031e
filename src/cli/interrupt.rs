//! Signals that end a long command after cleanup.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::cli::error::CommandError;

/// Set by SIGINT, SIGTERM or SIGHUP, which no longer end the process.
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub(crate) fn listen() -> Result<Self, CommandError> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(|error| {
                CommandError::failed("signals", "could not install the signal handlers").source(error)
            })?;
        }
        Ok(Self(flag))
    }

    pub(crate) fn flag(&self) -> &Arc<AtomicBool> {
        &self.0
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
