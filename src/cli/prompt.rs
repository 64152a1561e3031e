//! Questions at the terminal, on standard error: standard output may be a pipe that waits for data.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use crate::cli::error::CommandError;
use crate::cli::output::{Format, Output, report};
use crate::domain::text::inert;
use crate::domain::token::holds_secret;

/// In bytes.
const MAX_ANSWER: u64 = 4_096;

/// Whether there is someone to ask.
pub(crate) fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Whether someone reads what is said meanwhile.
pub(crate) fn is_watched(output: &Output) -> bool {
    !output.is_json() && io::stderr().is_terminal()
}

/// Whether missing arguments can be asked for; programs that read JSON are never asked.
pub(crate) fn can_ask(output: &Output) -> bool {
    !output.is_json() && has_terminal()
}

/// Reads one line; none at the end of the input.
pub(crate) fn read_line(question: &str) -> io::Result<Option<String>> {
    let mut terminal = io::stderr().lock();
    write!(terminal, "{question}: ")?;
    terminal.flush()?;
    let mut answer = Vec::new();
    if io::stdin().lock().take(MAX_ANSWER).read_until(b'\n', &mut answer)? == 0 {
        writeln!(terminal)?;
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&answer).trim().to_owned()))
}

/// Asks until an answer is accepted, never one with the secret of a key. An empty answer means the default.
///
/// # Errors
/// When the input ends.
pub(crate) fn ask<T>(
    question: &str,
    default: Option<&str>,
    accept: impl Fn(&str) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let question = match default {
        Some(default) => format!("{question} [{}]", inert(default)),
        None => question.to_owned(),
    };
    loop {
        let Some(answer) = read_line(&question)? else {
            return Err(CommandError::failed("canceled", "canceled: nothing was created"));
        };
        let answer = if answer.is_empty() { default.unwrap_or_default() } else { &answer };
        let accepted = if holds_secret(answer) {
            Err(CommandError::usage("secret_in_answer", "the answer contains the secret of a key"))
        } else {
            accept(answer)
        };
        match accepted {
            Ok(accepted) => return Ok(accepted),
            Err(error) => {
                report::report(&error, Format::Text);
            }
        }
    }
}
