//! What people may set: settings, bindings, themes. Read, checked, explained.
//!
//! Every default stands in a file under `assets/` that is compiled in, so that what `keydesk config --default`
//! prints is what keydesk does.

pub mod action;
pub mod bindings;
pub mod chord;
pub mod settings;
pub mod theme;

use std::path::{Path, PathBuf};

/// A mistake in a configuration file, with its place.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there and cannot be read.
    #[error("could not read the configuration {path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Something in it is wrong.
    #[error("{path}:{line}:{column}: {message}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong and what is allowed.
        message: String,
    },
}

impl ConfigError {
    fn at(path: &Path, text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        Self::Wrong { path: path.to_owned(), line, column, message: message.into() }
    }
}
