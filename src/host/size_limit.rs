//! The limit on the size of files (`ulimit -f`, `RLIMIT_FSIZE`).

#[cfg(feature = "app")]
use nix::libc;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Lets a write beyond the limit fail like any other, instead of ending the process by SIGXFSZ.
///
/// The signal is caught and not ignored: the programs that this one starts get its default again.
#[cfg(feature = "app")]
pub fn survive() {
    let caught = std::sync::Arc::default();
    // What the system refuses is left as it is.
    let _ = signal_hook::flag::register(libc::SIGXFSZ, caught);
}

/// What to know when a write failed and there is a limit.
#[must_use]
pub fn hint() -> Option<String> {
    let (limit, _) = getrlimit(Resource::RLIMIT_FSIZE).ok()?;
    (limit != RLIM_INFINITY).then(|| {
        format!(
            "Raise the limit on the size of files, which is {limit} bytes here (ulimit -f), and try again."
        )
    })
}
