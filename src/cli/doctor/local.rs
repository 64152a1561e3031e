//! Everything here: database, files, users, settings, log, clipboard, terminal. It writes nothing into the database.

use super::{Finding, database, files, surroundings};
use crate::cli::context::GlobalArgs;
use crate::config::settings::{ClipboardMode, Settings};
use crate::host::{clock, places};

const HOME: &str = "Set HOME, or name the file with --db and --config";

/// Looks at one thing after the other; what is wrong with one keeps none of the others from being looked at.
pub(super) fn check(global: GlobalArgs) -> Vec<Finding> {
    let places = places::default();
    let place =
        |named: Option<_>, usual: fn(&places::Places) -> _| named.or_else(|| places.as_ref().map(usual));
    let mut findings = Vec::new();
    match place(global.db, |places| places.database.clone()) {
        Some(path) => {
            // Before it is opened: what SQLite makes on opening is not what was there.
            let files = files::check(&path);
            findings.extend(database::check(&path, clock::now()));
            findings.extend(files);
        }
        None => findings.push(Finding::fault("database", "this user has no home folder", HOME)),
    }
    let mut mode = ClipboardMode::Auto;
    match place(global.config, |places| places.config.clone()) {
        Some(path) => {
            let read = Settings::read(&path).map_err(|error| error.to_string());
            if let Ok(settings) = &read {
                mode = settings.clipboard;
            }
            findings.push(surroundings::settings(&path, &read));
        }
        None => findings.push(Finding::fault("settings", "this user has no home folder", HOME)),
    }
    findings.push(surroundings::log(places.as_ref().map(|places| places.log.clone())));
    findings.push(surroundings::clipboard(mode));
    findings.push(surroundings::terminal());
    findings.push(surroundings::core_dumps());
    findings
}
