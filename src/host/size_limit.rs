//! The limit on the size of files (`ulimit -f`, `RLIMIT_FSIZE`).

#[cfg(feature = "app")]
use nix::libc;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Makes a write beyond the limit return an error instead of killing the process with SIGXFSZ.
///
/// The signal is caught rather than ignored, so that child processes get its default action.
#[cfg(feature = "app")]
pub fn survive() {
    let caught = std::sync::Arc::default();
    // Has no effect where the system does not allow it.
    let _ = signal_hook::flag::register(libc::SIGXFSZ, caught);
}

/// A hint for a failed write; none without a limit.
#[must_use]
pub fn hint() -> Option<String> {
    let (limit, _) = getrlimit(Resource::RLIMIT_FSIZE).ok()?;
    (limit != RLIM_INFINITY)
        .then(|| format!("Raise the limit on file sizes (ulimit -f), currently {limit} bytes, and try again"))
}
