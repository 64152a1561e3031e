//! The files: permissions of the database, the write-ahead log beside it, free disk space.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::finding::{Finding, Outcome};
use crate::cli::output::text;
use crate::domain::text::inert;
use crate::host::files::{self, Exposure};

/// Less free space than this is a fault.
const MIN_FREE_BYTES: u64 = 32 << 20;
/// A longer log was not emptied for long, since some session holds a read transaction.
const MAX_LOG_BYTES: u64 = 64 << 20;

/// Uses `stat` alone: opening and closing the database would drop SQLite's locks.
pub(super) fn check(path: &Path) -> Vec<Finding> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut findings = vec![Finding::new("file system", file_system(path))];
    // Of anything but a file, the check of the database says what it is; `chmod` on a device or through a link does harm.
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        findings.extend([
            Finding::new("permissions", permissions(path)),
            Finding::new("access", access_rights(path, folder)),
            Finding::new("write-ahead log", write_ahead_log(path)),
        ]);
    }
    findings.extend(disk(folder).map(|outcome| Finding::new("disk", outcome)));
    findings
}

fn file_system(path: &Path) -> Outcome {
    match files::network_file_system(path) {
        None => Outcome::good("not known to be one of the network"),
        Some(kind) => Outcome::fault(
            format!("{kind}: SQLite's write-ahead log does not work on a network file system"),
            "Put the database on a local disk, and name it with --db or KEYDESK_DB",
        ),
    }
}

fn permissions(path: &Path) -> Outcome {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return Outcome::fault(error.to_string(), "Look at the file and its folder"),
    };
    if let Some(exposure) = files::too_open(path) {
        let command = match &exposure {
            // A file that others can read makes SQLite create the two beside it readable too.
            Exposure::File { allowed, .. } => {
                let place = path.display();
                format!("chmod {allowed:04o} {place} {place}-wal {place}-shm")
            }
            Exposure::Folder { folder, .. } => format!("chmod o-w {}", folder.display()),
        };
        return Outcome::fault(inert(&exposure.problem()), inert(&command));
    }
    let owner = nix::unistd::User::from_uid(metadata.uid().into())
        .ok()
        .flatten()
        .map_or_else(|| metadata.uid().to_string(), |user| inert(&user.name));
    Outcome::good(format!("mode {:04o}, owner {owner}; nobody else", metadata.mode() & 0o7777))
}

fn access_rights(path: &Path, folder: &Path) -> Outcome {
    let both = AccessFlags::R_OK | AccessFlags::W_OK;
    for place in [path, folder] {
        if let Err(error) = access(place, both) {
            let place = text::path(place);
            return Outcome::fault(
                format!("you cannot read and write {place}: {}", error.desc()),
                format!("As its owner: ls -ld {place}, then chown or chmod u+rw"),
            );
        }
    }
    Outcome::good("you can read and write it")
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn write_ahead_log(path: &Path) -> Outcome {
    let close =
        "Close every session (also keydesk serve): the last one to leave empties it; or delete any key later";
    match std::fs::symlink_metadata(beside(path, "-wal")).map_or(0, |metadata| metadata.len()) {
        0 => Outcome::good("empty: no hash or email that was deleted is left in it"),
        bytes if bytes > MAX_LOG_BYTES => Outcome::fault(
            format!("{}: it was not emptied for long, some session reads without end", text::size(bytes)),
            close,
        ),
        bytes => Outcome::note(
            format!("{}: hashes and emails that were deleted lately may still be in it", text::size(bytes)),
            close,
        ),
    }
}

fn disk(folder: &Path) -> Option<Outcome> {
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let disk = statvfs(there).ok()?;
    // On some systems these are narrower than 64 bits.
    #[allow(clippy::useless_conversion, reason = "not on every system")]
    let free = u64::from(disk.blocks_available()).saturating_mul(u64::from(disk.fragment_size()));
    Some(if free < MIN_FREE_BYTES {
        Outcome::fault(format!("{} are free", text::size(free)), "Make room: soon nothing can be changed")
    } else {
        Outcome::good(format!("{} are free", text::size(free)))
    })
}
