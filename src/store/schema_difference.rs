//! Differences of a schema.

use std::fmt;

use crate::domain::text::inert;

/// A table, index, trigger or view that differs from the migrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaDifference {
    /// `table`, `index`, `trigger` or `view`.
    pub kind: String,
    pub name: String,
    pub what: Difference,
}

/// How an object of the schema differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// No migration creates it.
    Added,
    Missing,
    Changed,
}

impl SchemaDifference {
    /// What happened to it: a predicate.
    #[must_use]
    pub(crate) fn predicate(&self) -> &'static str {
        match self.what {
            Difference::Added => "was added to the schema",
            Difference::Missing => "is missing from the schema",
            Difference::Changed => "was changed in the schema",
        }
    }
}

impl fmt::Display for SchemaDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", inert(&self.kind), inert(&self.name), self.predicate())
    }
}
