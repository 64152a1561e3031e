//! The commands about the audit log as types.

use clap::Subcommand;

use super::examples_audit as examples;

/// What can be done with the audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List the entries, newest first
    #[command(after_help = examples::LIST)]
    List {
        /// Only what was done to this key: a key ID, a displayed prefix or a name; deleted keys too
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// Only since then: 7d, 12h, 2026-11-01 (the start of that day, local zone) or RFC 3339
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// Only what this user did, or what was done to them
        #[arg(long, value_name = "EMAIL")]
        user: Option<String>,
        /// Only this kind of entry: key.deleted, or a part of it such as deleted or key
        #[arg(long, value_name = "ACTION")]
        action: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Check that the log is whole, and that it tells all there is
    #[command(after_help = examples::VERIFY)]
    Verify {
        /// A head that was printed earlier and kept elsewhere: it must be in the log still
        #[arg(long, value_name = "HEAD")]
        expect: Option<String>,
    },
    /// Print the head: the number and the hash of the last entry, for keeping elsewhere
    #[command(after_help = examples::HEAD)]
    Head,
    /// Take the log as it is for the one that you saw, after a backup was restored on purpose
    #[command(after_help = examples::ACCEPT)]
    Accept {
        /// Answers the question, for scripts
        #[arg(long)]
        yes: bool,
    },
}
