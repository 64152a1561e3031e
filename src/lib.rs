//! keydesk: a keyboard-driven desk for the Integration API keys of Applications, in one local SQLite database.
//!
//! As a library it verifies keys: see [`Verifier`].
//!
//! # The house
//!
//! | room | what is in it |
//! |---|---|
//! | [`domain`] | what is true: pure types and rules |
//! | [`store`] | what is remembered: the only rooms that know SQL |
//! | [`desk`] | what people do: one file for one operation, each one transaction with its audit entry |
//! | [`verify`] | the one predicate: may this text pass? |
//! | [`serve`] | the forward-auth endpoint: HTTP before the predicate |
//! | [`cli`] | the commands |
//! | [`tui`] | the screen |
//! | [`host`] | the machine outside: clock, randomness, users, files, clipboard |
//! | [`config`] | settings, bindings, themes |
//!
//! The floors: `domain` < `store` < `desk` < `cli`, `tui`, and `store` < `verify` < `serve` < `cli`. No arrow runs upward;
//! `cli` and `tui` know nothing of each other.
//!
//! # The screen
//!
//! ```text
//! Storefront › Settings › Developer settings                     ana@example.com   header: where, who
//! [1 Developer settings]  2 Applications   3 Users   4 Audit log  ◐ 3 keys expire  the screens, what needs attention
//! / braze                                            State: all   412 keys         filter, what is shown
//!   NAME            KEY ID      PLATFORM   EXPIRES ↑  STATE          CREATOR       the list: a window
//!   Checkout        7Qm2x9KdPa  Braze        in 3 d   ◐ Expires soon ana@example…
//! + Key ik_live_7Qm... deleted. Requests with it are refused.                      message line
//! n new key  d delete  x disable  / filter  ? help  q quit                         footer, from the bindings
//! ```

pub mod cli;
#[doc(hidden)]
pub mod config;
pub mod desk;
pub mod domain;
pub mod host;
#[cfg(test)]
mod layers;
pub mod serve;
pub mod store;
#[doc(hidden)]
pub mod tui;
pub mod verify;

pub use verify::{Accepted, Decision, Reason, Refusal, Verifier, VerifyError};
