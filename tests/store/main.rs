//! The store and the desk on real files: the rules of the product page, faults, lists, upgrades, the chain.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed step fails the test")]
#![expect(unreachable_pub, reason = "nobody uses a test from outside")]

#[path = "../support/mod.rs"]
mod support;

mod audit_log;
mod clock;
mod engines;
mod files;
mod filters;
mod fixtures;
mod lists;
mod max_lifetime;
mod model;
mod outages;
mod rules;
mod sources;
mod state_machine;
mod state_machine_rotate;
mod steps;
mod until_unused;
