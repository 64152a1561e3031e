//! `keydesk doctor --proxy`: finds a proxy that caches or does not ask, and leaves nothing behind.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::endpoint::Endpoint;
use crate::support::have;
use crate::support::home::{CommandOutput, Home};
use crate::support::proxies::{Api, Kind, Proxy, free_port};

const PROBE: &str = "keydesk doctor (throwaway)";

fn look(home: &Home, url: &str) -> CommandOutput {
    home.run(&["doctor", "--proxy", url, "--json"])
}

fn checks(said: &CommandOutput) -> Vec<(bool, String)> {
    let report = said.json();
    let checks = report["checks"].as_array().unwrap();
    let text = |check: &Value, field: &str| check[field].as_str().unwrap_or_default().to_owned();
    assert_eq!(report["ok"], checks.iter().all(|check| check["ok"] == true));
    assert_eq!(said.code, i32::from(report["ok"] == false));
    checks
        .iter()
        .map(|check| {
            assert_eq!(check["ok"] == false, check["hint"].is_string(), "a fault has a hint");
            (check["ok"] == true, format!("{}: {}", text(check, "check"), text(check, "message")))
        })
        .collect()
}

fn left_behind(home: &Home) -> usize {
    let keys = home.run(&["keys", "list", "--json"]).json();
    keys.as_array().unwrap().iter().filter(|key| key["name"] == PROBE).count()
}

fn made(home: &Home) -> i64 {
    let raw = rusqlite::Connection::open(home.database()).unwrap();
    raw.query_row("SELECT count(*) FROM tombstones WHERE name = ?", [PROBE], |row| row.get(0)).unwrap()
}

#[test]
fn a_correct_proxy_passes() {
    let home = Home::set_up();
    let endpoint = Endpoint::start(&home.database(), &["--trusted-proxy", "127.0.0.1"]);
    let api = Api::start();
    for kind in [Kind::Nginx, Kind::Caddy] {
        if !have(kind.program()) {
            continue;
        }
        let proxy = Proxy::start(kind, endpoint.address, Some("Storefront"), api.address);
        let said = look(&home, &format!("http://{}/orders?page=2", proxy.address));
        let found = checks(&said);
        assert_eq!(found.len(), 4, "{said:?}");
        assert!(found.iter().all(|(ok, _)| *ok), "{kind:?}: {found:?}");
        assert!(found[2].1.contains("5 of 5"), "{found:?}");
        assert_eq!(left_behind(&home), 0);
        let said = home.run(&["doctor", "--proxy", &format!("http://{}/", proxy.address)]);
        assert_eq!(said.out.lines().filter(|line| line.starts_with("ok ")).count(), 4, "{said:?}");
    }
}

#[test]
fn a_caching_proxy_is_detected() {
    if !have("nginx") {
        return;
    }
    let home = Home::set_up();
    let endpoint = Endpoint::start(&home.database(), &[]);
    let api = Api::start();
    let address = free_port();
    let folder = tempfile::tempdir().unwrap();
    // What people find in tutorials.
    let example = include_str!("../../assets/proxy/nginx.conf")
        .replace("127.0.0.1:7766", &endpoint.address.to_string())
        .replace("127.0.0.1:3000", &api.address.to_string())
        .replace(":8080", &format!(":{}", address.port()))
        .replace(
            "proxy_cache off;",
            "proxy_cache keys; proxy_cache_key $http_authorization; proxy_cache_valid 204 3s; \
             proxy_ignore_headers Cache-Control;",
        );
    let site = format!("proxy_cache_path {} keys_zone=keys:1m;\n{example}", folder.path().display());
    let proxy = Proxy::with(Kind::Nginx, &site, address);
    let said = look(&home, &format!("http://{}/", proxy.address));
    let found = checks(&said);
    assert_eq!(found.iter().map(|(ok, _)| *ok).collect::<Vec<_>>(), [true, true, false, false], "{found:?}");
    assert!(found[2].1.contains("only 1 of 5"), "{found:?}");
    assert!(found[3].1.contains("ACCEPTED") && found[3].1.contains("rejected only after"), "{found:?}");
    assert_eq!(left_behind(&home), 0);
}

#[test]
fn an_unprotected_address_is_detected() {
    let home = Home::set_up();
    let api = Api::start();
    let said = look(&home, &format!("http://{}/", api.address));
    let found = checks(&said);
    assert_eq!(found.len(), 1);
    assert!(found[0].1.contains("NOT rejected (200)"), "{found:?}");
    assert_eq!(made(&home), 0, "no key was needed to see that");
}

#[test]
fn an_endpoint_on_another_database_is_detected() {
    let (home, other) = (Home::set_up(), Home::set_up());
    let endpoint = Endpoint::start(&other.database(), &[]);
    let found = checks(&look(&home, &format!("http://{}/auth", endpoint.address)));
    assert_eq!(found.iter().map(|(ok, _)| *ok).collect::<Vec<_>>(), [true, false], "{found:?}");
    assert_eq!((left_behind(&home), made(&home)), (0, 1));
}

#[test]
fn an_address_without_a_response_is_reported() {
    let home = Home::set_up();
    let said = look(&home, &format!("http://{}/", free_port()));
    assert_eq!((said.code, said.error().0.as_str()), (3, "proxy"));
    assert_eq!(look(&home, "localhost:80").code, 2);
    assert_eq!(made(&home), 0);
}

/// Refuses the first request, and then says nothing any more.
fn falls_silent() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for (place, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            if place == 0 {
                let refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                reader.get_mut().write_all(refusal).unwrap();
            } else {
                held.push(reader);
            }
        }
    });
    address
}

#[test]
fn interruption_removes_the_throwaway_keys() {
    let home = Home::set_up();
    let address = falls_silent();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_keydesk"));
    command.env_clear().envs(home.environment()).args(["doctor", "--proxy", &format!("http://{address}/")]);
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let since = Instant::now();
    while left_behind(&home) == 0 {
        assert!(since.elapsed() < Duration::from_secs(10), "no key was made");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!((left_behind(&home), made(&home)), (0, 1));
}

#[test]
fn throwaway_keys_cause_no_warnings() {
    let home = Home::set_up();
    let endpoint = Endpoint::start(&home.database(), &[]);
    let said = look(&home, &format!("http://{}/auth", endpoint.address));
    assert_eq!(said.json()["ok"], json!(true), "{said:?}");
    assert_eq!(endpoint.stop(), Some(0));
    let store =
        keydesk::store::Store::open_existing(home.database(), &mut crate::support::Seeded(3)).unwrap();
    let now = keydesk::host::clock::now();
    let presented = store.read(|r| keydesk::store::usage::presented_today(r, now, 10)).unwrap();
    assert_eq!(presented, []);
}
