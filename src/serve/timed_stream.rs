//! A connection with deadlines for a complete request head, for the client to read a response, and for idle time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Longer than proxies keep idle connections (nginx: 60 s), so that the proxy closes them first and no request meets a
/// closing connection.
const MAX_IDLE: Duration = Duration::from_secs(75);

/// The response to a head that was not received in time (RFC 9110, section 15.5.9).
const TIMED_OUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\ncache-control: no-store\r\n\r\n";

/// The phase of a connection, shared with the code that responds.
#[derive(Clone, Debug)]
pub(super) struct Phase(Arc<State>);

#[derive(Debug)]
struct State {
    phase: AtomicU8,
    opened: Instant,
    /// When the last request began or a client continued reading its response, in nanoseconds after that.
    active: AtomicU64,
}

const IDLE: u8 = 0;
const READING_HEAD: u8 = 1;
const RESPONDING: u8 = 2;

impl Phase {
    fn new(opened: Instant) -> Self {
        Self(Arc::new(State { phase: AtomicU8::new(READING_HEAD), opened, active: AtomicU64::new(0) }))
    }

    /// The head is complete at this time: no deadline until the response is written.
    pub(super) fn respond(&self, now: std::time::Instant) {
        self.set_active(now.into());
        self.set(RESPONDING);
    }

    fn set_active(&self, now: Instant) {
        let after = now.saturating_duration_since(self.0.opened);
        self.0.active.store(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn active(&self) -> Instant {
        self.0.opened + Duration::from_nanos(self.0.active.load(Ordering::Relaxed))
    }

    fn is(&self, phase: u8) -> bool {
        self.0.phase.load(Ordering::Relaxed) == phase
    }

    fn set(&self, phase: u8) {
        self.0.phase.store(phase, Ordering::Relaxed);
    }
}

pub(super) struct TimedStream<S> {
    stream: S,
    phase: Phase,
    timeout: Duration,
    /// The current deadline, set when waiting begins.
    deadline: Option<Instant>,
    /// Reset only when it fires: a timer for each request would cost more than the request.
    timer: Pin<Box<Sleep>>,
    /// Whether the timer will wake the task.
    is_armed: bool,
    /// When the client stopped reading a response.
    blocked_since: Option<Instant>,
}

impl<S> TimedStream<S> {
    /// `timeout` applies to a head, from now on, and to reading a response.
    pub(super) fn new(stream: S, timeout: Duration) -> Self {
        let opened = Instant::now();
        let deadline = opened + timeout;
        let phase = Phase::new(opened);
        let timer = Box::pin(tokio::time::sleep_until(deadline));
        Self { stream, phase, timeout, deadline: Some(deadline), timer, is_armed: false, blocked_since: None }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.clone()
    }

    /// Whether the deadline has passed; if not, the task wakes when it does.
    fn is_over(&mut self, deadline: Instant, cx: &mut Context<'_>) -> bool {
        if self.is_armed && !self.timer.is_elapsed() && self.timer.deadline() <= deadline {
            return false;
        }
        loop {
            if deadline <= Instant::now() {
                return true;
            }
            if self.timer.deadline() > deadline || self.timer.is_elapsed() {
                self.timer.as_mut().reset(deadline);
            }
            self.is_armed = self.timer.as_mut().poll(cx).is_pending();
            if self.is_armed {
                return false;
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            if buffer.filled().len() > before && self.phase.is(IDLE) {
                self.phase.set(READING_HEAD);
                self.deadline = None;
            }
            return Poll::Ready(result);
        }
        if self.phase.is(RESPONDING) {
            return Poll::Pending;
        }
        let deadline = match self.deadline {
            Some(deadline) => deadline,
            None if self.phase.is(READING_HEAD) => Instant::now() + self.timeout,
            // Without reading the clock.
            None => self.phase.active() + MAX_IDLE,
        };
        self.deadline = Some(deadline);
        if !self.is_over(deadline, cx) {
            return Poll::Pending;
        }
        if self.phase.is(READING_HEAD) {
            // Only if it can be written immediately.
            let _ = Pin::new(&mut self.stream).poll_write(cx, TIMED_OUT);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        // Idle for too long: treated like a close by the client.
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TimedStream<S> {
    /// Ends a write that the client does not read in time.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(result) = write(Pin::new(&mut self.stream), cx) {
            if self.blocked_since.take().is_some() {
                self.phase.set_active(Instant::now());
            }
            if self.phase.is(RESPONDING) {
                self.phase.set(IDLE);
                self.deadline = None;
            }
            return Poll::Ready(result);
        }
        let since = *self.blocked_since.get_or_insert_with(Instant::now);
        let deadline = since + self.timeout;
        if self.is_over(deadline, cx) {
            Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
        } else {
            Poll::Pending
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.written(cx, |stream, cx| stream.poll_write_vectored(cx, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
