//! Many rows in one statement: `COPY ... FROM STDIN`, in the binary format.

use std::pin::{Pin, pin};
use std::time::Instant;

use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use super::cancel::{Running, Stoppable};
use super::connection::{Connection, parameter};
use super::fault::{Fault, FaultKind};
use super::wait::Waiter;
use crate::store::value::Value;

/// Rows that are being sent to a table. Nothing else may be sent over the connection meanwhile. Without
/// [`Self::finish`], the server adds none of them.
pub(in crate::store) struct CopyIn<'a> {
    connection: &'a Connection,
    running: Running<'a>,
    waiter: Waiter,
    writer: Pin<Box<BinaryCopyInWriter>>,
    columns: usize,
}

impl Connection {
    /// Begins to send rows to columns of a table with these types. Within a transaction: the statement is a prepared one,
    /// which ends with it.
    pub(in crate::store) fn copy_in(
        &self,
        table: &str,
        columns: &str,
        types: &[Type],
    ) -> Result<CopyIn<'_>, Fault> {
        let running = self.start(Stoppable::Yes)?;
        let waiter = Waiter::default();
        let sql = format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)");
        let copy = pin!(self.client().copy_in(sql.as_str()));
        let sink = self.finish(&running, waiter.wait(self.limit(), copy))?;
        let writer = Box::pin(BinaryCopyInWriter::new(sink, types));
        Ok(CopyIn { connection: self, running, waiter, writer, columns: types.len() })
    }
}

impl CopyIn<'_> {
    /// Sends a row, or keeps it to send it with the next ones.
    pub(in crate::store) fn write(&mut self, row: &[Value]) -> Result<(), Fault> {
        // The library would panic.
        if row.len() != self.columns {
            return Err(Fault::new(FaultKind::Other, "a row has another number of columns"));
        }
        let values: Vec<&(dyn ToSql + Sync)> = row.iter().map(|value| parameter(value).0).collect();
        let limit = self.limit();
        let write = pin!(self.writer.as_mut().write(&values));
        self.connection.finish(&self.running, self.waiter.wait(limit, write))
    }

    /// Ends the statement. Returns the number of rows that the server has added.
    pub(in crate::store) fn finish(mut self) -> Result<u64, Fault> {
        let limit = self.limit();
        let finish = pin!(self.writer.as_mut().finish());
        self.connection.finish(&self.running, self.waiter.wait(limit, finish))
    }

    fn limit(&self) -> Instant {
        self.connection.limit()
    }
}
