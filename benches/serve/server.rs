//! The measured processes: the endpoint as it runs in production, and an empty handler.

use std::convert::Infallible;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;

use crate::support;
use crate::support::postgres::Access;

/// Set in the process of the empty handler, and of the API behind the proxies, to what it is.
const BARE: &str = "KEYDESK_BENCH_BARE";

/// The body of each response of the API.
pub const API_BODY: &[u8] = b"an order";

/// What always answers the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bare {
    /// An empty 204 with the headers of the endpoint.
    Handler,
    /// An empty 200 with these headers, for Envoy.
    HandlerForEnvoy,
    Api,
}

impl Bare {
    const ALL: [(Self, &str); 3] =
        [(Self::Handler, "204"), (Self::HandlerForEnvoy, "200"), (Self::Api, "api")];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(bare, _)| *bare == self).unwrap().1
    }

    fn response(self) -> Response<Full<Bytes>> {
        if self == Self::Api {
            return Response::new(Full::from(API_BODY));
        }
        let mut response = Response::new(Full::default());
        if self == Self::Handler {
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        for (name, value) in HEADERS {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
        response
    }
}

/// A process that listens, killed when it is dropped. Its log goes to a file: reading a pipe would cost time here.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    _log: NamedTempFile,
}

/// What a process has spent.
#[derive(Clone, Copy, Default)]
pub struct Spent {
    pub processor: Duration,
    /// Bytes written to storage.
    pub written: u64,
}

impl Server {
    pub fn bare(what: Bare) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(BARE, what.name());
        Self::start(command)
    }

    pub fn keydesk(database: &Path) -> Self {
        let mut command = support::keydesk(database);
        command.args(["serve", "--listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1"]);
        Self::start(command)
    }

    /// On the database of a URL.
    pub fn keydesk_at(url: &str, access: &Access) -> Self {
        let mut command = support::keydesk(Path::new("/nonexistent/keydesk.db"));
        command.env("KEYDESK_DB", url).env("PGPASSFILE", access.pass_file());
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let log = NamedTempFile::new().unwrap();
        let stderr = File::options().append(true).open(log.path()).unwrap();
        let mut child = command.stderr(stderr).stdout(Stdio::null()).spawn().unwrap();
        let since = Instant::now();
        let address = loop {
            let text = std::fs::read_to_string(log.path()).unwrap();
            let line = text.lines().find_map(|line| line.split_once("http://"));
            if let Some((_, address)) = line.filter(|_| text.ends_with('\n')) {
                break address.trim_end_matches('"').parse().unwrap();
            }
            assert!(
                child.try_wait().unwrap().is_none() && since.elapsed() < Duration::from_secs(10),
                "does not listen: {text}"
            );
            std::thread::sleep(Duration::from_millis(10));
        };
        Self { child, address, _log: log }
    }

    /// Processor time (`schedstat`: nanoseconds) and written bytes (`io`) of the process since its start, from proc(5).
    pub fn spent(&self) -> Spent {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let nanoseconds = tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
            .map(|text| text.split(' ').next().unwrap().parse::<u64>().unwrap())
            .sum();
        Spent { processor: Duration::from_nanos(nanoseconds), written: self.number("io", "write_bytes:") }
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> u64 {
        self.number("status", "VmRSS:") * 1_024
    }

    fn number(&self, file: &str, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Stops the endpoint as systemd does. Returns how long it took.
    pub fn stop(mut self) -> Duration {
        let since = Instant::now();
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        since.elapsed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// In a process started by [`Server::bare`], serves until it is killed.
pub fn serve_if_bare() {
    if let Ok(name) = std::env::var(BARE) {
        let (bare, _) = Bare::ALL.into_iter().find(|(_, known)| *known == name).unwrap();
        one_thread().block_on(serve_bare(bare));
    }
}

/// The headers of a response to an accepted key.
const HEADERS: [(&str, &str); 7] = [
    ("cache-control", "no-store"),
    ("x-keydesk-key-id", "7Qm2x9KdPa"),
    ("x-keydesk-key-name", "Key%20100000"),
    ("x-keydesk-application", "Storefront"),
    ("x-keydesk-platform", "generic"),
    ("x-keydesk-type", "production"),
    ("x-keydesk-expires", "2027-01-15T08:00:00Z"),
];

/// On the libraries of the endpoint.
async fn serve_bare(bare: Bare) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    eprintln!("http://{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(|_: Request<Incoming>| {
                std::future::ready(Ok::<_, Infallible>(bare.response()))
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
