//! keydesk
pub mod domain;
