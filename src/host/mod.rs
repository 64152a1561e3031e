//! The machine outside: its clock, its randomness, its users, its files, its clipboard.
//!
//! The only place that reaches for the real ones; everything else gets them handed in.

pub mod byte_lock;
#[cfg(feature = "app")]
pub mod clipboard;
pub mod clock;
#[cfg(feature = "app")]
pub mod entropy;
pub mod files;
#[cfg(feature = "app")]
pub mod identity;
#[cfg(feature = "app")]
pub mod known_head_files;
#[cfg(feature = "app")]
pub mod locations;
#[cfg(feature = "app")]
pub mod new_file;
pub mod size_limit;
pub mod umask;

/// Lets this process open as many files and connections as its hard limit allows; most systems begin with 1,024.
pub fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Keeps secrets out of core dumps and away from debuggers of the same user: no dumps, core limit 0.
///
/// What the system refuses is left as it is: the program is then no worse than any other.
pub fn harden() {
    use nix::sys::resource::{Resource, setrlimit};
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}
