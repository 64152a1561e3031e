//! An open connection, for callers that wait.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_core::Stream as _;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_postgres::error::{DbError, Severity, SqlState};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::cancel::{Interrupter, Running, Stoppable};
use super::fault::{Fault, FaultKind, is_last};
use super::open::{ConnectOptions, Facts, Heard, Opened, open};
use super::settings::{Complete, Environment};
use super::timeline::LatestTimeline;
use super::translate::translate;
use super::wait::{Waiter, lock, spawn, wait};
use crate::domain::postgres_url::PostgresUrl;
use crate::store::value::Value;

/// The number of translated statements that are kept.
const MOST_TEXTS: usize = 256;

/// A connection to a primary. Statements are in the common dialect ([`translate`]).
///
/// Each statement has a limit. One that got no answer within it makes the connection unusable, as does a lost
/// connection: [`Self::is_closed`]. Dropping it ends an open transaction without a change.
pub(crate) struct Connection {
    client: Client,
    interrupter: Interrupter,
    heard: Arc<Mutex<Heard>>,
    driver: AbortHandle,
    facts: Facts,
    warnings: Vec<String>,
    patience: Cell<Duration>,
    /// No statement may follow, since an answer is missing.
    is_broken: Cell<bool>,
    /// A statement of the current transaction has failed: the server would answer COMMIT with a rollback.
    is_aborted: Cell<bool>,
    texts: RefCell<HashMap<Box<str>, Arc<str>>>,
}

/// Why a commit is not known to be done.
#[derive(Debug)]
pub(crate) enum CommitFault {
    /// Nothing was committed.
    Rejected(Fault),
    /// It may be committed, now or later, or on the primary alone.
    Unknown(Fault),
}

impl CommitFault {
    pub(in crate::store) fn into_fault(self) -> Fault {
        match self {
            Self::Rejected(fault) | Self::Unknown(fault) => fault,
        }
    }
}

/// A connection that is being opened by the background thread. Dropping it ends the attempt.
pub(in crate::store) struct Opening {
    task: JoinHandle<Result<Opened, Fault>>,
    warnings: Vec<String>,
    patience: Duration,
}

impl Opening {
    /// Begins to connect to the primary of a URL.
    pub(in crate::store) fn begin(
        url: &PostgresUrl,
        options: ConnectOptions,
        latest: &Arc<LatestTimeline>,
    ) -> Result<Self, Fault> {
        Self::begin_in(url, options, latest, &Environment::of_process())
    }

    fn begin_in(
        url: &PostgresUrl,
        options: ConnectOptions,
        latest: &Arc<LatestTimeline>,
        environment: &Environment,
    ) -> Result<Self, Fault> {
        let complete = Complete::new(url, environment)?;
        let warnings = complete.warnings.clone();
        let thread =
            |error: std::io::Error| Fault::new(FaultKind::Other, format!("cannot start a thread: {error}"));
        Ok(Self {
            task: spawn(open(complete, options, Arc::clone(latest))).map_err(thread)?,
            warnings,
            patience: options.patience,
        })
    }

    /// Must not be called again after it was ready.
    pub(in crate::store) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Connection, Fault>> {
        let opened = match ready!(Pin::new(&mut self.task).poll(context)) {
            Ok(opened) => opened,
            Err(error) => Err(Fault::new(FaultKind::Other, error.to_string())),
        };
        Poll::Ready(opened.map(|Opened { client, route, heard, driver, facts }| Connection {
            client,
            interrupter: Interrupter::new(route),
            heard,
            driver,
            facts,
            warnings: std::mem::take(&mut self.warnings),
            patience: Cell::new(self.patience),
            is_broken: Cell::new(false),
            is_aborted: Cell::new(false),
            texts: RefCell::default(),
        }))
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening")
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    /// Connects to the primary of a URL. Passwords are read from the service file, `PGPASSWORD` or the password file,
    /// each time.
    ///
    /// # Errors
    /// When no primary can be reached within the limits, or none but old ones, or the URL needs settings that are not valid.
    pub(in crate::store) fn open(
        url: &PostgresUrl,
        options: ConnectOptions,
        latest: &Arc<LatestTimeline>,
    ) -> Result<Self, Fault> {
        Self::open_in(url, options, latest, &Environment::of_process())
    }

    pub(in crate::store) fn open_in(
        url: &PostgresUrl,
        options: ConnectOptions,
        latest: &Arc<LatestTimeline>,
        environment: &Environment,
    ) -> Result<Self, Fault> {
        let mut opening = Opening::begin_in(url, options, latest, environment)?;
        wait(Instant::now() + options.connect, poll_fn(|context| opening.poll(context)))
            .unwrap_or_else(|| Err(Fault::timed_out(options.connect)))
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Sentences about password files that were ignored or that others can read.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Sets how long a statement may run without an answer.
    pub(crate) fn set_patience(&self, patience: Duration) {
        self.patience.set(patience);
    }

    /// Whether no statement can be sent any longer.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_broken.get() || self.client.is_closed()
    }

    /// Whether it leads to a server that is an old primary by now, as far as another connection has seen.
    pub(in crate::store) fn is_old(&self, latest: &LatestTimeline) -> bool {
        self.facts.timeline.is_some_and(|timeline| latest.is_after(timeline))
    }

    pub(crate) fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// Returns all rows of a statement.
    pub(crate) fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Fault> {
        self.query_with(sql, &parameters(values))
    }

    /// Returns all rows of a statement whose values have other types, such as arrays.
    pub(crate) fn query_with(
        &self,
        sql: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Fault> {
        let text = self.translated(sql);
        self.run(Stoppable::Yes, self.client.query_typed(&text, values))
    }

    /// Runs a statement, and returns the number of rows that it changed.
    pub(crate) fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Fault> {
        let text = self.translated(sql);
        self.run(Stoppable::Yes, self.client.execute_typed(&text, &parameters(values)))
    }

    /// Passes the rows of a statement to `each` as they arrive, so that few of them are in memory. `each` must not send a
    /// statement over this connection.
    ///
    /// # Errors
    /// The first error of `each` ends it.
    pub(crate) fn query_each<E: From<Fault>>(
        &self,
        sql: &str,
        values: &[Value],
        mut each: impl FnMut(&Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let text = self.translated(sql);
        let running = self.start(Stoppable::Yes)?;
        let waiter = Waiter::default();
        let parameters = parameters(values);
        let query = pin!(
            self.client.query_typed_raw(&text, parameters.iter().map(|(value, kind)| (*value, kind.clone())))
        );
        let rows = self.finish(&running, waiter.wait(self.limit(), query))?;
        let mut rows = pin!(rows);
        loop {
            let next = pin!(poll_fn(|context| rows.as_mut().poll_next(context)));
            match self.finish(&running, waiter.wait(self.limit(), next).map(Option::transpose))? {
                Some(row) => each(&row).inspect_err(|_| {
                    // Otherwise the rest of the rows would be read before the next answer.
                    running.stop();
                    self.is_aborted.set(true);
                })?,
                None => return Ok(()),
            }
        }
    }

    /// Runs statements without values, which need no answer but success, in one round trip. They are not translated.
    pub(crate) fn batch(&self, sql: &str) -> Result<(), Fault> {
        self.run(Stoppable::Yes, self.client.batch_execute(sql))
    }

    /// Begins a transaction: `sql` is BEGIN, and may set the transaction up.
    pub(crate) fn begin(&self, sql: &str) -> Result<(), Fault> {
        self.is_aborted.set(false);
        self.batch(sql)
    }

    /// Ends a transaction without its changes.
    pub(crate) fn roll_back(&self) -> Result<(), Fault> {
        let result = self.batch("ROLLBACK");
        self.is_aborted.set(result.is_err());
        result
    }

    /// Commits. It is never canceled, and its connection is not ended while the server may still answer.
    ///
    /// # Errors
    /// [`CommitFault::Unknown`] also where the server has committed, and warns: then the wait for a synchronous standby
    /// was canceled. It does so only where `client_min_messages` is at most `warning`.
    pub(crate) fn commit(&self) -> Result<(), CommitFault> {
        if self.is_aborted.get() {
            let _ = self.roll_back();
            let why = "a statement of the transaction had failed";
            return Err(CommitFault::Rejected(Fault::new(FaultKind::Aborted, why)));
        }
        lock(&self.heard).notices.clear();
        // Nothing was sent yet.
        let running = self.start(Stoppable::No).map_err(CommitFault::Rejected)?;
        let answer = wait(self.limit(), self.client.batch_execute("COMMIT"));
        match self.finish(&running, answer) {
            Ok(()) => {}
            Err(fault) if is_rejected(&fault) => return Err(CommitFault::Rejected(fault)),
            Err(fault) => return Err(CommitFault::Unknown(fault)),
        }
        match lock(&self.heard).notices.iter().find(|notice| is_warning(notice)) {
            None => Ok(()),
            Some(warning) => {
                Err(CommitFault::Unknown(Fault::new(FaultKind::NotReplicated, warning.message())))
            }
        }
    }

    fn translated(&self, sql: &str) -> Arc<str> {
        let mut texts = self.texts.borrow_mut();
        if let Some(text) = texts.get(sql) {
            return Arc::clone(text);
        }
        if texts.len() >= MOST_TEXTS {
            texts.clear();
        }
        let text: Arc<str> = translate(sql).into();
        texts.insert(sql.into(), Arc::clone(&text));
        text
    }

    fn run<T>(
        &self,
        stoppable: Stoppable,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Fault> {
        let running = self.start(stoppable)?;
        let answer = wait(self.limit(), answer);
        let result = self.finish(&running, answer)?;
        // The caller no longer wants it, and the transaction may have been stopped after all.
        if running.is_stopped() {
            self.is_aborted.set(true);
            return Err(Fault::new(FaultKind::Interrupted, "stopped"));
        }
        Ok(result)
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// When a statement that is sent now must be answered.
    pub(super) fn limit(&self) -> Instant {
        Instant::now() + self.patience.get()
    }

    pub(super) fn start(&self, stoppable: Stoppable) -> Result<Running<'_>, Fault> {
        if self.is_closed() {
            return Err(self.end());
        }
        self.interrupter.start(stoppable).inspect_err(|fault| {
            if fault.kind() == FaultKind::Closed {
                self.give_up();
            }
        })
    }

    /// Converts an answer, which is `None` where there was none in time.
    pub(super) fn finish<T>(
        &self,
        running: &Running<'_>,
        answer: Option<Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Fault> {
        let error = match answer {
            Some(Ok(value)) => return Ok(value),
            Some(Err(error)) => error,
            None => {
                self.is_broken.set(true);
                if running.stoppable() == Stoppable::Yes {
                    running.stop();
                    self.driver.abort();
                }
                return Err(Fault::timed_out(self.patience.get()));
            }
        };
        self.is_aborted.set(true);
        let fault = Fault::of(&error);
        if error.as_db_error().is_none_or(is_last) {
            self.is_broken.set(true);
        }
        match fault.kind() {
            FaultKind::Closed => Err(self.end()),
            _ => Err(fault),
        }
    }

    /// Ends the connection, whose state is unknown.
    fn give_up(&self) {
        self.is_broken.set(true);
        self.driver.abort();
    }

    /// Why the connection ended.
    fn end(&self) -> Fault {
        let end = lock(&self.heard).end.clone();
        end.unwrap_or_else(|| Fault::new(FaultKind::Closed, "the connection was lost"))
    }
}

/// Errors after which the server has certainly not committed: those of constraints and of serialization. One of their
/// classes also has the code for what is not known.
fn is_rejected(fault: &Fault) -> bool {
    fault.state().is_some_and(|state| {
        matches!(state.code().get(..2), Some("23" | "40"))
            && *state != SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
    })
}

fn is_warning(notice: &DbError) -> bool {
    !matches!(
        notice.parsed_severity(),
        Some(Severity::Notice | Severity::Info | Severity::Log | Severity::Debug)
    )
}

/// Values with their types.
fn parameters(values: &[Value]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    values.iter().map(parameter).collect()
}

pub(super) fn parameter(value: &Value) -> (&(dyn ToSql + Sync), Type) {
    match value {
        Value::Integer(value) => (value, Type::INT8),
        Value::Text(value) => (value, Type::TEXT),
        Value::Blob(value) => (value, Type::BYTEA),
        Value::Texts(values) => (values, Type::TEXT_ARRAY),
        Value::Integers(values) => (values, Type::INT8_ARRAY),
        Value::Blobs(values) => (values, Type::BYTEA_ARRAY),
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("facts", &self.facts)
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
