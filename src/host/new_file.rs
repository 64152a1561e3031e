//! A new file that takes a while to write: nobody sees it under its name before it is whole.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nix::libc;

use super::files::{WriteError, check_new, folder_of, give_name, part_of};

/// A file on its way: it has another name in the same folder, and mode 0600, until [`NewFile::finish`] gives it its own
/// in a way that fails where that is taken. Dropped before, nothing is left of it.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    part: PathBuf,
    folder: File,
    file: File,
}

impl NewFile {
    /// Begins one; nothing may be there under its name, be it a link.
    pub fn begin(path: &Path) -> Result<Self, WriteError> {
        check_new(path)?;
        let failed =
            |error: io::Error| WriteError::Failed { path: path.to_owned(), reason: error.to_string() };
        // Opened before anything is made: what fails here fails without a trace.
        let folder = File::open(folder_of(path)).map_err(failed)?;
        let (part, file) = part_of(folder_of(path)).map_err(failed)?;
        Ok(Self { path: path.to_owned(), part, folder, file })
    }

    /// Where it is until then, for those who write it by its name.
    #[must_use]
    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Gives it its name, when all of it is on the disk; says how long it is.
    pub fn finish(self) -> Result<u64, WriteError> {
        let failed =
            |error: &io::Error| WriteError::Failed { path: self.path.clone(), reason: error.to_string() };
        let bytes = self.file.metadata().map_err(|error| failed(&error))?.len();
        self.file.sync_all().and_then(|()| give_name(&self.part, &self.path)).map_err(|error| match error
            .kind()
        {
            io::ErrorKind::AlreadyExists => WriteError::Exists(self.path.clone()),
            _ => failed(&error),
        })?;
        let _ = std::fs::remove_file(&self.part);
        // The name must survive a power cut too. Some file systems cannot sync a folder and say so.
        match self.folder.sync_all() {
            Err(error) if error.raw_os_error() != Some(libc::EINVAL) => {
                let _ = std::fs::remove_file(&self.path);
                Err(failed(&error))
            }
            _ => Ok(bytes),
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn it_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        let mut file = NewFile::begin(&path).unwrap();
        file.write_all(b"text").unwrap();
        assert!(!path.exists());
        assert_eq!(file.finish().unwrap(), 4);
        assert_eq!(std::fs::read(&path).unwrap(), b"text");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["list.csv"]);
    }

    #[test]
    fn given_up_it_leaves_nothing_and_it_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        drop(NewFile::begin(&path).unwrap());
        assert_eq!(names(folder.path()), [""; 0]);
        let file = NewFile::begin(&path).unwrap();
        std::fs::write(&path, "quicker").unwrap();
        assert!(matches!(file.finish(), Err(WriteError::Exists(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"quicker");
        assert_eq!(names(folder.path()), ["list.csv"]);
        assert!(matches!(NewFile::begin(&path), Err(WriteError::Exists(_))));
    }
}
