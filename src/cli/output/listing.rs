//! Lists that are written row by row.

use std::io::{BufWriter, StdoutLock};

use serde::Serialize;

use super::Output;
use super::json::Array;
use super::table::{Cell, Table};
use crate::cli::error::CommandError;

type Stdout = BufWriter<StdoutLock<'static>>;

/// A table, or with `--json` an array.
pub(crate) enum Listing {
    Table(Table<Stdout>),
    Array(Array<Stdout>),
}

impl Listing {
    pub(crate) fn new(output: &Output, heads: &[&str]) -> Self {
        if output.is_json() {
            Self::Array(Array::new(output.data()))
        } else {
            Self::Table(output.table(heads))
        }
    }

    pub(crate) fn row<D: Serialize, E: Into<CommandError>>(
        &mut self,
        document: impl FnOnce() -> Result<D, E>,
        cells: impl FnOnce() -> Vec<Cell>,
    ) -> Result<(), CommandError> {
        match self {
            Self::Table(table) => table.row(cells())?,
            Self::Array(array) => array.add(&document().map_err(Into::into)?)?,
        }
        Ok(())
    }

    /// Writes the rest and returns the number of rows.
    pub(crate) fn finish(self) -> Result<u64, CommandError> {
        Ok(match self {
            Self::Table(table) => table.finish()?,
            Self::Array(array) => array.close()?,
        })
    }
}
