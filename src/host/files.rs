//! Files with the right mode from their first moment, whatever the umask.
//!
//! An existing database is only ever looked at by `stat`: opening and closing it by any other means than SQLite's
//! would drop SQLite's locks in this process (POSIX).

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::libc;

/// What makes a file this one and no other: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
}

/// The identity of the file at a path, links not followed.
#[must_use]
pub fn identity(path: &Path) -> Option<FileIdentity> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some(FileIdentity { device: metadata.dev(), inode: metadata.ino() })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The mode of a database in a folder: 0600, or 0660 where the folder is shared by a group (mode 2770).
fn wanted_mode(folder: &Path) -> u32 {
    let mode = std::fs::metadata(folder).map_or(0, |metadata| metadata.mode());
    if mode & 0o2070 == 0o2070 { 0o660 } else { 0o600 }
}

/// Makes a folder and those above it, with mode 0700. One that is there is left as it is.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes an empty database file with its mode, before SQLite opens it, in a folder that is made when missing.
pub fn create_database(path: &Path) -> io::Result<()> {
    let folder = folder_of(path);
    if !folder.exists() {
        private_folder(folder)?;
    }
    match create(path, wanted_mode(folder)) {
        // Another session was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

/// Makes a file beside the database, with the database's mode.
pub fn create_beside(database: &Path, path: &Path) -> io::Result<File> {
    create(path, wanted_mode(folder_of(database)))
}

/// Makes a file that was not there, links not followed, with exactly this mode.
fn create(path: &Path, mode: u32) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    // The umask has had its say by now; this is the last word.
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

/// Opens a file to append to, made with mode 0600 in a folder of 0700 when missing.
pub fn open_log(path: &Path) -> io::Result<File> {
    private_folder(folder_of(path))?;
    match create(path, 0o600) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => drop(other?),
    }
    OpenOptions::new().append(true).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// What others may do with a database that they should not: a sentence.
#[must_use]
pub fn too_open(path: &Path) -> Option<String> {
    let allowed = wanted_mode(folder_of(path));
    let mode = std::fs::symlink_metadata(path).ok()?.mode() & 0o777;
    (mode & !allowed != 0).then(|| {
        format!("Others can get at {} (mode {mode:04o}): run chmod {allowed:04o} on it.", path.display())
    })
}

/// The network file system that a path is on, if it is on one that is known to be. SQLite's write-ahead log needs
/// shared memory, which several machines do not have.
#[must_use]
pub fn network_file_system(path: &Path) -> Option<&'static str> {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::statfs;
        const CIFS: i64 = 0xFF53_4D42;
        const SMB2: i64 = 0xFE53_4D42;
        const CEPH: i64 = 0x00C3_6400;
        const AFS: i64 = 0x5346_414F;
        let stat = statfs::statfs(folder_of(path)).ok()?;
        let kind = stat.filesystem_type();
        if kind == statfs::NFS_SUPER_MAGIC {
            return Some("NFS");
        }
        if kind == statfs::SMB_SUPER_MAGIC {
            return Some("SMB");
        }
        match kind.0 {
            CIFS | SMB2 => Some("SMB"),
            CEPH => Some("Ceph"),
            AFS => Some("AFS"),
            _ => None,
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        None
    }
}

/// A file was not written; nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Something is there already, be it a link.
    #[error("{} is there already: choose another name", .0.display())]
    Exists(PathBuf),
    /// The system refused.
    #[error("could not write {}: {reason}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

/// Whether a new file could be made at a path, as far as can be told beforehand.
pub fn check_new(path: &Path) -> Result<(), WriteError> {
    if std::fs::symlink_metadata(path).is_ok() {
        return Err(WriteError::Exists(path.to_owned()));
    }
    let failed = |reason: String| WriteError::Failed { path: path.to_owned(), reason };
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(failed(format!("{} is no folder", folder.display())));
    }
    nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).map_err(|error| failed(error.to_string()))
}

/// Writes a new file, mode 0600, whole or not at all, never over anything that is there.
///
/// The text goes into a file of another name first, which is then given its own by a link: that fails where the
/// name is taken, so that nobody ever sees half a file and nothing is ever replaced.
pub fn write_new(path: &Path, text: &str) -> Result<(), WriteError> {
    check_new(path)?;
    let folder = folder_of(path);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    let part = folder.join(name);
    let failed = |error: io::Error| WriteError::Failed { path: path.to_owned(), reason: error.to_string() };
    let written = create(&part, 0o600).map_err(failed).and_then(|mut file| {
        file.write_all(text.as_bytes())
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::hard_link(&part, path))
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => WriteError::Exists(path.to_owned()),
                _ => failed(error),
            })
    });
    let _ = std::fs::remove_file(&part);
    written?;
    // The name must survive a power cut too.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_new_file_is_private_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        write_new(&path, "text").unwrap();
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("text\n", 0o600));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn nothing_is_ever_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("there");
        std::fs::write(&path, "old").unwrap();
        assert!(matches!(write_new(&path, "new"), Err(WriteError::Exists(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
        assert!(matches!(write_new(&link, "new"), Err(WriteError::Exists(_))));
        assert!(matches!(write_new(&folder.path().join("no/folder"), "x"), Err(WriteError::Failed { .. })));
    }

    #[test]
    fn a_database_is_private_or_its_groups() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own/keydesk.db");
        create_database(&own).unwrap();
        assert_eq!((mode(own.parent().unwrap()), mode(&own)), (0o700, 0o600));
        let shared = folder.path().join("shared");
        std::fs::create_dir(&shared).unwrap();
        std::fs::set_permissions(&shared, Permissions::from_mode(0o2770)).unwrap();
        let path = shared.join("keydesk.db");
        create_database(&path).unwrap();
        assert_eq!(mode(&path), 0o660);
        assert_eq!(too_open(&path), None);
        std::fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        assert!(too_open(&path).unwrap().contains("chmod 0660"));
    }
}
