//! Requests as the HTTP service of Envoy's `ext_authz` sends them: the method, the host and the path of the client after
//! `path_prefix`, no body, and only headers that its configuration allows. `tests/proxy` has the real Envoy.

use keydesk::desk;
use keydesk::domain::text::Name;

use crate::support::TestDesk;
use crate::support::endpoint::{Answer, Client, Endpoint};
use crate::{delete, key};

const BODY: &str = r#"{"message": "Invalid API key", "StatusCode": 401}"#;

/// Recorded from Envoy 1.40 with `assets/proxy/envoy.yaml`.
fn ask(client: &mut Client, method: &str, path: &str, header: &str) -> Answer {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: api.example.com\r\ncontent-length: 0\r\n{header}\
         x-forwarded-for: 203.0.113.9\r\nx-envoy-internal: true\r\nx-envoy-expected-rq-timeout-ms: 2000\r\n\r\n"
    );
    client.say(request.as_bytes()).unwrap()
}

#[test]
fn the_answer_is_200_or_401_whatever_the_client_requested() {
    let mut desk = TestDesk::of_today();
    let (created, secret) = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &["--trusted-proxy", "127.0.0.1"]);
    let authorization = format!("authorization: ApiKey-v1 {secret}\r\n");
    let mut client = endpoint.connect();
    for prefix in ["/envoy/-", "/envoy/Storefront", "/envoy/STOREFRONT", "/envoy/%53torefront"] {
        for (method, requested) in [
            ("GET", "/"),
            ("GET", "/orders?page=2&key=x"),
            ("POST", "/orders"),
            ("DELETE", "/orders/7"),
            ("PUT", "/a%2fb%00c"),
            ("PATCH", "//orders//"),
            ("OPTIONS", "/../../healthz"),
            ("PROPFIND", "/%2e%2e/%2e%2e/metrics"),
            ("GET", "/..;/auth/Nobody"),
            ("GET", "/envoy/Nobody/orders"),
            ("GET", "/?/../x"),
        ] {
            let path = format!("{prefix}{requested}");
            let answer = ask(&mut client, method, &path, &authorization);
            assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{method} {path}");
            assert_eq!(answer.header("content-length"), Some("0"), "{path}");
            assert_eq!(answer.header("x-keydesk-key-id"), Some(created.key.id.as_str()), "{path}");
            let answer = ask(&mut client, method, &path, "");
            assert_eq!((answer.status, answer.body.as_str()), (401, BODY), "{method} {path}");
        }
    }
    let headers = |answer: &Answer| {
        let ours = answer.headers.iter().filter(|(name, _)| name != "date" && name != "content-length");
        ours.cloned().collect::<Vec<_>>()
    };
    let at_auth = endpoint.get("/auth", &[("X-API-Key", &secret)]);
    let key_header = format!("x-api-key: {secret}\r\n");
    let for_envoy = ask(&mut client, "GET", "/envoy/-/", &key_header);
    assert_eq!(headers(&for_envoy), headers(&at_auth), "the same headers as /auth");

    delete(&mut desk, &created);
    let answer = ask(&mut client, "GET", "/envoy/-/orders", &key_header);
    assert_eq!((answer.status, answer.body.as_str()), (401, BODY));
    assert_eq!(answer.header("www-authenticate"), Some("ApiKey-v1 realm=\"keydesk\""));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn the_path_of_the_client_does_not_choose_the_application() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    let add = |desk: &mut TestDesk, name: &str| {
        let application =
            desk::create_application(&mut desk.session(), &Name::parse(name).unwrap()).unwrap().id;
        let new = keydesk::domain::key::NewKey { application, ..desk.new_key(name, 90) };
        desk.create(&new).secret.expose().to_owned()
    };
    let slash = add(&mut desk, "Shop/EU");
    let dots = add(&mut desk, "..");
    let dash = add(&mut desk, "-");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let mut client = endpoint.connect();
    let mut realm = |path: &str, secret: &str| {
        let answer = ask(&mut client, "GET", path, &format!("x-api-key: {secret}\r\n"));
        match answer.status {
            200 => "accepted".to_owned(),
            401 => answer.header("www-authenticate").unwrap().to_owned(),
            other => panic!("{other} for {path}"),
        }
    };
    for (path, secret, wanted) in [
        ("/envoy/Other/", &secret, "ApiKey-v1 realm=\"Other\""),
        ("/envoy/Other/../Storefront/", &secret, "ApiKey-v1 realm=\"Other\""),
        ("/envoy/Other/%2e%2e/Storefront/", &secret, "ApiKey-v1 realm=\"Other\""),
        ("/envoy/Other%2f..%2fStorefront/", &secret, "ApiKey-v1 realm=\"Other/../Storefront\""),
        ("/envoy/Storefront%20/", &secret, "ApiKey-v1 realm=\"Storefront \""),
        ("/envoy/./Storefront/", &secret, "ApiKey-v1 realm=\".\""),
        ("/envoy/../auth", &secret, "ApiKey-v1 realm=\"..\""),
        ("/envoy/../auth", &dots, "accepted"),
        ("/envoy/%2e%2e/", &dots, "accepted"),
        ("/envoy/Shop%2FEU/orders", &slash, "accepted"),
        ("/envoy/Shop%2FEU/orders", &secret, "ApiKey-v1 realm=\"Shop/EU\""),
        ("/envoy/-/", &dash, "accepted"),
        ("/envoy/-/", &secret, "accepted"),
        ("/envoy/%2D/", &dash, "accepted"),
        ("/envoy/%2D/", &secret, "ApiKey-v1 realm=\"-\""),
    ] {
        assert_eq!(realm(path, secret), wanted, "{path}");
    }
    for path in ["/envoy", "/envoy/", "/envoy/-", "/envoy/Storefront", "/envoy//orders", "/ENVOY/-/"] {
        assert_eq!(endpoint.get(path, &[("X-API-Key", &secret)]).status, 404, "{path}");
    }
}

#[test]
fn options_apply_as_at_auth() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    desk::create_application(&mut desk.session(), &Name::parse("Other").unwrap()).unwrap();
    let endpoint = Endpoint::start(&desk.path(), &["--app", "Other"]);
    let status = |path: &str| endpoint.get(path, &[("X-API-Key", &secret)]).status;
    assert_eq!(status("/envoy/-/orders"), 401, "--app limits the paths without an Application");
    assert_eq!(status("/envoy/Storefront/orders"), 200);
    std::fs::remove_file(desk.path()).unwrap();
    assert_eq!(status("/envoy/Storefront/orders"), 503);
}
