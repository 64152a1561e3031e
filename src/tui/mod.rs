//! The terminal UI: state and update in [`app`], drawing in [`view`], and everything slow in [`effects`], which
//! run on a separate thread.

#![allow(
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "the terminal UI is no public API"
)]

pub mod app;
pub mod effects;
pub mod input;
pub mod layout;
mod run;
pub mod terminal;
pub mod view;
mod worker;

use std::io::Write;
use std::sync::Arc;

use crate::config::remembered::RememberedFile;
use crate::config::settings::Settings;
use crate::config::theme::ThemeError;
use crate::desk::Desk;
use crate::domain::week;
use crate::host::clipboard::Clipboard;
use crate::host::clock::{self, Zone};
use app::App;
use app::shared::Environment;
use terminal::{Guard, TerminalError};
use view::appearance::Appearances;
use view::canvas::Hits;
use worker::Worker;

/// What the terminal UI is started with.
pub struct Launch {
    /// The database, with the caller.
    pub desk: Desk,
    pub settings: Settings,
    /// The Application to show first, by name.
    pub application: Option<String>,
    /// None where nothing is remembered.
    pub remembered: Option<RememberedFile>,
}

/// Why the terminal UI could not start.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// The terminal cannot be used.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// A built-in theme is invalid.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Runs the terminal UI until it is quit.
pub fn run(launch: Launch) -> Result<(), TuiError> {
    let Launch { desk, settings, application, remembered } = launch;
    terminal::check()?;
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let no_color = var("NO_COLOR").is_some();
    let appearances = Appearances::new(&settings, no_color, is_utf8(&locale("LC_CTYPE", var)))?;
    let environment = Environment {
        no_color,
        zone: Zone::Local,
        week_start: week::first_day(&locale("LC_TIME", var)),
        database: desk.store().location().to_string(),
        settings: Arc::new(settings),
    };
    let database_clock = desk.store().clock();
    let clipboard = Clipboard {
        mode: environment.settings.clipboard,
        clear_after: environment.settings.clipboard_clear_after,
        keydesk: std::env::current_exe()?,
    };
    let (outgoing, incoming) = run::channel();
    let last_choices = remembered.as_ref().map(RememberedFile::read).unwrap_or_default();
    let worker = Worker::start(desk, &environment.settings, remembered, clipboard, outgoing.clone())?;
    terminal::install_panic_hook();
    let guard = Guard::new(environment.settings.mouse)?;
    terminal::watch()?;
    run::read_events(outgoing)?;
    let size = crossterm::terminal::size().unwrap_or((80, 24));
    let now = database_clock.now(clock::now());
    let (app, effects) = App::new(environment, size, now, application, last_choices);
    let looping = run::Loop {
        app,
        clock: database_clock,
        appearances,
        worker: &worker,
        guard: &guard,
        incoming,
        hits: Hits::default(),
        leaving: false,
        redraw: false,
    };
    let result = looping.run(effects);
    drop(guard);
    worker.end();
    if let Some(farewell) = result? {
        let _ = writeln!(std::io::stderr(), "keydesk: {farewell}");
    }
    Ok(())
}

/// The locale of a category, by the first of the three variables that is set (POSIX).
fn locale(category: &str, var: impl Fn(&str) -> Option<String>) -> String {
    ["LC_ALL", category, "LANG"].into_iter().find_map(var).unwrap_or_default()
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
