//! The load generator: connections that send one request after the other without pause.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{self, Server, Spent, one_thread};

const CONNECTIONS: usize = 64;

/// Requests to send in turn, with the start and the end of each response.
pub struct Load {
    requests: Vec<Vec<u8>>,
    turn: AtomicUsize,
    answer: Answer,
}

/// What the endpoint answers.
#[derive(Clone, Copy)]
pub enum Answer {
    Accepted,
    Rejected,
    /// By the API behind a proxy.
    OfApi,
}

impl Answer {
    /// The status line, and the last bytes of the response.
    fn bounds(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Accepted => (b"HTTP/1.1 204 ", b"\r\n\r\n"),
            Self::Rejected => (b"HTTP/1.1 401 ", b"\"StatusCode\": 401}"),
            Self::OfApi => (b"HTTP/1.1 200 ", server::API_BODY),
        }
    }
}

/// How long to send.
#[derive(Clone, Copy)]
pub enum Until {
    Elapsed(Duration),
    /// The total number of requests.
    Sent(usize),
}

/// The measurements of one round.
pub struct Measured {
    pub answers: usize,
    pub took: Duration,
    pub p99: Duration,
    /// By the server.
    pub spent: Spent,
}

impl Measured {
    fn new(mut latencies: Vec<Duration>, took: Duration, spent: Spent) -> Self {
        latencies.sort_unstable();
        Self { answers: latencies.len(), took, p99: latencies[latencies.len() * 99 / 100], spent }
    }

    /// Responses per second.
    #[allow(clippy::cast_precision_loss, reason = "a measurement")]
    pub fn rate(&self) -> f64 {
        self.answers as f64 / self.took.as_secs_f64()
    }

    /// Processor time of the server per response, in seconds: less noisy than the rate on a shared machine.
    #[allow(clippy::cast_precision_loss, reason = "a measurement")]
    pub fn processor(&self) -> f64 {
        self.spent.processor.as_secs_f64() / self.answers as f64
    }
}

impl Load {
    /// Requests to `/auth` with these headers.
    pub fn new(headers: impl Iterator<Item = String>, answer: Answer) -> Arc<Self> {
        let requests = headers
            .map(|header| format!("GET /auth HTTP/1.1\r\nHost: keydesk\r\n{header}\r\n").into_bytes())
            .collect();
        Arc::new(Self { requests, turn: AtomicUsize::new(0), answer })
    }

    /// Sends over all connections at once.
    pub fn run(self: &Arc<Self>, server: &Server, until: Until) -> Measured {
        self.measure(server, self.answer, until)
    }

    /// The same requests through a proxy.
    pub fn run_through(self: &Arc<Self>, proxy: SocketAddr, until: Until) -> Measured {
        let since = Instant::now();
        let latencies = one_thread().block_on(self.send(proxy, Answer::OfApi, until));
        Measured::new(latencies, since.elapsed(), Spent::default())
    }

    /// The same requests to the empty handler.
    pub fn run_bare(self: &Arc<Self>, bare: &Server, until: Until) -> Measured {
        self.measure(bare, Answer::Accepted, until)
    }

    fn measure(self: &Arc<Self>, server: &Server, answer: Answer, until: Until) -> Measured {
        let before = server.spent();
        let since = Instant::now();
        let latencies = one_thread().block_on(self.send(server.address, answer, until));
        let took = since.elapsed();
        let after = server.spent();
        let spent = Spent {
            processor: after.processor.saturating_sub(before.processor),
            written: after.written - before.written,
        };
        Measured::new(latencies, took, spent)
    }

    async fn send(self: &Arc<Self>, address: SocketAddr, answer: Answer, until: Until) -> Vec<Duration> {
        let since = Instant::now();
        let sent = Arc::new(AtomicUsize::new(0));
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (this, sent) = (Arc::clone(self), Arc::clone(&sent));
                tokio::spawn(async move {
                    let mut stream = connect(address).await;
                    let mut latencies = Vec::new();
                    while match until {
                        Until::Elapsed(limit) => since.elapsed() < limit,
                        Until::Sent(limit) => sent.fetch_add(1, Ordering::Relaxed) < limit,
                    } {
                        let turn = this.turn.fetch_add(1, Ordering::Relaxed);
                        let request = &this.requests[turn % this.requests.len()];
                        match ask(&mut stream, request, answer).await {
                            Some(latency) => latencies.push(latency),
                            None => stream = connect(address).await,
                        }
                    }
                    latencies
                })
            })
            .collect();
        let mut all = Vec::new();
        for client in clients {
            all.extend(client.await.unwrap());
        }
        all
    }
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends a request and reads the response. Returns how long it took; none where the connection has ended before, as nginx
/// ends one after 1,000 requests.
async fn ask(stream: &mut TcpStream, request: &[u8], answer: Answer) -> Option<Duration> {
    let (start, end) = answer.bounds();
    let asked = Instant::now();
    stream.write_all(request).await.ok()?;
    let mut buffer = [0; 2_048];
    let mut filled = 0;
    while !buffer[..filled].ends_with(end) {
        let read = stream.read(&mut buffer[filled..]).await.unwrap_or_default();
        if read == 0 {
            assert_eq!(filled, 0, "the connection ended within a response");
            return None;
        }
        filled += read;
        assert!(buffer.starts_with(start), "{}", String::from_utf8_lossy(&buffer[..filled]));
    }
    Some(asked.elapsed())
}
