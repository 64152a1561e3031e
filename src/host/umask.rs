//! The umask: files that SQLite makes beside the database have their mode from their first moment.
//!
//! SQLite opens a new `-wal` or `-shm` first and takes the umask's say back afterwards. Whoever is killed between the two
//! would leave a file that the other admins of a shared folder cannot open, nor may anybody take away. Every file of
//! keydesk's own is made with a mode that is named, so that this umask widens none.

use std::sync::OnceLock;

use nix::sys::stat::{Mode, umask};

/// What whoever started the program had set.
static THEIRS: OnceLock<Mode> = OnceLock::new();

/// Lets the group's rights stand as they are named, for the whole process; for a program, never for a library.
pub fn let_the_group_in() {
    let theirs = umask(Mode::S_IRWXO);
    THEIRS.get_or_init(|| theirs);
}

/// Does something, such as starting another program, with the umask that the user has set.
pub fn with_theirs<T>(f: impl FnOnce() -> T) -> T {
    let Some(theirs) = THEIRS.get() else { return f() };
    let ours = umask(*theirs);
    let done = f();
    umask(ours);
    done
}
