//! `keydesk identify`: what a found key is.

use std::io::{self, Cursor, IsTerminal, Read};
use std::path::PathBuf;

use serde::Serialize;

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::findings::{Findings, Place, SearchError, facts, search};
use crate::cli::help::Examples;
use crate::cli::hidden_input;
use crate::desk;
use crate::domain::key_finder::Prefixes;
use crate::host::regular_file;

const EXAMPLES: Examples = Examples(&[
    ("keydesk identify", "paste the text, which is not shown"),
    ("keydesk identify --file mail.txt", ""),
    ("grep apikey app.log | keydesk identify --json", ""),
]);

/// Show what a leaked key is: live or not, whose, and where it was used
///
/// Reads any text with keys in it from standard input, or from a file. Prints for each key: live, disabled, expired,
/// deleted, canary, unknown (not in this database), foreign (another prefix), or malformed (wrong checksum). A truncated key is
/// identified by its key ID, if that is complete, and reported as unproven. Never prints more of a key than its prefix.
///
/// Exit code 1 when a key is live, 0 otherwise.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Read the text from this file
    #[arg(long, value_name = "F")]
    file: Option<PathBuf>,
}

/// Longest line that is read from a terminal, in bytes. Linux cuts lines there.
const MOST_TYPED: usize = 4_096;

#[derive(Serialize)]
struct Rest {}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let desk = context.desk()?;
    let finder = read(desk.store(), |r| Ok(desk::key_finder(r, Prefixes::All)?))?;
    // Before the document begins: an error leaves standard output empty.
    let input = input(args)?;
    let mut findings = Findings::new(context, &desk, finder.own());
    let searched = search(&mut finder.stream(), input, |text| {
        let found = findings.identify(text)?;
        findings.add(&found, Place::Line(None), |context| facts(context, &found))
    });
    searched.map_err(|error| match error {
        SearchError::Input(error) => unreadable(&error),
        SearchError::Each(error) => error,
    })?;
    let totals = findings.finish(&Rest {})?;
    totals.suggest(context);
    if totals.found == 0 {
        let prefix = finder.own();
        context.output.say(&format!(
            "No key found. The text must contain at least a key prefix, such as {prefix}_live_ and a key ID."
        ));
    }
    Ok(if totals.live > 0 { Exit::No } else { Exit::Done })
}

/// The text: from the file, from a pipe, or one line from a terminal.
fn input(args: &Args) -> Result<Box<dyn Read>, CommandError> {
    if let Some(path) = &args.file {
        let file = regular_file::open(path).map_err(|error| {
            CommandError::failed("file", format!("could not read {}: {error}", path.display()))
                .hint("Use a regular file, or pass the text on standard input")
        })?;
        return Ok(Box::new(file));
    }
    let read: io::Result<Box<dyn Read>> = if io::stdin().is_terminal() {
        hidden_input::line("Paste the text (not shown), then press Enter:", MOST_TYPED)
            .map(|line| Box::new(Cursor::new(line)) as _)
    } else {
        hidden_input::unbuffered().map(|file| Box::new(file) as _)
    };
    read.map_err(|error| unreadable(&error))
}

fn unreadable(error: &io::Error) -> CommandError {
    CommandError::failed("input", format!("could not read the text: {error}"))
}
