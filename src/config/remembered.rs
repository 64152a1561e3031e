//! What the terminal UI remembers for each database. It is kept in the state directory, not in `config.toml`.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::settings::ThemeName;
use crate::domain::application::Scope;
use crate::domain::location::Location;
use crate::host::{files, locations, new_file};

/// The last choices of a user. None where they chose nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    pub theme: Option<ThemeName>,
    /// Whether the details are shown beside the list of keys.
    pub details_pane: Option<bool>,
    /// The Application whose keys were shown last, or all.
    pub scope: Option<Scope>,
}

/// The file, with the database that it is read and written for.
#[derive(Clone, Debug)]
pub struct RememberedFile {
    path: PathBuf,
    database: String,
}

impl RememberedFile {
    #[must_use]
    pub fn new(path: PathBuf, database: &Location) -> Self {
        let database = match database {
            Location::File(file) => file.canonicalize().map_or_else(|_| database.clone(), Location::File),
            Location::Postgres(_) => database.clone(),
        };
        Self { path, database: database.text() }
    }

    /// The file of this user; none where no state can be kept.
    #[must_use]
    pub fn at_default_location(database: &Location) -> Option<Self> {
        let locations = locations::default().filter(locations::Locations::can_keep_state)?;
        Some(Self::new(locations.remembered, database))
    }

    /// The entries of all databases. A file that is missing or damaged has none.
    fn entries(&self) -> BTreeMap<String, Value> {
        let text = files::read_own(&self.path).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Returns what is remembered for the database.
    #[must_use]
    pub fn read(&self) -> Remembered {
        let entry = self.entries().remove(&self.database);
        entry.and_then(|entry| serde_json::from_value(entry).ok()).unwrap_or_default()
    }

    /// Replaces what is remembered for the database.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, remembered: &Remembered) -> io::Result<()> {
        let mut entries = self.entries();
        entries.insert(self.database.clone(), serde_json::to_value(remembered)?);
        files::private_folder(self.path.parent().unwrap_or(&self.path))?;
        let text = serde_json::to_string_pretty(&entries)? + "\n";
        new_file::replace(&self.path, text.as_bytes(), new_file::Access::Owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_has_its_own_entry() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/remembered.json");
        let file = |database: &str| RememberedFile::new(path.clone(), &folder.path().join(database).into());
        let (first, second) = (file("first.db"), file("second.db"));
        assert_eq!(first.read(), Remembered::default());
        let light = Remembered { theme: Some(ThemeName::Light), ..Remembered::default() };
        let other =
            Remembered { details_pane: Some(false), scope: Some(Scope::All), ..Remembered::default() };
        first.write(&light).unwrap();
        second.write(&other).unwrap();
        assert_eq!((first.read(), second.read()), (light, other));
    }

    #[test]
    fn a_damaged_file_is_as_none_and_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("remembered.json");
        let file = RememberedFile::new(path.clone(), &PathBuf::from("/keydesk.db").into());
        let light = Remembered { theme: Some(ThemeName::Light), ..Remembered::default() };
        for damaged in
            ["", "{", "[1]", "{\"/keydesk.db\": 1}", "{\"/keydesk.db\": {\"theme\": \"blue\"}}", "\u{0}"]
        {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(file.read(), Remembered::default(), "{damaged:?}");
            file.write(&light).unwrap();
            assert_eq!(file.read(), light, "{damaged:?}");
        }
    }

    #[test]
    fn a_database_on_a_server_has_its_own_entry() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("remembered.json");
        let file = |url: &str| {
            RememberedFile::new(path.clone(), &Location::parse(std::ffi::OsStr::new(url)).unwrap())
        };
        let light = Remembered { theme: Some(ThemeName::Light), ..Remembered::default() };
        file("postgres://db.internal/keydesk").write(&light).unwrap();
        assert_eq!(file("postgresql://db.internal/keydesk").read(), light);
        assert_eq!(file("postgres://db.internal/other").read(), Remembered::default());
    }
}
