//! Connections: their limit, their start, the rejection of excess ones, their end.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Bounds;
use super::http_responses::Body;
use super::listen::{Listener, Stream};
use super::routes::Shared;
use super::timed_stream::TimedStream;

/// The response to a connection beyond the limit.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\
    retry-after: 1\r\ncache-control: no-store\r\n\r\n";

/// Maximum number of connections that get that response at the same time. More are closed without one.
const REJECTED_AT_ONCE: usize = 64;

/// How long the input of a rejected connection is read after the response.
const LINGER: Duration = Duration::from_millis(500);

/// How long to wait when the system has no file descriptors left.
const NO_DESCRIPTORS: Duration = Duration::from_millis(50);

/// Accepts connections and responds on them.
pub(super) struct Connections {
    shared: Arc<Shared>,
    bounds: Bounds,
    slots: Arc<Semaphore>,
    rejecting: Arc<Semaphore>,
    closing: GracefulShutdown,
}

impl Connections {
    pub(super) fn new(shared: Arc<Shared>, bounds: Bounds) -> Self {
        Self {
            shared,
            bounds,
            slots: Arc::new(Semaphore::new(bounds.connections)),
            rejecting: Arc::new(Semaphore::new(REJECTED_AT_ONCE)),
            closing: GracefulShutdown::new(),
        }
    }

    /// Accepts until `stop`, then waits up to `drain` for open requests.
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
        // Closes the sockets: the system rejects new clients from now on.
        accepting.shutdown().await;
        let Some(this) = Arc::into_inner(this) else { return };
        if tokio::time::timeout(drain, this.closing.shutdown()).await.is_err() {
            tracing::warn!("open requests did not finish in time and were aborted");
        }
    }

    async fn accept(self: Arc<Self>, listener: Listener) {
        // Closed when there are no descriptors left, so that a connection can still be accepted and rejected.
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
                        tracing::error!(%error, "cannot accept connections: no file descriptors left");
                    }
                    if spare.take().is_some()
                        && let Ok(Ok((stream, _))) =
                            tokio::time::timeout(NO_DESCRIPTORS, listener.accept()).await
                    {
                        self.reject(stream);
                    }
                    tokio::time::sleep(NO_DESCRIPTORS).await;
                    spare = File::open("/dev/null").ok();
                }
                // The client disconnected before it was accepted.
                Err(_) => {}
            }
        }
    }

    fn begin(&self, stream: Stream, peer: Option<IpAddr>) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            self.reject(stream);
            return;
        };
        let stream = TimedStream::new(stream, self.bounds.head_timeout);
        let phase = stream.phase();
        let shared = Arc::clone(&self.shared);
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let began = Instant::now();
            phase.respond(began);
            let response = shared.respond(peer, &request, began);
            async move { Ok::<_, Infallible>(response.await) }
        });
        let connection = http1::Builder::new()
            // Deadlines are in `TimedStream`.
            .header_read_timeout(None)
            // A client may close its half of the connection after the request.
            .half_close(true)
            .max_buf_size(self.bounds.head)
            // Responses are short: copying head and body into one buffer costs less than writing two at once.
            .writev(false)
            .serve_connection(TokioIo::new(stream), service);
        let connection = self.closing.watch(connection);
        let open = self.shared.metrics.connections.clone();
        tokio::spawn(async move {
            open.inc();
            // An error affects only this client, which got a response where possible.
            let _ = connection.await;
            open.dec();
            drop(slot);
        });
    }

    fn reject(&self, mut stream: Stream) {
        self.shared.metrics.connections_refused.inc();
        let Ok(rejecting) = Arc::clone(&self.rejecting).try_acquire_owned() else { return };
        tokio::spawn(async move {
            let _ = tokio::time::timeout(LINGER, async {
                stream.write_all(TOO_MANY).await?;
                stream.shutdown().await?;
                // Closing with unread input would reset the connection and discard the response.
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
            })
            .await;
            drop(rejecting);
        });
    }
}

/// Makes hyper format the first date of this thread while the clock is right: with a clock before 1970 that panics. When
/// the clock is set back later, hyper keeps the last date.
pub(super) fn write_first_date() {
    // It waits for nothing but itself. Without a runtime no date is written.
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() {
        runtime.block_on(respond_to_itself());
    }
}

async fn respond_to_itself() {
    let (mut client, server) = tokio::io::duplex(1_024);
    let service = hyper::service::service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Body::default()))
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
