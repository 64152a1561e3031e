//! Connections: how many there may be, how they begin, what one too many is told, how they end.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::Bounds;
use super::guard::Guarded;
use super::listen::{Listener, Stream};
use super::routes::{Routes, Shared};

/// What one connection too many is told.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\
    retry-after: 1\r\ncache-control: no-store\r\n\r\n";

/// How many are told so at the same time; those beyond find the door shut.
const TOLD_AT_ONCE: usize = 64;

/// How long one listens after having told.
const LINGER: Duration = Duration::from_millis(500);

/// How long one waits when the system has no file descriptors left.
const NO_DESCRIPTORS: Duration = Duration::from_millis(50);

/// Accepts connections and answers on them.
pub(super) struct Connections {
    routes: Routes,
    shared: Arc<Shared>,
    bounds: Bounds,
    places: Arc<Semaphore>,
    telling: Arc<Semaphore>,
    closing: GracefulShutdown,
}

impl Connections {
    pub(super) fn new(shared: Arc<Shared>, bounds: Bounds) -> Self {
        Self {
            routes: Routes::new(Arc::clone(&shared)),
            shared,
            bounds,
            places: Arc::new(Semaphore::new(bounds.connections)),
            telling: Arc::new(Semaphore::new(TOLD_AT_ONCE)),
            closing: GracefulShutdown::new(),
        }
    }

    /// Accepts until `stop`, then waits up to `drain` for the requests under way.
    pub(super) async fn serve(
        self,
        listeners: Vec<Listener>,
        stop: impl Future<Output = ()>,
        drain: Duration,
    ) {
        let this = Arc::new(self);
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(Arc::clone(&this).accept(listener));
        }
        stop.await;
        // The sockets close with these: new clients are refused by the system from now on.
        accepting.shutdown().await;
        let Some(this) = Arc::into_inner(this) else { return };
        if tokio::time::timeout(drain, this.closing.shutdown()).await.is_err() {
            tracing::warn!("some requests did not end in time and were cut off");
        }
    }

    async fn accept(self: Arc<Self>, listener: Listener) {
        write_first_date().await;
        // Given up when there are no descriptors left, so that one can still accept, and refuse.
        let mut spare = File::open("/dev/null").ok();
        let mut exhausted = false;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    if spare.is_none() {
                        spare = File::open("/dev/null").ok();
                    }
                    exhausted &= spare.is_none();
                    self.begin(stream, peer);
                }
                Err(error) if is_exhausted(&error) => {
                    if !std::mem::replace(&mut exhausted, true) {
                        tracing::error!(%error, "no new connections: the system has no descriptors left");
                    }
                    if spare.take().is_some()
                        && let Ok(Ok((stream, _))) =
                            tokio::time::timeout(NO_DESCRIPTORS, listener.accept()).await
                    {
                        self.turn_away(stream);
                    }
                    tokio::time::sleep(NO_DESCRIPTORS).await;
                    spare = File::open("/dev/null").ok();
                }
                // The client was gone before it was its turn.
                Err(_) => {}
            }
        }
    }

    fn begin(&self, stream: Stream, peer: Option<IpAddr>) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.turn_away(stream);
            return;
        };
        let watcher = self.closing.watcher();
        let routes = self.routes.clone();
        let shared = Arc::clone(&self.shared);
        let bounds = self.bounds;
        tokio::spawn(async move {
            shared.metrics.connections.inc();
            answer(stream, peer, routes, bounds, watcher, place).await;
            shared.metrics.connections.dec();
        });
    }

    fn turn_away(&self, mut stream: Stream) {
        self.shared.metrics.turned_away.inc();
        let Ok(telling) = Arc::clone(&self.telling).try_acquire_owned() else { return };
        tokio::spawn(async move {
            let _telling = telling;
            let _ = tokio::time::timeout(LINGER, async {
                stream.write_all(TOO_MANY).await?;
                stream.shutdown().await?;
                // Closing with bytes unread would take the answer back (a reset).
                let mut rest = [0; 4_096];
                while stream.read(&mut rest).await? > 0 {}
                io::Result::Ok(())
            })
            .await;
        });
    }
}

async fn answer(
    stream: Stream,
    peer: Option<IpAddr>,
    routes: Routes,
    bounds: Bounds,
    watcher: Watcher,
    place: OwnedSemaphorePermit,
) {
    let stream = Guarded::new(stream, bounds.head_timeout);
    let phase = stream.phase();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        phase.answering();
        let answer = routes.answer(peer, request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        // `Guarded` has the deadlines.
        .header_read_timeout(None)
        // A client that has sent all it wants to send may close its half, and is answered.
        .half_close(true)
        .max_buf_size(bounds.head)
        .serve_connection(TokioIo::new(stream), service);
    // What goes wrong on a connection is its client's affair, and it has been answered where that was possible.
    let _ = watcher.watch(connection).await;
    drop(place);
}

/// Lets hyper write the first date of this thread while the clock is right. It keeps it when the clock is set back; its
/// first one panics on a clock before 1970.
async fn write_first_date() {
    let (mut client, server) = tokio::io::duplex(1_024);
    let service = hyper::service::service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    if client.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await.is_ok() {
        let _ = http1::Builder::new()
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(server), service)
            .await;
    }
}

fn is_exhausted(error: &io::Error) -> bool {
    use nix::libc::{EMFILE, ENFILE, ENOBUFS, ENOMEM};
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS | ENOMEM))
}
