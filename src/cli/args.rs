//! The command line as types. What stands here is also the help, so it is written for the person who reads that.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::args_audit::AuditCommand;
use super::args_keys::KeysCommand;
use super::args_serve::ServeArgs;
use super::check::CheckArgs;
use super::doctor::DoctorArgs;
use super::export::ExportArgs;
use super::{examples, examples_audit};

/// A keyboard-driven desk for the Integration API keys of your Applications
///
/// Without a command it opens the screen.
#[derive(Debug, Parser)]
#[command(name = "keydesk", version, after_help = examples::KEYDESK, max_term_width = 110)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The database [default: keydesk.db in keydesk's data folder]
    #[arg(long, global = true, value_name = "PATH", env = "KEYDESK_DB", hide_env_values = true)]
    pub(crate) db: Option<PathBuf>,
    /// The settings [default: config.toml in keydesk's configuration folder]
    #[arg(long, global = true, value_name = "PATH", env = "KEYDESK_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// The Application; may be left out where there is only one
    #[arg(long, global = true, value_name = "NAME", env = "KEYDESK_APP", hide_env_values = true)]
    pub(crate) app: Option<String>,
    /// One JSON document on standard output, errors as JSON on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set up the database with its first user (you) and Application; harmless when already done
    #[command(after_help = examples::INIT)]
    Init {
        /// Your email
        #[arg(long, value_name = "EMAIL")]
        email: String,
    },
    /// Open the screen on a throwaway database with made-up keys
    #[command(after_help = examples::DEMO)]
    Demo,
    /// List, create, rename and delete Applications
    #[command(subcommand, after_help = examples::APPS)]
    Apps(AppsCommand),
    /// List, create, show, disable, enable and delete keys
    #[command(subcommand, after_help = examples::KEYS)]
    Keys(KeysCommand),
    /// List the platforms that keys can be made for
    #[command(after_help = examples::PLATFORMS)]
    Platforms,
    /// List, add, disable, enable and delete users
    #[command(subcommand, after_help = examples::USERS)]
    Users(UsersCommand),
    /// List the audit log, check it, print its head
    #[command(subcommand, after_help = examples_audit::AUDIT)]
    Audit(AuditCommand),
    /// Tell whether a key would be let in, and why not: the key comes on standard input
    #[command(after_help = examples::VERIFY)]
    Verify {
        /// Read the key from this file instead
        #[arg(long, value_name = "F")]
        file: Option<PathBuf>,
    },
    /// Answer proxies whether a request may pass: forward auth for nginx, Caddy, Traefik
    #[command(after_help = examples::SERVE)]
    Serve(Box<ServeArgs>),
    /// Tell which keys expire soon, for cron and monitoring
    #[command(after_help = examples::CHECK)]
    Check(CheckArgs),
    /// Make a consistent copy of the database while others work
    #[command(after_help = examples::BACKUP)]
    Backup {
        /// The new file (mode 0600); never over an existing one
        file: PathBuf,
    },
    /// Export the list of keys, without secrets or hashes
    #[command(after_help = examples::EXPORT)]
    Export(ExportArgs),
    /// Look at what keydesk rests on, and say what to mend
    #[command(after_help = examples::DOCTOR)]
    Doctor(DoctorArgs),
    /// Print what your shell needs to complete keydesk's commands at the Tab key
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder, one for each command
    #[command(after_help = examples::MAN)]
    Man {
        /// The folder; made when missing
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Print the settings
    #[command(after_help = examples::CONFIG)]
    Config {
        /// Every setting with its default, documented: a config.toml to start from
        #[arg(long, required = true)]
        default: bool,
    },
}

/// What can be done with Applications.
#[derive(Debug, Subcommand)]
pub(crate) enum AppsCommand {
    /// List the Applications
    #[command(after_help = examples::APPS_LIST)]
    List,
    /// Create an Application
    #[command(after_help = examples::APPS_CREATE)]
    Create {
        /// Its name, unique without regard to case
        name: String,
    },
    /// Give an Application another name
    #[command(after_help = examples::APPS_RENAME)]
    Rename {
        /// Its name
        name: String,
        /// Its new name
        new: String,
    },
    /// Delete an Application and all its keys; this cannot be undone
    #[command(after_help = examples::APPS_DELETE)]
    Delete {
        /// Its name
        name: String,
        /// Answers the question, for scripts
        #[arg(long)]
        yes: bool,
    },
}

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// List the users
    #[command(after_help = examples::USERS_LIST)]
    List,
    /// Add a user
    #[command(after_help = examples::USERS_ADD)]
    Add {
        /// Their email
        email: String,
        /// Their login at this system: whoever works under it is this user
        #[arg(long, value_name = "LOGIN")]
        login: Option<String>,
    },
    /// Let a user look but change nothing any more; their keys go on working
    #[command(after_help = examples::USERS_DISABLE)]
    Disable {
        /// Their email
        email: String,
    },
    /// Let a disabled user change things again
    #[command(after_help = examples::USERS_ENABLE)]
    Enable {
        /// Their email
        email: String,
    },
    /// Delete a user and wipe their email; their keys go on working until they expire
    #[command(after_help = examples::USERS_DELETE)]
    Delete {
        /// Their email
        email: String,
        /// Answers the question, for scripts
        #[arg(long)]
        yes: bool,
    },
}
