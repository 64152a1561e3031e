//! `keys disable --for`: announced outages that end by themselves.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::home::{Home, is_sound, verdict};

fn shown(home: &Home, id: &str) -> Value {
    home.run(&["keys", "show", id, "--json"]).json()
}

/// The disabled fields of the last entry about keys, as (action, changes).
fn last_entry(home: &Home) -> (String, Value) {
    let entries = home.run(&["audit", "list", "--json", "--limit", "1"]).json();
    (entries[0]["action"].as_str().unwrap().to_owned(), entries[0]["changes"].clone())
}

fn field<'a>(changes: &'a Value, name: &str) -> Option<&'a Value> {
    changes.as_array().unwrap().iter().find(|change| change["field"] == name)
}

/// Moves what the database says of an outage into the past.
fn pass(home: &Home, seconds: u32) {
    home.sql(&format!(
        "UPDATE keys SET disabled = disabled - {seconds}, disabled_until = disabled_until - {seconds}"
    ));
}

fn until(home: &Home, id: &str) -> DateTime<Utc> {
    let connection = rusqlite::Connection::open(home.database()).unwrap();
    let seconds = connection
        .query_row("SELECT disabled_until FROM keys WHERE key_id = ?", [id], |row| row.get(0))
        .unwrap();
    DateTime::from_timestamp(seconds, 0).unwrap()
}

#[test]
fn an_outage_ends_by_itself_and_says_until_when_and_who_was_rejected() {
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &[]);
    let before = keydesk::host::clock::now();
    let said = home.run(&["keys", "disable", "Checkout", "--for", "5m"]);
    let after = keydesk::host::clock::now();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("disabled. Requests that use it are rejected until 20"), "{}", said.err);
    let end = until(&home, &id);
    assert!(end >= before + TimeDelta::seconds(299) && end <= after + TimeDelta::minutes(5), "{end}");
    assert_eq!(verdict(&home, &secret), Err("disabled".into()));

    let details = shown(&home, &id);
    assert_eq!(details["state"], "disabled");
    let sources = details["rejected"].as_array().unwrap();
    assert_eq!(
        (sources.len(), &sources[0]["address"], &sources[0]["requests"]),
        (1, &json!(null), &json!(1))
    );
    let text = home.run(&["keys", "show", &id]).out;
    for part in ["Disabled until  20", "Rejected while disabled:", "SOURCE", "unknown address"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let clock = end.format("%H:%M").to_string();
    let list = home.run(&["keys", "list"]).out;
    assert!(list.contains(&format!("Disabled until {clock}")), "{list}");
    assert!(text.contains(&format!("Disabled until {clock}")), "{text}");
    is_sound(&home, "during an outage");

    pass(&home, 300);
    assert_eq!(verdict(&home, &secret), Ok(()));
    assert_eq!(shown(&home, &id)["state"], "valid");
    // Who was rejected is still known.
    home.sql("UPDATE key_sources SET first = first - 300, last = last - 300 WHERE reason = 'disabled'");
    assert_eq!(shown(&home, &id)["rejected"].as_array().unwrap().len(), 1);
}

#[test]
fn an_outage_is_changed_and_ended_early() {
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &[]);
    home.run(&["keys", "disable", &id, "--for", "5m"]);
    let first = until(&home, &id);
    let (action, changes) = last_entry(&home);
    assert_eq!(action, "key.disabled");
    assert!(field(&changes, "disabled").unwrap()["before"].is_null());
    assert_eq!(
        field(&changes, "disabled until").unwrap()["after"],
        first.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    );

    for (length, is_longer) in [("1h", true), ("1m", false)] {
        let previous = until(&home, &id);
        assert_eq!(home.run(&["keys", "disable", &id, "--for", length]).code, 0);
        assert_eq!(until(&home, &id) > previous, is_longer, "{length}");
        let (_, changes) = last_entry(&home);
        let change = field(&changes, "disabled until").unwrap();
        assert!(change["before"].is_string() && change["after"].is_string(), "{changes}");
        assert!(field(&changes, "disabled").is_none(), "it began before: {changes}");
    }

    let said = home.run(&["keys", "disable", &id]);
    assert!(said.err.contains("rejected until it is enabled again"), "{}", said.err);
    let (_, changes) = last_entry(&home);
    assert!(field(&changes, "disabled until").unwrap()["after"].is_null(), "{changes}");
    assert!(home.run(&["keys", "disable", &id]).err.contains("is already disabled"));
    // One without an end gets one.
    assert_eq!(home.run(&["keys", "disable", &id, "--for", "1h"]).code, 0);
    assert_eq!(verdict(&home, &secret), Err("disabled".into()));

    let said = home.run(&["keys", "enable", &id]);
    assert!(said.err.contains("enabled. Requests that use it are accepted again"), "{}", said.err);
    assert_eq!(verdict(&home, &secret), Ok(()));
    assert_eq!(last_entry(&home).0, "key.enabled");
    is_sound(&home, "after the end");

    // An outage that is over needs no end, and leaves the next one alone.
    home.run(&["keys", "disable", &id, "--for", "1m"]);
    home.run(&["keys", "enable", &id]);
    let said = home.run(&["keys", "enable", &id]);
    assert!(said.err.contains("is not disabled"), "{}", said.err);
}

#[test]
fn an_outage_that_is_over_is_followed_by_another_with_an_intact_log() {
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &[]);
    home.run(&["keys", "disable", &id, "--for", "1s"]);
    assert!(crate::support::until(std::time::Duration::from_secs(5), || verdict(&home, &secret).is_ok()));
    assert!(home.run(&["keys", "enable", &id]).err.contains("is not disabled"));
    is_sound(&home, "after an outage");
    assert_eq!(home.run(&["keys", "disable", &id, "--for", "1h"]).code, 0);
    let (_, changes) = last_entry(&home);
    for name in ["disabled", "disabled until"] {
        assert!(field(&changes, name).unwrap()["before"].is_string(), "{changes}");
    }
    assert_eq!(verdict(&home, &secret), Err("disabled".into()));
    assert_eq!(home.run(&["keys", "disable", &id]).code, 0);
    is_sound(&home, "after the second");
}

#[test]
fn a_duration_that_is_none_is_an_error_of_the_command_line() {
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &[]);
    for wrong in ["0s", "0d", "-5m", "5", "soon", "", "99999999w"] {
        let said = home.run(&["keys", "disable", &id, &format!("--for={wrong}")]);
        assert_eq!(said.code, 2, "{wrong}: {said:?}");
    }
    assert_eq!(verdict(&home, &secret), Ok(()));
}

#[test]
fn a_successor_of_a_key_in_an_outage_is_valid_and_the_old_key_comes_back() {
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &[]);
    home.run(&["keys", "disable", &id, "--for", "10m"]);
    let said = home.run(&["keys", "rotate", &id]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("is disabled, works again in 10 minutes, and expires"), "{}", said.err);
    let successor = said.out.trim().to_owned();
    assert_eq!((verdict(&home, &successor), verdict(&home, &secret)), (Ok(()), Err("disabled".into())));
    pass(&home, 600);
    assert_eq!(verdict(&home, &secret), Ok(()));
}
