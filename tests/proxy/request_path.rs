//! Each answer that a client can get through a proxy.

use std::net::{IpAddr, UdpSocket};

use chrono::TimeDelta;
use keydesk::desk::{self, Picked};
use keydesk::domain::text::Name;
use keydesk::store::keys;

use crate::support::TestDesk;
use crate::support::endpoint::{Answer, Client, Endpoint};
use crate::support::have;
use crate::support::proxies::{Api, Kind, Proxy};
use crate::{delete, key, screen};

const REFUSED: &str = r#"{"message": "Invalid API key", "StatusCode": 401}"#;

#[test]
fn nginx_protects_the_api() {
    guards(Kind::Nginx);
}

#[test]
fn caddy_protects_the_api() {
    guards(Kind::Caddy);
}

#[test]
fn envoy_protects_the_api() {
    guards(Kind::Envoy);
}

#[test]
fn haproxy_protects_the_api() {
    guards(Kind::Haproxy);
}

#[test]
fn traefik_protects_the_api() {
    guards(Kind::Traefik);
}

#[test]
fn every_example_passes_all_properties_of_a_key_on() {
    let mut desk = TestDesk::of_today();
    let created = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let answer = endpoint.get("/auth", &[("X-API-Key", created.secret.expose())]);
    let properties: Vec<_> =
        answer.headers.iter().filter(|(name, _)| name.starts_with("x-keydesk-")).collect();
    assert_eq!(properties.len(), 6, "{answer:?}");
    for kind in Kind::ALL {
        let example = kind.example().to_lowercase();
        for (name, _) in &properties {
            assert!(example.contains(name), "{kind:?}: {name}");
        }
    }
}

/// Only an address of this machine can be bound.
fn is_of_this_machine(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

fn guards(kind: Kind) {
    if !have(kind.program()) {
        return;
    }
    let mut desk = TestDesk::of_today();
    let created = key(&mut desk, "Checkout");
    let paused = key(&mut desk, "Paused");
    let mut short = desk.new_key("Short", 90);
    short.expires = desk.now + TimeDelta::seconds(2);
    let expired = desk::create_key(&mut desk.session(), &short).unwrap();
    desk::create_application(&mut desk.session(), &Name::parse("Other").unwrap()).unwrap();
    let mut screen = screen(&desk, 1);

    let endpoint = Endpoint::start(&desk.path(), &["--trusted-proxy", "127.0.0.1"]);
    let api = Api::start();
    let proxy = Proxy::start(kind, endpoint.address, None, api.address);
    let others = Proxy::start(kind, endpoint.address, Some("Other"), api.address);
    let address = proxy.address;
    let ask = |secret: &str| {
        Client::to(address).get("/orders?page=2", &[("Authorization", &format!("ApiKey-v1 {secret}"))])
    };
    let is_refused = |answer: &Answer, realm: &str| {
        assert_eq!((answer.status, answer.body.as_str()), (401, REFUSED), "{kind:?}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let challenge = format!("ApiKey-v1 realm=\"{realm}\"");
        assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()), "{kind:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{kind:?}");
    };

    let secret = created.secret.expose();
    let answer = ask(secret);
    assert_eq!((answer.status, answer.body.as_str()), (200, created.key.id.as_str()), "{kind:?}");
    is_refused(&Client::to(proxy.address).get("/orders", &[]), "keydesk");
    is_refused(&ask("nonsense"), "keydesk");
    is_refused(&Client::to(others.address).get("/", &[("X-API-Key", secret)]), "Other");

    // What a client claims of itself is not believed, by the API or by keydesk.
    let spoofed = [
        ("X-API-Key", secret),
        ("X-Keydesk-Key-Id", "admin"),
        ("X-Keydesk-Application", "Everything"),
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Real-IP", "6.6.6.6"),
    ];
    let answer = Client::to(proxy.address).get("/orders", &spoofed);
    assert_eq!((answer.status, answer.body.as_str()), (200, created.key.id.as_str()), "{kind:?}");
    // A body goes to the API, and not to keydesk.
    let post =
        format!("POST /orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {secret}\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(Client::to(proxy.address).say(post.as_bytes()).unwrap().status, 200, "{kind:?}");
    {
        let seen = api.seen.lock().unwrap();
        assert_eq!(seen.len(), 3, "{kind:?}: refused requests do not reach the API");
        let all = seen.join("\n");
        assert!(!all.contains(&secret.to_lowercase()), "{kind:?}: the secret ends at the proxy");
        assert!(!all.contains("admin") && !all.contains("everything"), "{kind:?}: {all}");
        for header in
            ["x-keydesk-application: storefront", "x-keydesk-platform: generic", "x-keydesk-expires: 20"]
        {
            assert_eq!(all.matches(header).count(), 3, "{kind:?}: {header} in {all}");
        }
    }

    // Requests still reach the API, without the secret.
    let picked = Picked { id: paused.key.id, version: paused.key.version };
    assert_eq!(ask(paused.secret.expose()).status, 200);
    desk::set_access(&mut desk.session(), &[picked], desk::KeyAccess::Disabled).unwrap();
    is_refused(&ask(paused.secret.expose()), "keydesk");
    while keydesk::host::clock::now() < short.expires {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    is_refused(&ask(expired.secret.expose()), "keydesk");

    assert_eq!(ask(secret).status, 200);
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    let used = desk.store.read(|r| keys::get(r, created.key.id)).unwrap().unwrap();
    // Envoy reports an address of the machine instead of a loopback address.
    let from: IpAddr = used.last_used_from.unwrap().parse().unwrap();
    let is_client = if kind == Kind::Envoy { is_of_this_machine(from) } else { from.is_loopback() };
    assert!(is_client, "{kind:?}: the proxy says who the client is, not the client: {from}");
    delete(&mut screen, &created);
    is_refused(&ask(secret), "keydesk");

    // Whatever is wrong with the guard, the API is not reached.
    let again = key(&mut desk, "Again");
    assert_eq!(ask(again.secret.expose()).status, 200);
    std::fs::remove_file(desk.path()).unwrap();
    let unavailable = ask(again.secret.expose());
    assert_eq!(unavailable.status, 503, "{kind:?}: {unavailable:?}");
    drop(endpoint);
    let gone = ask(again.secret.expose()).status;
    // Traefik says 500 where it cannot connect.
    assert!([500, 502, 503].contains(&gone), "{kind:?}: {gone}");
}
