//! Reading of regular files. Devices without an end and FIFOs that wait for a writer are rejected.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::libc;

/// The type of a file that is not a regular file.
#[must_use]
pub fn other_kind(file_type: FileType) -> Option<&'static str> {
    if file_type.is_file() {
        None
    } else if file_type.is_dir() {
        Some("a directory")
    } else if file_type.is_symlink() {
        Some("a symbolic link")
    } else if file_type.is_fifo() {
        Some("a FIFO")
    } else if file_type.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

/// The null device is treated as an empty file.
fn is_null(metadata: &Metadata) -> bool {
    std::fs::metadata("/dev/null").is_ok_and(|null| null.rdev() != 0 && null.rdev() == metadata.rdev())
}

fn accept(metadata: &Metadata) -> io::Result<()> {
    match other_kind(metadata.file_type()) {
        Some(kind) if !is_null(metadata) => {
            Err(io::Error::other(format!("it is {kind}, not a regular file")))
        }
        _ => Ok(()),
    }
}

/// Opens a regular file, or the null device, for reading.
///
/// # Errors
/// When it is of another type, or cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    accept(&std::fs::metadata(path)?)?;
    open_with(path, 0)
}

/// The same without following links.
///
/// # Errors
/// As [`open`].
pub fn open_unlinked(path: &Path) -> io::Result<File> {
    accept(&std::fs::symlink_metadata(path)?)?;
    open_with(path, libc::O_NOFOLLOW)
}

/// Reads a UTF-8 file of at most `most` bytes.
///
/// # Errors
/// As [`open`]; and when it is longer, or not UTF-8.
pub fn read(path: &Path, most: u64) -> io::Result<String> {
    read_from(open(path)?, most)
}

/// Reads a file of at most `most` bytes.
///
/// # Errors
/// As [`open`]; and when it is longer.
pub fn read_bytes(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    within(bytes.len(), most)?;
    Ok(bytes)
}

/// Reads a UTF-8 file without following links.
///
/// # Errors
/// As [`read`].
pub fn read_unlinked(path: &Path, most: u64) -> io::Result<String> {
    read_from(open_unlinked(path)?, most)
}

/// Opens without blocking, since the file may have been replaced after the check.
fn open_with(path: &Path, flags: i32) -> io::Result<File> {
    let flags = flags | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    accept(&file.metadata()?)?;
    Ok(file)
}

fn read_from(file: File, most: u64) -> io::Result<String> {
    let mut text = String::new();
    file.take(most + 1).read_to_string(&mut text)?;
    within(text.len(), most)?;
    Ok(text)
}

fn within(bytes: usize, most: u64) -> io::Result<()> {
    if bytes as u64 > most {
        return Err(io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "text").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        let said = |read: io::Result<String>| read.unwrap_err().to_string();
        assert_eq!(read(&path("link"), 4).unwrap(), "text");
        assert_eq!(said(read(&path("file"), 3)), "it is larger than 3 bytes");
        assert_eq!(said(read_unlinked(&path("link"), 4)), "it is a symbolic link, not a regular file");
        assert_eq!(said(read(&path("fifo"), 4)), "it is a FIFO, not a regular file");
        assert_eq!(said(read(&path("socket"), 4)), "it is a socket, not a regular file");
        assert_eq!(said(read(folder.path(), 4)), "it is a directory, not a regular file");
        assert_eq!(said(read(Path::new("/dev/zero"), 4)), "it is a device, not a regular file");
        assert_eq!(read(Path::new("/dev/null"), 4).unwrap(), "");
    }
}
