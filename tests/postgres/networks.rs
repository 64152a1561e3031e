//! Links that fail: network namespaces and the relay.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::namespace::{Failure, Namespace};
use crate::support::postgres::{Postgres, psql, psql_command, server};
use crate::support::relay::{Direction, Relay};
use crate::support::until;

/// Sends back what it gets, after the byte that it is called by.
fn echo(name: u8) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                (&stream).write_all(&[name]).unwrap();
                let _ = std::io::copy(&mut &stream, &mut &stream);
            });
        }
    });
    address
}

/// Connects to an echo, of which the name is returned.
fn connect(address: SocketAddr) -> (TcpStream, u8) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut name = [0];
    stream.read_exact(&mut name).unwrap();
    (stream, name[0])
}

/// How long bytes take there and back.
fn round_trip(stream: &mut TcpStream, length: usize) -> Duration {
    let since = Instant::now();
    let mut writing = stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || writing.write_all(&vec![7; length]).unwrap());
    stream.read_exact(&mut vec![0; length]).unwrap();
    writer.join().unwrap();
    since.elapsed()
}

#[test]
fn a_relay_delays_each_direction_without_a_limit_of_its_throughput() {
    let relay = Relay::start(echo(b'a'));
    let (mut stream, _) = connect(relay.address);
    relay.delay(Direction::Requests, Duration::from_millis(200));
    let there = round_trip(&mut stream, 1);
    assert!(there >= Duration::from_millis(200), "{there:?}");
    relay.delay(Direction::Answers, Duration::from_millis(300));
    let both = round_trip(&mut stream, 1);
    assert!(both >= Duration::from_millis(500), "{both:?}");
    // In pieces of at most 16 KiB, one after the other, this would take 32 seconds.
    let much = round_trip(&mut stream, 1 << 20);
    assert!(much < Duration::from_secs(8), "{much:?}");
}

#[test]
fn a_relay_stalls_cuts_and_leads_elsewhere() {
    let relay = Relay::start(echo(b'a'));
    let (mut stream, _) = connect(relay.address);
    relay.stall(Direction::Answers);
    stream.write_all(b"x").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    relay.resume();
    stream.set_read_timeout(None).unwrap();
    stream.read_exact(&mut [0]).unwrap();

    relay.cut();
    assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
    let mut next = TcpStream::connect(relay.address).unwrap();
    assert!(matches!(next.read(&mut [0]), Ok(0) | Err(_)));
    relay.resume();
    assert_eq!(connect(relay.address).1, b'a');
    relay.redirect(echo(b'b'));
    assert_eq!(connect(relay.address).1, b'b');
}

#[test]
fn a_server_is_reached_through_a_relay_with_tls() {
    if !Postgres::available() {
        return;
    }
    let database = server().database();
    let relay = Relay::start(([127, 0, 0, 1], server().port()).into());
    let url = database.url_at(relay.address);
    relay.delay(Direction::Answers, Duration::from_millis(50));
    let since = Instant::now();
    let said = psql(&url, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    assert_eq!(said.out, "t", "{said:?}");
    assert!(since.elapsed() > Duration::from_millis(200), "TLS and a password need more than four answers");
    relay.cut();
    assert_eq!(psql(&url, "SELECT 1").code, 2);
}

#[test]
fn a_namespace_reaches_a_server_until_the_link_fails() {
    if !Postgres::available() || !Namespace::available() {
        return;
    }
    let namespace = Namespace::create();
    let own = Postgres::options().listen_at(namespace.host()).start();
    let database = own.database();
    let url = database.url_at(format!("{}:{}", namespace.host(), own.port()));
    let from_inside = |seconds: u32| {
        let sql = "SELECT client_addr FROM pg_stat_activity WHERE pid = pg_backend_pid()";
        let output = namespace
            .inside(&psql_command(&format!("{url}&connect_timeout={seconds}"), sql))
            .output()
            .unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let address = format!("{}\n", namespace.address());
    assert_eq!(from_inside(10), (address.clone(), String::new()));
    for failure in [Failure::LinkDown, Failure::PacketsLost, Failure::AnswersLost] {
        namespace.fail(failure);
        let (out, err) = from_inside(2);
        assert!(out.is_empty() && err.contains("timeout expired"), "{failure:?}: {out}{err}");
        namespace.heal();
        assert_eq!(from_inside(10), (address.clone(), String::new()), "{failure:?}");
    }
}

#[test]
fn a_part_of_a_test_runs_inside() {
    if !Namespace::available() {
        return;
    }
    let namespace = Namespace::create();
    let listener = namespace.enter(|| TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let inside = namespace.enter(|| TcpStream::connect(address).unwrap());
    assert_eq!(listener.accept().unwrap().1, inside.local_addr().unwrap());
}

#[test]
fn requests_arrive_of_which_the_answers_are_lost() {
    if !Postgres::available() || !Namespace::available() {
        return;
    }
    let namespace = Namespace::create();
    let own = Postgres::options().listen_at(namespace.host()).start();
    let database = own.database();
    database.psql_as_ana("CREATE TABLE t (n bigint)");
    let url = database.url_at(format!("{}:{}", namespace.host(), own.port()));
    let mut psql = psql_command(&url, "");
    let mut psql = namespace.inside(psql.arg("-f").arg("-"));
    let mut psql = psql.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut input = psql.stdin.take().unwrap();
    writeln!(input, "INSERT INTO t VALUES (1);").unwrap();
    let count = |expected: &str| {
        until(Duration::from_secs(20), || database.psql_as_ana("SELECT count(*) FROM t") == expected)
    };
    assert!(count("1"));
    namespace.fail(Failure::AnswersLost);
    writeln!(input, "INSERT INTO t VALUES (2);").unwrap();
    assert!(count("2"));
    namespace.fail(Failure::PacketsLost);
    writeln!(input, "INSERT INTO t VALUES (3);").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(database.psql_as_ana("SELECT count(*) FROM t"), "2");
    drop(namespace);
    assert!(!psql.wait().unwrap().success(), "what runs in a namespace ends with it");
}
