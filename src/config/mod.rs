//! Settings, key bindings and themes.
//!
//! Every default is in a file under `assets/` that is compiled in: what `keydesk config --default`
//! prints is what keydesk does.

pub mod action;
pub mod bindings;
pub mod chord;
pub mod remembered;
pub mod settings;
pub mod theme;

use std::path::{Path, PathBuf};

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("could not read the configuration {path}: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    #[error("{path}:{line}:{column}: {message}")]
    Wrong {
        path: PathBuf,
        /// Starts at 1.
        line: usize,
        /// In characters, starts at 1.
        column: usize,
        /// What is wrong, and what is allowed.
        message: String,
    },
}

impl ConfigError {
    fn at(path: &Path, text: &str, offset: usize, message: impl Into<String>) -> Self {
        let (line, column) = position(text, offset);
        Self::Wrong { path: path.to_owned(), line, column, message: message.into() }
    }
}

/// The line and the column in characters of a byte offset, both from 1.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    (before.matches('\n').count() + 1, column)
}
