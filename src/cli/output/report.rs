//! Errors on standard error.

use serde::Serialize;

use super::table::{Color, Style};
use super::{Format, json, to_stderr};
use crate::cli::error::{CommandError, ErrorKind};
use crate::cli::exit::Exit;
use crate::domain::text::inert;

#[derive(Serialize)]
struct Document<'a> {
    error: ErrorDocument<'a>,
}

#[derive(Serialize)]
pub(crate) struct ErrorDocument<'a> {
    code: &'a str,
    message: String,
    hint: Option<String>,
}

impl<'a> From<&'a CommandError> for ErrorDocument<'a> {
    fn from(error: &'a CommandError) -> Self {
        let hint = error.what_to_do().map(after_label);
        Self { code: error.code(), message: error.to_string(), hint }
    }
}

/// Reports an error, as JSON or as text, and returns its exit code.
pub(crate) fn report(error: &CommandError, format: Format) -> Exit {
    if error.kind() != ErrorKind::ClosedPipe {
        to_stderr(&match format {
            Format::Json => document(error),
            Format::Text => text(error, Color::of(&std::io::stderr())),
        });
    }
    error.exit()
}

/// The text of an error, with control characters made visible.
pub(crate) fn text(error: &CommandError, color: Color) -> String {
    let lines = |text: &str| text.lines().map(inert).collect::<Vec<_>>().join("\n");
    let message = lines(&error.to_string());
    let message = format!("{} {message}", Style::Error.apply(color, "error:"));
    match error.what_to_do().map(after_label) {
        Some(hint) => {
            format!("{message}\n{} {}", Style::Hint.apply(color, "hint:"), lines(&hint))
        }
        None => message,
    }
}

/// Hints are sentences in the terminal UI; after a label they begin with a small letter and end without a period.
fn after_label(sentence: &str) -> String {
    let mut letters = sentence.trim_end_matches('.').chars();
    let first: String = letters.next().into_iter().flat_map(char::to_lowercase).collect();
    format!("{first}{}", letters.as_str())
}

pub(crate) fn document(error: &CommandError) -> String {
    json::to_string(&Document { error: error.into() })
}
