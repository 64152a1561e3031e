//! The default locations of data, configuration and state.

use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs};

/// The default locations of a user.
#[derive(Clone, Debug)]
pub struct Locations {
    pub database: PathBuf,
    pub config: PathBuf,
    pub log: PathBuf,
    /// The directory of the known heads.
    pub known_heads: PathBuf,
    /// What the terminal UI remembers.
    pub remembered: PathBuf,
}

impl Locations {
    /// Whether state may be stored. A home directory that does not exist is not created.
    #[must_use]
    pub fn can_keep_state(&self) -> bool {
        BaseDirs::new()
            .is_none_or(|base| base.home_dir().is_dir() || !self.known_heads.starts_with(base.home_dir()))
    }
}

/// The standard locations of this system; none for a user without a home directory.
#[must_use]
pub fn default() -> Option<Locations> {
    let project = ProjectDirs::from("", "", "keydesk")?;
    let state = project.state_dir().unwrap_or_else(|| project.data_local_dir());
    Some(Locations {
        database: project.data_dir().join("keydesk.db"),
        config: project.config_dir().join("config.toml"),
        log: state.join("keydesk.log"),
        known_heads: state.join("known-heads"),
        remembered: state.join("remembered.json"),
    })
}

/// Expands a leading `~/` to the home directory.
#[must_use]
pub fn expand(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), BaseDirs::new()) {
        (Ok(rest), Some(base)) => base.home_dir().join(rest),
        _ => path.to_owned(),
    }
}
