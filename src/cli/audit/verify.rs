//! `keydesk audit verify`: verifies the hash chain and compares the log with the database.

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::{progress, text};
use crate::desk::known_head::KnownHeadCheck;
use crate::desk::{AuditVerification, AuditVerifier};
use crate::domain::audit::{ChainHash, ChainHead};
use crate::domain::expiry::rfc3339;
use crate::host::clock::Zone;
use crate::store::replay::{Finding, Findings};
use crate::store::{Reader, StoreError, chain};

const EXAMPLES: Examples = Examples(&[
    ("keydesk audit verify", ""),
    ("keydesk audit verify --expect \"$(cat /mnt/elsewhere/head)\"", ""),
]);

/// Verify the hash chain and compare the log with the database
///
/// Checks that each entry continues the hash chain, that all keys, users and Applications match the log, and that the
/// log contains the known head: the last one that you have seen.
///
/// Exit code 0 when the log is intact, 1 when it is not.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Check that the log contains this head, printed earlier by "keydesk audit head"
    #[arg(long, value_name = "HEAD")]
    expect: Option<String>,
}

struct Report {
    verification: AuditVerification,
    /// Whether the log contains the expected head; none when none was expected.
    expected: Option<bool>,
    known_head: KnownHeadCheck,
    /// How to resolve a mismatch with the known head.
    advice: Vec<String>,
}

#[derive(Default, Serialize)]
struct Document {
    whole: bool,
    entries: u64,
    since: Option<String>,
    head: Option<String>,
    broken: Option<Broken>,
    expected: Option<bool>,
    /// Whether the log contains the known head; none when there was none.
    #[serde(rename = "witnessed")]
    contains_known_head: Option<bool>,
    /// IDs of deleted keys that exist again.
    revived: Vec<String>,
    findings: Vec<FindingDocument>,
    findings_in_all: usize,
}

#[derive(Serialize)]
struct Broken {
    number: u64,
    reason: &'static str,
}

#[derive(Serialize)]
struct FindingDocument {
    kind: &'static str,
    id: String,
    what: String,
}

impl From<Finding> for FindingDocument {
    fn from(Finding { kind, id, what }: Finding) -> Self {
        Self { kind, id, what }
    }
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let expected = args.expect.as_deref().map(Expected::parse).transpose()?;
    let mut desk = context.desk_to_verify()?;
    let (verification, expected) = desk.store().read(|reader| verify(context, reader, expected))?;
    let known_head = desk.check_known_head();
    if let Some(problem) = known_head.problem() {
        context.output.warn(&problem);
    }
    let advice =
        known_head.mismatch.as_ref().map(|mismatch| context.what_to_do(mismatch)).unwrap_or_default();
    let report = Report { verification, expected, known_head, advice };
    let intact = report.is_intact();
    if context.output.is_json() {
        context.output.document(&report.document())?;
    } else {
        for line in report.lines() {
            context.output.line(&line)?;
        }
    }
    Ok(if intact { Exit::Done } else { Exit::No })
}

/// Verifies the log, and whether it contains the expected head.
fn verify(
    context: &Context,
    reader: &Reader<'_>,
    expected: Option<Expected>,
) -> Result<(AuditVerification, Option<bool>), StoreError> {
    let bar = progress::bar(&context.output, 0, "[{bar:40}] {percent:>3}% of {len} entries");
    let verification = AuditVerifier::new(u64::MAX).run(reader, &mut |verified, of| {
        bar.set_length(of);
        bar.set_position(verified);
    })?;
    bar.finish_and_clear();
    let valid = match &verification {
        AuditVerification::Valid { head, .. } => head.number,
        AuditVerification::Broken { number, .. } => number.saturating_sub(1),
    };
    let contains = |expected: Expected| -> Result<bool, StoreError> {
        let number = chain::number_of(reader, &expected.hash)?;
        Ok(number.is_some_and(|found| found <= valid && expected.number.is_none_or(|number| number == found)))
    };
    Ok((verification, expected.map(contains).transpose()?))
}

/// A head that was stored elsewhere: with its number, or its hash alone.
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
            let message = "invalid audit log head: expected a number, a colon and 64 hexadecimal digits";
            CommandError::usage("bad_head", message)
                .hint("Run \"keydesk audit head\" to print the current head")
        })?;
        Ok(Self { number: None, hash })
    }
}

impl Report {
    fn is_intact(&self) -> bool {
        let matches = |findings: &Option<Findings>| findings.as_ref().is_none_or(|found| found.all == 0);
        matches!(&self.verification, AuditVerification::Valid { findings, .. } if matches(findings))
            && self.expected != Some(false)
            && self.known_head.mismatch.is_none()
    }

    fn document(self) -> Document {
        let whole = self.is_intact();
        let KnownHeadCheck { known, mismatch, .. } = self.known_head;
        let contains_known_head = known.map(|_| mismatch.is_none());
        let revived = mismatch.iter().flat_map(|mismatch| &mismatch.restored);
        let document = Document {
            whole,
            expected: self.expected,
            contains_known_head,
            revived: revived.map(|restored| restored.key.id.to_string()).collect(),
            ..Document::default()
        };
        match self.verification {
            AuditVerification::Broken { number, reason } => {
                let entries = number.saturating_sub(1);
                Document { entries, broken: Some(Broken { number, reason }), ..document }
            }
            AuditVerification::Valid { head, since, findings } => {
                let findings = findings.unwrap_or_default();
                Document {
                    entries: head.number,
                    since: since.map(rfc3339),
                    head: Some(head.to_string()),
                    findings_in_all: findings.all,
                    findings: findings.listed.into_iter().map(FindingDocument::from).collect(),
                    ..document
                }
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        let (head, since, findings) = match &self.verification {
            AuditVerification::Broken { number, reason } => {
                let mut lines = vec![
                    format!("broken: entry {number}: {reason}"),
                    format!("Valid entries before it: {}.", number.saturating_sub(1)),
                ];
                lines.extend(self.mismatch_lines());
                return lines;
            }
            AuditVerification::Valid { head, since, findings } => (head, since, findings),
        };
        let mut lines = Vec::new();
        for findings in findings.iter().filter(|findings| findings.all > 0) {
            let all = text::count(findings.all as u64, "difference", "differences");
            lines.push(format!("broken: hash chain is valid, log does not match database ({all}):"));
            lines.extend(findings.listed.iter().map(|found| format!("  {found}")));
            if findings.all > findings.listed.len() {
                lines.push(format!("  and {} more", findings.all - findings.listed.len()));
            }
        }
        if self.expected == Some(false) {
            lines.push(
                "broken: the log does not contain the expected head: it was shortened or rewritten".into(),
            );
        }
        lines.extend(self.mismatch_lines());
        if lines.is_empty() {
            let since = since.map(|at| format!(" since {}", Zone::Local.show(at))).unwrap_or_default();
            let entries = text::count(head.number, "entry", "entries");
            lines.push(format!("intact: {entries}{since}. The database matches the log."));
            if self.expected == Some(true) {
                lines.push("The log contains the expected head.".into());
            }
        }
        lines.push(format!("head {head}"));
        lines
    }

    fn mismatch_lines(&self) -> Vec<String> {
        let Some(mismatch) = &self.known_head.mismatch else { return Vec::new() };
        let mut lines = vec![format!("broken: {mismatch}")];
        lines.extend(mismatch.restored_keys().map(|restored| format!("  {restored}")));
        lines.extend(self.advice.iter().map(|line| format!("  {line}")));
        lines
    }
}
