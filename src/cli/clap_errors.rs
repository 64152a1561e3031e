//! What clap says: help, the version, and what is wrong with the command line.

use std::ffi::OsString;

use clap::error::ErrorKind;

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stop};
use crate::cli::output;

/// Whether `--json` is among the arguments: a wrong command line cannot be asked any other way.
pub(crate) fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().skip(1).take_while(|argument| *argument != "--").any(|argument| argument == "--json")
}

/// Prints help and version, reports anything else as an error.
pub(crate) fn report(error: &clap::Error, json: bool) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            match error.print().map_err(Stop::from) {
                // Nobody reading on is no error (`keydesk --help | head -1`).
                Ok(()) | Err(Stop::PipeClosed) => Exit::Done,
                Err(Stop::Failed(failure)) => output::report(&failure, json),
            }
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !json => {
            let _ = error.print();
            Exit::Usage
        }
        _ => output::report(&failure(error), json),
    }
}

/// Clap's text begins with `error: ` and goes on, after an empty line, with what may help.
fn failure(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::usage("usage", "a command is missing").hint(text.trim_end());
    }
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    match text.split_once("\n\n") {
        Some((message, hint)) => Failure::usage("usage", message.trim_end()).hint(hint.trim()),
        None => Failure::usage("usage", text.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_wanted_before_the_double_dash_only() {
        let wants = |words: &[&str]| wants_json(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(wants(&["keydesk", "keys", "--json", "lst"]));
        assert!(!wants(&["keydesk", "apps", "create", "--", "--json"]));
        assert!(!wants(&["--json"]));
    }
}
