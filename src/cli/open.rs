//! From the command line to the screen.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::config::settings::Settings;
use crate::desk::Desk;

/// What the screen opens on.
pub struct Opening {
    /// The database, which may be empty yet.
    pub desk: Desk,
    /// The settings, checked.
    pub settings: Settings,
    /// The Application that was named on the command line.
    pub application: Option<String>,
    /// A folder that is to go with the program, however that ends.
    pub throwaway: Option<PathBuf>,
}

/// What opens the screen. It is handed in from `main`: the command line and the screen know nothing of each other.
/// An error is a sentence.
pub type OpenScreen = fn(Opening) -> Result<(), String>;

/// `keydesk` alone.
pub(crate) fn run(context: Context, open: OpenScreen) -> Result<Exit, CommandError> {
    needs_terminal()?;
    let desk = context.desk_or_new()?;
    show(context, desk, None, open)
}

/// Opens the screen on a database.
pub(crate) fn show(
    context: Context,
    desk: Desk,
    throwaway: Option<PathBuf>,
    open: OpenScreen,
) -> Result<Exit, CommandError> {
    let Context { settings, application, .. } = context;
    open(Opening { desk, settings, application, throwaway })
        .map_err(|reason| CommandError::failed("screen", reason))?;
    Ok(Exit::Done)
}

/// The screen needs a terminal on both sides.
pub(crate) fn needs_terminal() -> Result<(), CommandError> {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let message = if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        "the screen needs a terminal, and there is none here"
    } else if dumb {
        "the screen cannot be drawn on this terminal (TERM=dumb)"
    } else {
        return Ok(());
    };
    Err(CommandError::failed("no_terminal", message)
        .hint("Everything can be done with commands too: keydesk --help"))
}
