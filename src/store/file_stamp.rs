//! The times of a database file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Size, and seconds and nanoseconds of the last change of the content (mtime) and of the inode (ctime).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Stamp {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<Metadata> for Stamp {
    fn from(file: Metadata) -> Self {
        Self {
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

impl Stamp {
    /// Whether something other than a checkpoint has written the file. A copy may preserve an old mtime. A checkpoint never
    /// sets it back.
    pub(super) fn is_written_past_log(&self, known: &Self, path: &Path) -> bool {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        (self.size, self.modified) != (known.size, known.modified)
            && std::fs::metadata(log).is_ok_and(|log| {
                let log = Self::from(log);
                let is_set_back = self.modified < known.modified && self.changed > log.changed;
                log.size == 0 && (self.modified > log.modified || is_set_back)
            })
    }
}
