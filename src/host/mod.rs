//! The operating system: clock, entropy, users, files, clipboard.
//!
//! Only these modules access the system. All others get time, randomness and files as parameters.

#[cfg(feature = "app")]
mod attributes;
pub mod byte_lock;
#[cfg(feature = "app")]
pub mod clipboard;
pub mod clock;
#[cfg(feature = "app")]
pub mod entropy;
#[cfg(feature = "app")]
pub mod env_file;
pub mod files;
#[cfg(any(feature = "app", feature = "postgres"))]
pub mod identity;
#[cfg(feature = "app")]
pub mod kernel_files;
#[cfg(feature = "app")]
pub mod known_head_files;
#[cfg(feature = "app")]
pub mod locations;
#[cfg(feature = "app")]
pub mod new_file;
pub mod regular_file;
pub mod size_limit;
pub mod umask;

/// Raises the limit of open files to its hard limit. Most systems start with 1,024.
pub fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Switches off core dumps, and on Linux debugging by other processes of the same user.
///
/// Has no effect where the system does not allow it.
pub fn harden() {
    use nix::sys::resource::{Resource, setrlimit};
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}
