//! From the command line to the screen.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::config::settings::Settings;
use crate::desk::known_head::KnownHeads;
use crate::domain::user::Caller;
use crate::host::identity;
use crate::store::Store;

/// What the screen opens on.
#[derive(Debug)]
pub struct Opening {
    /// The database; it may be empty yet.
    pub store: Store,
    /// Who sits at the keyboard.
    pub caller: Caller,
    /// The settings, checked.
    pub settings: Settings,
    /// The Application that was named on the command line.
    pub application: Option<String>,
    /// The known heads of this user.
    pub known_heads: Option<KnownHeads>,
    /// A folder that is to go with the program, however that ends.
    pub throwaway: Option<PathBuf>,
}

/// What opens the screen. It is handed in from `main`: the command line and the screen know nothing of each other.
/// An error is a sentence.
pub type OpenScreen = fn(Opening) -> Result<(), String>;

/// `keydesk` alone.
pub(crate) fn run(context: Context, open: OpenScreen) -> Result<Exit, CommandError> {
    needs_terminal()?;
    let store = context.store_or_new()?;
    show(context, store, None, open)
}

/// Opens the screen on a database.
pub(crate) fn show(
    context: Context,
    store: Store,
    throwaway: Option<PathBuf>,
    open: OpenScreen,
) -> Result<Exit, CommandError> {
    let Context { settings, application, known_heads, .. } = context;
    open(Opening { store, caller: identity::caller(), settings, application, known_heads, throwaway })
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
