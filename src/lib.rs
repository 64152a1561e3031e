//! keydesk
pub mod cli;
pub mod config;
pub mod desk;
pub mod domain;
pub mod host;
pub mod store;
pub mod tui;
pub mod verify;

pub use verify::{Accepted, Decision, Reason, Refusal, Verifier, VerifyError};
