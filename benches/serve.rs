//! `/auth` with a valid key against an empty 204 handler built on the same libraries.
//!
//! Each server is a separate process with one thread and HTTP/1; 64 connections send requests without pause. The goal
//! is at least 0.75 of the empty handler's throughput and a 99th percentile of at most 3 ms.
//!
//! Run it with `cargo bench --bench serve`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "a measurement, not a product"
)]

#[allow(dead_code, unreachable_pub, reason = "shared")]
mod support;

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use support::Many;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(2);

fn main() {
    if std::env::var_os("BARE").is_some() {
        return one_thread().block_on(bare());
    }
    let many = Many::keys(1_000);
    let (bare, at_bare) = start(Command::new(std::env::current_exe().unwrap()).env("BARE", "1"));
    let mut serve = Command::new(env!("CARGO_BIN_EXE_keydesk"));
    let (serve, at_serve) =
        start(serve.args(["serve", "--listen", "127.0.0.1:0"]).env("KEYDESK_DB", many.path()));
    let requests: Vec<Vec<u8>> = many
        .secrets
        .iter()
        .map(|secret| {
            format!("GET /auth HTTP/1.1\r\nHost: keydesk\r\nAuthorization: ApiKey-v1 {secret}\r\n\r\n")
                .into_bytes()
        })
        .collect();
    let requests = Arc::new(requests);
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let bare = measure(&bare, at_bare, &requests);
        let auth = measure(&serve, at_serve, &requests);
        // The first round warms up.
        if round > 0 {
            println!("bare {bare}\n/auth {auth}");
            rounds.push((
                auth.rate / bare.rate,
                bare.processor / auth.processor,
                auth.p99.as_secs_f64() * 1e3,
            ));
        }
    }
    let median = |of: fn(&(f64, f64, f64)) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[ROUNDS / 2]
    };
    println!(
        "/auth of a bare 204: {:.2} by answers a second, {:.2} by the server's processor time; p99 {:.1} ms (medians of \
         {ROUNDS} rounds)",
        median(|round| round.0),
        median(|round| round.1),
        median(|round| round.2)
    );
    for mut child in [bare, serve] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// The measurements of one round.
struct Measured {
    /// Responses per second.
    rate: f64,
    /// Processor time per response in microseconds: less noisy than the rate on a shared machine.
    processor: f64,
    p99: Duration,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>8.0}/s {:>6.2} us of processor each, p99 {:?}", self.rate, self.processor, self.p99)
    }
}

fn measure(server: &Child, address: SocketAddr, requests: &Arc<Vec<Vec<u8>>>) -> Measured {
    let before = processor_time(server);
    let mut took = one_thread().block_on(load(address, Arc::clone(requests)));
    let spent = processor_time(server).saturating_sub(before);
    took.sort_unstable();
    let answers = took.len() as f64;
    Measured {
        rate: answers / ROUND.as_secs_f64(),
        processor: spent.as_secs_f64() * 1e6 / answers,
        p99: took[took.len() * 99 / 100],
    }
}

/// The processor time of a process (proc(5): fields 14 and 15 of `stat`, in ticks of 10 ms).
fn processor_time(child: &Child) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
    Duration::from_millis(10 * fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>())
}

fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Starts a server and reads its address from its standard error.
fn start(command: &mut Command) -> (Child, SocketAddr) {
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let address = lines.find_map(|line| Some(line.split_once("http://")?.1.trim_end_matches('"').to_owned()));
    std::thread::spawn(move || lines.for_each(drop));
    (child, address.unwrap().parse().unwrap())
}

/// The empty 204 handler.
async fn bare() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    eprintln!("http://{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(async |_: Request<Incoming>| {
                let mut response = Response::new(Full::<Bytes>::default());
                *response.status_mut() = StatusCode::NO_CONTENT;
                Ok::<_, Infallible>(response)
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Sends requests over all connections for a while. Returns the latencies.
async fn load(address: SocketAddr, requests: Arc<Vec<Vec<u8>>>) -> Vec<Duration> {
    let until = Instant::now() + ROUND;
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let requests = Arc::clone(&requests);
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut took = Vec::new();
                let mut buffer = [0; 2_048];
                let mut turn = number;
                while Instant::now() < until {
                    turn += CONNECTIONS + 1;
                    let asked = Instant::now();
                    stream.write_all(&requests[turn % requests.len()]).await.unwrap();
                    let mut filled = 0;
                    while !buffer[..filled].ends_with(b"\r\n\r\n") {
                        let read = stream.read(&mut buffer[filled..]).await.unwrap();
                        assert!(read > 0, "the connection ended");
                        filled += read;
                    }
                    assert!(buffer.starts_with(b"HTTP/1.1 204 "), "not accepted");
                    took.push(asked.elapsed());
                }
                took
            })
        })
        .collect();
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.await.unwrap());
    }
    all
}
