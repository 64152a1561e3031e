//! The keys that a command takes, one or more.

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::resolve;
use crate::desk::Picked;
use crate::domain::key::Key;
use crate::store::Reader;

#[derive(Debug, clap::Args)]
pub(crate) struct SeveralKeys {
    /// Key IDs, key prefixes (ik_live_...), or names (of rotated keys, the newest)
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<String>,
}

impl SeveralKeys {
    /// The keys without repetitions, in the order of the arguments.
    pub(super) fn resolve(&self, context: &Context, reader: &Reader<'_>) -> Result<Vec<Key>, CommandError> {
        let mut found: Vec<Key> = Vec::with_capacity(self.keys.len());
        for text in &self.keys {
            let key = resolve::key(context, reader, text)?;
            if found.iter().all(|other| other.id != key.id) {
                found.push(key);
            }
        }
        Ok(found)
    }
}

/// The keys in the version that the decision was based on.
pub(super) fn picked(keys: &[Key]) -> Vec<Picked> {
    keys.iter().map(|key| Picked { id: key.id, version: key.version }).collect()
}
