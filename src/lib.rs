//! Verifies API keys that were issued with keydesk.
//!
//! [`Verifier`] checks for each request whether a text is a valid key of an Application. A key that any session deleted,
//! disabled or rotated as leaked is rejected from the next call on.
//!
//! The program `keydesk` is the terminal UI and CLI to issue, rotate and revoke keys. To build the library without the
//! program and its dependencies, use `default-features = false`.
//!
//! # Example
//!
//! ```no_run
//! use keydesk::{Decision, Verifier, VerifyError};
//!
//! /// Returns whether a request to Storefront may pass. `key` comes from the header `Authorization: ApiKey-v1 <key>`.
//! fn may_pass(verifier: &Verifier, key: &str) -> Result<bool, VerifyError> {
//!     match verifier.verify(key, Some("Storefront"))? {
//!         Decision::Accepted(key) => {
//!             println!("{} expires {}", key.id, key.expires);
//!             Ok(true)
//!         }
//!         Decision::Refused(refusal) => {
//!             // Log the reason. Send the client only a 401.
//!             println!("{}", refusal.reason.as_str());
//!             Ok(false)
//!         }
//!     }
//! }
//!
//! // Open it once. All threads can share it.
//! let verifier = Verifier::open("/var/lib/keydesk/keydesk.db")?;
//! may_pass(&verifier, "ik_live_...")?;
//! # Ok::<(), VerifyError>(())
//! ```
//!
//! # The program
//!
//! ```text
//! Storefront › Settings › Developer settings                    ana@example.com   header: location, user
//! [1 Developer settings]  2 Applications   3 Users   4 Audit log  ◐ 3 keys expire screens, what needs attention
//! / braze                                           State: all   412 keys         filter, number of keys
//!   NAME            KEY ID      PLATFORM   EXPIRES ↑  STATE          CREATOR      list
//!   Checkout        7Qm2x9KdPa  Braze        in 3 d   ◐ Expires soon ana@example…
//! + Key ik_live_7Qm2x9KdPa deleted. Requests that use it are now rejected.         message line
//! n new key  d delete  x disable  / filter  ? help  q quit                        footer
//! ```
//!
//! `CONTRIBUTING.md` is the map of the modules.

#![cfg_attr(not(feature = "app"), allow(dead_code, reason = "the program uses the rest"))]
#![cfg_attr(
    not(feature = "postgres"),
    allow(
        unused_variables,
        clippy::needless_pass_by_value,
        clippy::unnecessary_wraps,
        reason = "servers need what files do not"
    )
)]

// Hidden modules are for the program and its tests. They may change with any release.

// Types and rules: no I/O, no clock, no randomness, no SQL.
#[doc(hidden)]
pub mod domain;
// Persistence: the only modules that know SQL.
#[doc(hidden)]
pub mod store;
// Operations on the data: one file each, one transaction each, with its audit entries.
#[cfg(feature = "app")]
#[doc(hidden)]
pub mod desk;
// Credentials, decisions, usage recording.
mod verify;
// The forward-auth endpoint.
#[cfg(feature = "app")]
mod serve;
// The operating system: clock, entropy, users, files, clipboard.
#[doc(hidden)]
pub mod host;
// Settings, key bindings, themes.
#[cfg(feature = "app")]
#[doc(hidden)]
pub mod config;
// The commands: one file each.
#[cfg(feature = "app")]
#[doc(hidden)]
pub mod cli;
// The terminal UI.
#[cfg(feature = "app")]
#[doc(hidden)]
pub mod tui;

#[cfg(test)]
mod layers;
#[cfg(all(test, feature = "postgres"))]
#[path = "../tests/support/library.rs"]
mod support;

/// Compiles the Rust code of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use domain::Instant;
pub use domain::key::{KeyId, KeyType};
pub use domain::text::Name;
pub use verify::{Accepted, Decision, Reason, Refusal, Verifier, VerifyError};
