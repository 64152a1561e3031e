//! Checks of the files: permissions of the database, its write-ahead log, free disk space.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use crate::cli::checks::{Finding, Outcome};
use crate::cli::output::text;
use crate::domain::text::inert;
use crate::host::files::{self, Exposure};

/// Less free space than this is a fault.
const MIN_FREE_BYTES: u64 = 32 << 20;
/// A larger log was not emptied for a long time, since a session holds a read transaction.
const MAX_LOG_BYTES: u64 = 64 << 20;

/// Uses only `stat`: opening and closing the database file would release SQLite's locks.
pub(super) fn check(path: &Path) -> Vec<Finding> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut findings = vec![Finding::new("file system", file_system(path))];
    // The check of the database reports anything but a file. `chmod` on a device or through a link does harm.
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
        None => Outcome::good("not a known network file system"),
        Some(kind) => Outcome::fault(
            format!("{kind}: SQLite's write-ahead log does not work on a network file system"),
            "Move the database to a local disk, and set --db or KEYDESK_DB",
        ),
    }
}

fn permissions(path: &Path) -> Outcome {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => {
            return Outcome::fault(
                error.to_string(),
                "Check the owner and mode of the file and its directory",
            );
        }
    };
    if let Some(exposure) = files::too_open(path) {
        let command = match &exposure {
            // SQLite creates -wal and -shm with the mode of the database.
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
    Outcome::good(format!("mode {:04o}, owner {owner}, no access for others", metadata.mode() & 0o7777))
}

fn access_rights(path: &Path, folder: &Path) -> Outcome {
    let both = AccessFlags::R_OK | AccessFlags::W_OK;
    for place in [path, folder] {
        if let Err(error) = access(place, both) {
            let place = text::path(place);
            return Outcome::fault(
                format!("you cannot read and write {place}: {}", error.desc()),
                format!("Run as its owner: ls -ld {place}, then chown or chmod u+rw"),
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
    let close = "Close all sessions, also keydesk serve: the last one empties the log";
    match std::fs::symlink_metadata(beside(path, "-wal")).map_or(0, |metadata| metadata.len()) {
        0 => Outcome::good("empty: contains no deleted hashes or emails"),
        bytes if bytes > MAX_LOG_BYTES => Outcome::fault(
            format!("{}: not emptied for a long time, because a session keeps reading", text::size(bytes)),
            close,
        ),
        bytes => Outcome::note(
            format!("{}: may still contain recently deleted hashes and emails", text::size(bytes)),
            close,
        ),
    }
}

fn disk(folder: &Path) -> Option<Outcome> {
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let disk = statvfs(there).ok()?;
    #[allow(clippy::useless_conversion, reason = "narrower than 64 bits on some systems")]
    let free = u64::from(disk.blocks_available()).saturating_mul(u64::from(disk.fragment_size()));
    Some(if free < MIN_FREE_BYTES {
        Outcome::fault(
            format!("{} free", text::size(free)),
            "Free some disk space: on a full disk nothing can be changed",
        )
    } else {
        Outcome::good(format!("{} free", text::size(free)))
    })
}
