//! What a command says: data on standard output, everything else on standard error.

pub(crate) mod documents;
pub(crate) mod json;
pub(crate) mod report;
pub(crate) mod table;

use std::cell::RefCell;
use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;

use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Where and how a command says things.
pub(crate) struct Output {
    json: bool,
    colour: bool,
    /// With `--json`, warnings wait until it is certain that no error document will stand on standard error.
    waiting: RefCell<Vec<String>>,
}

impl Output {
    /// For this process.
    pub(crate) fn new(json: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = io::stdout().is_terminal() && !set("NO_COLOR") && !dumb;
        Self { json, colour, waiting: RefCell::new(Vec::new()) }
    }

    /// Whether one JSON document is wanted.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether text may be coloured.
    pub(crate) fn has_colour(&self) -> bool {
        self.colour
    }

    /// Standard output, buffered. Whoever takes it flushes it, and so hears of a full disk.
    #[expect(clippy::unused_self, reason = "standard output belongs to whoever has the Output")]
    pub(crate) fn data(&self) -> BufWriter<io::StdoutLock<'static>> {
        BufWriter::new(io::stdout().lock())
    }

    /// A line of data.
    pub(crate) fn line(&self, text: &str) -> Result<(), CommandError> {
        let mut out = self.data();
        writeln!(out, "{text}")?;
        Ok(out.flush()?)
    }

    /// The one JSON document.
    pub(crate) fn document<T: Serialize>(&self, value: &T) -> Result<(), CommandError> {
        self.line(&json::to_string(value))
    }

    /// The JSON document, if one is wanted: the end of a command that has told people already.
    pub(crate) fn if_json<T: Serialize>(&self, value: &T) -> Result<Exit, CommandError> {
        if self.json {
            self.document(value)?;
        }
        Ok(Exit::Done)
    }

    /// What was done, for people; programs have read it in the document.
    pub(crate) fn say(&self, text: &str) {
        if !self.json {
            to_stderr(text);
        }
    }

    /// Something that a person should know although the command goes on.
    pub(crate) fn warn(&self, text: &str) {
        let line = format!("warning: {}", crate::domain::text::inert(text));
        if self.json {
            self.waiting.borrow_mut().push(line);
        } else {
            to_stderr(&line);
        }
    }

    /// Says what waited, when a command has ended well.
    pub(crate) fn finish(&self) {
        for line in self.waiting.borrow_mut().drain(..) {
            to_stderr(&line);
        }
    }
}

/// A line on standard error; one that nobody can read is no error.
pub(crate) fn to_stderr(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
