//! The forward-auth endpoint: proxies ask it over HTTP whether to accept a request.
//!
//! It runs on one thread unless told otherwise: a request takes some microseconds, most of them for HTTP, and concurrent
//! requests, also those of several threads, share one read of the database (`batch`).

mod batch;
mod connections;
mod http_responses;
mod listen;
mod metrics;
mod rejection_log;
mod restriction;
mod routes;
mod source_address;
mod timed_stream;
mod trace_id;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::domain::location::Location;
use crate::host::clock;
use crate::store::lookup::Lookup;
use crate::verify::{Verifier, VerifyError};

pub(crate) use listen::{ListenAddress, Reach, check_all};
pub(crate) use restriction::{RequiredKind, Restriction};
pub(crate) use source_address::TrustedProxies;

use batch::Batch;
use connections::Connections;
use http_responses::HeaderCache;
use listen::Listener;
use metrics::{Census, Metrics};
use rejection_log::RejectionLog;
use routes::Shared;

/// Timeout for open requests when the endpoint stops.
const DRAIN: Duration = Duration::from_secs(10);

/// How long counting the keys waits for a lock.
const CENSUS_PATIENCE: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Maximum size of a request head in bytes; hyper needs 8 KiB at least.
    pub head: usize,
    /// Timeout for reading a request head, and for writing a response.
    pub head_timeout: Duration,
    /// Maximum number of concurrent connections.
    pub connections: usize,
}

#[derive(Debug)]
pub(crate) struct Options {
    pub database: Location,
    /// How many threads answer requests.
    pub threads: NonZeroUsize,
    /// The default address where it is empty and systemd has opened no socket.
    pub listen: Vec<ListenAddress>,
    pub reach: Reach,
    pub bounds: Bounds,
    /// The Application whose keys are accepted where the path names none; those of all where there is none.
    pub application: Option<String>,
    pub restriction: Restriction,
    pub trusted: TrustedProxies,
    /// How long before its expiration a key counts as expiring soon.
    pub soon: chrono::TimeDelta,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Database(#[from] VerifyError),
    #[error("{0} is not a loopback address: other machines could try keys there")]
    Remote(SocketAddr),
    #[error("could not listen on {place}: {error}")]
    Listen { place: String, error: io::Error },
    #[error("could not {what}: {error}")]
    System { what: &'static str, error: io::Error },
}

/// Serves until SIGTERM or SIGINT; `ready` is called with the addresses once the sockets are open.
///
/// # Errors
/// When it cannot start.
pub(crate) fn run(options: Options, ready: impl FnOnce(Vec<String>)) -> Result<(), ServeError> {
    // The threads must not wait for a lock: `batch` tries again. Before there are handlers of signals: a server that does
    // not answer must not delay the end.
    let verifier = Verifier::open_with(&options.database, clock::now, Duration::ZERO)?;
    connections::write_first_date();
    runtime(options.threads)
        .map_err(|error| ServeError::System { what: "start", error })?
        .block_on(serve(options, verifier, ready))
}

fn runtime(threads: NonZeroUsize) -> io::Result<Runtime> {
    let mut builder = match threads.get() {
        1 => Builder::new_current_thread(),
        threads => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(threads).on_thread_start(connections::write_first_date);
            builder
        }
    };
    builder.thread_name("requests").enable_all().max_blocking_threads(2).build()
}

async fn serve(
    options: Options,
    verifier: Verifier,
    ready: impl FnOnce(Vec<String>),
) -> Result<(), ServeError> {
    let system = |what| move |error| ServeError::System { what, error };
    let mut terminate = signal(SignalKind::terminate()).map_err(system("install the signal handlers"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system("install the signal handlers"))?;
    let listeners = listen::open_all(options.listen, options.reach)?;
    let lookup = Lookup::open_another(&options.database, CENSUS_PATIENCE, verifier.continuity())
        .map_err(VerifyError::from)?;
    let batch = Batch::new(verifier);
    let metrics = Metrics::new().map_err(io::Error::other).map_err(system("set up the metrics"))?;
    let rejections = Arc::<RejectionLog>::default();
    let shared = Shared {
        batch: Arc::clone(&batch),
        metrics,
        trusted: options.trusted,
        application: options.application,
        restriction: options.restriction,
        headers: HeaderCache::default(),
        rejections: Arc::clone(&rejections),
        census: Mutex::new(Census { lookup, soon: options.soon, counted: None }),
    };
    let deciding = batch.start().map_err(system("start"))?;
    let logging = tokio::spawn(Arc::clone(&rejections).run());
    ready(listeners.iter().map(Listener::place).collect());
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: no new connections are accepted");
    };
    Connections::new(Arc::new(shared), options.bounds).serve(listeners, stop, DRAIN).await;
    deciding.stop().await;
    logging.abort();
    let _ = logging.await;
    rejections.finish();
    // Dropping the verifier writes the recorded use.
    drop(batch);
    Ok(())
}
