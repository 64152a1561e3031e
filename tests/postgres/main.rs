//! Real servers of PostgreSQL, as the tests start them, and the schema with its roles on them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod attention;
mod clocks;
mod commands;
mod commits;
mod doctor;
mod failover;
mod installation;
mod library;
mod many_races;
mod moving;
mod moving_in_use;
mod networks;
mod objects;
mod old_primaries;
mod other_commands;
mod poolers;
mod processes;
mod races;
mod roles;
mod schema;
mod servers;
mod site;
mod sources;
mod standbys;
mod two_sessions;
mod verification;
