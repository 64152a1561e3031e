//! From the command line to the screen.

use std::io::{self, IsTerminal};

use super::exit::Exit;
use super::failure::{Failure, Stop};
use super::run::Run;
use crate::config::settings::Settings;
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
}

/// `keydesk` alone.
pub(crate) fn run(run: Run) -> Result<Exit, Stop> {
    needs_terminal()?;
    let store = run.store_or_new()?;
    show(run, store)
}

/// Opens the screen on a database.
pub(crate) fn show(run: Run, store: Store) -> Result<Exit, Stop> {
    let Run { settings, application, .. } = run;
    open_tui(Opening { store, caller: identity::caller(), settings, application })
        .map_err(|reason| Failure::failed("screen", reason))?;
    Ok(Exit::Done)
}

/// The screen needs a terminal on both sides.
pub(crate) fn needs_terminal() -> Result<(), Failure> {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if !dumb && io::stdin().is_terminal() && io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Failure::failed("no_terminal", "the screen needs a terminal, and there is none here")
        .hint("Everything can be done with commands too: keydesk --help"))
}

/// The one place where the command line hands over to the screen. An error is a sentence.
///
/// # Errors
/// When the screen cannot be opened.
pub fn open_tui(opening: Opening) -> Result<(), String> {
    drop(opening);
    Err("this build has no screen; everything can be done with commands: keydesk --help".into())
}
