//! Where data, configuration and state belong on this system.

use std::path::PathBuf;

use directories::ProjectDirs;

/// The places of this user.
#[derive(Clone, Debug)]
pub struct Places {
    /// The database.
    pub database: PathBuf,
    /// The configuration.
    pub config: PathBuf,
    /// The log.
    pub log: PathBuf,
    /// The directory of the known heads.
    pub known_heads: PathBuf,
}

/// The defaults, as the system has them; none for a user without a home.
#[must_use]
pub fn default() -> Option<Places> {
    let project = ProjectDirs::from("", "", "keydesk")?;
    let state = project.state_dir().unwrap_or_else(|| project.data_local_dir());
    Some(Places {
        database: project.data_dir().join("keydesk.db"),
        config: project.config_dir().join("config.toml"),
        log: state.join("keydesk.log"),
        known_heads: state.join("known-heads"),
    })
}

/// A path as people type it: `~/` at its start is the home folder.
#[must_use]
pub fn expand(path: &std::path::Path) -> PathBuf {
    match (path.strip_prefix("~"), directories::BaseDirs::new()) {
        (Ok(rest), Some(base)) => base.home_dir().join(rest),
        _ => path.to_owned(),
    }
}
