//! Keys with allowed sources: where the endpoint learns the address of a client, and what it does where it does not.

use std::io::{BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use keydesk::domain::source::AllowedSources;

use crate::support::TestDesk;
use crate::support::endpoint::{Endpoint, read_status};

/// A key that is accepted from these sources.
fn restricted(desk: &mut TestDesk, sources: &str) -> String {
    let mut new = desk.new_key("Checkout", 90);
    new.allowed_sources = AllowedSources::parse(sources).unwrap();
    desk.create(&new).secret.expose().to_owned()
}

fn status(endpoint: &Endpoint, secret: &str, more: &[(&str, &str)]) -> u16 {
    endpoint.get("/auth", &[&[("X-API-Key", secret)], more].concat()).status
}

#[test]
fn without_a_trusted_proxy_the_peer_counts_and_no_header_does() {
    let mut desk = TestDesk::of_today();
    let here = restricted(&mut desk, "127.0.0.0/8");
    let there = restricted(&mut desk, "10.0.0.0/8");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    assert_eq!(status(&endpoint, &here, &[]), 204);
    assert_eq!(status(&endpoint, &there, &[]), 401);
    for header in ["X-Forwarded-For", "X-Real-IP", "Forwarded"] {
        assert_eq!(status(&endpoint, &there, &[(header, "10.0.0.4")]), 401, "{header}");
        assert_eq!(status(&endpoint, &here, &[(header, "10.0.0.4")]), 204, "{header}");
    }
    let (code, log) = endpoint.stop_and_read_log();
    assert_eq!(code, Some(0));
    assert!(
        log.iter().any(|line| line.contains("no proxy is trusted") && line.contains("keys=2")),
        "{log:?}"
    );
}

#[test]
fn the_word_of_a_trusted_proxy_counts() {
    let mut desk = TestDesk::of_today();
    let secret = restricted(&mut desk, "10.0.0.0/8,2001:db8::/32");
    let endpoint = Endpoint::start(&desk.path(), &["--trusted-proxy", "127.0.0.1"]);
    for (forwarded, expected) in [
        ("10.0.0.4", 204),
        ("2001:db8::7", 204),
        ("::ffff:10.0.0.4", 204),
        ("203.0.113.9", 401),
        // What stands before the last address was sent by the client.
        ("10.0.0.4, 203.0.113.9", 401),
        ("unknown", 401),
        ("", 401),
    ] {
        assert_eq!(status(&endpoint, &secret, &[("X-Forwarded-For", forwarded)]), expected, "{forwarded:?}");
    }
    assert_eq!(status(&endpoint, &secret, &[]), 401, "the proxy itself is not allowed");
    assert_eq!(status(&endpoint, &secret, &[("X-Real-IP", "10.0.0.4")]), 204);
    let (_, log) = endpoint.stop_and_read_log();
    assert!(!log.iter().any(|line| line.contains("no proxy is trusted")), "{log:?}");
}

/// The status of a request over a Unix socket.
fn over(socket: &Path, secret: &str, more: &str) -> u16 {
    let mut stream = UnixStream::connect(socket).unwrap();
    let request =
        format!("GET /auth HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: {secret}\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    read_status(&mut BufReader::new(stream)).unwrap()
}

#[test]
fn a_unix_socket_without_an_address_fails_closed() {
    let mut desk = TestDesk::of_today();
    let secret = restricted(&mut desk, "0.0.0.0/0,::/0");
    let free = restricted(&mut desk, "");
    let socket = desk.folder.path().join("auth.sock");
    let unix = ["--unix", socket.to_str().unwrap()];
    let endpoint = Endpoint::start(&desk.path(), &unix);
    assert_eq!((over(&socket, &secret, ""), over(&socket, &free, "")), (401, 204));
    assert_eq!(over(&socket, &secret, "X-Forwarded-For: 10.0.0.4\r\n"), 401);
    drop(endpoint);
    std::fs::remove_file(&socket).ok();
    let endpoint = Endpoint::start(&desk.path(), &[&unix[..], &["--trusted-proxy", "unix"]].concat());
    assert_eq!(over(&socket, &secret, "X-Forwarded-For: 10.0.0.4\r\n"), 204);
    assert_eq!(over(&socket, &secret, ""), 401);
    drop(endpoint);
}
