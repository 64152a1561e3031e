//! Help, the version and usage errors, as clap produces them.

use std::ffi::OsString;

use clap::error::ErrorKind;

use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::output::{Format, report};

/// The format that the arguments ask for, also where they cannot be parsed.
pub(crate) fn format(arguments: &[OsString]) -> Format {
    let mut options = arguments.iter().skip(1).take_while(|argument| *argument != "--");
    if options.any(|argument| argument == "--json") { Format::Json } else { Format::Text }
}

/// Prints help and version, reports anything else as an error.
pub(crate) fn report(error: &clap::Error, format: Format) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            error.print().map_or_else(|error| report::report(&error.into(), format), |()| Exit::Done)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if format == Format::Text => {
            let _ = error.print();
            Exit::Usage
        }
        _ => report::report(&command_error(error), format),
    }
}

/// The text of clap begins with `error: `; what may help follows after an empty line.
fn command_error(error: &clap::Error) -> CommandError {
    let text = error.render().to_string();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return CommandError::usage("usage", "a command is missing").hint(text.trim_end());
    }
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    match text.split_once("\n\n") {
        Some((message, hint)) => CommandError::usage("usage", message.trim_end()).hint(hint.trim()),
        None => CommandError::usage("usage", text.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_wanted_before_the_double_dash_only() {
        let wants =
            |words: &[&str]| format(&words.iter().map(OsString::from).collect::<Vec<_>>()) == Format::Json;
        assert!(wants(&["keydesk", "keys", "--json", "lst"]));
        assert!(!wants(&["keydesk", "apps", "create", "--", "--json"]));
        assert!(!wants(&["--json"]));
    }
}
