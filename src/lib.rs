//! Verifies API keys of a keydesk database, in the process that the keys give access to.
//!
//! [`Verifier`] answers one question for each request: is this text a key that is valid now, for this Application?
//! A key that was deleted, disabled or rotated by any session is rejected from the next call on.
//!
//! Keys are issued, rotated and revoked with the program of the same name. Embed the library without the program's
//! dependencies by `default-features = false`.
//!
//! # Example
//!
//! ```no_run
//! use keydesk::{Decision, Verifier, VerifyError};
//!
//! /// Whether a request to Storefront may pass. `key` is what the client sent as `Authorization: ApiKey-v1 <key>`.
//! fn may_pass(verifier: &Verifier, key: &str) -> Result<bool, VerifyError> {
//!     match verifier.verify(key, Some("Storefront"))? {
//!         Decision::Accepted(key) => {
//!             println!("{} until {}", key.id, key.expires);
//!             Ok(true)
//!         }
//!         Decision::Refused(refusal) => {
//!             // For the log. A client learns nothing but 401.
//!             println!("{}", refusal.reason.as_str());
//!             Ok(false)
//!         }
//!     }
//! }
//!
//! // Once; all threads share it.
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
//! / braze                                           State: all   412 keys         filter, what is listed
//!   NAME            KEY ID      PLATFORM   EXPIRES ↑  STATE          CREATOR      list: a window on an index
//!   Checkout        7Qm2x9KdPa  Braze        in 3 d   ◐ Expires soon ana@example…
//! + Key ik_live_7Qm2x9KdPa deleted. Requests that use it are now rejected.         message line
//! n new key  d delete  x disable  / filter  ? help  q quit                        footer, from the bindings
//! ```
//!
//! `CONTRIBUTING.md` is the map of the modules.

#![cfg_attr(not(feature = "app"), allow(dead_code, reason = "the program uses the rest of what both share"))]

// What is hidden is for the program and for integration tests, and may change with any release.

// Types and rules: no I/O, no clock, no randomness, no SQL.
#[doc(hidden)]
pub mod domain;
// Persistence: the only modules that know SQL.
#[doc(hidden)]
pub mod store;
// Operations on the data: one file each, each one transaction with its audit entries.
#[cfg(feature = "app")]
#[doc(hidden)]
pub mod desk;
// Credentials, decisions, and the record of use.
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

pub use domain::Instant;
pub use domain::key::{KeyId, KeyType};
pub use domain::text::Name;
pub use verify::{Accepted, Decision, Reason, Refusal, Verifier, VerifyError};
