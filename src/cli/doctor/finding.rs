//! What one check of `keydesk doctor` found.

use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) ok: bool,
    /// What was found.
    pub(super) message: String,
    /// What fixes or improves it.
    pub(super) hint: Option<String>,
}

impl Finding {
    pub(super) fn good(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, ok: true, message: message.into(), hint: None }
    }

    /// Not a fault, but something that could be better.
    pub(super) fn note(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { ok: true, ..Self::fault(check, message, hint) }
    }

    pub(super) fn fault(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, ok: false, message: message.into(), hint: Some(hint.into()) }
    }
}
