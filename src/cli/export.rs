//! `keydesk export`: writes the list of keys as CSV or JSON.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::context::{Context, read};
use crate::cli::error::{CommandError, ErrorKind};
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::key_list;
use crate::cli::output::documents::KeyDocument;
use crate::cli::output::json::Array;
use crate::cli::output::{progress, text};
use crate::cli::resolve::{self, AllApplications};
use crate::domain::application::Scope;
use crate::domain::text::inert;
use crate::host::new_file::NewFile;
use crate::store::Reader;

const EXAMPLES: Examples = Examples(&[
    ("keydesk export > keys.csv", ""),
    ("keydesk export --out keys.json", ""),
    ("keydesk export --format json --app Storefront | jq -r '.[].name'", ""),
]);

/// Export the list of keys, without secrets or hashes
///
/// Exports the keys of all Applications, or of the one given with --app. The CSV is safe against CSV injection: texts
/// that begin with = + - @ get a leading apostrophe, and control characters are made visible. JSON contains the exact
/// texts.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Output format [default: by the ending of FILE, otherwise csv]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Format>,
    /// Write to this new file (mode 0600). An existing file is never overwritten
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    all: AllApplications,
}

impl Args {
    /// The given format, else that of the file's ending, else JSON with `--json` and CSV without.
    fn format(&self, json: bool) -> Format {
        self.format.unwrap_or_else(|| match &self.out {
            Some(path) if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) => {
                Format::Json
            }
            None if json => Format::Json,
            _ => Format::Csv,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Json,
}

const NOT_CREATED: &str = "Check the free disk space. No file was created";

/// The fields of the JSON documents, in the same order.
const COLUMNS: [&str; 22] = [
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
    "owner",
    "note",
    "allowed_sources",
    "canary",
    "disabled_until",
    "ends_when_unused_for",
];

/// Number of keys between two updates of the progress bar. Shorter lists have none.
const KEYS_PER_STEP: u64 = 4_096;

#[derive(Serialize)]
struct Document {
    file: String,
    keys: u64,
    bytes: u64,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let format = args.format(context.output.is_json());
    if context.output.is_json() && format == Format::Csv && args.out.is_none() {
        return Err(CommandError::usage(
            "one_format",
            "--json and --format csv cannot be combined without --out",
        )
        .hint("Use --format json, or write the CSV to a file with --out FILE"));
    }
    let Some(path) = &args.out else {
        let desk = context.desk()?;
        let hidden = ProgressBar::hidden();
        read(desk.store(), |reader| {
            write(context, reader, (format, args.all), &mut context.output.data(), &hidden)
        })?;
        return Ok(Exit::Done);
    };
    let file = NewFile::begin(path)?;
    let desk = context.desk()?;
    let place = text::path(path);
    let not_written = || format!("could not write {place}");
    let bar = progress::bar(&context.output, 0, "Exporting [{bar:20}] {percent} %");
    let (file, keys) = read(desk.store(), |reader| {
        let mut buffer = BufWriter::with_capacity(64 * 1024, file);
        let keys =
            write(context, reader, (format, args.all), &mut buffer, &bar).map_err(|error| {
                match error.kind() {
                    ErrorKind::Output => error.replace("file", not_written()).hint(NOT_CREATED),
                    _ => error,
                }
            })?;
        let file = buffer.into_inner().map_err(|error| {
            CommandError::failed("file", not_written()).source(error.into_error()).hint(NOT_CREATED)
        })?;
        Ok((file, keys))
    })?;
    bar.finish_and_clear();
    let bytes = file.finish()?;
    context.output.say(&format!("{} written to {place}", text::count(keys, "key", "keys")));
    context.output.if_json(&Document { file: path.display().to_string(), keys, bytes })
}

/// Writes the keys and returns their number.
fn write(
    context: &Context,
    reader: &Reader<'_>,
    (format, all): (Format, AllApplications),
    out: &mut impl Write,
    bar: &ProgressBar,
) -> Result<u64, CommandError> {
    let mut count = 0;
    let applications = resolve::applications(context, reader, all)?;
    let total = applications.iter().map(|application| application.keys).sum();
    if total >= KEYS_PER_STEP {
        bar.set_length(total);
    }
    let mut each = |write: &mut dyn FnMut(&KeyDocument<'_>) -> Result<(), CommandError>| {
        for application in &applications {
            let query = key_list::query(context, Scope::Application(application.id));
            key_list::each(context, reader, &query, None, |key| {
                count += 1;
                if count % KEYS_PER_STEP == 0 {
                    bar.set_position(count);
                }
                write(&key_list::document(context, reader, &key, application.name.as_str())?)
            })?;
        }
        Ok::<_, CommandError>(())
    };
    match format {
        Format::Json => {
            let mut array = Array::new(&mut *out);
            each(&mut |document| Ok(array.add(document)?))?;
            array.close()?;
        }
        Format::Csv => {
            let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut *out);
            csv.write_record(COLUMNS).map_err(io::Error::from)?;
            each(&mut |document| Ok(csv.write_record(record(document)).map_err(io::Error::from)?))?;
            csv.flush()?;
        }
    }
    out.flush()?;
    Ok(count)
}

fn record(key: &KeyDocument<'_>) -> [String; 22] {
    let text = |text: Option<&str>| safe(text.unwrap_or_default());
    [
        text(Some(key.id)),
        text(Some(key.name)),
        text(Some(key.application)),
        text(Some(key.prefix)),
        text(Some(key.kind)),
        text(key.platform),
        text(Some(key.key_type)),
        text(Some(key.state)),
        key.created.clone(),
        text(key.creator),
        key.expires.clone(),
        key.last_used.clone().unwrap_or_default(),
        text(key.last_used_from),
        key.uses_30d.to_string(),
        text(key.replaces),
        text(key.replaced_by),
        text(key.owner),
        text(key.note),
        key.allowed_sources.join(" "),
        key.canary.to_string(),
        key.disabled_until.clone().unwrap_or_default(),
        key.ends_when_unused_for.map(|seconds| seconds.to_string()).unwrap_or_default(),
    ]
}

/// Returns a text that spreadsheets do not interpret as a formula.
///
/// Spreadsheets evaluate a cell that begins with `=`, `+`, `-` or `@`, some also after a tab or a carriage return, and a
/// formula can send the data elsewhere (CSV injection). Quotes are CSV syntax and do not help. A leading apostrophe
/// makes the cell text. Control and bidirectional characters are made visible first.
fn safe(text: &str) -> String {
    let shown = inert(text);
    // Some spreadsheets treat full-width forms like ASCII, some ignore leading blanks.
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
