//! A connection that cannot be held open for nothing: a head must come whole within its time, an answer must be
//! read, and between requests one may rest for a while.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long a connection may rest between requests: longer than proxies keep theirs (nginx: 60 s), so that it is
/// they who close them and none of their requests meets a closing one.
pub(super) const REST: Duration = Duration::from_secs(75);

/// What a client gets whose head did not come in time (RFC 9110, section 15.5.9).
const TIMED_OUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\ncache-control: no-store\r\n\r\n";

/// Where a connection stands; shared with the one who answers.
#[derive(Clone, Debug)]
pub(super) struct Phase(Arc<AtomicU8>);

const RESTING: u8 = 0;
const READING: u8 = 1;
const ANSWERING: u8 = 2;

impl Phase {
    /// A head has come whole: the time of the client is over, ours begins.
    pub(super) fn answering(&self) {
        self.0.store(ANSWERING, Ordering::Relaxed);
    }

    fn is(&self, phase: u8) -> bool {
        self.0.load(Ordering::Relaxed) == phase
    }

    fn set(&self, phase: u8) {
        self.0.store(phase, Ordering::Relaxed);
    }
}

/// A stream with deadlines.
pub(super) struct Guarded<S> {
    stream: S,
    phase: Phase,
    patience: Duration,
    /// When what is waited for must have come; set when the waiting begins.
    deadline: Option<Instant>,
    /// Set again only when it fires: a timer for each request would cost more than the request.
    alarm: Pin<Box<Sleep>>,
    /// Whether the alarm will wake the task.
    is_set: bool,
    /// Since when an answer waits to be read.
    stuck: Option<Instant>,
}

impl<S> Guarded<S> {
    /// Guards a stream from its first moment; a head has `patience` to come, an answer as long to be read.
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        let deadline = Instant::now() + patience;
        let phase = Phase(Arc::new(AtomicU8::new(READING)));
        let alarm = Box::pin(tokio::time::sleep_until(deadline));
        Self { stream, phase, patience, deadline: Some(deadline), alarm, is_set: false, stuck: None }
    }

    /// Where it stands.
    pub(super) fn phase(&self) -> Phase {
        self.phase.clone()
    }

    /// Whether the deadline has passed; if not, the task wakes when it does.
    fn is_over(&mut self, deadline: Instant, cx: &mut Context<'_>) -> bool {
        if self.is_set && !self.alarm.is_elapsed() && self.alarm.deadline() <= deadline {
            return false;
        }
        loop {
            if deadline <= Instant::now() {
                return true;
            }
            if self.alarm.deadline() > deadline || self.alarm.is_elapsed() {
                self.alarm.as_mut().reset(deadline);
            }
            self.is_set = self.alarm.as_mut().poll(cx).is_pending();
            if self.is_set {
                return false;
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            if buffer.filled().len() > before && self.phase.is(RESTING) {
                self.phase.set(READING);
                self.deadline = None;
            }
            return Poll::Ready(result);
        }
        if self.phase.is(ANSWERING) {
            return Poll::Pending;
        }
        let time = if self.phase.is(READING) { self.patience } else { REST };
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + time);
        if !self.is_over(deadline, cx) {
            return Poll::Pending;
        }
        if self.phase.is(READING) {
            // A word of parting, if there is room for it at once.
            let _ = Pin::new(&mut self.stream).poll_write(cx, TIMED_OUT);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        // It has rested long enough: as if the client had closed it.
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
    /// Lets a write that goes on through, and ends one that nobody reads.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(result) = write(Pin::new(&mut self.stream), cx) {
            self.stuck = None;
            if self.phase.is(ANSWERING) {
                self.phase.set(RESTING);
                self.deadline = None;
            }
            return Poll::Ready(result);
        }
        let since = *self.stuck.get_or_insert_with(Instant::now);
        let deadline = since + self.patience;
        if self.is_over(deadline, cx) {
            Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
        } else {
            Poll::Pending
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
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
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}
