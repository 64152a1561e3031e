//! What is true: the words of the product as types, and its rules as pure functions.
//!
//! Nothing in here reads a clock, draws random numbers, touches a file or knows SQL or a screen.
//! Time, randomness and text come in as parameters, so that every rule can be tested as it stands.

pub mod application;
pub mod audit;
pub mod audit_filter;
pub mod audit_replay;
pub mod clock;
pub mod commitment;
pub mod expiry;
pub mod filter;
pub mod key;
pub mod key_filter;
pub mod known_head;
#[cfg(feature = "app")]
pub mod platform;
pub mod secret;
pub mod since;
pub mod text;
pub mod token;
pub mod user;
#[cfg(feature = "app")]
pub mod week;

/// An instant in UTC. keydesk keeps whole seconds.
pub type Instant = chrono::DateTime<chrono::Utc>;
