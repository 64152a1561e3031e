//! Real servers of PostgreSQL, as the tests start them: what a test of faults relies on.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod servers;
mod standbys;
