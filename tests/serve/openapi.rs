//! `assets/openapi.json` against the answers of the running endpoint: each documented status, header and body is seen, and
//! each seen one is documented.
#![allow(clippy::panic, reason = "an answer that is not described fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use crate::key;
use crate::support::TestDesk;
use crate::support::endpoint::{Answer, Endpoint};

/// Of every message (RFC 9110 and 9112), and not described.
const OF_HTTP: [&str; 3] = ["date", "content-length", "connection"];

struct Document {
    root: Value,
    /// Path and status.
    seen: BTreeSet<(String, String)>,
}

impl Document {
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(reference) = value["$ref"].as_str() else { return value };
        self.root.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{reference}"))
    }

    fn paths(&self) -> Vec<String> {
        self.root["paths"].as_object().unwrap().keys().cloned().collect()
    }

    fn responses(&self, path: &str) -> BTreeMap<String, &Value> {
        let responses = self.root["paths"][path]["get"]["responses"].as_object().unwrap();
        responses.iter().map(|(status, response)| (status.clone(), self.resolve(response))).collect()
    }

    /// Compares an answer with what is documented for the path.
    fn check(&mut self, path: &str, answer: &Answer, has_body: bool) {
        let status = answer.status.to_string();
        let responses = self.responses(path);
        let response = responses.get(&status).unwrap_or_else(|| panic!("{path}: {answer:?}"));
        let headers = response["headers"].as_object().cloned().unwrap_or_default();
        let mut described: BTreeSet<String> = headers.keys().map(|name| name.to_lowercase()).collect();
        for (name, header) in &headers {
            let header = self.resolve(header);
            assert_eq!(header["required"], true, "{name}");
            let value = answer.header(name).unwrap_or_else(|| panic!("no {name}: {path}: {answer:?}"));
            assert!(fits(&header["schema"], &value.into()), "{name}: {value:?}");
        }
        let content = response["content"].as_object().and_then(|content| content.iter().next());
        match (content, answer.header("content-type")) {
            (None, None) => assert_eq!(answer.body, "", "{path}"),
            // The connection was rejected, whatever was requested.
            (Some(_), None) if status == "503" => assert_eq!(answer.body, "", "{path}"),
            (Some((documented, media)), Some(sent)) => {
                described.insert("content-type".into());
                assert_eq!(sent, documented, "{path}");
                let body = if documented == "application/json" && has_body {
                    serde_json::from_str(&answer.body).unwrap()
                } else {
                    Value::from(answer.body.clone())
                };
                assert!(!has_body || fits(&media["schema"], &body), "{path}: {:?}", answer.body);
            }
            (documented, sent) => panic!("{path}: {documented:?}, {sent:?}"),
        }
        for (name, _) in answer.headers.iter().filter(|(name, _)| !OF_HTTP.contains(&name.as_str())) {
            assert!(described.contains(name), "{path}: {status} has {name}, which is not documented");
        }
        self.seen.insert((path.to_owned(), status));
    }
}

/// Whether a value fits the part of JSON Schema that the document uses.
fn fits(schema: &Value, value: &Value) -> bool {
    schema.as_object().unwrap().iter().all(|(keyword, wanted)| match keyword.as_str() {
        "type" => match wanted.as_str().unwrap() {
            "string" => value.is_string(),
            "object" => value.is_object(),
            other => panic!("{other}"),
        },
        "const" => value == wanted,
        "enum" => wanted.as_array().unwrap().contains(value),
        "pattern" => Regex::new(wanted.as_str().unwrap()).unwrap().is_match(value.as_str().unwrap()),
        "format" => {
            assert_eq!(wanted, "date-time");
            chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).is_ok()
        }
        "properties" => {
            wanted.as_object().unwrap().iter().all(|(name, schema)| fits(schema, &value[name.as_str()]))
        }
        "required" => wanted.as_array().unwrap().iter().all(|name| !value[name.as_str().unwrap()].is_null()),
        "additionalProperties" => value
            .as_object()
            .unwrap()
            .keys()
            .all(|name| schema["properties"].as_object().unwrap().contains_key(name)),
        other => panic!("{other}"),
    })
}

/// Sends bytes on a connection of its own, and reads to its end.
fn exchange(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The endpoint may answer and close before everything is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}

fn request(method: &str, path: &str, header: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n{header}\r\n")
        .into()
}

#[test]
fn the_description_and_the_answers_of_the_endpoint_are_the_same() {
    let root = serde_json::from_str(include_str!("../../assets/openapi.json")).unwrap();
    let mut document = Document { root, seen: BTreeSet::new() };
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Kassé & 100%");
    let key_header = format!("X-API-Key: {secret}\r\n");
    let paths = document.paths();
    // An example of each path.
    let concrete = |path: &str| {
        path.replace("{application}", "Storefront")
            .replace("{path}", "orders/7?page=2")
            .replace("{other}", "a/b")
    };
    let verifies = |path: &str| path.starts_with("/auth") || path.starts_with("/envoy");

    let endpoint = Endpoint::start(&desk.path(), &[]);
    for path in &paths {
        let wanted = concrete(path);
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            for header in ["", &key_header] {
                let answer = exchange(endpoint.address, &request(method, &wanted, header));
                let is_read = matches!(method, "GET" | "HEAD");
                let documented =
                    if verifies(path) || path == "/{other}" || is_read { path } else { "/{other}" };
                document.check(documented, &answer, method != "HEAD");
            }
        }
    }

    // Before a path is looked at.
    let limited = Endpoint::start(&desk.path(), &["--head-timeout", "1s", "--max-connections", "1"]);
    let large = Endpoint::start(&desk.path(), &["--max-head", "1048576"]);
    let long = "x".repeat(70_000);
    for path in &paths {
        let wanted = concrete(path);
        let malformed = format!("GET {wanted} HTTP/1.1\r\nno header\r\n\r\n");
        document.check(path, &exchange(endpoint.address, malformed.as_bytes()), true);
        let header = format!("X: {long}\r\n");
        document.check(path, &exchange(endpoint.address, &request("GET", &wanted, &header)), true);
        let uri = format!("{wanted}?{long}");
        document.check(path, &exchange(large.address, &request("GET", &uri, "")), true);
        let mut slow = limited.connect();
        slow.stream.get_mut().write_all(format!("GET {wanted} HTTP/1.1\r\n").as_bytes()).unwrap();
        // It is the one that is allowed, once it was accepted.
        std::thread::sleep(Duration::from_millis(100));
        document.check(path, &exchange(limited.address, &request("GET", &wanted, "")), true);
        document.check(path, &slow.answer().unwrap(), true);
        drop(slow);
        // Its place is free again.
        assert!(crate::support::until(Duration::from_secs(10), || {
            exchange(limited.address, &request("GET", "/metrics", "")).status == 200
        }));
    }

    std::fs::remove_file(desk.path()).unwrap();
    for path in &paths {
        let answer = exchange(endpoint.address, &request("GET", &concrete(path), &key_header));
        let is_independent = path == "/metrics" || path == "/{other}";
        assert_eq!(answer.status == 503, !is_independent, "{path}: {answer:?}");
        document.check(path, &answer, true);
    }

    let documented: BTreeSet<_> = paths
        .iter()
        .flat_map(|path| document.responses(path).into_keys().map(|status| (path.clone(), status)))
        .collect();
    assert_eq!(document.seen, documented);
    for (kind, of_kind) in document.root["components"].as_object().unwrap() {
        for name in of_kind.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
            let reference = format!("\"#/components/{kind}/{name}\"");
            assert!(
                include_str!("../../assets/openapi.json").contains(&reference),
                "{reference} is not used"
            );
        }
    }
}

/// Each way to present a key that is described is accepted.
#[test]
fn the_described_ways_to_present_a_key_are_accepted() {
    use base64::Engine;
    let root: Value = serde_json::from_str(include_str!("../../assets/openapi.json")).unwrap();
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let schemes = root["components"]["securitySchemes"].as_object().unwrap();
    for (name, scheme) in schemes {
        let header = match scheme["type"].as_str().unwrap() {
            "apiKey" => {
                assert_eq!(scheme["in"], "header");
                (scheme["name"].as_str().unwrap().to_owned(), secret.clone())
            }
            "http" => {
                let scheme = scheme["scheme"].as_str().unwrap();
                let credential = match scheme {
                    "basic" => base64::engine::general_purpose::STANDARD.encode(format!("{secret}:")),
                    _ => secret.clone(),
                };
                ("Authorization".to_owned(), format!("{scheme} {credential}"))
            }
            other => panic!("{other}"),
        };
        assert_eq!(endpoint.get("/auth", &[(&header.0, &header.1)]).status, 204, "{name}");
    }
    assert_eq!(schemes.len(), 4);
    for path in root["paths"].as_object().unwrap().values() {
        let security = path["get"]["security"].as_array().unwrap();
        assert!(security.is_empty() || security.len() == schemes.len());
    }
}
