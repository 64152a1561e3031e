//! `keydesk audit receipt`: makes the receipt of a deletion, or verifies one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::documents::HeadDocument;
use crate::cli::output::{progress, text};
use crate::cli::resolve;
use crate::desk::deletion_receipt::{self, Comparison};
use crate::desk::text::{count, from_address};
use crate::domain::deletion_receipt::{Contradiction, DeletionReceipt, RecordedUse};
use crate::domain::text::inert;
use crate::host::clock::Zone;
use crate::host::{new_file, regular_file};
use crate::store::{StoreError, keys};

const EXAMPLES: Examples = Examples(&[
    ("keydesk audit receipt 7Qm2x9KdPa --out deletion.json", ""),
    ("keydesk audit receipt Checkout | jq .last_accepted", ""),
    ("keydesk audit receipt --verify deletion.json", ""),
    ("keydesk audit receipt --verify deletion.json --no-db", "the document alone"),
]);

/// Make the receipt of a deletion, or verify one
///
/// A receipt is one JSON document: the tombstone of a key, the audit entry of its deletion, the heads of the audit log
/// before and after it, the last accepted and the first rejected request, and the number of accepted requests since the
/// deletion, which is 0. Requests are those that were recorded, and times are whole seconds: accepted_since counts
/// requests later than the second of the deletion. Shortly after a deletion the command waits 2 s, until earlier
/// requests are recorded.
///
/// With --verify, checks the document: its digest, the hash of the entry, the order of the times. If there is a database,
/// also checks that the intact audit log contains the entry and all heads of the receipt, that the key is deleted, and
/// that no request with it was accepted since. A receipt contains no email and no secret. It proves who made it only
/// when you sign it.
///
/// Exit code 0 when the receipt matches, 1 when it contradicts itself or the database, 3 when that could not be checked.
/// A receipt with accepted requests since the deletion has exit code 1 too.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Deleted key: key ID, key prefix (ik_live_...) or name
    #[arg(value_name = "KEY", required_unless_present = "verify", conflicts_with = "verify")]
    key: Option<String>,
    /// Write to this new file (mode 0600). An existing file is never overwritten
    #[arg(long, value_name = "FILE", conflicts_with = "verify")]
    out: Option<PathBuf>,
    /// Verify the receipt in this file
    #[arg(long, value_name = "FILE")]
    verify: Option<PathBuf>,
    /// With --verify: check the document alone, without a database
    #[arg(long, requires = "verify", conflicts_with_all = ["db", "key"])]
    no_db: bool,
}

/// Larger than any receipt.
const MOST_BYTES: u64 = 64 * 1024;

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    match (&args.verify, &args.key) {
        (Some(path), _) => {
            verify(context, path, if args.no_db { Against::Nothing } else { Against::Database })
        }
        (None, Some(key)) => make(context, key, args.out.as_deref()),
        (None, None) => Err(CommandError::missing("<KEY>", "keydesk audit receipt")),
    }
}

#[derive(Serialize)]
struct Written<'a> {
    file: String,
    key: &'a str,
    accepted_since: u64,
    #[serde(flatten)]
    head: HeadDocument,
}

fn make(context: &Context, key: &str, out: Option<&Path>) -> Result<Exit, CommandError> {
    if let Some(path) = out {
        new_file::check_new(path)?;
    }
    let desk = context.desk()?;
    let (id, wait) = read(desk.store(), |reader| {
        let id = resolve::deleted_key(context, reader, key)?;
        let deleted = keys::tombstone(reader, id)?.map(|tombstone| tombstone.deleted);
        Ok((id, deleted.map_or(Duration::ZERO, |at| deletion_receipt::wait_for_use(at, context.now()))))
    })?;
    std::thread::sleep(wait);
    let receipt = read(desk.store(), |reader| {
        Ok(deletion_receipt::make(reader, id, env!("CARGO_PKG_VERSION"), || context.present())?)
    })?;
    let document = receipt.to_text();
    let document = document.trim_end();
    match out {
        Some(path) => {
            new_file::write_new(path, document)?;
            context.output.say(&format!(
                "Receipt of the deletion of key {} written to {} (mode 0600)",
                receipt.key.prefix,
                text::path(path)
            ));
            context.output.if_json(&Written {
                file: path.display().to_string(),
                key: receipt.key.id.as_str(),
                accepted_since: receipt.accepted_since,
                head: receipt.made.head.into(),
            })?;
        }
        None => context.output.line(document)?,
    }
    if receipt.accepted_since > 0 {
        context.output.warn(&Contradiction::Accepted { requests: receipt.accepted_since }.to_string());
        return Ok(Exit::No);
    }
    Ok(Exit::Done)
}

/// What a receipt is compared with.
#[derive(Clone, Copy)]
enum Against {
    Database,
    Nothing,
}

/// What is known after a verification.
#[derive(Default)]
struct Verified {
    /// None when the file is not a receipt.
    receipt: Option<DeletionReceipt>,
    contradictions: Vec<Contradiction>,
    /// The database that the receipt was compared with.
    database: Option<String>,
    recorded_later: Option<RecordedUse>,
}

/// What only the database can show.
const DATABASE_ONLY: [&str; 3] = [
    "that the audit log contains the entry, and the head when the receipt was made",
    "that the key is deleted now, and that no request with it was accepted since",
    "that the recorded requests are those of the database",
];
/// What neither the document nor the database can show.
const SIGNATURE_ONLY: &str = "who made the receipt (verify its signature)";

fn verify(context: &Context, path: &Path, against: Against) -> Result<Exit, CommandError> {
    let verified = match DeletionReceipt::read(&bytes(path)?) {
        Err(contradiction) => Verified { contradictions: vec![contradiction], ..Verified::default() },
        Ok(document) => {
            let compared = match against {
                Against::Database => compare(context, &document.receipt)?,
                Against::Nothing => None,
            };
            let mut verified = Verified {
                receipt: Some(document.receipt),
                contradictions: document.contradictions,
                ..Verified::default()
            };
            if let Some(Comparison { contradictions, recorded_later }) = compared {
                verified.contradictions.extend(contradictions);
                verified.database = Some(context.database.text());
                verified.recorded_later = recorded_later;
            }
            verified
        }
    };
    if context.output.is_json() {
        context.output.document(&Document::from(&verified))?;
    } else {
        for line in verified.lines() {
            context.output.line(&inert(&line))?;
        }
    }
    Ok(if verified.contradictions.is_empty() { Exit::Done } else { Exit::No })
}

fn bytes(path: &Path) -> Result<Vec<u8>, CommandError> {
    regular_file::read_bytes(path, MOST_BYTES).map_err(|error| {
        CommandError::failed("file", format!("could not read the receipt {}", text::path(path))).source(error)
    })
}

/// Compares a receipt with the database; none where there is no database.
fn compare(context: &Context, receipt: &DeletionReceipt) -> Result<Option<Comparison>, CommandError> {
    let failed = |error: StoreError| {
        CommandError::from(error).because("could not compare the receipt with the database")
    };
    let mut desk = match context.desk_to_verify() {
        Err(StoreError::NoDatabase { .. }) => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    context.check_known_head(&mut desk);
    let bar = progress::bar(&context.output, 0, "[{bar:40}] {percent:>3}% of {len} entries");
    let compared = desk.store().read(|reader| {
        deletion_receipt::compare(reader, receipt, &mut |verified, of| {
            bar.set_length(of);
            bar.set_position(verified);
        })
    });
    bar.finish_and_clear();
    compared.map(Some).map_err(failed)
}

impl Verified {
    fn not_checked(&self) -> Vec<&'static str> {
        let database_only = if self.database.is_some() { &[][..] } else { &DATABASE_ONLY };
        database_only.iter().copied().chain([SIGNATURE_ONLY]).collect()
    }

    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.contradictions.iter().map(|found| format!("contradicted: {found}")).collect();
        let Some(receipt) = &self.receipt else { return lines };
        let (key, matches) = (&receipt.key, lines.is_empty());
        let said = if matches { "matches: key" } else { "The receipt says: key" };
        lines.push(format!(
            "{said} {} ({}) of {} was deleted on {} by user {}",
            key.prefix,
            key.name,
            key.application,
            Zone::Local.show(key.deleted),
            key.deleted_by
        ));
        lines.push(format!("Last accepted request: {}", used(receipt.last_accepted.as_ref())));
        if let Some(later) = &self.recorded_later {
            lines.push(format!("A later one was recorded after the receipt was made: {}", used(Some(later))));
        }
        lines.push(format!("First rejected request: {}", used(receipt.first_rejected.as_ref())));
        lines.push(format!("Accepted since: {}", count(receipt.accepted_since, "request")));
        lines.push(match &self.database {
            Some(database) => format!("Checked: the document and the database {database}"),
            None => "Checked: the document alone".to_owned(),
        });
        lines.extend(self.not_checked().into_iter().map(|what| format!("Not checked: {what}")));
        lines
    }
}

fn used(used: Option<&RecordedUse>) -> String {
    used.map_or_else(
        || "none recorded".to_owned(),
        |used| format!("{}{}", Zone::Local.show(used.at), from_address(used.from.as_deref())),
    )
}

#[derive(Serialize)]
struct Document<'a> {
    matches: bool,
    key: Option<&'a str>,
    database: Option<&'a str>,
    contradictions: Vec<Found>,
    recorded_later: Option<&'a RecordedUse>,
    not_checked: Vec<&'static str>,
}

#[derive(Serialize)]
struct Found {
    code: &'static str,
    message: String,
}

impl<'a> From<&'a Verified> for Document<'a> {
    fn from(verified: &'a Verified) -> Self {
        let found = |found: &Contradiction| Found { code: found.code(), message: found.to_string() };
        Self {
            matches: verified.contradictions.is_empty(),
            key: verified.receipt.as_ref().map(|receipt| receipt.key.id.as_str()),
            database: verified.database.as_deref(),
            contradictions: verified.contradictions.iter().map(found).collect(),
            recorded_later: verified.recorded_later.as_ref(),
            not_checked: verified.not_checked(),
        }
    }
}
