//! Stops the running statement of a connection from any thread.
//!
//! A cancel request is a connection of its own, and what it stops is the statement that runs when it arrives. So a
//! connection starts no statement while a request is on its way ([`Running::start`]): a request never stops a later
//! statement, and never a commit.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::{Fault, FaultKind};
use super::wait::{lock, spawn};

/// How long a cancel request may take.
const LIMIT: Duration = Duration::from_secs(2);

/// How a cancel request reaches the server.
#[derive(Clone)]
pub(in crate::store) struct Route {
    pub(in crate::store) token: CancelToken,
    pub(in crate::store) address: Address,
    pub(in crate::store) tls: Option<MakeRustlsConnect>,
}

#[derive(Clone, Debug)]
pub(in crate::store) enum Address {
    Tcp { address: SocketAddr, host: String },
    Unix(PathBuf),
}

/// Whether another thread may stop a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Stoppable {
    Yes,
    /// A commit.
    No,
}

#[derive(Default)]
struct State {
    running: Option<Stoppable>,
    /// The running statement was stopped.
    is_stopped: bool,
    /// A request is on its way.
    is_canceling: bool,
    /// A request was lost, and may still arrive.
    is_lost: bool,
}

struct Shared {
    route: Route,
    state: Mutex<State>,
    settled: Condvar,
}

/// Stops the running statement of a connection from any thread.
#[derive(Clone)]
pub(crate) struct Interrupter(Arc<Shared>);

impl fmt::Debug for Interrupter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interrupter")
    }
}

impl Interrupter {
    pub(in crate::store) fn new(route: Route) -> Self {
        Self(Arc::new(Shared { route, state: Mutex::default(), settled: Condvar::new() }))
    }

    /// Stops the running statement, if any, except for a commit. Does not wait.
    pub(crate) fn interrupt(&self) {
        let mut state = lock(&self.0.state);
        if state.running != Some(Stoppable::Yes) || state.is_canceling {
            return;
        }
        state.is_stopped = true;
        let shared = Arc::clone(&self.0);
        let request = async move {
            let result = tokio::time::timeout(LIMIT, shared.route.clone().send()).await;
            let mut state = lock(&shared.state);
            state.is_canceling = false;
            state.is_lost |= !matches!(result, Ok(Ok(())));
            shared.settled.notify_all();
        };
        // Without the background thread there is no connection.
        state.is_canceling = spawn(request).is_ok();
    }

    /// Registers a statement that is about to be sent.
    ///
    /// # Errors
    /// When another statement of this connection is running, or a cancel request may still stop this one.
    pub(in crate::store) fn start(&self, stoppable: Stoppable) -> Result<Running<'_>, Fault> {
        let state = lock(&self.0.state);
        if state.running.is_some() {
            return Err(Fault::new(
                FaultKind::Other,
                "a statement was sent while the rows of another were being read",
            ));
        }
        let (mut state, _) = self
            .0
            .settled
            .wait_timeout_while(state, LIMIT + Duration::from_secs(1), |state| state.is_canceling)
            .unwrap_or_else(PoisonError::into_inner);
        if state.is_canceling || state.is_lost {
            return Err(Fault::new(FaultKind::Closed, "a cancel request got no answer"));
        }
        state.running = Some(stoppable);
        state.is_stopped = false;
        Ok(Running(self))
    }
}

/// A statement that is running, until this is dropped.
pub(in crate::store) struct Running<'a>(&'a Interrupter);

impl Running<'_> {
    pub(in crate::store) fn stoppable(&self) -> Stoppable {
        lock(&self.0.0.state).running.unwrap_or(Stoppable::No)
    }

    /// Whether another thread has stopped it.
    pub(in crate::store) fn is_stopped(&self) -> bool {
        lock(&self.0.0.state).is_stopped
    }

    /// Stops it: the rest of its rows is not needed.
    pub(in crate::store) fn stop(&self) {
        self.0.interrupt();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        lock(&self.0.0.state).running = None;
    }
}

impl Route {
    /// Sends a request, and waits until the server has acted on it.
    async fn send(self) -> io::Result<()> {
        match self.address {
            Address::Tcp { address, host } => {
                request(&self.token, TcpStream::connect(address).await?, self.tls, &host).await
            }
            Address::Unix(path) => request(&self.token, UnixStream::connect(path).await?, None, "").await,
        }
    }
}

async fn request<S>(
    token: &CancelToken,
    stream: S,
    tls: Option<MakeRustlsConnect>,
    host: &str,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = UntilClosed(stream);
    match tls {
        Some(mut tls) => {
            let connector = MakeTlsConnect::<UntilClosed<S>>::make_tls_connect(&mut tls, host)
                .map_err(io::Error::other)?;
            token.cancel_query_raw(stream, connector).await
        }
        None => token.cancel_query_raw(stream, NoTls).await,
    }
    .map_err(io::Error::other)
}

/// A stream whose shutdown waits for the end of what the other side sends. The server closes the connection of a cancel
/// request after it has passed the signal on, as libpq waits for too.
struct UntilClosed<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for UntilClosed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for UntilClosed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut bytes = [0; 256];
            let mut buf = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.0).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                // The server may close it with a reset.
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}
