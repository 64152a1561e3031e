//! `keydesk scan`: finds keys of this database in files and directories.

mod walk;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::findings::{Findings, Place, Totals, state};
use crate::cli::help::Examples;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{progress, text};
use crate::desk::{self, Identified, text::from_address};
use crate::domain::expiry::relative;
use crate::domain::key_finder::{Form, Prefixes};
use crate::domain::text::inert;
use walk::{Event, Scan, Site};

const EXAMPLES: Examples = Examples(&[
    ("keydesk scan .", ""),
    ("keydesk scan --json /etc /var/log", ""),
    ("git log -p --all | keydesk scan -", "the history of a repository"),
]);

/// Find keys of this database in files and directories, and show which are live
///
/// Reads every file below each PATH in several threads, also binary, UTF-16 and hidden files and those that
/// .gitignore excludes. Keys are often in such files. Skips the objects of git repositories, the file systems of the kernel (/proc,
/// /sys), FIFOs, devices and symbolic links, except for links that are given as PATH. Compressed files are not unpacked.
/// The PATH - is standard input.
///
/// Prints for each key: path, line, and live, disabled, expired, deleted, canary, unknown (not in this database),
/// foreign (another prefix), or malformed (wrong checksum, with the key ID of a key). A truncated key is reported as unproven if
/// a key has its ID. Never prints more of a key than its prefix.
///
/// Exit code 1 when a key is live. Otherwise 3 when a file could not be read, and 0 when all were.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// File or directory, or - for standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Report keys of other installations too, which have another prefix
    #[arg(long)]
    all_prefixes: bool,
    /// Skip files that .gitignore and .ignore files exclude
    #[arg(long)]
    skip_ignored: bool,
    /// Path to print for keys found on standard input
    #[arg(long, value_name = "NAME", default_value = "-", hide_default_value = true)]
    stdin_filename: String,
}

/// A path that could not be read.
#[derive(Serialize)]
struct Unreadable {
    path: String,
    reason: String,
}

/// What follows the found keys in JSON.
#[derive(Serialize)]
struct Rest {
    files: u64,
    bytes: u64,
    unreadable: Vec<Unreadable>,
}

/// How often the progress is drawn and an interruption is noticed.
const TICK: Duration = Duration::from_millis(100);
/// Shorter scans show no progress.
const BAR_AFTER: Duration = Duration::from_millis(500);
/// Messages that wait for the database at most.
const MOST_WAITING: usize = 64;

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let interrupt = Interrupt::listen()?;
    let desk = context.desk()?;
    let prefixes = if args.all_prefixes { Prefixes::All } else { Prefixes::Own };
    let finder = read(desk.store(), |r| Ok(desk::key_finder(r, prefixes)?))?;
    let mut findings = Findings::new(context, &desk, finder.own());
    let scan = Scan::new(finder, interrupt.flag(), &args.stdin_filename);
    let bar = progress::bar(&context.output, 0, "Scanning: {msg}");
    let unreadable = std::thread::scope(|scope| {
        let (sender, events) = sync_channel(MOST_WAITING);
        let walker = walk::walker(&args.paths, args.skip_ignored);
        let scan = &scan;
        scope.spawn(move || scan.run(walker, &sender));
        let reported = report(context, scan, &mut findings, &events, &bar);
        if reported.is_err() {
            // Standard output was closed, or the database cannot be read: the threads end.
            scan.stop.store(true, Ordering::Relaxed);
        }
        drop(events);
        reported
    });
    bar.finish_and_clear();
    let rest = Rest { files: scan.files(), bytes: scan.bytes(), unreadable: unreadable? };
    let totals = findings.finish(&rest)?;
    outcome(context, &interrupt, &totals, &rest)
}

/// Writes what the threads find, until they have ended. Returns the paths that they could not read.
fn report(
    context: &Context,
    scan: &Scan<'_>,
    findings: &mut Findings<'_>,
    events: &Receiver<Event>,
    bar: &ProgressBar,
) -> Result<Vec<Unreadable>, CommandError> {
    let mut unreadable = Vec::new();
    loop {
        match events.recv_timeout(TICK) {
            Ok(Event::Found { site, path, texts }) => {
                for text in texts {
                    let found = findings.identify(text)?;
                    if is_reported(&found) {
                        let place = match site {
                            Site::Content => Place::Line(Some(&path)),
                            Site::Name => Place::Name(&path),
                        };
                        bar.suspend(|| findings.add(&found, place, |context| line(context, &found, place)))?;
                    }
                }
            }
            Ok(Event::Unreadable { path, reason }) => {
                bar.suspend(|| context.output.warn(&format!("could not read {path}: {reason}")));
                unreadable.push(Unreadable { path, reason });
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(unreadable),
        }
        if bar.elapsed() >= BAR_AFTER {
            bar.set_message(format!(
                "{}, {}",
                text::count(scan.files(), "file", "files"),
                text::size(scan.bytes())
            ));
        }
    }
}

/// Whether a text is worth a line: a whole key, or a part of the secret with the ID of a key.
fn is_reported(found: &Identified) -> bool {
    match found.text.form {
        Form::Whole(_) => true,
        Form::Truncated { secret_chars: 0 } => false,
        Form::Damaged | Form::Truncated { .. } => found.known.is_some(),
    }
}

/// `app/.env:12: live: ik_live_7Qm2x9KdPa "Checkout" of Storefront, last used 3 hours ago from 10.0.0.4`.
fn line(context: &Context, found: &Identified, place: Place<'_>) -> String {
    let place = match place {
        Place::Line(path) => format!("{}:{}", inert(path.unwrap_or("-")), found.text.line),
        Place::Name(path) => format!("{} (name)", inert(path)),
    };
    let key = found.name().map(|name| {
        let of = found.application().map(|application| format!(" of {application}"));
        let used = match found.last_used() {
            (Some(at), from) => format!("last used {}{}", relative(at, context.now()), from_address(from)),
            (None, _) => "never used".to_owned(),
        };
        format!(" \"{name}\"{}, {used}", of.unwrap_or_default())
    });
    format!("{place}: {}: {}{}", state(context, found), found.text.displayed(), key.unwrap_or_default())
}

/// Says what was scanned, and returns the exit code.
fn outcome(
    context: &Context,
    interrupt: &Interrupt,
    totals: &Totals,
    rest: &Rest,
) -> Result<Exit, CommandError> {
    let files = text::count(rest.files, "file", "files");
    if interrupt.is_set() {
        return Err(CommandError::failed(
            "interrupted",
            format!("interrupted after {files}: the result is incomplete"),
        ));
    }
    let found = match (totals.found, totals.live) {
        (0, _) => "no keys found".to_owned(),
        (found, live) => format!("{} found, {live} live", text::count(found, "key", "keys")),
    };
    context.output.say(&format!("{files} scanned ({}): {found}.", text::size(rest.bytes)));
    totals.suggest(context);
    match rest.unreadable.len() {
        _ if totals.live > 0 => Ok(Exit::No),
        0 => Ok(Exit::Done),
        paths => Err(CommandError::failed(
            "unreadable",
            format!(
                "could not read {}: the result is incomplete",
                text::count(paths as u64, "path", "paths")
            ),
        )),
    }
}
