//! The output of commands: data on standard output, everything else on standard error.

pub(crate) mod documents;
pub(crate) mod json;
pub(crate) mod listing;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod table;
pub(crate) mod text;

use table::{Cell, Color, Headers, Style, Table};

use std::cell::RefCell;
use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::domain::text::inert;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

pub(crate) struct Output {
    format: Format,
    color: Color,
    headers: Headers,
    /// With `--json`, warnings wait until the command has succeeded: standard error has one error document at most.
    waiting: RefCell<Vec<String>>,
}

impl Output {
    pub(crate) fn new(format: Format, headers: Headers) -> Self {
        Self { format, color: Color::of(&io::stdout()), headers, waiting: RefCell::new(Vec::new()) }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// A text in a style, where standard output has colors.
    pub(crate) fn styled(&self, style: Style, text: &str) -> String {
        style.apply(self.color, text)
    }

    /// A table on standard output.
    pub(crate) fn table(&self, heads: &[&str]) -> Table<BufWriter<io::StdoutLock<'static>>> {
        Table::new(self.data(), self.color, self.headers, heads)
    }

    /// A table as a text, each line with its end.
    pub(crate) fn table_text(&self, heads: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> String {
        let mut text = Vec::new();
        let mut table = Table::new(&mut text, self.color, self.headers, heads);
        // Writing to memory does not fail.
        for row in rows {
            let _ = table.row(row);
        }
        let _ = table.finish();
        String::from_utf8(text).unwrap_or_default()
    }

    /// Standard output, buffered. The caller must flush it and check the error.
    #[expect(clippy::unused_self, reason = "standard output belongs to the Output")]
    pub(crate) fn data(&self) -> BufWriter<io::StdoutLock<'static>> {
        BufWriter::new(io::stdout().lock())
    }

    /// Writes a line of data.
    pub(crate) fn line(&self, text: &str) -> Result<(), CommandError> {
        let mut out = self.data();
        writeln!(out, "{text}")?;
        Ok(out.flush()?)
    }

    pub(crate) fn document<T: Serialize>(&self, value: &T) -> Result<(), CommandError> {
        self.line(&json::to_string(value))
    }

    /// Writes the JSON document, or a text for people.
    pub(crate) fn print<T: Serialize>(
        &self,
        document: &T,
        text: impl FnOnce() -> String,
    ) -> Result<Exit, CommandError> {
        if self.is_json() {
            self.document(document)?;
        } else {
            self.line(&text())?;
        }
        Ok(Exit::Done)
    }

    /// Writes a list as JSON, or as a table. Returns the number of rows.
    pub(crate) fn list<T, D: Serialize>(
        &self,
        items: impl Iterator<Item = T>,
        heads: &[&str],
        document: impl Fn(T) -> D,
        cells: impl Fn(T) -> Vec<Cell>,
    ) -> Result<u64, CommandError> {
        if self.is_json() {
            let documents: Vec<D> = items.map(document).collect();
            self.document(&documents)?;
            return Ok(documents.len() as u64);
        }
        let mut table = self.table(heads);
        for item in items {
            table.row(cells(item))?;
        }
        Ok(table.finish()?)
    }

    /// Writes the JSON document with `--json`, after a command that has printed its result as text otherwise.
    pub(crate) fn if_json<T: Serialize>(&self, value: &T) -> Result<Exit, CommandError> {
        if self.is_json() {
            self.document(value)?;
        }
        Ok(Exit::Done)
    }

    /// Prints a result for people; with `--json`, the document has it.
    pub(crate) fn say(&self, text: &str) {
        if !self.is_json() {
            // A path may contain any characters.
            to_stderr(&text.lines().map(inert).collect::<Vec<_>>().join("\n"));
        }
    }

    /// Warns of something that does not end the command.
    pub(crate) fn warn(&self, text: &str) {
        let text = inert(text);
        if self.is_json() {
            self.waiting.borrow_mut().push(format!("warning: {text}"));
        } else {
            let label = Style::Warning.apply(Color::of(&io::stderr()), "warning:");
            to_stderr(&format!("{label} {text}"));
        }
    }

    /// Writes the warnings that waited, after a command that succeeded.
    pub(crate) fn finish(&self) {
        for line in self.waiting.borrow_mut().drain(..) {
            to_stderr(&line);
        }
    }
}

/// Writes a line to standard error and ignores errors.
pub(crate) fn to_stderr(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
