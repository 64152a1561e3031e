//! The units of `assets/`, as systemd itself judges them; and the shape of what Traefik asks.

use std::process::Command;

use crate::key;
use crate::support::TestDesk;
use crate::support::endpoint::Endpoint;
use crate::support::have;

#[test]
fn the_units_are_valid_and_hardened() {
    if !have("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_keydesk");
    let units = ["keydesk.service", "keydesk.socket", "keydesk-check.service", "keydesk-check.timer"];
    for unit in units {
        let text =
            std::fs::read_to_string(format!("{}/assets/systemd/{unit}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let text = text.replace("/usr/local/bin/keydesk", program);
        std::fs::write(folder.path().join(unit), text).unwrap();
    }
    let said = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args(units.map(|unit| folder.path().join(unit)))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stderr), "", "nothing to complain of");
    assert!(said.status.success());
    for service in ["keydesk.service", "keydesk-check.service"] {
        // 10 is wide open; what systemd calls "OK" begins below 5.
        let said = Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--threshold=15", "--no-pager"])
            .arg(folder.path().join(service))
            .output()
            .unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    }
}

/// Traefik is in no Debian package. This is what its forwardAuth sends: the client's request without its body, as a
/// GET, with the original in `X-Forwarded-*`.
#[test]
fn requests_from_traefik_are_answered() {
    let mut desk = TestDesk::of_today();
    let created = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &["--trusted-proxy", "127.0.0.1"]);
    let authorization = format!("ApiKey-v1 {}", created.secret.expose());
    let headers = [
        ("User-Agent", "curl/8"),
        ("Authorization", authorization.as_str()),
        ("X-Forwarded-Method", "POST"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "api.example.com"),
        ("X-Forwarded-Uri", "/orders?page=2"),
        ("X-Forwarded-For", "203.0.113.9"),
    ];
    let answer = endpoint.get("/auth", &headers);
    assert_eq!(answer.status, 204);
    let example = include_str!("../../assets/proxy/traefik.yml");
    for (name, _) in answer.headers.iter().filter(|(name, _)| name.starts_with("x-keydesk-")) {
        assert!(example.to_lowercase().contains(&format!("- {name}\n")), "the example passes on {name}");
    }
}
