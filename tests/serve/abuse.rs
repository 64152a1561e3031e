//! Malicious and broken clients get a defined response, and other clients are still served.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::key;
use crate::support::TestDesk;
use crate::support::endpoint::{Client, Endpoint, command};

const MIB: u64 = 1_024 * 1_024;

/// What may be held in memory, whatever clients do.
const MOST_MEMORY: u64 = 64 * MIB;

fn desk_with_key() -> (TestDesk, String) {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    (desk, secret)
}

/// Says these bytes; everything that is said to it until the connection ends, or nothing more comes.
fn whole(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let _ = stream.write_all(bytes);
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

fn statuses(said: &str) -> Vec<u16> {
    let answers = said.split("HTTP/1.1 ").skip(1);
    answers.map(|answer| answer.get(..3).unwrap_or_default().parse().unwrap()).collect()
}

/// A valid key in a request that two readers could parse differently is never accepted.
#[test]
fn smuggled_requests_are_rejected() {
    let (desk, secret) = desk_with_key();
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let address = endpoint.address;
    let good = format!("GET /auth HTTP/1.1\r\nHost: x\r\nX-API-Key: {secret}\r\n\r\n");
    let post =
        |headers: &str, body: &str| format!("POST /auth HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}");
    let length = good.len();
    for (what, request, answers) in [
        (
            "length and chunked",
            post("Content-Length: 4\r\nTransfer-Encoding: chunked", &format!("0\r\n\r\n{good}")),
            &[401][..],
        ),
        (
            "chunked and length",
            post("Transfer-Encoding: chunked\r\nContent-Length: 4", &format!("0\r\n\r\n{good}")),
            &[401],
        ),
        ("two lengths", post("Content-Length: 0\r\nContent-Length: 5", &good), &[400]),
        ("a list of lengths", post("Content-Length: 0, 5", &good), &[400]),
        ("a length with a sign", post("Content-Length: +0", &good), &[400]),
        ("a length below zero", post("Content-Length: -1", &good), &[400]),
        ("a length beyond 64 bits", post("Content-Length: 99999999999999999999", &good), &[400]),
        ("an unknown coding", post("Transfer-Encoding: cow", &good), &[400]),
        ("chunked, not last", post("Transfer-Encoding: chunked, gzip", &format!("0\r\n\r\n{good}")), &[400]),
        ("space before the colon", post("Content-Length : 0", &good), &[400]),
        ("a folded line", post("X-A: b\r\n c: d\r\nContent-Length: 0", &good), &[400]),
        ("NUL in a header", post("X-A: \0", &good), &[400]),
        ("a bare CR in a header", post("X-A: a\rb", &good), &[400]),
        ("no version", format!("GET /auth\r\nX-API-Key: {secret}\r\n\r\n"), &[400]),
        ("another version", good.replace("1.1", "3.0"), &[400]),
        ("the length covers the second", post(&format!("Content-Length: {length}"), &good), &[401]),
    ] {
        let said = whole(address, request.as_bytes());
        assert_eq!(statuses(&said), answers, "{what}: {said}");
    }
    // HTTP/2 begins with a request that no HTTP/1 client sends.
    let said = whole(address, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(!said.contains(" 204"), "{said}");
    // What is meant to be two requests is answered as two.
    assert_eq!(statuses(&whole(address, good.repeat(2).as_bytes())), [204, 204]);
}

/// Whatever bytes stand where a credential belongs: 401, or 400 where it is no HTTP.
#[test]
fn only_the_exact_key_is_accepted() {
    let (desk, secret) = desk_with_key();
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let client = RefCell::new(endpoint.connect());
    let schemes = prop::sample::select(vec!["", "ApiKey-v1 ", "Bearer ", "Basic ", "Token ", "apikey-v1\t"]);
    let near = {
        let secret = secret.clone();
        (0..secret.len(), any::<u8>()).prop_map(move |(place, byte)| {
            let mut bytes = secret.clone().into_bytes();
            bytes[place] = byte;
            bytes
        })
    };
    let doubled = Just([secret.as_bytes(), b" ", secret.as_bytes()].concat());
    let text = prop_oneof![prop::collection::vec(any::<u8>(), 0..200), near, doubled];
    let names = prop::sample::select(vec!["Authorization", "X-API-Key"]);
    let header = (names, schemes, text);
    let headers = prop::collection::vec(header, 1..4);
    let mut runner = TestRunner::new(Config { cases: 3_000, failure_persistence: None, ..Config::default() });
    let valid = |name: &str, value: &[u8]| match name {
        "X-API-Key" => value == secret.as_bytes(),
        _ => ["ApiKey-v1 ", "Bearer "]
            .iter()
            .any(|scheme| value == [scheme.as_bytes(), secret.as_bytes()].concat()),
    };
    let run = runner.run(&headers, |headers| {
        let mut request = b"GET /auth HTTP/1.1\r\nHost: x\r\n".to_vec();
        for (name, scheme, value) in &headers {
            let value = [scheme.as_bytes(), value].concat();
            prop_assume!(!(headers.len() == 1 && valid(name, &value)));
            // A line's end would begin another header: that is another test.
            let value: Vec<u8> = value.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
            request.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        request.extend(b"\r\n");
        let answer = client.borrow_mut().say(&request);
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        prop_assert!([400, 401].contains(&status), "{:?}", answer);
        if status == 400 {
            client.replace(endpoint.connect());
        }
        Ok(())
    });
    run.unwrap();
    assert!(endpoint.accepts(&secret));
}

#[test]
fn the_size_of_request_heads_is_limited() {
    let (desk, secret) = desk_with_key();
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let address = endpoint.address;
    let with = |bytes: usize| {
        let filler = "x".repeat(bytes);
        endpoint.get("/auth", &[("X-API-Key", &secret), ("Cookie", &filler)]).status
    };
    assert_eq!(with(15 * 1_024), 204);
    assert_eq!(with(17 * 1_024), 431);
    let many = "X-Many: y\r\n".repeat(101);
    let request = format!("GET /auth HTTP/1.1\r\n{many}X-API-Key: {secret}\r\n\r\n");
    assert_eq!(statuses(&whole(address, request.as_bytes())), [431], "more than 100 headers");
    let uri = format!("GET /auth?{} HTTP/1.1\r\nX-API-Key: {secret}\r\n\r\n", "y".repeat(70_000));
    assert!(!whole(address, uri.as_bytes()).contains(" 204"));
    let before = endpoint.resident();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let head = format!("GET /auth HTTP/1.1\r\nX-API-Key: {}\r\n\r\n", "k".repeat(1_024 * 1_024));
                let said = whole(address, head.as_bytes());
                assert!(said.is_empty() || statuses(&said) == [431], "{said}");
            });
        }
    });
    assert!(
        endpoint.resident() < (before + 10 * MIB).min(MOST_MEMORY),
        "{} of {before}",
        endpoint.resident()
    );
    let generous = Endpoint::start(&desk.path(), &["--max-head", "65536"]);
    let filler = "x".repeat(40_000);
    assert_eq!(generous.get("/auth", &[("X-API-Key", &secret), ("Cookie", &filler)]).status, 204);
}

#[test]
fn request_bodies_are_not_awaited() {
    let (desk, secret) = desk_with_key();
    let endpoint = Endpoint::start(&desk.path(), &[]);
    for headers in [
        "Content-Length: 1000000",
        "Transfer-Encoding: chunked",
        "Content-Length: 10\r\nExpect: 100-continue",
    ] {
        let since = Instant::now();
        let mut client = endpoint.connect();
        let request = format!("POST /auth HTTP/1.1\r\nHost: x\r\nX-API-Key: {secret}\r\n{headers}\r\n\r\n");
        assert_eq!(client.say(request.as_bytes()).unwrap().status, 204, "{headers}");
        assert!(since.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn slow_clients_time_out_and_delay_no_other_client() {
    let (desk, secret) = desk_with_key();
    let endpoint = Endpoint::start(&desk.path(), &["--head-timeout", "3s"]);
    let since = Instant::now();
    let mut slow: Vec<Client> = (0..500).map(|_| endpoint.connect()).collect();
    let mut valid = endpoint.connect();
    let mut took = Vec::new();
    // Each says one letter now and then, as if the line were bad.
    let mut letters = b"GET /auth HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".iter().cycle();
    while since.elapsed() < Duration::from_millis(2_500) {
        let letter = [*letters.next().unwrap()];
        for client in &mut slow {
            client.stream.get_mut().write_all(&letter).unwrap();
        }
        for _ in 0..50 {
            let asked = Instant::now();
            assert_eq!(valid.get("/auth", &[("X-API-Key", &secret)]).status, 204);
            took.push(asked.elapsed());
        }
    }
    took.sort();
    let p99 = took[took.len() * 99 / 100];
    assert!(p99 < Duration::from_millis(100), "{p99:?} of {}", took.len());
    assert!(endpoint.resident() < MOST_MEMORY, "{}", endpoint.resident());
    for mut client in slow {
        let answer = client.answer().expect("a response before the close");
        assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    }
    assert!(since.elapsed() < Duration::from_secs(9), "{:?}", since.elapsed());
    assert_eq!(valid.get("/auth", &[("X-API-Key", &secret)]).status, 204, "resting is no slowness");
}

#[test]
fn clients_that_do_not_read_responses_are_disconnected() {
    let (desk, secret) = desk_with_key();
    let endpoint = Endpoint::start(&desk.path(), &["--head-timeout", "1s"]);
    let request = format!("GET /auth HTTP/1.1\r\nHost: x\r\nX-API-Key: {secret}\r\n\r\n").repeat(100);
    let mut greedy = TcpStream::connect(endpoint.address).unwrap();
    greedy.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    let since = Instant::now();
    // It asks on and on and reads nothing, until it is cut off.
    while greedy.write_all(request.as_bytes()).is_ok() {
        assert!(since.elapsed() < Duration::from_secs(20), "never cut off");
    }
    assert!(endpoint.resident() < MOST_MEMORY, "{}", endpoint.resident());
    assert!(endpoint.accepts(&secret));
}

#[test]
fn connections_over_the_limit_get_503() {
    let (desk, secret) = desk_with_key();
    let endpoint = Endpoint::start(&desk.path(), &["--max-connections", "10"]);
    let mut within: Vec<Client> = (0..10).map(|_| endpoint.connect()).collect();
    for client in &mut within {
        assert_eq!(client.get("/auth", &[("X-API-Key", &secret)]).status, 204);
    }
    for _ in 0..100 {
        let answer = endpoint.connect().say(b"GET /auth HTTP/1.1\r\n\r\n").expect("a clean refusal");
        assert_eq!((answer.status, answer.header("connection")), (503, Some("close")));
    }
    assert_eq!(within[0].get("/auth", &[("X-API-Key", &secret)]).status, 204);
    drop(within);
    std::thread::sleep(Duration::from_millis(200));
    assert!(endpoint.accepts(&secret), "connections are accepted again");
}

#[test]
fn without_descriptors_open_connections_are_served_and_new_ones_get_503() {
    let (desk, secret) = desk_with_key();
    let base = command(env!("CARGO_BIN_EXE_keydesk"), &desk.path());
    let mut shell = std::process::Command::new("sh");
    shell.env_clear().envs(base.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.args(["-c", "ulimit -n 40; exec \"$0\" serve --listen 127.0.0.1:0", env!("CARGO_BIN_EXE_keydesk")]);
    let endpoint = Endpoint::from_command(shell);
    let mut inside = endpoint.connect();
    assert_eq!(inside.get("/auth", &[("X-API-Key", &secret)]).status, 204);
    let mut crowd: Vec<Client> = (0..40).map(|_| endpoint.connect()).collect();
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..100 {
        assert_eq!(inside.get("/auth", &[("X-API-Key", &secret)]).status, 204);
    }
    // Those that found no place are told so in their turn, and some get one that has become free meanwhile.
    let answers = crowd.iter_mut().map(|client| client.say(b"GET /auth HTTP/1.1\r\n\r\n"));
    let answers: Vec<_> = answers.map(|answer| answer.map(|answer| answer.status)).collect();
    assert!(answers.iter().all(|status| matches!(status, Some(401 | 503))), "{answers:?}");
    assert!(answers.iter().filter(|status| **status == Some(503)).count() >= 5, "{answers:?}");
    drop(crowd);
    std::thread::sleep(Duration::from_secs(1));
    assert!(endpoint.accepts(&secret), "connections are accepted again");
    let errors = endpoint
        .stop_and_read_log()
        .1
        .into_iter()
        .filter(|line| line.contains("no file descriptors left"))
        .count();
    assert!((1..=3).contains(&errors), "it is said, and not a hundred times: {errors}");
}
