//! A connection that is opened again when it was lost, by and for callers that do not wait long.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::connection::{Connection, Opening};
use super::fault::{Fault, FaultKind};
use super::open::ConnectOptions;
use super::timeline::LatestTimeline;
use super::wait::wait;
use crate::domain::postgres_url::PostgresUrl;

/// The limit of an attempt to reach one address, where the URL has no `connect_timeout`: then the next address is tried.
const ATTEMPT: Duration = Duration::from_millis(800);

/// From the beginning of one attempt to the next. An attempt that began while the network was down sends its packets again so
/// late that a new one is faster.
const EVERY: Duration = Duration::from_millis(400);

/// Attempts at the same time, each over all addresses.
const MOST: usize = 16;

/// A connection to a primary, or the attempts to open one.
#[derive(Debug)]
pub(in crate::store) struct Link {
    url: PostgresUrl,
    latest: Arc<LatestTimeline>,
    connection: Option<Connection>,
    opening: Vec<Opening>,
    /// How many attempts have begun since a connection was lost.
    attempts: usize,
    /// When the last attempt began.
    begun: Option<Instant>,
    /// Why the last attempt failed.
    fault: Option<Fault>,
}

impl Link {
    pub(in crate::store) fn new(url: PostgresUrl, latest: Arc<LatestTimeline>) -> Self {
        Self { url, latest, connection: None, opening: Vec::new(), attempts: 0, begun: None, fault: None }
    }

    /// On an open connection.
    pub(in crate::store) fn on(
        connection: Connection,
        url: PostgresUrl,
        latest: Arc<LatestTimeline>,
    ) -> Self {
        Self { connection: Some(connection), ..Self::new(url, latest) }
    }

    /// The connection, once it is open. Attempts continue after the limit, for the next caller.
    ///
    /// # Errors
    /// When it is not open by then, or the server rejects the attempts.
    pub(in crate::store) fn connection(&mut self, until: Instant) -> Result<&Connection, Fault> {
        let is_usable = |connection: &Connection| !connection.is_closed() && !connection.is_old(&self.latest);
        let connection = match self.connection.take().filter(is_usable) {
            Some(connection) => connection,
            None => self.open(until)?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Ends the connection: the next one may be to another server.
    pub(in crate::store) fn close(&mut self) {
        self.connection = None;
    }

    fn open(&mut self, until: Instant) -> Result<Connection, Fault> {
        loop {
            self.attempt()?;
            let limit = self.begun.map_or(until, |begun| until.min(begun + EVERY));
            match wait(limit, poll_fn(|context| self.poll(context))) {
                Some(Ok(connection)) => {
                    self.opening.clear();
                    self.fault = None;
                    self.attempts = 0;
                    return Ok(connection);
                }
                Some(Err(fault)) => {
                    self.fault = Some(fault.clone());
                    return Err(fault);
                }
                None if Instant::now() >= until => {
                    return Err(Fault::new(FaultKind::TimedOut, "it is not connected"));
                }
                None => {}
            }
        }
    }

    /// Begins an attempt, if it is time.
    fn attempt(&mut self) -> Result<(), Fault> {
        if self.begun.is_some_and(|begun| begun.elapsed() < EVERY) {
            match &self.fault {
                _ if !self.opening.is_empty() => return Ok(()),
                // The server rejects attempts at once: they are not repeated for each request.
                Some(fault) => return Err(fault.clone()),
                None => {}
            }
        }
        if self.opening.len() >= MOST {
            self.opening.remove(0);
        }
        self.begun = Some(Instant::now());
        // Each begins with another server, so that one that does not answer is waited for by one attempt alone.
        let options = ConnectOptions { attempt: ATTEMPT, first: self.attempts, ..ConnectOptions::default() };
        self.attempts = self.attempts.wrapping_add(1);
        self.opening.push(Opening::begin(&self.url, options, &self.latest).inspect_err(|fault| {
            self.fault = Some(fault.clone());
        })?);
        Ok(())
    }

    /// The first attempt that succeeds, or the error of the last one.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Connection, Fault>> {
        let mut place = 0;
        while let Some(opening) = self.opening.get_mut(place) {
            match opening.poll(context) {
                Poll::Pending => place += 1,
                Poll::Ready(Ok(connection)) => {
                    self.opening.remove(place);
                    return Poll::Ready(Ok(connection));
                }
                Poll::Ready(Err(fault)) => {
                    self.opening.remove(place);
                    if self.opening.is_empty() {
                        return Poll::Ready(Err(fault));
                    }
                }
            }
        }
        Poll::Pending
    }
}
