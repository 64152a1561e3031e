//! The terminal UI: key scripts on a test backend with a real database, snapshots, and random input.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![expect(unreachable_pub, reason = "nobody uses a test from outside")]

#[path = "../support/mod.rs"]
mod support;

mod all_applications;
mod appearance;
mod audit;
mod bulk;
mod columns;
mod create;
mod edit;
mod filters;
mod key_dialogs;
mod key_usage;
mod outages_and_canaries;
mod overlap;
mod random_input;
mod remembered;
mod rotate;
mod screens;
mod script;
mod selection;
mod sources;
mod triage;
mod users;
mod wizard;
