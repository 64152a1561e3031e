//! The results of checks, for `keydesk doctor` and `keydesk serve --check-config`.

use serde::Serialize;

use crate::cli::error::CommandError;
use crate::cli::output::Output;
use crate::cli::output::table::Style;
use crate::domain::text::inert;
use crate::store::StoreError;

#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    check: &'static str,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Finding {
    pub(crate) fn new(check: &'static str, outcome: impl Into<Outcome>) -> Self {
        Self { check, outcome: outcome.into() }
    }

    /// One line of the report.
    fn line(&self) -> String {
        format!("{}: {}", self.check, self.outcome.message)
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    ok: bool,
    message: String,
    /// How to fix or improve it.
    hint: Option<String>,
}

impl Outcome {
    pub(crate) fn good(message: impl Into<String>) -> Self {
        Self { ok: true, message: message.into(), hint: None }
    }

    /// Not a fault, but can be improved.
    pub(crate) fn note(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { ok: true, ..Self::fault(message, hint) }
    }

    pub(crate) fn fault(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { ok: false, message: message.into(), hint: Some(hint.into()) }
    }
}

/// A check that could not read the database found a fault.
impl From<Result<Self, StoreError>> for Outcome {
    fn from(checked: Result<Self, StoreError>) -> Self {
        checked.unwrap_or_else(|error| failed(&error))
    }
}

pub(crate) fn failed(error: &StoreError) -> Outcome {
    let hint = error.hint().unwrap_or_else(|| {
        let check = match error {
            StoreError::Server(_) => "Check the log of the server",
            _ => "Check the owner and mode of the file and its directory",
        };
        check.into()
    });
    Outcome::fault(inert(&error.to_string()), hint)
}

pub(crate) fn are_good(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.outcome.ok)
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    checks: &'a [Finding],
}

/// Prints the findings, and the number of faults or, without one, `conclusion`.
pub(crate) fn print(output: &Output, findings: &[Finding], conclusion: &str) -> Result<(), CommandError> {
    if output.is_json() {
        return output.document(&Report { ok: are_good(findings), checks: findings });
    }
    for finding in findings {
        let (state, style) = match (finding.outcome.ok, &finding.outcome.hint) {
            (true, None) => ("ok   ", Style::Good),
            (true, Some(_)) => ("note ", Style::Soon),
            (false, _) => ("FAULT", Style::Bad),
        };
        let state = output.styled(style, state);
        output.line(&format!("{state}  {}", finding.line()))?;
        if let Some(hint) = &finding.outcome.hint {
            output.line(&format!("       {hint}"))?;
        }
    }
    output.say(&match findings.iter().filter(|finding| !finding.outcome.ok).count() {
        0 => conclusion.to_owned(),
        1 => "1 fault found.".to_owned(),
        faults => format!("{faults} faults found."),
    });
    Ok(())
}
