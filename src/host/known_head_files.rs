//! The files of the known heads, mode 0600, in the state directory of one administrator.

use std::io;
use std::path::{Path, PathBuf};

use super::new_file::{Access, replace};
use super::{files, locations};

/// The directory of the files, created with the first one.
#[derive(Clone, Debug)]
pub struct KnownHeadFiles {
    directory: PathBuf,
}

impl KnownHeadFiles {
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The directory at its default location; none for a user without a home directory, or whose home directory does
    /// not exist.
    #[must_use]
    pub fn at_default_location() -> Option<Self> {
        locations::default()
            .filter(locations::Locations::can_keep_state)
            .map(|places| Self::new(places.known_heads))
    }

    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the path of a file.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Returns the text of a file; none when there is no such file.
    ///
    /// # Errors
    /// When the file cannot be read or is not UTF-8.
    pub fn read(&self, name: &str) -> io::Result<Option<String>> {
        match files::read_own(&self.path(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes or replaces a file atomically.
    ///
    /// # Errors
    /// When the directory cannot be created or the file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> io::Result<()> {
        files::private_folder(&self.directory)?;
        replace(&self.path(name), text.as_bytes(), Access::Owner)
    }
}
