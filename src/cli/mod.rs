//! The command line: everything that the screen does to data, a command does too.
//!
//! [`main`] reads the arguments, does one command and returns the exit code. `args` says what can be typed and is
//! also the help; each command has its own file; `resolve` turns what people type into what it names; `hand_over`
//! is the one place where a secret leaves.
//!
//! | stream | what |
//! |---|---|
//! | standard output | data: a table, a JSON document, a new secret alone on its line |
//! | standard error | everything else: what was done, warnings, questions, errors |

mod apps;
mod args;
mod args_audit;
mod args_keys;
mod args_serve;
mod audit;
mod backup;
mod check;
mod completions;
mod config;
mod confirm;
mod demo;
mod doctor;
mod examples;
mod examples_audit;
mod exit;
mod export;
mod failure;
mod hand_over;
mod init;
mod keys;
mod log;
mod man;
mod open;
mod output;
mod platforms;
mod resolve;
mod run;
mod secret_guard;
mod serve;
mod users;
mod verify;
mod wrong;

pub use exit::Exit;
pub use open::{OpenScreen, Opening};

use std::ffi::OsString;

use clap::Parser;

use args::{Command, CommandLine};
use failure::{Failure, Stop};
use output::{Output, to_stderr};
use run::Run;

use crate::domain::token::Entropy;
use crate::host::entropy::SystemEntropy;
use crate::host::umask;

/// Reads the arguments (the program's name first), does what they say, and tells how it ended.
/// `open` opens the screen, for whoever asks for no command.
pub fn main(arguments: impl IntoIterator<Item = OsString>, open: OpenScreen) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let json = wrong::wants_json(&arguments);
    // Where the system has none, the standard library itself would end in a panic.
    if let Err(error) = SystemEntropy.fill(&mut [0; 1]) {
        return report(&Failure::failed("no_randomness", error.to_string()), json);
    }
    if let Err(failure) = secret_guard::check(&arguments) {
        return report(&failure, json);
    }
    let line = match CommandLine::try_parse_from(&arguments) {
        Ok(line) => line,
        Err(error) => return wrong::report(&error, json),
    };
    if !matches!(line.command, Some(Command::Serve(_))) {
        log::begin();
    }
    match dispatch(line, open) {
        Ok(exit) => exit,
        Err(Stop::PipeClosed) => Exit::Done,
        Err(Stop::Failed(failure)) => {
            tracing::warn!(code = failure.code(), "the command failed");
            report(&failure, json)
        }
    }
}

fn report(failure: &Failure, json: bool) -> Exit {
    to_stderr(&if json { failure.json() } else { failure.text() });
    failure.exit()
}

fn dispatch(line: CommandLine, open: OpenScreen) -> Result<Exit, Stop> {
    // The pages of the manual are for everybody whom the user's own umask lets read them.
    if !matches!(line.command, Some(Command::Man { .. })) {
        umask::let_the_group_in();
    }
    let command = match line.command {
        // It must work with broken settings too.
        Some(Command::Config { .. }) => return config::print_default(&Output::new(line.global.json)),
        Some(Command::Doctor(args)) => return doctor::run(line.global, &args),
        // Packagers run these two where there is no home.
        Some(Command::Completions { shell }) => {
            return completions::print(&Output::new(line.global.json), shell);
        }
        Some(Command::Man { folder }) => return man::write(&Output::new(line.global.json), &folder),
        Some(Command::Demo) => return demo::run(Run::new(line.global)?, open),
        None => return open::run(Run::new(line.global)?, open),
        Some(command) => command,
    };
    let run = Run::new(line.global)?;
    let exit = match command {
        Command::Init { email } => init::run(&run, &email),
        Command::Apps(command) => apps::run(&run, command),
        Command::Keys(command) => keys::run(&run, command),
        Command::Platforms => platforms::run(&run),
        Command::Users(command) => users::run(&run, command),
        Command::Audit(command) => audit::run(&run, command),
        Command::Verify { file } => verify::run(&run, file.as_deref()),
        Command::Serve(args) => serve::run(&run, *args),
        Command::Check(args) => check::run(&run, &args),
        Command::Backup { file } => backup::run(&run, &file),
        Command::Export(args) => export::run(&run, &args),
        Command::Config { .. }
        | Command::Demo
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Doctor(_) => Ok(Exit::Done),
    }?;
    run.output.finish();
    Ok(exit)
}
