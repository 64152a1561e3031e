//! A little room kept beside the database, so that a key can be deleted on a full disk.

use std::path::{Path, PathBuf};

use crate::host::files;

/// Enough for the pages that a deletion writes into the log, many times over.
const BYTES: usize = 1 << 20;

fn place(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push("-reserve");
    database.with_file_name(name)
}

/// Takes the room, if it can be had: without it everything works but this.
pub(super) fn take(database: &Path) {
    let path = place(database);
    if path.exists() {
        return;
    }
    let kept = files::create_beside(database, &path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, &vec![0; BYTES]));
    if kept.is_err() {
        // Half a reserve takes room and gives none.
        let _ = std::fs::remove_file(&path);
    }
}

/// Whether the room is there, all of it.
pub(super) fn is_there(database: &Path) -> bool {
    std::fs::symlink_metadata(place(database)).is_ok_and(|metadata| metadata.len() >= BYTES as u64)
}

/// Gives the room back to the disk; says whether there was any.
pub(super) fn release(database: &Path) -> bool {
    std::fs::remove_file(place(database)).is_ok()
}
