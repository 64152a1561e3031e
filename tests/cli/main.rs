//! The command line: each command as its users run it, by the real binary in a home directory of its own.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod backup_and_export;
mod canaries;
mod check;
mod completions;
mod deletion_receipt;
mod doctor;
mod edit;
mod env_file;
mod general;
mod generated;
mod help;
mod keys;
mod leaks;
mod long_audit_log;
mod max_lifetime;
mod move_database;
mod outages;
mod overlap;
mod recipes;
mod rotate;
mod rotate_due;
mod scanners;
mod secrets;
mod sources;
mod terminal;
mod users_and_apps;
mod words;
