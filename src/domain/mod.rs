//! The types and rules of the product, as pure functions.
//!
//! Nothing here uses the clock, random numbers, files, SQL or a terminal. Time, randomness and text are parameters, so
//! that each rule can be tested alone.

pub mod application;
pub mod audit;
pub mod audit_filter;
pub mod audit_replay;
pub mod clock;
pub mod commitment;
#[cfg(feature = "app")]
pub mod deletion_receipt;
#[cfg(feature = "app")]
pub mod env_file;
pub mod expiry;
pub mod filter;
#[cfg(feature = "app")]
pub(crate) mod inert_json;
pub mod key;
pub mod key_filter;
#[cfg(feature = "app")]
pub mod key_finder;
pub mod known_head;
pub mod location;
#[cfg(feature = "app")]
pub mod platform;
pub mod postgres_url;
pub mod role;
pub mod secret;
pub mod since;
pub mod source;
pub mod text;
pub mod token;
pub mod until_unused;
pub mod user;
#[cfg(feature = "app")]
pub mod week;

/// An instant in UTC. keydesk keeps whole seconds.
pub type Instant = chrono::DateTime<chrono::Utc>;
