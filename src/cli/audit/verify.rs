//! `keydesk audit verify`: is the log whole, and does it tell all there is?

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::output::{progress, text};
use crate::desk::known_head::LogMismatch;
use crate::domain::Instant;
use crate::domain::audit::{ChainHash, ChainHead};
use crate::domain::audit_replay::AuditReplay;
use crate::domain::expiry::rfc3339;
use crate::host::clock::Zone;
use crate::store::audit::{self, ChainReport};
use crate::store::replay::{self, Finding, Findings};
use crate::store::{Reader, StoreError, chain};

const EXAMPLES: &str = "\
Every entry must hold to the one before, every key, user and Application must be as the
entries tell, and the head that you saw last must be in the log still. Exit code 0 when
all of that is so, 1 when not.

Examples:
  keydesk audit verify
  keydesk audit verify --expect \"$(cat /mnt/elsewhere/head)\"";

/// Check that the log is whole, and that it tells all there is
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A head that was printed earlier and kept elsewhere: it must be in the log still
    #[arg(long, value_name = "HEAD")]
    expect: Option<String>,
}

/// A shorter log is verified before a bar could be seen.
const MIN_ENTRIES: u64 = 50_000;
/// Between two updates of the bar, which take longer than an entry.
const ENTRIES_PER_STEP: u64 = 4_096;

/// What was found.
struct Verdict {
    report: ChainReport,
    since: Option<Instant>,
    findings: Findings,
    /// Whether the expected head is in the chain; none when nothing was expected.
    expected: Option<bool>,
    mismatch: Option<LogMismatch>,
    /// How to resolve the mismatch.
    advice: Vec<String>,
}

#[derive(Serialize)]
struct Document {
    whole: bool,
    entries: u64,
    since: Option<String>,
    head: Option<String>,
    broken: Option<Broken>,
    expected: Option<bool>,
    /// Whether the log contains the known head; none when there was none.
    witnessed: Option<bool>,
    /// IDs of deleted keys that exist again.
    revived: Vec<String>,
    findings: Vec<Found>,
    findings_in_all: usize,
}

#[derive(Serialize)]
struct Broken {
    number: u64,
    reason: &'static str,
}

#[derive(Serialize)]
struct Found {
    kind: &'static str,
    id: String,
    what: String,
}

/// Checks it.
pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let expect = args.expect.as_deref().map(Expected::parse).transpose()?;
    let mut desk = context.desk_to_verify()?;
    let mut verdict = desk.store().read(|reader| look(context, reader, expect))?;
    let check = desk.check_known_head();
    if let Some(problem) = check.problem() {
        context.output.warn(&problem);
    }
    let witnessed = check.known.map(|_| check.mismatch.is_none());
    verdict.advice = check.mismatch.as_ref().map(|mismatch| context.what_to_do(mismatch)).unwrap_or_default();
    verdict.mismatch = check.mismatch;
    let whole = verdict.is_whole();
    if context.output.is_json() {
        context.output.document(&verdict.document(whole, witnessed))?;
    } else {
        for line in verdict.lines() {
            context.output.line(&line)?;
        }
    }
    Ok(if whole { Exit::Done } else { Exit::No })
}

/// A head that somebody held: with its number, or its hash alone.
#[derive(Clone, Copy)]
struct Expected {
    number: Option<u64>,
    hash: ChainHash,
}

impl Expected {
    fn parse(text: &str) -> Result<Self, CommandError> {
        let text = text.trim();
        if let Ok(ChainHead { number, hash }) = text.parse() {
            return Ok(Self { number: Some(number), hash });
        }
        let hash = text.parse().map_err(|_| {
            let message = "that is no head: it is a number, a colon and 64 hexadecimal digits";
            CommandError::usage("bad_head", message).hint("keydesk audit head prints one")
        })?;
        Ok(Self { number: None, hash })
    }

    fn is(&self, number: u64, hash: &ChainHash) -> bool {
        self.hash == *hash && self.number.is_none_or(|expected| expected == number)
    }
}

fn look(context: &Context, reader: &Reader<'_>, expect: Option<Expected>) -> Result<Verdict, StoreError> {
    let (last, _) = audit::head(reader)?;
    let bar = progress::bar(&context.output, last, "[{bar:40}] {percent:>3}% of {len} entries");
    let mut replayed = AuditReplay::default();
    let mut expected = expect.map(|_| false);
    if let (Some(wanted), Some(start)) = (&expect, chain::link(reader, 0)?) {
        expected = Some(wanted.is(0, &start));
    }
    let report = audit::walk(reader, None, None, &mut |entry, hash| {
        replayed.take(entry);
        if expect.is_some_and(|expect| expect.is(entry.number, hash)) {
            expected = Some(true);
        }
        if last >= MIN_ENTRIES && entry.number.is_multiple_of(ENTRIES_PER_STEP) {
            bar.set_position(entry.number);
        }
    })?;
    bar.finish_and_clear();
    // What a broken log tells is nothing to compare with.
    let findings = match report {
        ChainReport::Whole(..) => replay::compare(reader, &replayed)?,
        ChainReport::Broken { .. } => Findings::default(),
    };
    Ok(Verdict {
        report,
        since: chain::begun(reader)?,
        findings,
        expected,
        mismatch: None,
        advice: Vec::new(),
    })
}

impl Verdict {
    fn is_whole(&self) -> bool {
        matches!(self.report, ChainReport::Whole(..))
            && self.findings.all == 0
            && self.expected != Some(false)
            && self.mismatch.is_none()
    }

    fn document(self, whole: bool, witnessed: Option<bool>) -> Document {
        let found = |Finding { kind, id, what }| Found { kind, id, what };
        let (entries, head, broken) = match self.report {
            ChainReport::Whole(number, hash) => (number, Some(ChainHead { number, hash }.to_string()), None),
            ChainReport::Broken { number, reason } => {
                (number.saturating_sub(1), None, Some(Broken { number, reason }))
            }
        };
        Document {
            whole,
            entries,
            since: self.since.map(rfc3339),
            head,
            broken,
            expected: self.expected,
            witnessed,
            revived: self
                .mismatch
                .iter()
                .flat_map(|mismatch| &mismatch.restored)
                .map(|r| r.key.id.to_string())
                .collect(),
            findings_in_all: self.findings.all,
            findings: self.findings.listed.into_iter().map(found).collect(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let (number, hash) = match &self.report {
            ChainReport::Broken { number, reason } => {
                let mut lines = vec![
                    format!("broken: entry {number}: {reason}"),
                    format!("Entries before it that hold: {}.", number.saturating_sub(1)),
                ];
                lines.extend(self.mismatch_lines());
                return lines;
            }
            ChainReport::Whole(number, hash) => (*number, *hash),
        };
        let since = self.since.map(|at| format!(", since {}", Zone::Local.show(at))).unwrap_or_default();
        let mut lines = Vec::new();
        if self.findings.all > 0 {
            lines.push(format!("broken: the chain is whole, and does not tell all ({}):", self.findings.all));
            lines.extend(self.findings.listed.iter().map(|f| format!("  {f}")));
            if self.findings.all > self.findings.listed.len() {
                lines.push(format!("  and {} more", self.findings.all - self.findings.listed.len()));
            }
        }
        if self.expected == Some(false) {
            lines
                .push("broken: the expected head is not in the log: it was shortened or written anew".into());
        }
        lines.extend(self.mismatch_lines());
        if lines.is_empty() {
            lines.push(format!(
                "whole: {}{since}; keys, users and Applications are as it tells",
                text::count(number, "entry", "entries")
            ));
            if self.expected == Some(true) {
                lines.push("The expected head is in it.".into());
            }
        }
        lines.push(format!("head {}", ChainHead { number, hash }));
        lines
    }
}

impl Verdict {
    fn mismatch_lines(&self) -> Vec<String> {
        let Some(mismatch) = &self.mismatch else { return Vec::new() };
        let mut lines = vec![format!("broken: {mismatch}")];
        lines.extend(mismatch.restored_keys().map(|restored| format!("  {restored}")));
        lines.extend(self.advice.iter().map(|line| format!("  {line}")));
        lines
    }
}
