//! The forward-auth endpoint over HTTP: proxies ask it whether a request may pass.
//!
//! One thread does it all (`current_thread`): a request costs some microseconds, most of them HTTP's, and requests
//! that arrive together are decided in one read of the database (`batch`).

mod batch;
mod connections;
mod http_responses;
pub(crate) mod listen;
mod metrics;
mod routes;
mod source_address;
mod timed_stream;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::domain::key::KeyType;
use crate::host::clock;
use crate::store::lookup::Lookup;
use crate::verify::{Verifier, VerifyError};

pub(crate) use listen::{InheritedSocket, ListenAddress, Reach};
pub(crate) use source_address::TrustedProxies;

use batch::Batch;
use connections::Connections;
use http_responses::HeaderCache;
use metrics::{Census, Metrics};
use routes::Shared;

pub(crate) const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7766);

/// How long requests that are under way may take when the endpoint ends.
const DRAIN: Duration = Duration::from_secs(10);

/// How long a read of the numbers of keys waits for a lock.
const CENSUS_PATIENCE: Duration = Duration::from_millis(250);

/// What clients may take up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The longest request head, in bytes; hyper wants 8 KiB at least.
    pub head: usize,
    /// How long a head may take to come, and an answer to be read.
    pub head_timeout: Duration,
    /// How many connections there may be at once.
    pub connections: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { head: 16 * 1024, head_timeout: Duration::from_secs(5), connections: 1_024 }
    }
}

#[derive(Debug)]
pub(crate) struct Options {
    pub database: PathBuf,
    pub listen: Vec<ListenAddress>,
    pub inherited: Vec<InheritedSocket>,
    pub reach: Reach,
    pub bounds: Bounds,
    /// The Application whose keys are accepted at `/auth`; every one's where there is none.
    pub application: Option<String>,
    /// The only type of key that is accepted.
    pub required: Option<KeyType>,
    pub trusted: TrustedProxies,
    /// How long before its expiration a key counts as expiring soon.
    pub soon: chrono::TimeDelta,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Database(#[from] VerifyError),
    #[error("other machines can reach {0}, and anyone who reaches it can try keys")]
    Remote(SocketAddr),
    #[error("could not listen at {place}: {error}")]
    Listen { place: String, error: io::Error },
    #[error("there is no address and no socket to listen at")]
    Nowhere,
    #[error("could not {what}: {error}")]
    System { what: &'static str, error: io::Error },
}

/// An endpoint whose sockets are open.
pub(crate) struct Server {
    connections: Connections,
    listeners: Vec<listen::Listener>,
    batch: Arc<Batch>,
}

impl Server {
    /// Opens the database and the sockets. It must be called within a tokio runtime.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub(crate) fn open(options: Options) -> Result<Self, ServeError> {
        let listeners = listen::open_all(&options.listen, options.inherited, options.reach)?;
        if listeners.is_empty() {
            return Err(ServeError::Nowhere);
        }
        // The one thread never sleeps in a lock: `batch` tries again.
        let verifier = Verifier::open(&options.database)?.with_patience(Duration::ZERO)?;
        let lookup =
            Lookup::open(&options.database, CENSUS_PATIENCE, Arc::default()).map_err(VerifyError::from)?;
        let batch = Batch::new(verifier);
        let metrics = Metrics::new().map_err(|error| ServeError::System {
            what: "set up the metrics",
            error: io::Error::other(error),
        })?;
        let shared = Arc::new(Shared {
            batch: Arc::clone(&batch),
            metrics,
            trusted: options.trusted,
            application: options.application,
            required: options.required,
            headers: HeaderCache::default(),
            census: Mutex::new(Census { lookup, clock: clock::now, soon: options.soon, counted: None }),
        });
        Ok(Self { connections: Connections::new(shared, options.bounds), listeners, batch })
    }

    /// Where it listens, for the log.
    pub(crate) fn places(&self) -> impl Iterator<Item = String> {
        self.listeners.iter().map(listen::Listener::place)
    }

    /// Serves until `stop` is done, then lets the requests under way end and writes down what was used.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) {
        let Self { connections, listeners, batch } = self;
        let deciding = tokio::spawn(Arc::clone(&batch).run());
        connections.serve(listeners, stop, DRAIN).await;
        deciding.abort();
        // The last one to go writes down what was used.
        let _ = deciding.await;
        drop(batch);
    }
}

/// Serves until SIGTERM or SIGINT; `ready` is called once the sockets are open.
///
/// # Errors
/// When it cannot begin.
pub(crate) fn run(options: Options, ready: impl FnOnce(&Server)) -> Result<(), ServeError> {
    let system = |what| move |error| ServeError::System { what, error };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .build()
        .map_err(system("start"))?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(system("listen for signals"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(system("listen for signals"))?;
        let server = Server::open(options)?;
        ready(&server);
        server
            .run(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                tracing::info!("ending: no new connections");
            })
            .await;
        Ok(())
    })
}
