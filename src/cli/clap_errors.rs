//! Help, the version and usage errors, as clap reports them.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::output::{Format, report};
use crate::domain::postgres_url::UrlError;
use crate::domain::text::inert;

/// The format that the arguments ask for, also where they cannot be parsed.
pub(crate) fn format(arguments: &[OsString]) -> Format {
    let mut options = arguments.iter().skip(1).take_while(|argument| *argument != "--");
    if options.any(|argument| argument == "--json") { Format::Json } else { Format::Text }
}

/// Prints help and version, reports anything else as an error.
pub(crate) fn report(
    error: &clap::Error,
    tree: clap::Command,
    arguments: &[OsString],
    format: Format,
) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            error.print().map_or_else(|error| report::report(&error.into(), format), |()| Exit::Done)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if format == Format::Text => {
            let _ = error.print();
            Exit::Usage
        }
        _ => report::report(&usage(error, tree, arguments), format),
    }
}

/// The error of a command line that is wrong.
fn usage(error: &clap::Error, tree: clap::Command, arguments: &[OsString]) -> CommandError {
    if let Some(wrong) = wrong_url(error) {
        return CommandError::usage(wrong.code(), message(error)).hint(wrong.hint());
    }
    let help = format!("run \"{} --help\" for help", command_words(tree, arguments));
    let hint = match suggestion(error) {
        Some(similar) => format!("did you mean {similar}? Otherwise {help}"),
        None => help,
    };
    CommandError::usage("usage", message(error)).hint(hint)
}

/// Why the URL of a database is wrong, if that is the error.
fn wrong_url(error: &clap::Error) -> Option<&UrlError> {
    error.source()?.downcast_ref()
}

/// The command that the arguments select, as far as they select one.
fn command_words(tree: clap::Command, arguments: &[OsString]) -> String {
    let mut words = tree.get_name().to_owned();
    let matches = tree.ignore_errors(true).try_get_matches_from(arguments);
    let mut matches = matches.as_ref().ok();
    while let Some((name, below)) = matches.and_then(clap::ArgMatches::subcommand) {
        words = format!("{words} {name}");
        matches = Some(below);
    }
    words
}

/// The texts of one piece of context.
fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![shown(text)],
        Some(ContextValue::Strings(texts)) => texts.iter().map(|text| shown(text)).collect(),
        _ => Vec::new(),
    }
}

/// The text of an argument. A URL, also in the wrong place, may contain a password: of it only the scheme is shown.
fn shown(text: &str) -> String {
    match text.split_once("://") {
        Some((before, _)) => format!("{}://...", inert(before)),
        None => inert(text),
    }
}

fn message(error: &clap::Error) -> String {
    let text = |kind| texts(error, kind).join(", ");
    let argument = text(ContextKind::InvalidArg);
    let value = text(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => format!("unexpected argument \"{argument}\""),
        ErrorKind::InvalidSubcommand => {
            format!("unknown command \"{}\"", text(ContextKind::InvalidSubcommand))
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "a command is missing".to_owned()
        }
        ErrorKind::MissingRequiredArgument => format!("missing argument: {argument}"),
        ErrorKind::InvalidValue if value.is_empty() => format!("{argument} needs a value"),
        ErrorKind::InvalidValue => {
            let valid = text(ContextKind::ValidValue);
            format!("invalid value \"{value}\" for {argument} (possible values: {valid})")
        }
        ErrorKind::ValueValidation => match (wrong_url(error), error.source()) {
            (Some(wrong), _) => format!("{argument}: {wrong}"),
            (None, Some(reason)) => {
                format!("invalid value \"{value}\" for {argument}: {}", inert(&reason.to_string()))
            }
            (None, None) => format!("invalid value \"{value}\" for {argument}"),
        },
        ErrorKind::TooManyValues => format!("unexpected value \"{value}\" for {argument}"),
        ErrorKind::ArgumentConflict => match text(ContextKind::PriorArg) {
            other if other == argument => format!("{argument} cannot be repeated"),
            other => format!("{argument} cannot be combined with {other}"),
        },
        other => other.as_str().unwrap_or("wrong command line").to_owned(),
    }
}

fn suggestion(error: &clap::Error) -> Option<String> {
    let kinds = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let similar = kinds.iter().flat_map(|kind| texts(error, *kind)).map(|text| format!("\"{text}\""));
    let similar: Vec<String> = similar.collect();
    (!similar.is_empty()).then(|| similar.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command_tree;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn json_is_wanted_before_the_double_dash_only() {
        let wants = |arguments: &[&str]| format(&words(arguments)) == Format::Json;
        assert!(wants(&["keydesk", "keys", "--json", "lst"]));
        assert!(!wants(&["keydesk", "apps", "create", "--", "--json"]));
        assert!(!wants(&["--json"]));
    }

    #[test]
    fn errors_name_the_argument_and_what_is_similar() {
        let said = |line: &str| {
            let arguments = words(&line.split(' ').collect::<Vec<_>>());
            let error = command_tree().try_get_matches_from(&arguments).unwrap_err();
            (
                message(&error),
                suggestion(&error).unwrap_or_default(),
                command_words(command_tree(), &arguments),
            )
        };
        for (line, message, similar, command) in [
            ("keydesk kyes", "unknown command \"kyes\"", "\"key\" or \"keys\"", "keydesk"),
            ("keydesk keys lst --json", "unknown command \"lst\"", "\"ls\" or \"list\"", "keydesk keys"),
            (
                "keydesk keys list --stat x",
                "unexpected argument \"--stat\"",
                "\"--state\"",
                "keydesk keys list",
            ),
            ("keydesk keys show", "missing argument: <KEY>", "", "keydesk keys show"),
            ("keydesk keys show --db", "--db <DB> needs a value", "", "keydesk keys show"),
            ("keydesk keys show a b", "unexpected argument \"b\"", "", "keydesk keys show"),
            ("keydesk apps --json=1", "unexpected value \"1\" for --json", "", "keydesk apps"),
            (
                "keydesk keys create --name A --out x --copy",
                "--out <FILE> cannot be combined with --copy",
                "",
                "keydesk keys create",
            ),
            (
                "keydesk keys create --name A --type prodution",
                "invalid value \"prodution\" for --type <TYPE> (possible values: production, test)",
                "\"production\"",
                "keydesk keys create",
            ),
        ] {
            let expected = (message.to_owned(), similar.to_owned(), command.to_owned());
            assert_eq!(said(line), expected, "{line}");
        }
        let (message, _, _) = said("keydesk keys rotate A --overlap 3x");
        assert!(message.starts_with("invalid value \"3x\" for --overlap <DURATION>: "), "{message}");
    }

    #[test]
    fn the_url_of_a_database_is_reported_without_a_password() {
        let said = |line: &[&str]| {
            let arguments = words(line);
            let error = command_tree().try_get_matches_from(&arguments).unwrap_err();
            usage(&error, command_tree(), &arguments)
        };
        for (url, code, message) in [
            ("postgres://ana:hunter2@db/keydesk", "password_in_url", "the database URL contains a password"),
            (
                "postgres://db/keydesk?password=hunter2",
                "password_in_url",
                "the database URL contains a password",
            ),
            ("mysql://ana:hunter2@db/keydesk", "invalid_url", "unknown scheme in the database URL"),
            (
                "postgres://db/keydesk?sslmode=prefer",
                "tls_required",
                "sslmode=prefer does not protect a connection to db",
            ),
        ] {
            let error = said(&["keydesk", "keys", "list", "--db", url]);
            assert_eq!(error.to_string(), format!("--db <DB>: {message}"), "{url}");
            assert_eq!(error.code(), code, "{url}");
            assert_eq!(error.exit(), Exit::Usage, "{url}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        for line in [
            &["keydesk", "postgres://ana:hunter2@db/keydesk"][..],
            &["keydesk", "keys", "list", "--state", "postgres://ana:hunter2@db/keydesk"],
            &["keydesk", "--db=/k.db", "keys", "list", "postgres://ana:hunter2@db/keydesk"],
        ] {
            let error = said(line);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
