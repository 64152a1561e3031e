//! `keydesk serve --check-config`: what starting would say, without starting.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Output;

use keydesk::domain::source::AllowedSources;
use serde_json::Value;

use crate::support::TestDesk;
use crate::support::endpoint::{Endpoint, command};

const PROGRAM: &str = env!("CARGO_BIN_EXE_keydesk");

fn check(database: &Path, arguments: &[&str]) -> Output {
    let mut check = command(PROGRAM, database);
    check.args(["serve", "--check-config"]).args(arguments).output().unwrap()
}

/// The exit code, and each check with whether it found no fault.
fn checks(database: &Path, arguments: &[&str]) -> (Option<i32>, Vec<(String, bool)>) {
    let output = check(database, &[arguments, &["--json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks: Vec<_> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (check["check"].as_str().unwrap().to_owned(), check["ok"] == true))
        .collect();
    assert_eq!(report["ok"], checks.iter().all(|(_, ok)| *ok), "{report}");
    (output.status.code(), checks)
}

fn all_good(names: &[&str]) -> Vec<(String, bool)> {
    names.iter().map(|name| ((*name).to_owned(), true)).collect()
}

#[test]
fn a_valid_configuration_passes_and_nothing_is_left() {
    let desk = TestDesk::of_today();
    let socket = desk.folder.path().join("keydesk.sock");
    let unix = socket.to_str().unwrap();
    // A socket that was left is replaced at the start, and stays until then.
    for is_left in [false, true] {
        if is_left {
            drop(UnixListener::bind(&socket).unwrap());
        }
        let found = checks(&desk.path(), &["--listen", "127.0.0.1:0", "--unix", unix, "--app", "Storefront"]);
        let names = ["configuration", "options", "database", "Application", "address", "socket"];
        assert_eq!(found, (Some(0), all_good(&names)));
        assert_eq!(socket.exists(), is_left);
    }
    let output = check(&desk.path(), &["--listen", "127.0.0.1:0"]);
    let said = String::from_utf8(output.stdout).unwrap();
    let path = desk.path().display().to_string();
    for line in ["ok     options: valid", &format!("ok     database: {path} can be read and written")] {
        assert!(said.lines().any(|found| found == line), "{said}");
    }
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "The endpoint can start.\n");
}

#[test]
fn every_fault_is_reported_with_the_exit_code_of_the_first() {
    let desk = TestDesk::of_today();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let file = desk.folder.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    let in_no_folder = desk.folder.path().join("nothing/keydesk.sock");
    let no_database = desk.folder.path().join("nothing.db");
    let faults = |database: &Path, arguments: &[&str]| {
        let (code, checks) = checks(database, arguments);
        let faults: Vec<_> = checks.into_iter().filter(|(_, ok)| !ok).map(|(name, _)| name).collect();
        (code.unwrap(), faults)
    };
    let database = desk.path();
    for (database, arguments, code, wanted) in [
        (&database, &["--listen", &taken][..], 3, &["address"][..]),
        (&database, &["--unix", file.to_str().unwrap()], 3, &["socket"]),
        (&database, &["--unix", in_no_folder.to_str().unwrap()], 3, &["socket"]),
        (&database, &["--listen", "0.0.0.0:0"], 2, &["address"]),
        (&database, &["--trusted-proxy", "nonsense", "--listen", &taken], 2, &["options", "address"]),
        (&no_database, &["--listen", "127.0.0.1:0"], 3, &["database"]),
        (&file, &["--listen", "0.0.0.0:0"], 3, &["database", "address"]),
    ] {
        assert_eq!(
            faults(database, arguments),
            (code, wanted.iter().map(|name| (*name).to_owned()).collect()),
            "{arguments:?}"
        );
        // Starting ends with the same exit code.
        let mut start = command(PROGRAM, database);
        let started = start.arg("serve").args(arguments).output().unwrap();
        assert_eq!(started.status.code(), Some(code), "{arguments:?}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert!(!no_database.exists());
    let output = check(&database, &["--head-timeout", "nonsense"]);
    assert_eq!(output.status.code(), Some(2));
    let config = desk.folder.path().join("config.toml");
    std::fs::write(&config, "expires_soon = 3\nnonsense = 1\n").unwrap();
    let output = check(&database, &["--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stderr).unwrap().contains("config.toml"), "with its line");
}

#[test]
fn what_rejects_keys_without_being_a_fault_is_noted() {
    let mut desk = TestDesk::of_today();
    let mut new = desk.new_key("Checkout", 90);
    new.allowed_sources = AllowedSources::parse("10.0.0.0/8").unwrap();
    desk.create(&new);
    let mut command = command(PROGRAM, &desk.path());
    command.env("KEYDESK_LOG", "=x=[").args(["serve", "--check-config", "--app", "Nobody"]);
    let output = command.args(["--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).unwrap();
    let notes: Vec<_> =
        said.lines().filter_map(|line| line.strip_prefix("note   ")?.split(':').next()).collect();
    assert_eq!(notes, ["log", "Application", "allowed sources"], "{said}");
    let trusting = checks(&desk.path(), &["--trusted-proxy", "127.0.0.1", "--listen", "127.0.0.1:0"]);
    assert_eq!(trusting, (Some(0), all_good(&["configuration", "options", "database", "address"])));
}

#[test]
fn a_running_endpoint_is_not_disturbed() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = crate::key(&mut desk, "Checkout");
    let socket = desk.folder.path().join("keydesk.sock");
    let unix = socket.to_str().unwrap();
    let endpoint = Endpoint::start(&desk.path(), &["--unix", unix]);
    let address = endpoint.address.to_string();
    let (code, found) = checks(&desk.path(), &["--listen", &address, "--unix", unix]);
    assert_eq!(code, Some(3));
    let in_use: Vec<_> = found.iter().filter(|(_, ok)| !ok).map(|(name, _)| name.as_str()).collect();
    assert_eq!(in_use, ["address", "socket"]);
    assert!(socket.exists());
    assert!(endpoint.accepts(&secret));
    assert_eq!(endpoint.stop(), Some(0));
}
