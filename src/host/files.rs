//! Creation of files with the right mode regardless of the umask, and the identity of the database's files.
//!
//! An existing database is only examined with `stat`: opening and closing the file without SQLite would release
//! SQLite's locks in this process (POSIX).

use std::fmt;
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::libc;

use super::{clock, regular_file};

/// Device and inode of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// Does not follow links.
#[must_use]
pub fn identity(path: &Path) -> Option<FileIdentity> {
    std::fs::symlink_metadata(path).ok().as_ref().map(FileIdentity::of)
}

/// The identity of a database's three files when it was opened: database, `-wal` and `-shm`.
///
/// A process that keeps using files which are no longer at their paths sees no changes by others, and its own changes
/// are lost.
#[derive(Debug)]
pub struct DatabaseFiles {
    path: PathBuf,
    database: FileIdentity,
    /// May be created only by the first read.
    beside: [(PathBuf, OnceLock<FileIdentity>); 2],
    /// The state of the directory when all files were in place. While it does not change, they still are.
    quiet: Mutex<Option<FolderStamp>>,
}

/// Changes when a file is created, removed or replaced in a directory, or the directory itself is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FolderStamp {
    folder: FileIdentity,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Seconds after a change in which another one may get the same time stamp: kernels advance file times in steps of some
/// milliseconds, and some file systems store whole seconds.
const SETTLE_TIME: i64 = 1;

impl FolderStamp {
    fn of(folder: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(folder).ok()?;
        Some(Self {
            folder: FileIdentity::of(&metadata),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether a later change would have another time stamp.
    fn is_settled(&self) -> bool {
        self.modified.0.max(self.changed.0).saturating_add(SETTLE_TIME) < clock::now().timestamp()
    }
}

impl DatabaseFiles {
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let beside = ["-wal", "-shm"].map(|end| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            let place = PathBuf::from(name);
            let known = identity(&place).map_or_else(OnceLock::new, OnceLock::from);
            (place, known)
        });
        let quiet = Mutex::new(None);
        Some(Self { path: path.to_owned(), database: identity(path)?, beside, quiet })
    }

    /// Whether the same files are still at their paths.
    #[must_use]
    pub fn are_in_place(&self) -> bool {
        // Read before the files are checked, so that a later change is detected the next time.
        let stamp = FolderStamp::of(folder_of(&self.path));
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        if stamp.is_some() && *quiet == stamp {
            return true;
        }
        let in_place = self.all_in_place();
        *quiet = stamp.filter(|stamp| in_place && stamp.is_settled());
        in_place
    }

    fn all_in_place(&self) -> bool {
        identity(&self.path) == Some(self.database)
            && self.beside.iter().all(|(place, known)| match (known.get(), identity(place)) {
                (None, None) => true,
                (None, Some(found)) => *known.get_or_init(|| found) == found,
                (Some(known), found) => found.as_ref() == Some(known),
            })
    }
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// 0600, or 0660 in a directory that is shared by a group (mode 2770).
fn wanted_mode(folder: &Path) -> u32 {
    let mode = std::fs::metadata(folder).map_or(0, |metadata| metadata.mode());
    if mode & 0o2070 == 0o2070 { 0o660 } else { 0o600 }
}

/// Creates a directory and its parents with mode 0700 regardless of the umask. An existing one is not changed.
pub fn private_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        private_folder(above)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // Created by another session.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        // The umask may have removed the owner's permissions.
        other => other.and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(0o700))),
    }
}

/// Creates an empty database file with its mode before SQLite opens it, and its directory when missing.
pub fn create_database(path: &Path) -> io::Result<()> {
    let folder = folder_of(path);
    if !folder.exists() {
        private_folder(folder)?;
    }
    match create(path, wanted_mode(folder)) {
        // Created by another session.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

/// Creates a file beside the database with the database's mode.
pub fn create_beside(database: &Path, path: &Path) -> io::Result<File> {
    create(path, wanted_mode(folder_of(database)))
}

/// Creates a new file with exactly this mode. Does not follow links.
fn create(path: &Path, mode: u32) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    // Corrects the effect of the umask.
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

/// Opens a file for appending, created with mode 0600 if missing. The directory must exist.
pub fn open_log(path: &Path) -> io::Result<File> {
    match create(path, 0o600) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => drop(other?),
    }
    // Without this, opening a FIFO blocks until there is a reader.
    OpenOptions::new().append(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

/// What others may do with a database and should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Read or write the file, or one of SQLite's two beside it.
    File {
        path: PathBuf,
        mode: u32,
        /// The mode that it should have at most.
        allowed: u32,
    },
    Folder {
        database: PathBuf,
        /// The directory that others may write to.
        folder: PathBuf,
    },
}

impl Exposure {
    /// The problem without a fix.
    #[must_use]
    pub fn problem(&self) -> String {
        match self {
            Self::File { path, mode, .. } => {
                format!("others can access {} (mode {mode:04o})", path.display())
            }
            Self::Folder { database, .. } => {
                format!("others can replace {}", database.display())
            }
        }
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = self.problem();
        match self {
            Self::File { allowed, .. } => write!(f, "{problem}: run chmod {allowed:04o} on it"),
            Self::Folder { folder, .. } => write!(f, "{problem}: run chmod o-w on {}", folder.display()),
        }
    }
}

/// What others may do with a database and should not.
///
/// Checks the database, its `-wal` and `-shm`, and the directory: anyone who can write there can replace the database,
/// unless the directory is sticky.
#[must_use]
pub fn too_open(path: &Path) -> Option<Exposure> {
    let folder = folder_of(path);
    let allowed = wanted_mode(folder);
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    for file in [path.to_owned(), beside("-wal"), beside("-shm")] {
        let Ok(metadata) = std::fs::symlink_metadata(&file) else { continue };
        let mode = metadata.mode() & 0o777;
        if mode & !allowed != 0 {
            return Some(Exposure::File { path: file, mode, allowed });
        }
    }
    // Anyone who can rename a parent directory can replace the whole tree.
    let is_open =
        |folder: &&Path| std::fs::metadata(folder).is_ok_and(|metadata| metadata.mode() & 0o1002 == 0o0002);
    let real = folder.canonicalize().ok()?;
    let open = real.ancestors().find(is_open)?;
    Some(Exposure::Folder { database: path.to_owned(), folder: open.to_owned() })
}

/// Why others can change a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigExposure {
    /// The file belongs to this user ID, which is neither the caller's nor root's.
    Owner(u32),
    /// Others may write it, by this mode.
    Mode(u32),
}

impl ConfigExposure {
    /// Checks a configuration file. Follows links.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
        let mode = metadata.mode() & 0o7777;
        if metadata.uid() != 0 && metadata.uid() != nix::unistd::geteuid().as_raw() {
            Some(Self::Owner(metadata.uid()))
        } else {
            (mode & 0o002 != 0).then_some(Self::Mode(mode))
        }
    }

    #[must_use]
    pub fn problem(self, path: &Path) -> String {
        let path = path.display();
        match self {
            Self::Owner(uid) => {
                let user = nix::unistd::User::from_uid(uid.into()).ok().flatten();
                let user = user.map_or_else(|| uid.to_string(), |user| user.name);
                format!("the configuration file {path} belongs to the user {user}, who can change it")
            }
            Self::Mode(mode) => {
                format!("every user can change the configuration file {path} (mode {mode:04o})")
            }
        }
    }

    /// The command that fixes it.
    #[must_use]
    pub fn command(self, path: &Path) -> String {
        match self {
            Self::Owner(_) => format!("chown {} {}", nix::unistd::geteuid(), path.display()),
            Self::Mode(_) => format!("chmod o-w {}", path.display()),
        }
    }
}

/// The network file system that a path is on: NFS, SMB/CIFS, Ceph, AFS or Coda, on macOS also AFP or `WebDAV`. SQLite's
/// write-ahead log needs shared memory, which several machines do not have.
///
/// FUSE and 9p do not say whether they use a network, so they are accepted. For a path that does not exist, the nearest
/// existing parent counts.
#[must_use]
pub fn network_file_system(path: &Path) -> Option<&'static str> {
    let stat = path.ancestors().skip(1).find_map(|folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        nix::sys::statfs::statfs(folder).ok()
    })?;
    #[cfg(target_os = "linux")]
    {
        use nix::sys::statfs::{CODA_SUPER_MAGIC, FsType, NFS_SUPER_MAGIC, SMB_SUPER_MAGIC};
        // linux/magic.h, and fs/smb/client and fs/ceph of the kernel.
        const KINDS: [(FsType, &str); 8] = [
            (NFS_SUPER_MAGIC, "NFS"),
            (SMB_SUPER_MAGIC, "SMB"),
            (FsType(0xFF53_4D42), "SMB"),
            (FsType(0xFE53_4D42), "SMB"),
            (FsType(0x00C3_6400), "Ceph"),
            (FsType(0x5346_414F), "AFS"),
            (FsType(0x6B41_4653), "AFS"),
            (CODA_SUPER_MAGIC, "Coda"),
        ];
        let found = stat.filesystem_type();
        KINDS.into_iter().find(|(kind, _)| *kind == found).map(|(_, name)| name)
    }
    #[cfg(target_os = "macos")]
    match stat.filesystem_type_name() {
        "nfs" => Some("NFS"),
        "smbfs" => Some("SMB"),
        "afpfs" => Some("AFP"),
        "webdav" => Some("WebDAV"),
        _ => None,
    }
}

/// Whether less than 64 KiB are free for this user.
#[must_use]
pub fn is_disk_full(path: &Path) -> bool {
    free_space(path).is_some_and(|free| free < 64 * 1_024)
}

/// Free space for this user, in bytes.
pub(crate) fn free_space(path: &Path) -> Option<u64> {
    let disk = nix::sys::statvfs::statvfs(folder_of(path)).ok()?;
    #[allow(clippy::useless_conversion, reason = "narrower than 64 bits on some systems")]
    let free = u64::from(disk.blocks_available()).saturating_mul(u64::from(disk.fragment_size()));
    Some(free)
}

/// The maximum size of a file that keydesk wrote, in bytes.
const MOST_OWN: u64 = 1 << 20;

/// Reads a small file written by keydesk. Does not follow links.
pub fn read_own(path: &Path) -> io::Result<String> {
    regular_file::read_unlinked(path, MOST_OWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_database_is_accessible_by_its_owner_or_group() {
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
        assert!(too_open(&path).unwrap().to_string().contains("chmod 0660"));
    }

    #[test]
    fn permissions_for_others_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keydesk.db");
        create_database(&path).unwrap();
        assert_eq!(too_open(&path), None);
        let wal = folder.path().join("keydesk.db-wal");
        std::fs::write(&wal, "").unwrap();
        std::fs::set_permissions(&wal, Permissions::from_mode(0o644)).unwrap();
        assert!(too_open(&path).unwrap().to_string().contains("keydesk.db-wal"));
        std::fs::remove_file(&wal).unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(too_open(&path).unwrap().to_string().contains("chmod o-w"));
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(too_open(&path), None, "no one else can replace it in a sticky directory");
    }

    #[test]
    fn a_missing_path_has_the_file_system_of_its_parent() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(network_file_system(&folder.path().join("a/b/keydesk.db")), None);
    }
}
