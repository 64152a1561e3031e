//! The screen: key scripts on a test backend with a real database below, a snapshot of what is seen, and storms.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(unreachable_pub, reason = "nobody uses a test from outside")]

#[path = "../support/mod.rs"]
mod support;

mod all_applications;
mod appearance;
mod audit;
mod bulk;
mod columns;
mod create;
mod filters;
mod key_dialogs;
mod key_usage;
mod random_input;
mod remembered;
mod rotate;
mod screens;
mod script;
mod selection;
mod users;
mod wizard;
