//! The command line of `keydesk keys`.

#![expect(clippy::doc_markdown, reason = "these docs are the help, where backticks would be seen")]

use std::path::PathBuf;

use chrono::TimeDelta;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::examples;
use crate::domain::expiry;
use crate::domain::key::{KeyState, KeyType};
use crate::store::keys::KeySort;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys of an Application
    #[command(after_help = examples::KEYS_LIST)]
    List(ListArgs),
    /// Create a key; its secret is handed over now and never again
    #[command(after_help = examples::KEYS_CREATE)]
    Create(CreateArgs),
    /// Replace a key: a successor is made and delivered, and only then does the old key get its end
    #[command(after_help = examples::KEYS_ROTATE)]
    Rotate(RotateArgs),
    /// Show all that is known of a key
    #[command(after_help = examples::KEYS_SHOW)]
    Show {
        /// Key ID, displayed prefix (ik_live_...), or a name that is unique in the Application
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Pause keys: they are refused until they are enabled again
    #[command(after_help = examples::KEYS_DISABLE)]
    Disable(Several),
    /// Let paused keys in again
    #[command(after_help = examples::KEYS_ENABLE)]
    Enable(Several),
    /// Delete keys at once and for good; this cannot be undone
    #[command(after_help = examples::KEYS_DELETE)]
    Delete {
        #[command(flatten)]
        keys: Several,
        /// Answers the question, for scripts
        #[arg(long)]
        yes: bool,
    },
    /// Tell how to use a key: the header, a curl line, the platform's steps
    #[command(after_help = examples::KEYS_USAGE)]
    Usage {
        /// Key ID, displayed prefix (ik_live_...), or a name that is unique in the Application
        #[arg(value_name = "KEY")]
        key: String,
    },
}

/// One key or more.
#[derive(Debug, Args)]
pub(crate) struct Several {
    /// Key IDs, displayed prefixes (ik_live_...), or names that are unique in the Application
    #[arg(value_name = "KEY", required = true)]
    pub(crate) keys: Vec<String>,
}

/// Which keys, and in which order.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only keys in this state
    #[arg(long, value_name = "S", value_parser = states())]
    pub(crate) state: Option<KeyState>,
    /// Only keys for this platform (see keydesk platforms), or generic
    #[arg(long, value_name = "P")]
    pub(crate) platform: Option<String>,
    /// Only keys with these words somewhere in name, key ID, platform or creator
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// The column that orders the list
    #[arg(long, value_name = "COL", value_parser = columns(), default_value = "name")]
    pub(crate) sort: KeySort,
    /// Turn the order round
    #[arg(long)]
    pub(crate) reverse: bool,
}

/// The key to be made, and where its secret goes.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What people will call it
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// The platform it is made for (see keydesk platforms), or generic
    #[arg(long, value_name = "P", default_value = "generic")]
    pub(crate) platform: String,
    /// Whether production lets it in, or tests only
    #[arg(long = "type", value_name = "TYPE", value_parser = types(), default_value = "production")]
    pub(crate) key_type: KeyType,
    /// Until when it works: 90d, 12w, 2027-01-31 (the end of that day, here) or RFC 3339
    /// [default: default_expiry of the settings, 90d]
    #[arg(long, value_name = "WHEN")]
    pub(crate) expires: Option<String>,
    /// Write the secret to this new file (mode 0600) and do not print it
    #[arg(long, value_name = "FILE", conflicts_with = "copy")]
    pub(crate) out: Option<PathBuf>,
    /// Copy the secret to the clipboard and do not print it
    #[arg(long)]
    pub(crate) copy: bool,
}

/// The key to be replaced, when it ends, and where the new secret goes.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// Key ID, displayed prefix (ik_live_...), or a name; of keys that replaced each other, the last
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// How long the old key goes on working: 45s, 15m, 24h, 7d; never longer than it would have anyway
    #[arg(long, value_name = "DURATION", value_parser = expiry::parse_duration, default_value = "24h",
        conflicts_with = "leaked")]
    pub(crate) overlap: TimeDelta,
    /// The old key has leaked: it is refused at once, as soon as the new one is delivered
    #[arg(long)]
    pub(crate) leaked: bool,
    /// Until when the new key works: 90d, 12w, 2027-01-31 (the end of that day, here) or RFC 3339
    /// [default: as long as the old one was to live]
    #[arg(long, value_name = "WHEN")]
    pub(crate) expires: Option<String>,
    /// Write the new secret to this new file (mode 0600) and do not print it
    #[arg(long, value_name = "FILE", conflicts_with = "copy")]
    pub(crate) out: Option<PathBuf>,
    /// Copy the new secret to the clipboard and do not print it
    #[arg(long)]
    pub(crate) copy: bool,
    /// Hand the new secret to this shell command's standard input and do not print it; unless the command exits with 0,
    /// the new key is withdrawn and the old one stays as it was
    #[arg(long, value_name = "COMMAND")]
    pub(crate) run: Option<String>,
}

fn states() -> impl TypedValueParser<Value = KeyState> {
    PossibleValuesParser::new(KeyState::ALL.map(KeyState::as_str)).try_map(|word| word.parse::<KeyState>())
}

fn types() -> impl TypedValueParser<Value = KeyType> {
    PossibleValuesParser::new(KeyType::ALL.map(KeyType::as_str)).try_map(|word| word.parse::<KeyType>())
}

fn columns() -> impl TypedValueParser<Value = KeySort> {
    PossibleValuesParser::new(KeySort::ALL.map(KeySort::as_str)).try_map(|word| word.parse::<KeySort>())
}
