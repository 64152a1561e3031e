//! The umask of the process: files that SQLite creates beside the database have the right mode from the start.
//!
//! SQLite creates `-wal` and `-shm` with the umask applied and corrects their mode afterwards. A process killed in
//! between would leave a file that the other administrators of a shared directory can neither open nor delete.
//! keydesk creates its own files with explicit modes, so this umask gives them no more permissions.

use std::sync::OnceLock;

use nix::sys::stat::{Mode, umask};

/// The umask that the process was started with.
static INHERITED: OnceLock<Mode> = OnceLock::new();

/// Sets the umask of the whole process to 007. For the program, never for the library.
pub fn allow_group() {
    let inherited = umask(Mode::S_IRWXO);
    INHERITED.get_or_init(|| inherited);
}

/// Runs `f` with the umask that the process was started with, for example to start another program.
pub fn with_inherited<T>(f: impl FnOnce() -> T) -> T {
    let Some(inherited) = INHERITED.get() else { return f() };
    let own = umask(*inherited);
    let result = f();
    umask(own);
    result
}
