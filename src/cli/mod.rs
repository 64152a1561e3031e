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
mod init;
mod keys;
mod log;
mod man;
mod open;
mod output;
mod platforms;
mod resolve;
mod secret_guard;
mod secret_output;
mod serve;
mod users;
mod verify;

pub use exit::Exit;
pub use open::{OpenScreen, Opening};

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};

use context::{Context, GlobalArgs};
use error::{CommandError, ErrorKind};
use output::Output;
use output::report::report;

use crate::domain::token::Entropy;
use crate::host::entropy::SystemEntropy;
use crate::host::umask;

const EXAMPLES: &str = "\
Examples:
  keydesk                                              open the screen
  keydesk init --email ana@example.com --app Storefront
  keydesk keys create --name Checkout --platform braze --out checkout.key
  keydesk keys list --state expires_soon
  keydesk demo                                         try it out on made-up keys

Exit codes: 0 done or yes, 1 no, 2 wrong command line, 3 could not be done, 4 not allowed";

/// A keyboard-driven desk for the Integration API keys of your Applications
///
/// Without a command it opens the screen.
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
    #[command(subcommand)]
    Apps(apps::Command),
    #[command(subcommand)]
    Keys(keys::Command),
    Platforms(platforms::Args),
    #[command(subcommand)]
    Users(users::Command),
    #[command(subcommand)]
    Audit(audit::Command),
    Verify(verify::Args),
    Serve(Box<serve::Args>),
    Check(check::Args),
    Backup(backup::Args),
    Export(export::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
    Config(config::Args),
}

/// Reads the arguments (the program's name first), runs one command and returns the exit code.
/// `open` opens the terminal UI, for a command line without a command.
pub fn main(arguments: impl IntoIterator<Item = OsString>, open: OpenScreen) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let json = clap_errors::wants_json(&arguments);
    // Where the system has none, the standard library itself would end in a panic.
    if let Err(error) = SystemEntropy.fill(&mut [0; 1]) {
        return report(&CommandError::failed("no_randomness", error.to_string()), json);
    }
    if let Err(error) = secret_guard::check(&arguments) {
        return report(&error, json);
    }
    let line = match CommandLine::try_parse_from(&arguments) {
        Ok(line) => line,
        Err(error) => return clap_errors::report(&error, json),
    };
    if !matches!(line.command, Some(Command::Serve(_))) {
        log::begin();
    }
    match dispatch(line, open) {
        Ok(exit) => exit,
        Err(error) => {
            if error.kind() != ErrorKind::ClosedPipe {
                tracing::warn!(code = error.code(), "the command failed");
            }
            report(&error, json)
        }
    }
}

fn dispatch(line: CommandLine, open: OpenScreen) -> Result<Exit, CommandError> {
    let CommandLine { global, command } = line;
    // The user's own umask decides who can read the manual pages.
    if !matches!(command, Some(Command::Man(_))) {
        umask::let_the_group_in();
    }
    let command = match command {
        // These work without settings and without a home folder.
        Some(Command::Config(_)) => return config::run(&Output::new(global.json)),
        Some(Command::Completions(args)) => {
            return completions::run(&Output::new(global.json), CommandLine::command(), &args);
        }
        Some(Command::Man(args)) => {
            return man::run(&Output::new(global.json), CommandLine::command(), &args);
        }
        Some(Command::Doctor(args)) => return doctor::run(global, &args),
        // These take the context with them into the terminal UI.
        Some(Command::Demo(_)) => return demo::run(Context::new(global)?, open),
        None => return open::run(Context::new(global)?, open),
        Some(command) => command,
    };
    let context = Context::new(global)?;
    let exit = match command {
        Command::Init(args) => init::run(&context, &args),
        Command::Apps(command) => apps::run(&context, command),
        Command::Keys(command) => keys::run(&context, command),
        Command::Platforms(_) => platforms::run(&context),
        Command::Users(command) => users::run(&context, command),
        Command::Audit(command) => audit::run(&context, command),
        Command::Verify(args) => verify::run(&context, &args),
        Command::Serve(args) => serve::run(&context, *args),
        Command::Check(args) => check::run(&context, &args),
        Command::Backup(args) => backup::run(&context, &args),
        Command::Export(args) => export::run(&context, &args),
        Command::Config(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Doctor(_)
        | Command::Demo(_) => Ok(Exit::Done),
    }?;
    context.output.finish();
    Ok(exit)
}
