//! How it begins and ends: systemd's sockets and readiness, Unix sockets, signals.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::key;
use crate::support::TestDesk;
use crate::support::endpoint::{Endpoint, command};

const PROGRAM: &str = env!("CARGO_BIN_EXE_keydesk");

/// One request over a Unix socket; the status line.
fn ask(path: &Path, secret: &str) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request =
        format!("GET /auth HTTP/1.1\r\nHost: x\r\nX-API-Key: {secret}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said.lines().next().unwrap_or_default().to_owned()
}

/// As systemd starts a service whose socket it has opened: the socket is descriptor 3.
fn handed_over(database: &Path, socket: OwnedFd, arguments: &str) -> Command {
    let script = format!("exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve {arguments}");
    let base = command(PROGRAM, database);
    let mut shell = Command::new("sh");
    shell.env_clear().envs(base.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.args(["-c", &script, PROGRAM]).stdin(Stdio::from(socket));
    shell
}

#[test]
fn only_the_socket_from_systemd_is_served() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint = Endpoint::from_command(handed_over(&desk.path(), listener.into(), ""));
    assert_eq!(endpoint.address, address, "not the usual address");
    assert!(endpoint.accepts(&secret));
    assert_eq!(endpoint.stop(), Some(0));

    let path = desk.folder.path().join("handed.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut child = handed_over(&desk.path(), listener.into(), "").stderr(Stdio::null()).spawn().unwrap();
    // The connection waits in the socket until the service is there: no request is lost at a start.
    assert_eq!(ask(&path, &secret), "HTTP/1.1 204 No Content");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(path.exists(), "the socket is systemd's to remove");
}

#[test]
fn systemd_is_notified_when_it_is_ready_and_not_before() {
    let desk = TestDesk::of_today();
    let path = desk.folder.path().join("notify.sock");
    let notify = UnixDatagram::bind(&path).unwrap();
    notify.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut serve = command(PROGRAM, &desk.path());
    serve.args(["serve", "--listen", "127.0.0.1:0"]).env("NOTIFY_SOCKET", &path);
    let endpoint = Endpoint::from_command(serve);
    let mut said = [0; 64];
    let length = notify.recv(&mut said).unwrap();
    assert_eq!(said[..length].trim_ascii_end(), b"READY=1");
    assert_eq!(endpoint.get("/healthz", &[]).status, 200);
}

#[test]
fn a_unix_socket_has_its_mode_and_is_removed() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    let path = desk.folder.path().join("keydesk.sock");
    let unix = path.to_str().unwrap();
    // One that was killed left this.
    drop(UnixListener::bind(&path).unwrap());
    let serve = |more: &[&str]| {
        let mut serve = command(PROGRAM, &desk.path());
        serve.args(["serve", "--unix", unix, "--listen", "127.0.0.1:0"]).args(more);
        serve
    };
    let endpoint = Endpoint::from_command(serve(&["--unix-mode", "600"]));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(ask(&path, &secret), "HTTP/1.1 204 No Content");
    assert_eq!(ask(&path, "nonsense"), "HTTP/1.1 401 Unauthorized");
    let second = serve(&[]).output().unwrap();
    assert_eq!(second.status.code(), Some(3), "another listens there");
    assert_eq!(ask(&path, &secret), "HTTP/1.1 204 No Content");
    assert_eq!(endpoint.stop(), Some(0));
    assert!(!path.exists());

    std::fs::write(&path, "mine").unwrap();
    assert_eq!(serve(&[]).output().unwrap().status.code(), Some(3), "a file that is no socket stays");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    std::fs::remove_file(&path).unwrap();

    let endpoint = Endpoint::from_command(serve(&[]));
    let file = std::fs::metadata(&path).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o660);
    endpoint.signal(Signal::SIGINT);
    assert_eq!(endpoint.stop(), Some(0));
}

#[test]
fn a_pending_request_is_answered_before_shutdown() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let address = endpoint.address;
    let mut idle = endpoint.connect();
    assert_eq!(idle.get("/auth", &[("X-API-Key", &secret)]).status, 204);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /auth HTTP/1.1\r\nHost: x\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    endpoint.signal(Signal::SIGTERM);
    std::thread::sleep(Duration::from_millis(200));
    assert!(TcpStream::connect(address).is_err(), "no new connections");
    stream.write_all(format!("X-API-Key: {secret}\r\n\r\n").as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 204"), "{said}");
    assert!(said.to_ascii_lowercase().contains("connection: close"), "{said}");
    let since = Instant::now();
    assert_eq!(endpoint.stop(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(5), "idle connections hold nothing up");
}

/// A client that has no more to say may close its half of the connection at once (`nc -N`, RFC 9293, section 3.6).
#[test]
fn a_half_closed_connection_is_answered() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    let unix = desk.folder.path().join("keydesk.sock");
    let endpoint = Endpoint::start(&desk.path(), &["--unix", unix.to_str().unwrap()]);
    let head = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {secret}\r\n\r\n");
    for (request, wanted) in [
        (head("/auth"), &["204 No Content"][..]),
        (head("/auth/Nobody"), &["401 Unauthorized"]),
        (head("/metrics"), &["200 OK"]),
        (head("/healthz"), &["200 OK"]),
        (head("/metrics") + &head("/auth") + &head("/healthz"), &["200 OK", "204 No Content", "200 OK"]),
    ] {
        for turn in 0..600 {
            let mut said = String::new();
            let read = if turn % 10 == 0 {
                let mut stream = UnixStream::connect(&unix).unwrap();
                stream.write_all(request.as_bytes()).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                stream.read_to_string(&mut said)
            } else {
                let mut stream = TcpStream::connect(endpoint.address).unwrap();
                stream.write_all(request.as_bytes()).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                stream.read_to_string(&mut said)
            };
            assert!(read.is_ok(), "{turn}: {read:?} after {said:?} to {request}");
            let statuses: Vec<&str> = said
                .split("HTTP/1.1 ")
                .skip(1)
                .map(|answer| answer.lines().next().unwrap_or_default())
                .collect();
            assert_eq!(statuses, wanted, "{turn}: {said:?} to {request}");
        }
    }
}

#[test]
fn shutdown_waits_for_a_limited_time() {
    let desk = TestDesk::of_today();
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let mut stream = endpoint.connect();
    stream.stream.get_mut().write_all(b"GET /auth HTTP/1.1\r\nX-Half: ").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let since = Instant::now();
    assert_eq!(endpoint.stop(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(12), "{:?}", since.elapsed());
}

#[test]
fn the_log_contains_the_reason_and_never_the_key() {
    let mut desk = TestDesk::of_today();
    let (created, secret) = key(&mut desk, "Checkout");
    let mut serve = command(PROGRAM, &desk.path());
    serve.args(["serve", "--listen", "127.0.0.1:0"]).env("KEYDESK_LOG", "trace");
    let endpoint = Endpoint::from_command(serve);
    assert!(endpoint.accepts(&secret));
    crate::delete(&mut desk, &created);
    assert!(!endpoint.accepts(&secret));
    endpoint.get(&format!("/auth/{secret}?key={secret}"), &[("Authorization", &format!("Basic {secret}"))]);
    endpoint.connect().stream.get_mut().shutdown(Shutdown::Both).unwrap();
    let log = endpoint.stop_and_read_log().1.join("\n");
    assert!(log.contains("accepted") && log.contains("rejected") && log.contains("deleted"), "{log}");
    assert!(log.contains(created.key.id.as_str()));
    let (_, random) = secret.rsplit_once('_').unwrap();
    assert!(!log.contains(random), "{log}");
}

#[test]
fn a_rejection_is_logged_with_the_trace_id_of_the_request() {
    let mut desk = TestDesk::of_today();
    let created = desk.create(&desk.new_key("Canary", 90));
    let secret = created.secret.expose().to_owned();
    crate::delete(&mut desk, &created);
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for value in [traceparent, &traceparent.to_uppercase(), "00-\"x\"-y-01"] {
        endpoint.get("/auth", &[("X-API-Key", &secret), ("traceparent", value)]);
    }
    endpoint
        .get("/auth", &[("X-API-Key", &secret), ("traceparent", traceparent), ("traceparent", traceparent)]);
    endpoint.get("/envoy/-/", &[("traceparent", traceparent)]);
    endpoint.get("/auth", &[]);
    let (_, log) = endpoint.stop_and_read_log();
    let rejections: Vec<_> = log.iter().filter(|line| line.contains("rejected")).collect();
    let ids: Vec<_> =
        rejections.iter().map(|line| line.split_once("trace_id=").map(|(_, rest)| rest)).collect();
    let id = Some("4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(ids, [id, None, None, None, id, None], "{rejections:#?}");
}

/// What a client without pause leaves in the log is bounded, and no rejection is left out of the numbers.
#[test]
fn rejections_beyond_a_thousand_in_a_second_are_counted_in_one_line() {
    let desk = TestDesk::of_today();
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let mut client = endpoint.connect();
    let mut said = Vec::new();
    let since = Instant::now();
    let mut rejected = 0_u64;
    while !said.iter().any(|line: &String| line.contains("more requests")) {
        assert_eq!(client.get("/auth", &[("X-API-Key", "nonsense")]).status, 401);
        rejected += 1;
        said.extend(endpoint.log());
        assert!(since.elapsed() < Duration::from_secs(20), "{rejected} requests, all logged one by one");
    }
    let seconds = since.elapsed().as_secs() + 2;
    said.extend(endpoint.stop_and_read_log().1);
    let lines = said.iter().filter(|line| line.contains("reason=\"malformed\"")).count() as u64;
    let counted: u64 = said
        .iter()
        .filter(|line| line.contains("rejected more requests than are logged one by one"))
        .map(|line| line.rsplit_once("count=").unwrap().1.parse::<u64>().unwrap())
        .sum();
    assert!(lines <= 1_000 * seconds, "{lines} lines in {seconds} s");
    assert_eq!(lines + counted, rejected);
}
