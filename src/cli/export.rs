//! `keydesk export`: the list of keys for other programs, without secrets or hashes, streamed.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;

use crate::cli::context::{Context, read};
use crate::cli::error::{CommandError, ErrorKind};
use crate::cli::exit::Exit;
use crate::cli::output::documents::KeyDocument;
use crate::cli::output::json::Array;
use crate::cli::resolve;
use crate::domain::application::Application;
use crate::domain::expiry::rfc3339;
use crate::domain::key::{Key, KeyId};
use crate::domain::text::inert;
use crate::domain::user::Email;
use crate::host::new_file::NewFile;
use crate::store::keys::{KeyQuery, KeySort};
use crate::store::{Reader, StoreError, applications, keys, usage};

const EXAMPLES: &str = "\
The keys of all Applications, unless --app names one. In CSV a text that a spreadsheet would run as a formula (it begins
with = + - @) gets an apostrophe in front, and controls are made visible; JSON has every text to the letter.

Examples:
  keydesk export --format csv --out keys.csv
  keydesk export --format json --app Storefront | jq -r '.[].name'";

/// Export the list of keys, without secrets or hashes
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The form: csv for spreadsheets, json for programs
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Format,
    /// Write to this new file (mode 0600), whole or not at all
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Json,
}

const NOTHING_LEFT: &str = "Nothing is left of it.";

/// The columns of the CSV: the fields of the JSON, in its order.
const COLUMNS: [&str; 16] = [
    "id",
    "name",
    "application",
    "prefix",
    "kind",
    "platform",
    "type",
    "state",
    "created",
    "creator",
    "expires",
    "last_used",
    "last_used_from",
    "uses_30d",
    "replaces",
    "replaced_by",
];

#[derive(Serialize)]
struct Done {
    file: String,
    keys: u64,
    bytes: u64,
}

/// Exports the keys of all Applications, or of the one that was named.
pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    if context.output.is_json() && args.format == Format::Csv && args.out.is_none() {
        return Err(CommandError::usage(
            "one_format",
            "--json and --format csv want two forms of the same output",
        )
        .hint("Use --format json, or write the CSV to a file with --out FILE"));
    }
    let Some(path) = &args.out else {
        let store = context.store()?;
        read(&store, |reader| write(context, reader, args.format, &mut context.output.data()))?;
        return Ok(Exit::Done);
    };
    let file = NewFile::begin(path)?;
    let store = context.store()?;
    let place = inert(&path.display().to_string());
    let not_written = || format!("could not write {place}");
    let (file, keys) = read(&store, |reader| {
        let mut buffer = BufWriter::with_capacity(64 * 1024, file);
        let keys = write(context, reader, args.format, &mut buffer).map_err(|error| match error.kind() {
            ErrorKind::Output => error.replace("file", not_written()).hint(NOTHING_LEFT),
            _ => error,
        })?;
        let file = buffer.into_inner().map_err(|error| {
            CommandError::failed("file", not_written()).source(error.into_error()).hint(NOTHING_LEFT)
        })?;
        Ok((file, keys))
    })?;
    let bytes = file.finish()?;
    if context.output.is_json() {
        context.output.document(&Done { file: path.display().to_string(), keys, bytes })?;
    }
    let word = if keys == 1 { "key" } else { "keys" };
    context.output.say(&format!("{keys} {word} written to {place}"));
    Ok(Exit::Done)
}

/// Writes them, and says how many there were.
fn write(
    context: &Context,
    reader: &Reader<'_>,
    format: Format,
    out: &mut impl Write,
) -> Result<u64, CommandError> {
    let chosen = match &context.application {
        Some(name) => vec![resolve::named_application(reader, name)?],
        None => applications::all(reader, i32::MAX as usize)?,
    };
    let mut count = 0;
    match format {
        Format::Json => {
            let mut array = Array::open(&mut *out)?;
            each(context, reader, &chosen, &mut |application, key, uses| {
                count += 1;
                let soon = context.settings.expires_soon;
                array.add(&KeyDocument::new(key, application.name.as_str(), context.now, soon, uses))
            })?;
            array.close()?;
        }
        Format::Csv => {
            let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut *out);
            csv.write_record(COLUMNS).map_err(io::Error::from)?;
            each(context, reader, &chosen, &mut |application, key, uses| {
                count += 1;
                csv.write_record(record(context, application, key, uses)).map_err(io::Error::from)
            })?;
            csv.flush()?;
        }
    }
    out.flush()?;
    Ok(count)
}

/// Goes through the keys of Applications, by name, until one cannot be written.
fn each(
    context: &Context,
    reader: &Reader<'_>,
    chosen: &[Application],
    write: &mut dyn FnMut(&Application, &Key, u64) -> io::Result<()>,
) -> Result<(), CommandError> {
    for application in chosen {
        let query = KeyQuery {
            application: application.id,
            filter: String::new(),
            state: None,
            platform: None,
            sort: KeySort::Name,
            descending: false,
            now: context.now,
            soon: context.settings.expires_soon,
        };
        let mut outcome: Result<io::Result<()>, StoreError> = Ok(Ok(()));
        keys::each(reader, &query, &context.settings.catalogue, &mut |key| {
            outcome = usage::last_30_days(reader, key.id, context.now)
                .map(|days| write(application, &key, days.iter().sum()));
            matches!(outcome, Ok(Ok(())))
        })?;
        outcome??;
    }
    Ok(())
}

fn record(context: &Context, application: &Application, key: &Key, uses: u64) -> [String; 16] {
    [
        key.id.to_string(),
        safe(key.name.as_str()),
        safe(application.name.as_str()),
        safe(&key.prefix),
        key.kind.as_str().to_owned(),
        safe(key.kind.platform().unwrap_or_default()),
        key.key_type.as_str().to_owned(),
        key.state(context.now, context.settings.expires_soon).as_str().to_owned(),
        rfc3339(key.created),
        safe(key.creator.email.as_ref().map_or("", Email::as_str)),
        rfc3339(key.expires),
        key.last_used.map(rfc3339).unwrap_or_default(),
        safe(key.last_used_from.as_deref().unwrap_or_default()),
        uses.to_string(),
        key.replaces.as_ref().map(KeyId::to_string).unwrap_or_default(),
        key.replaced_by.as_ref().map(KeyId::to_string).unwrap_or_default(),
    ]
}

/// A text that a spreadsheet shows and does not run.
///
/// Spreadsheets take what begins with `=`, `+`, `-` or `@` for a formula, some also behind a tab or a carriage return,
/// and a formula can send the sheet elsewhere. Quotes do not help: they are the CSV's own and are gone by then. An
/// apostrophe in front makes it text in all of them. Controls, and what turns the direction of text, are made visible
/// first. Who needs names to the letter takes JSON.
fn safe(text: &str) -> String {
    let shown = inert(text);
    // Full-width forms too: some spreadsheets read them as the plain ones. Blanks in front are dropped by some.
    let begins = |text: &str| {
        text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
    };
    if begins(&shown) || begins(text) || text.starts_with(['\t', '\r']) { format!("'{shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::safe;
    use crate::domain::text::is_unsafe;

    #[test]
    fn formulas_become_text() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1"] {
            let shown = safe(formula);
            assert!(shown.starts_with('\''), "{formula:?}: {shown:?}");
            assert!(!shown.chars().any(is_unsafe), "{formula:?}: {shown:?}");
        }
        for plain in ["Checkout", "a=b", "a-b", "ana@example.com", "127.0.0.1", "", "支付"] {
            assert_eq!(safe(plain), plain);
        }
    }
}
