//! The umask of the process: files that SQLite creates beside the database have the right mode from the start.
//!
//! SQLite opens a new `-wal` or `-shm` first and takes the umask's say back afterwards. Whoever is killed between the
//! two would leave a file that the other admins of a shared folder cannot open, nor may anybody take away. Every file
//! of keydesk's own is made with a mode that is named, so that this umask widens none.

use std::sync::OnceLock;

use nix::sys::stat::{Mode, umask};

/// The umask that the process was started with.
static THEIRS: OnceLock<Mode> = OnceLock::new();

/// Sets the umask of the whole process to 007. For the program, never for the library.
pub fn let_the_group_in() {
    let theirs = umask(Mode::S_IRWXO);
    THEIRS.get_or_init(|| theirs);
}

/// Runs `f` with the umask that the process was started with, such as to start another program.
pub fn with_theirs<T>(f: impl FnOnce() -> T) -> T {
    let Some(theirs) = THEIRS.get() else { return f() };
    let ours = umask(*theirs);
    let done = f();
    umask(ours);
    done
}
