//! The forward-auth endpoint over HTTP: proxies ask it whether a request may pass.
//!
//! One thread does it all (`current_thread`): a request costs some microseconds, most of them HTTP's, and requests
//! that arrive together are decided in one read of the database (`batch`). The screen's code knows nothing of this.
//!
//! | file | what |
//! |---|---|
//! | `listen` | sockets: TCP, Unix, systemd's |
//! | `guard` | deadlines of a connection |
//! | `connections` | how many there may be, how they begin and end |
//! | `routes`, `answers` | what is answered |
//! | `origin` | where a request came from |
//! | `batch` | decisions, many at once |
//! | `metrics` | what Prometheus reads |

mod answers;
mod batch;
mod connections;
mod guard;
pub(crate) mod listen;
mod metrics;
mod origin;
mod routes;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::domain::key::KeyType;
use crate::host::clock;
use crate::store::lookup::Lookup;
use crate::verify::{Verifier, VerifyError};

pub(crate) use listen::{InheritedSocket, ListenAddress, Reach};
pub(crate) use origin::TrustedProxies;

use answers::Welcome;
use batch::Batch;
use connections::Connections;
use metrics::Metrics;
use routes::{Census, Shared};

/// Where the endpoint listens unless told otherwise.
pub(crate) const USUAL_ADDRESS: &str = "127.0.0.1:7766";

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

/// How to serve.
#[derive(Debug)]
pub(crate) struct Options {
    /// The database.
    pub database: PathBuf,
    /// Where to listen.
    pub listen: Vec<ListenAddress>,
    /// Sockets that are open already.
    pub inherited: Vec<InheritedSocket>,
    /// Whether other machines may reach it.
    pub reach: Reach,
    /// What clients may take up.
    pub bounds: Bounds,
    /// The Application whose keys pass at `/auth`; any where none is named.
    pub application: Option<String>,
    /// The only type of key that passes.
    pub required: Option<KeyType>,
    /// Whose word on a client's address counts.
    pub trusted: TrustedProxies,
    /// How long before its end a key counts as expiring soon.
    pub soon: chrono::TimeDelta,
}

/// The endpoint could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] VerifyError),
    /// It would have been open to other machines.
    #[error("{0} can be reached by other machines, and whoever reaches it can try keys")]
    Remote(SocketAddr),
    /// A socket could not be had.
    #[error("could not listen at {place}: {error}")]
    Listen {
        /// Where.
        place: String,
        /// What the system says.
        error: io::Error,
    },
    /// There is neither an address nor a socket from systemd.
    #[error("there is nowhere to listen")]
    Nowhere,
    /// The system refused something else.
    #[error("could not {what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        error: io::Error,
    },
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
        // The thread that answers never sleeps in a lock: `batch` tries again.
        let verifier = Verifier::open(&options.database)?.with_patience(Duration::ZERO)?;
        let census =
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
            welcome: Welcome::default(),
            census: Arc::new(Mutex::new(Census::new(census, clock::now, options.soon))),
        });
        Ok(Self { connections: Connections::new(shared, options.bounds), listeners, batch })
    }

    /// Where it listens, for people.
    #[must_use]
    pub(crate) fn places(&self) -> Vec<String> {
        self.listeners.iter().map(listen::Listener::place).collect()
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
