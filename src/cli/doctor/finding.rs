//! The result of one check of `keydesk doctor`.

use serde::Serialize;

use crate::domain::text::inert;
use crate::store::StoreError;

#[derive(Debug, Serialize)]
pub(super) struct Finding {
    check: &'static str,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

impl Finding {
    pub(super) fn new(check: &'static str, outcome: impl Into<Outcome>) -> Self {
        Self { check, outcome: outcome.into() }
    }

    /// One line of the report.
    pub(super) fn line(&self) -> String {
        format!("{}: {}", self.check, self.outcome.message)
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) ok: bool,
    message: String,
    /// How to fix or improve it.
    pub(super) hint: Option<String>,
}

impl Outcome {
    pub(super) fn good(message: impl Into<String>) -> Self {
        Self { ok: true, message: message.into(), hint: None }
    }

    /// Not a fault, but can be improved.
    pub(super) fn note(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { ok: true, ..Self::fault(message, hint) }
    }

    pub(super) fn fault(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { ok: false, message: message.into(), hint: Some(hint.into()) }
    }
}

/// A check that could not read the database found a fault.
impl From<Result<Self, StoreError>> for Outcome {
    fn from(checked: Result<Self, StoreError>) -> Self {
        checked.unwrap_or_else(|error| failed(&error))
    }
}

pub(super) fn failed(error: &StoreError) -> Outcome {
    let hint =
        error.hint().unwrap_or_else(|| "Check the owner and mode of the file and its directory".into());
    Outcome::fault(inert(&error.to_string()), hint)
}
