//! The keys that `identify` and `scan` find, written one by one.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Read, StdoutLock, Write};

use serde::Serialize;

use super::context::Context;
use super::error::CommandError;
use super::output::json::Array;
use super::output::table::Style;
use super::source_table;
use super::utf16::Narrow;
use crate::desk::{Desk, FoundState, Identified, Known, Proof, identify, text};
use crate::domain::expiry::rfc3339;
use crate::domain::key::KeyId;
use crate::domain::key_finder::{FoundText, KeyStream};
use crate::domain::text::{Name, inert};
use crate::domain::token::Prefix;
use crate::host::clock::Zone;

/// Why a search ended early.
pub(crate) enum SearchError<E> {
    /// The input could not be read.
    Input(io::Error),
    /// What was to be done with a found text failed.
    Each(E),
}

/// Reads an input to its end and calls `each` with every key in it, until that fails. The input may be UTF-16 with a byte
/// order mark.
pub(crate) fn search<E>(
    stream: &mut KeyStream<'_>,
    input: impl Read,
    mut each: impl FnMut(FoundText) -> Result<(), E>,
) -> Result<(), SearchError<E>> {
    let mut input = Narrow::new(input);
    let mut outcome = Ok(());
    let mut on_found = |outcome: &mut Result<(), E>, found| {
        if outcome.is_ok() {
            *outcome = each(found);
        }
    };
    let mut ended = Ok(());
    while outcome.is_ok() {
        match input.read(stream.space()) {
            Ok(0) => break,
            Ok(bytes) => stream.advance(bytes, |found| on_found(&mut outcome, found)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                ended = Err(SearchError::Input(error));
                break;
            }
        }
    }
    stream.finish(|found| on_found(&mut outcome, found));
    outcome.map_err(SearchError::Each).and(ended)
}

type Stdout = BufWriter<StdoutLock<'static>>;

/// One found key in JSON. `path` is that of `scan`.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    state: &'static str,
    id: &'a str,
    name: Option<&'a str>,
    application: Option<&'a str>,
    owner: Option<&'a str>,
    last_used: Option<String>,
    /// None for a key in the name of a file.
    line: Option<u64>,
    prefix: &'a str,
    proven: bool,
}

impl<'a> Document<'a> {
    fn new(found: &'a Identified, prefix: &'a str, place: Place<'a>) -> Self {
        let (path, line) = match place {
            Place::Line(path) => (path, Some(found.text.line)),
            Place::Name(path) => (Some(path), None),
        };
        Self {
            path,
            state: found.state.as_str(),
            id: found.text.id.as_str(),
            name: found.name().map(Name::as_str),
            application: found.application().map(Name::as_str),
            owner: found.owner().map(Name::as_str),
            last_used: found.last_used().0.map(rfc3339),
            line,
            prefix,
            proven: found.proof == Proof::Hash,
        }
    }
}

/// Where a key was found.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// On a line of the file with this path, or of the only input.
    Line(Option<&'a str>),
    /// In the path itself.
    Name(&'a str),
}

/// Identifies found texts and writes what they are.
pub(crate) struct Findings<'a> {
    context: &'a Context,
    desk: &'a Desk,
    own: Prefix,
    writer: Writer,
    found: u64,
    live: u64,
    commands: BTreeSet<String>,
}

/// Commands that are suggested at most.
const MOST_COMMANDS: usize = 10;

enum Writer {
    Text(Stdout),
    Json(Array<Stdout>),
}

/// How many keys were found.
pub(crate) struct Totals {
    pub(crate) found: u64,
    pub(crate) live: u64,
    commands: BTreeSet<String>,
}

impl Totals {
    /// Suggests the commands that reject the live keys.
    pub(crate) fn suggest(&self, context: &Context) {
        for command in &self.commands {
            context.output.say(&format!("To reject the key at once, run: {command}"));
        }
    }
}

impl<'a> Findings<'a> {
    /// `own` is the prefix of the database.
    pub(crate) fn new(context: &'a Context, desk: &'a Desk, own: &Prefix) -> Self {
        let out = context.output.data();
        let writer = if context.output.is_json() {
            Writer::Json(Array::within(out, "found"))
        } else {
            Writer::Text(out)
        };
        Self { context, desk, own: own.clone(), writer, found: 0, live: 0, commands: BTreeSet::new() }
    }

    /// Identifies a text, in a short read: a long one would keep deleted hashes in the database files.
    pub(crate) fn identify(&self, text: FoundText) -> Result<Identified, CommandError> {
        Ok(self.desk.store().read(|r| identify(r, &self.own, text, self.context.now()))?)
    }

    /// Writes a key as JSON, or as a text.
    pub(crate) fn add(
        &mut self,
        found: &Identified,
        place: Place<'_>,
        text: impl FnOnce(&Context) -> String,
    ) -> Result<(), CommandError> {
        self.found += 1;
        self.live += u64::from(found.state == FoundState::Live);
        if self.commands.len() < MOST_COMMANDS {
            self.commands.extend(found.command());
        }
        match &mut self.writer {
            Writer::Text(out) => {
                writeln!(out, "{}", text(self.context))?;
                out.flush()?;
            }
            Writer::Json(array) => array.add(&Document::new(found, &found.text.displayed(), place))?,
        }
        Ok(())
    }

    /// Ends the document, with the fields of `rest`.
    pub(crate) fn finish<T: Serialize>(self, rest: &T) -> Result<Totals, CommandError> {
        if let Writer::Json(array) = self.writer {
            array.close_with(rest)?;
        }
        Ok(Totals { found: self.found, live: self.live, commands: self.commands })
    }
}

/// The state of a found key, colored on a terminal.
pub(crate) fn state(context: &Context, found: &Identified) -> String {
    let style = match found.state {
        FoundState::Live => Style::Bad,
        FoundState::Disabled | FoundState::Canary | FoundState::Unknown | FoundState::Foreign => Style::Soon,
        FoundState::Expired | FoundState::Deleted => Style::Good,
        FoundState::Malformed => Style::Plain,
    };
    format!("{}{}", context.output.styled(style, found.state.as_str()), found.unproven_mark())
}

/// What a found key is, for people who look at one.
pub(crate) fn facts(context: &Context, found: &Identified) -> String {
    let mut lines = vec![
        format!("{}: {}, line {}", found.text.displayed(), state(context, found), found.text.line),
        format!("  {}", found.verdict(&Zone::Local, context.now())),
    ];
    lines.extend(found.caveat().map(|caveat| format!("  {caveat}")));
    let id = |id: &Option<KeyId>| id.map(|id| id.to_string());
    let last_used = |at, from: Option<&str>| match at {
        None => "never".to_owned(),
        Some(at) => format!("{}{}", context.exact(at), text::from_address(from)),
    };
    let (at, from) = found.last_used();
    let mut fact = |label: &str, value: Option<String>| {
        lines.extend(value.map(|value| format!("  {label:<16}{value}")));
    };
    fact("Name", found.name().map(Name::to_string));
    fact("Application", found.application().map(Name::to_string));
    fact("Owner", found.owner().map(Name::to_string));
    let (refused, sources) = match found.known.as_deref() {
        None => return lines.join("\n"),
        Some(Known::Key { details, .. }) => {
            fact("Creator", Some(text::creator(&details.key.creator)));
            fact("Allowed sources", text::allowed_sources(&details.key));
            fact("Last used", Some(last_used(at, from)));
            fact("30-day requests", Some(details.uses().to_string()));
            fact("Replaced by", id(&details.key.replaced_by));
            (&details.refused, &details.sources)
        }
        Some(Known::Deleted { remains, .. }) => {
            fact("Last used", Some(last_used(at, from)));
            (&remains.refused, &remains.sources)
        }
    };
    for refused in refused {
        let (count, reason) = (text::count(refused.count, "request"), inert(&refused.reason));
        let from = text::from_address(refused.last_from.as_deref());
        let last = context.exact(refused.last);
        fact(
            "Rejected",
            Some(format!("{count} in 30 days ({}), last {last}{from}", reason.replace('_', " "))),
        );
    }
    lines.extend(source_table::lines(context, sources));
    lines.join("\n")
}
