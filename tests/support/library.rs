//! What the unit tests of the library share with the other tests: real servers of PostgreSQL.
#![allow(dead_code, unreachable_pub, reason = "the unit tests use a part of it")]
#![allow(
    clippy::expect_used,
    clippy::format_push_string,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a failed step fails the test, and a skipped test says why"
)]

pub mod fake_clock;
pub mod keeper;
pub mod postgres;
mod steps;

pub use steps::{have, until};

pub mod home {
    /// The exit code and the output of a command.
    #[derive(Debug)]
    pub struct CommandOutput {
        pub code: i32,
        pub out: String,
        pub err: String,
    }
}
