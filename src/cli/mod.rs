//! The command line: everything that the terminal UI does to data, a command does too.
//!
//! [`main`] reads the arguments, runs one command and returns the exit code. Each command is one file with its
//! arguments, its help, its examples and its code. The doc comments of arguments are the help.
//!
//! | stream | content |
//! |---|---|
//! | standard output | data: a table, a JSON document, a new secret alone on its line |
//! | standard error | everything else: what was done, warnings, questions, errors |

#![expect(clippy::doc_markdown, reason = "the docs of arguments are the help, where backticks would be seen")]

mod apps;
mod audit;
mod backup;
mod check;
mod checks;
mod clap_errors;
mod completions;
mod config;
mod confirm;
mod context;
mod demo;
mod doctor;
mod error;
mod exit;
mod export;
mod findings;
mod help;
mod hidden_input;
mod identify;
mod init;
mod interrupt;
mod key_list;
mod keys;
mod log;
mod man;
mod move_database;
mod output;
mod platforms;
mod prompt;
mod resolve;
mod scan;
mod secret_guard;
mod secret_output;
mod serve;
mod source_table;
mod terminal_ui;
mod users;
mod utf16;
mod values;
mod verify;
mod version;

pub use exit::Exit;
pub use terminal_ui::{Launch, LaunchTui};

use std::ffi::OsString;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use context::{Context, GlobalArgs};
use error::{CommandError, ErrorKind};
use output::report::report;

use crate::cli::help::Examples;
use crate::domain::clock;
use crate::domain::token::Entropy;
use crate::host;
use crate::host::entropy::SystemEntropy;
use crate::host::umask;
use crate::store::StoreError;

const EXAMPLES: Examples = Examples(&[
    ("keydesk", "open the terminal UI"),
    ("keydesk demo", "try it on sample data"),
    ("keydesk init --email ana@example.com --app Storefront", ""),
    ("keydesk keys create Checkout --out checkout.key", ""),
    ("keydesk keys rotate Checkout --leaked", ""),
]);

/// Issue, watch, rotate and revoke the API keys of your own HTTP API
///
/// Without a command, opens the terminal UI.
///
/// Exit codes: 0 done, or yes. 1 no. 2 the command line is wrong, for example an unknown option, state or platform.
/// 3 it could not be done, for example because an Application or key was not found. 4 not allowed.
#[derive(Debug, Parser)]
#[command(name = "keydesk", version, after_help = EXAMPLES, max_term_width = 110)]
struct CommandLine {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Demo(demo::Args),
    #[command(subcommand, visible_alias = "app")]
    Apps(apps::Command),
    #[command(subcommand, visible_alias = "key")]
    Keys(keys::Command),
    Platforms(platforms::Args),
    #[command(subcommand, visible_alias = "user")]
    Users(users::Command),
    #[command(subcommand)]
    Audit(audit::Command),
    Verify(verify::Args),
    Identify(identify::Args),
    Scan(scan::Args),
    Serve(Box<serve::Args>),
    Check(check::Args),
    Backup(backup::Args),
    Move(move_database::Args),
    Export(export::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
    Config(config::Args),
    Version(version::Args),
}

/// The tree of all commands with their arguments.
#[doc(hidden)]
#[must_use]
pub fn command_tree() -> clap::Command {
    help::layout(CommandLine::command())
}

/// Reads the arguments (the program's name first), runs one command and returns the exit code.
/// `launch_tui` runs the terminal UI, for a command line without a command.
pub fn main(arguments: impl IntoIterator<Item = OsString>, launch_tui: LaunchTui) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let format = clap_errors::format(&arguments);
    // Without randomness the standard library panics.
    if let Err(error) = SystemEntropy.fill(&mut [0; 1]) {
        return report(&CommandError::failed("no_randomness", error.to_string()), format);
    }
    if let Err(error) = secret_guard::check(&arguments) {
        return report(&error, format);
    }
    let matches = command_tree().try_get_matches_from(&arguments);
    let parsed = matches.and_then(|matches| Ok((CommandLine::from_arg_matches(&matches)?, matches)));
    let (line, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return clap_errors::report(&error, command_tree(), &arguments, format),
    };
    // With a clock this wrong, expired keys could be valid.
    if let Err(error) = clock::check(clock::Whose::System, host::clock::now()) {
        return report(&StoreError::from(error).into(), format);
    }
    if !matches!(line.command, Some(Command::Serve(_))) {
        log::begin();
    }
    match dispatch(line, &matches, launch_tui) {
        Ok(exit) => exit,
        Err(error) => {
            if error.kind() != ErrorKind::ClosedPipe {
                tracing::warn!(code = error.code(), "the command failed");
            }
            report(&error, format)
        }
    }
}

fn dispatch(line: CommandLine, matches: &ArgMatches, launch_tui: LaunchTui) -> Result<Exit, CommandError> {
    let CommandLine { global, command } = line;
    // The user's own umask decides who can read the manual pages.
    if !matches!(command, Some(Command::Man(_))) {
        umask::allow_group();
    }
    let Some(command) = command else { return terminal_ui::run(Context::new(global)?, launch_tui) };
    let output = global.output();
    match command {
        // These work with an invalid configuration too.
        Command::Config(args) => config::run(global, &args, matches),
        Command::Version(_) => version::run(&output),
        Command::Completions(args) => completions::run(&output, command_tree(), &args),
        Command::Man(args) => man::run(&output, command_tree(), &args),
        Command::Doctor(args) => doctor::run(global, &args),
        // It takes the context with it into the terminal UI.
        Command::Demo(_) => demo::run(Context::new(global)?, launch_tui),
        Command::Init(args) => run(global, |context| init::run(context, &args)),
        Command::Apps(command) => run(global, |context| apps::run(context, command)),
        Command::Keys(command) => run(global, |context| keys::run(context, command)),
        Command::Platforms(_) => run(global, platforms::run),
        Command::Users(command) => run(global, |context| users::run(context, command)),
        Command::Audit(command) => run(global, |context| audit::run(context, command)),
        Command::Verify(args) => run(global, |context| verify::run(context, &args)),
        Command::Identify(args) => run(global, |context| identify::run(context, &args)),
        Command::Scan(args) => run(global, |context| scan::run(context, &args)),
        Command::Serve(args) => run(global, |context| serve::run(context, &args)),
        Command::Check(args) => run(global, |context| check::run(context, &args)),
        Command::Backup(args) => run(global, |context| backup::run(context, &args)),
        Command::Move(args) => run(global, |context| move_database::run(context, &args)),
        Command::Export(args) => run(global, |context| export::run(context, &args)),
    }
}

fn run(
    global: GlobalArgs,
    command: impl FnOnce(&Context) -> Result<Exit, CommandError>,
) -> Result<Exit, CommandError> {
    let context = Context::new(global)?;
    let exit = command(&context)?;
    context.output.finish();
    Ok(exit)
}
