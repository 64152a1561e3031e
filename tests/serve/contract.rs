//! What the contract says of the endpoint, line by line.

use chrono::TimeDelta;
use keydesk::desk;
use keydesk::domain::expiry::rfc3339;
use keydesk::domain::key::{KeyKind, KeyType};
use keydesk::domain::text::Name;

use crate::support::TestDesk;
use crate::support::endpoint::{Answer, Endpoint};
use crate::{delete, key};

const BODY: &str = r#"{"message": "Invalid API key", "StatusCode": 401}"#;

fn is_rejected(answer: &Answer, realm: &str) {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(answer.body, BODY);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("www-authenticate"), Some(format!("ApiKey-v1 realm=\"{realm}\"").as_str()));
}

fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

#[test]
fn a_valid_key_is_accepted_with_its_identity_headers() {
    let mut desk = TestDesk::of_today();
    let mut new = desk.new_key("Kassé & Co", 90);
    new.kind = KeyKind::from_platform(Some("braze".into()));
    let created = desk.create(&new);
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let secret = created.secret.expose();
    for path in ["/auth", "/auth?x=1", "/auth/Storefront", "/auth/storefront", "/auth/%53torefront"] {
        let answer = endpoint.get(path, &[("Authorization", &format!("ApiKey-v1 {secret}"))]);
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{path}");
        let expires = rfc3339(created.key.expires);
        for (name, value) in [
            ("x-keydesk-key-id", created.key.id.as_str()),
            ("x-keydesk-key-name", "Kass%C3%A9%20%26%20Co"),
            ("x-keydesk-application", "Storefront"),
            ("x-keydesk-platform", "braze"),
            ("x-keydesk-type", "production"),
            ("x-keydesk-expires", expires.as_str()),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}");
        }
    }
}

#[test]
fn every_method_gets_the_same_response() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        let request =
            format!("{method} /auth HTTP/1.1\r\nHost: x\r\nX-API-Key: {secret}\r\nContent-Length: 0\r\n\r\n");
        let answer = endpoint.connect().say(request.as_bytes()).unwrap();
        assert_eq!(answer.status, 204, "{method}");
        let request = format!("{method} /auth HTTP/1.0\r\n\r\n");
        let mut client = endpoint.connect();
        let answer = if method == "HEAD" { None } else { client.say(request.as_bytes()) };
        assert!(answer.is_none_or(|answer| answer.status == 401), "{method}");
    }
}

#[test]
fn every_documented_credential_form_is_read_and_no_other() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let base64 = |text: &str| {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    let authorization = |value: &str| endpoint.get("/auth", &[("Authorization", value)]).status;
    for value in [
        format!("ApiKey-v1 {secret}"),
        format!("APIKEY-V1 {secret}"),
        format!("Bearer {secret}"),
        format!("bearer {secret}"),
        format!("Basic {}", base64(&format!("ApiKey-v1 {secret}:"))),
        format!("basic {}", base64(&format!("{secret}:"))),
    ] {
        assert_eq!(authorization(&value), 204, "{value}");
    }
    for value in [
        secret.clone(),
        format!("Token {secret}"),
        format!("Bearer {secret}x"),
        format!("Bearer {}", &secret[..secret.len() - 1]),
        format!("Bearer {}", secret.to_uppercase()),
        format!("Bearer {secret} {secret}"),
        format!("Basic {}", base64(&secret)),
        format!("Basic {}", base64(&format!("{secret}:x"))),
        format!("Basic {secret}"),
        format!("Basic {}", base64(&format!("ApiKey-v1 \n\r\u{c}{secret}:"))),
        format!("Basic {}", base64(&format!("ApiKey-v1 \t{secret}:"))),
        String::new(),
    ] {
        assert_eq!(authorization(&value), 401, "{value}");
    }
    assert_eq!(endpoint.get("/auth", &[("X-API-Key", &secret)]).status, 204);
    is_rejected(&endpoint.get("/auth", &[]), "keydesk");
    for path in [format!("/auth?key={secret}"), format!("/auth?api_key={secret}&X-API-Key={secret}")] {
        is_rejected(&endpoint.get(&path, &[]), "keydesk");
    }
    for several in [
        [("X-API-Key", secret.as_str()), ("X-API-Key", secret.as_str())],
        [("Authorization", &bearer(&secret)), ("X-API-Key", &secret)],
        [("Authorization", &bearer(&secret)), ("Authorization", &bearer(&secret))],
        [("Authorization", "Basic Og=="), ("X-API-Key", &secret)],
    ] {
        is_rejected(&endpoint.get("/auth", &several), "keydesk");
    }
}

#[test]
fn every_rejection_looks_the_same() {
    let mut desk = TestDesk::of_today();
    let (disabled, disabled_secret) = key(&mut desk, "Disabled");
    let picked = [desk::Picked { id: disabled.key.id, version: disabled.key.version }];
    desk::set_access(&mut desk.session(), &picked, desk::KeyAccess::Disabled).unwrap();
    let (gone, deleted_secret) = key(&mut desk, "Deleted");
    delete(&mut desk, &gone);
    let mut new = desk.new_key("Expired", 90);
    new.expires = desk.now + TimeDelta::seconds(1);
    let expired_secret = desk.create(&new).secret.expose().to_owned();
    let (_, secret) = key(&mut desk, "Checkout");
    desk::create_application(&mut desk.session(), &Name::parse("My Other").unwrap()).unwrap();
    let mut elsewhere = TestDesk::new();
    elsewhere.entropy.0 = 99;
    let foreign = key(&mut elsewhere, "Foreign").1;
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let refused = |path: &str, secret: &str| endpoint.get(path, &[("Authorization", &bearer(secret))]);
    for secret in [&disabled_secret, &deleted_secret, &expired_secret, &foreign] {
        is_rejected(&refused("/auth", secret), "keydesk");
        is_rejected(&refused("/auth/Storefront", secret), "Storefront");
    }
    is_rejected(&refused("/auth/My%20Other", &secret), "My Other");
    is_rejected(&refused("/auth/Nobody", &secret), "Nobody");
    is_rejected(&refused("/auth/%22%0d%0aX-Evil:%201", &secret), "%22%0D%0AX-Evil: 1");
    is_rejected(&refused("/auth/%ff", &secret), "%EF%BF%BD");
    assert_eq!(refused("/auth/Storefront", &secret).status, 204);
}

/// Exact but for case, byte by byte, as the path has it after percent-decoding.
#[test]
fn an_application_name_in_the_path_must_match_completely() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    let odd = desk::create_application(&mut desk.session(), &Name::parse("\u{fffd}").unwrap()).unwrap();
    let mut new = desk.new_key("Odd", 90);
    new.application = odd.id;
    let odd = desk.create(&new).secret.expose().to_owned();
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let status = |path: &str, secret: &str| endpoint.get(path, &[("X-API-Key", secret)]).status;
    for path in [
        "/auth/Storefront%0a",
        "/auth/Storefront%20",
        "/auth/%20Storefront",
        "/auth/Storefront%C2%A0",
        "/auth/Storefront%00",
        "/auth/Storefront%ff",
        "/auth/Storefront%",
        "/auth/Storefront%2f",
        "/auth/%20",
    ] {
        assert_eq!(status(path, &secret), 401, "{path}");
    }
    for path in ["/auth/%ff", "/auth/%ef%bf", "/auth/%ef%bf%bd%20"] {
        assert_eq!(status(path, &odd), 401, "{path}");
    }
    assert_eq!(status("/auth/%ef%bf%bd", &odd), 204);
    assert_eq!(status("/auth/STOREFRONT", &secret), 204);
}

#[test]
fn the_app_option_applies_to_auth_too() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    desk::create_application(&mut desk.session(), &Name::parse("Other").unwrap()).unwrap();
    let endpoint = Endpoint::start(&desk.path(), &["--app", "Other"]);
    is_rejected(&endpoint.get("/auth", &[("X-API-Key", &secret)]), "Other");
    assert_eq!(endpoint.get("/auth/Storefront", &[("X-API-Key", &secret)]).status, 204);
}

#[test]
fn test_keys_are_accepted_unless_production_is_required() {
    let mut desk = TestDesk::of_today();
    let mut new = desk.new_key("Trial", 90);
    new.key_type = KeyType::Test;
    let trial = desk.create(&new).secret.expose().to_owned();
    let (_, live) = key(&mut desk, "Live");
    let anything = Endpoint::start(&desk.path(), &[]);
    let answer = anything.get("/auth", &[("X-API-Key", &trial)]);
    assert_eq!((answer.status, answer.header("x-keydesk-type")), (204, Some("test")));
    let production = Endpoint::start(&desk.path(), &["--require-type", "production"]);
    is_rejected(&production.get("/auth", &[("X-API-Key", &trial)]), "keydesk");
    assert!(production.accepts(&live));
}

#[test]
fn keys_of_another_kind_than_the_required_one_are_rejected() {
    let mut desk = TestDesk::of_today();
    let mut new = desk.new_key("Braze", 90);
    new.kind = KeyKind::from_platform(Some("braze".into()));
    new.key_type = KeyType::Test;
    let created = desk.create(&new);
    let third_party = created.secret.expose();
    let (_, generic) = key(&mut desk, "Nightly");
    for (kind, accepted, rejected) in
        [("generic", generic.as_str(), third_party), ("third_party", third_party, generic.as_str())]
    {
        let endpoint = Endpoint::start(&desk.path(), &["--require-kind", kind]);
        assert!(endpoint.accepts(accepted), "{kind}");
        is_rejected(&endpoint.get("/auth/Storefront", &[("X-API-Key", rejected)]), "Storefront");
        assert_eq!(endpoint.get("/envoy/-/", &[("X-API-Key", rejected)]).status, 401, "{kind}");
        let metrics = endpoint.get("/metrics", &[]).body;
        let counted = "keydesk_decisions_total{outcome=\"refused\",reason=\"wrong_kind\"} 2";
        assert!(metrics.contains(counted), "{metrics}");
        let (_, log) = endpoint.stop_and_read_log();
        assert_eq!(log.iter().filter(|line| line.contains("reason=\"wrong_kind\"")).count(), 2, "{log:?}");
    }
    let both =
        Endpoint::start(&desk.path(), &["--require-kind", "third_party", "--require-type", "production"]);
    assert!(!both.accepts(third_party), "a test key");
    assert!(!both.accepts(&generic));
}

#[test]
fn other_paths_are_not_found() {
    let desk = TestDesk::of_today();
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let healthy = endpoint.get("/healthz", &[]);
    assert_eq!((healthy.status, healthy.body.as_str()), (200, "ok"));
    for path in ["/", "/auth/", "/auth/a/b", "/Auth", "/healthz/", "/metrics/x", "/favicon.ico", "/../auth"] {
        assert_eq!(endpoint.get(path, &[]).status, 404, "{path}");
    }
    for path in ["/healthz", "/metrics"] {
        let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(endpoint.connect().say(request.as_bytes()).unwrap().status, 404, "{path}");
    }
}

#[test]
fn prometheus_can_parse_the_metrics() {
    use prometheus_parse::{Scrape, Value};
    let mut desk = TestDesk::of_today();
    let (created, secret) = key(&mut desk, "Checkout");
    let (_, _) = key(&mut desk, "Another");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    for _ in 0..3 {
        assert!(endpoint.accepts(&secret));
    }
    endpoint.get("/auth", &[]);
    delete(&mut desk, &created);
    assert!(!endpoint.accepts(&secret));
    let answer = endpoint.get("/metrics", &[]);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(!answer.body.contains(&secret));
    let scrape = Scrape::parse(answer.body.lines().map(|line| Ok(line.to_owned()))).unwrap();
    let value = |metric: &str, labels: &[(&str, &str)]| {
        let sample = scrape.samples.iter().find(|sample| {
            sample.metric == metric
                && labels.iter().all(|(name, value)| sample.labels.get(name) == Some(*value))
        });
        match &sample.unwrap_or_else(|| panic!("no {metric} {labels:?} in {}", answer.body)).value {
            Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => *value,
            Value::Histogram(buckets) => buckets.last().unwrap().count,
            Value::Summary(_) => panic!("a summary"),
        }
    };
    let is = |metric: &str, labels: &[(&str, &str)], wanted: f64| {
        let found = value(metric, labels);
        assert!((found - wanted).abs() < f64::EPSILON, "{metric} {labels:?}: {found}, not {wanted}");
    };
    is("keydesk_decisions_total", &[("outcome", "accepted")], 3.0);
    is("keydesk_decisions_total", &[("outcome", "refused"), ("reason", "missing")], 1.0);
    is("keydesk_decisions_total", &[("outcome", "refused"), ("reason", "deleted")], 1.0);
    is("keydesk_decision_seconds", &[], 5.0);
    is("keydesk_keys", &[("state", "valid")], 1.0);
    is("keydesk_keys", &[("state", "expired")], 0.0);
    is("keydesk_keys", &[("state", "replaced")], 0.0);
}

#[test]
fn non_loopback_addresses_must_be_allowed() {
    let desk = TestDesk::of_today();
    let serve = |arguments: &[&str]| {
        let mut command = crate::support::endpoint::command(env!("CARGO_BIN_EXE_keydesk"), &desk.path());
        command.arg("serve").args(arguments).output().unwrap()
    };
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7766"] {
        let output = serve(&["--listen", address]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("--allow-remote"), "{said}");
    }
    let mut command = crate::support::endpoint::command(env!("CARGO_BIN_EXE_keydesk"), &desk.path());
    command.args(["serve", "--listen", "0.0.0.0:0", "--allow-remote"]);
    let mut endpoint = Endpoint::from_command(command);
    endpoint.address.set_ip([127, 0, 0, 1].into());
    assert_eq!(endpoint.get("/healthz", &[]).status, 200);
}
