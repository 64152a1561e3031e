//! `keydesk` without a command: opens the terminal UI.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::config::remembered::RememberedFile;
use crate::config::settings::Settings;
use crate::desk::Desk;

/// What the terminal UI starts with.
pub struct Launch {
    /// Its database may be empty.
    pub desk: Desk,
    pub settings: Settings,
    /// The Application given on the command line.
    pub application: Option<String>,
    /// None where nothing is remembered.
    pub remembered: Option<RememberedFile>,
    /// A directory to remove when the program ends, also after a crash.
    pub throwaway: Option<PathBuf>,
}

/// Runs the terminal UI. `main` passes it in, since `cli` and `tui` do not know each other. The error is a sentence.
pub type LaunchTui = fn(Launch) -> Result<(), String>;

pub(crate) fn run(context: Context, launch_tui: LaunchTui) -> Result<Exit, CommandError> {
    needs_terminal()?;
    let desk = context.desk_or_new()?;
    launch(context, desk, None, launch_tui)
}

pub(crate) fn launch(
    context: Context,
    desk: Desk,
    throwaway: Option<PathBuf>,
    launch_tui: LaunchTui,
) -> Result<Exit, CommandError> {
    let Context { settings, application, database, .. } = context;
    let remembered = match throwaway {
        None => RememberedFile::at_default_location(&database),
        Some(_) => None,
    };
    launch_tui(Launch { desk, settings, application, remembered, throwaway })
        .map_err(|reason| CommandError::failed("screen", reason))?;
    Ok(Exit::Done)
}

/// Checks that standard input and output are a terminal on which the terminal UI can be drawn.
pub(crate) fn needs_terminal() -> Result<(), CommandError> {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let message = if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        "the terminal UI needs a terminal: standard input or output is not one"
    } else if dumb {
        "the terminal UI cannot run on this terminal (TERM=dumb)"
    } else {
        return Ok(());
    };
    Err(CommandError::failed("no_terminal", message).hint("run \"keydesk --help\" to see the commands"))
}
