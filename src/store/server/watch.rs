//! Looks for a new primary among the servers of a URL, while one of them is in use.
//!
//! An old primary that is cut off from its standbys, but not from here, answers as before. Only the others show that one of
//! them was promoted meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use super::connection::Connection;
use super::fault::{Fault, FaultKind};
use super::open::{Attempt, ConnectOptions, Session, addresses};
use super::settings::{Complete, Environment};
use super::timeline::{LatestTimeline, Timeline, timeline_number};
use super::tls::Tls;
use super::wait::{spawn, wait};
use crate::domain::postgres_url::{Encryption, PostgresUrl};

/// From one question to the next, and from one attempt to connect to the next.
const EVERY: Duration = Duration::from_millis(500);

/// How long to wait for an answer, and for each step of connecting.
const LIMIT: Duration = Duration::from_secs(3);

const TIMELINE: &str =
    concat!("SELECT (SELECT system_identifier FROM pg_control_system()), ", timeline_number!());

/// How long opening waits for the answers of the other servers.
const GLANCE: Duration = Duration::from_millis(500);

/// Opens a connection to the primary on the latest timeline that a server of the URL shows.
///
/// # Errors
/// As [`Connection::open`].
pub(in crate::store) fn open_latest(
    url: &PostgresUrl,
    options: ConnectOptions,
    latest: &Arc<LatestTimeline>,
) -> Result<Connection, Fault> {
    let connection = Connection::open(url, options, latest)?;
    let servers = Complete::new(url, &Environment::of_process())?.endpoints.len();
    let asked: Vec<_> = (0..servers)
        .filter(|_| servers > 1)
        .filter_map(|place| spawn(glance(url.clone(), place, Arc::clone(latest))).ok())
        .collect();
    let until = Instant::now() + GLANCE;
    for mut answer in asked {
        // A server that does not answer is not waited for.
        if wait(until, &mut answer).is_none() {
            answer.abort();
        }
    }
    if connection.is_old(latest) { Connection::open(url, options, latest) } else { Ok(connection) }
}

/// A question to each server of a URL, again and again until this is dropped.
#[derive(Debug)]
pub(in crate::store) struct Watch(Vec<AbortHandle>);

impl Watch {
    /// Begins to watch, where a URL names several servers.
    ///
    /// # Errors
    /// When the URL needs settings that are not valid, or the background thread cannot be started.
    pub(in crate::store) fn begin(url: &PostgresUrl, latest: &Arc<LatestTimeline>) -> Result<Self, Fault> {
        let servers = Complete::new(url, &Environment::of_process())?.endpoints.len();
        let mut watch = Self(Vec::new());
        for place in (0..servers).filter(|_| servers > 1) {
            let task = spawn(follow(url.clone(), place, Arc::clone(latest)))
                .map_err(|error| Fault::new(FaultKind::Other, format!("cannot start a thread: {error}")))?;
            watch.0.push(task.abort_handle());
        }
        Ok(watch)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// Asks one of the servers, also while it is a standby. It may be absent for any time.
async fn follow(url: PostgresUrl, place: usize, latest: Arc<LatestTimeline>) {
    loop {
        sleep(EVERY).await;
        if let Some(Session { client, driver, .. }) = connect(&url, place, &latest).await {
            while let Some(found) = ask(&client).await {
                if let Some(found) = found {
                    latest.learn(found);
                }
                sleep(EVERY).await;
            }
            driver.abort();
        }
    }
}

/// Asks one of the servers once.
async fn glance(url: PostgresUrl, place: usize, latest: Arc<LatestTimeline>) {
    if let Some(Session { client, driver, .. }) = connect(&url, place, &latest).await {
        if let Some(Some(found)) = ask(&client).await {
            latest.learn(found);
        }
        driver.abort();
    }
}

async fn connect(url: &PostgresUrl, place: usize, latest: &LatestTimeline) -> Option<Session> {
    // Read each time, since a password may have been changed.
    let url = url.clone();
    let read = move || Complete::new(&url, &Environment::of_process());
    let complete = tokio::task::spawn_blocking(read).await.ok()?.ok()?;
    let endpoint = complete.endpoints.get(place)?;
    let tls = match endpoint.encryption {
        Encryption::Verified => Some(Tls::new(complete.settings.root_certificate.as_ref()).ok()?),
        Encryption::None => None,
    };
    for address in timeout(LIMIT, addresses(endpoint)).await.ok()?.ok()? {
        let attempt = Attempt { complete: &complete, endpoint, address, limit: LIMIT, latest };
        if let Ok(Ok(session)) = timeout(LIMIT, attempt.session(tls.as_ref())).await {
            return Some(session);
        }
    }
    None
}

/// The timeline of a primary, none within of a standby. None without an answer.
async fn ask(client: &Client) -> Option<Option<Timeline>> {
    let row = timeout(LIMIT, client.query_typed_one(TIMELINE, &[])).await.ok()?.ok()?;
    let (cluster, number): (i64, Option<i64>) = (row.try_get(0).ok()?, row.try_get(1).ok()?);
    Some(number.map(|number| Timeline { cluster, number }))
}
