//! Clocks that are off by a year: that of the server counts, whatever those of administrators and gateways show.

use std::process::Stdio;
use std::time::Duration;

use keydesk::domain::expiry::rfc3339;

use crate::site::{ADMINISTRATOR, Issued, Site, ask, output};
use crate::support::fake_clock::FakeClock;
use crate::support::home::CommandOutput;
use crate::support::postgres::{Access, Postgres, server, timed};
use crate::support::pty::Pty;
use crate::support::{have, until};

const DIFFERENCES: [&str; 2] = ["-366d", "+366d"];
const YEAR: i64 = 366 * 86_400;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// A command of an administrator whose clock is off.
fn run_at(site: &Site<'_>, difference: &str, arguments: &[&str]) -> CommandOutput {
    let before = ["faketime", "-f", difference];
    output(site.command_at(&site.url(ADMINISTRATOR), &before, arguments).output().unwrap())
}

/// A key that such a command has made.
fn issued(said: &CommandOutput) -> Issued {
    assert_eq!(said.code, 0, "{said:?}");
    let document = said.json();
    let text = |field: &str| document[field].as_str().unwrap().to_owned();
    Issued { id: text("id"), secret: text("secret") }
}

/// The seconds of a column of a key.
fn seconds(site: &Site<'_>, key: &Issued, column: &str) -> i64 {
    let found = site.database.psql(&format!("SELECT {column} FROM keys WHERE key_id = '{}'", key.id));
    found.parse().unwrap_or_else(|_| panic!("{column}: {found:?}"))
}

/// What the clock of the server shows.
fn shown(site: &Site<'_>) -> i64 {
    site.database.psql("SELECT floor(extract(epoch FROM clock_timestamp()))::bigint").parse().unwrap()
}

/// Whether an instant was a moment ago by the clock of the server.
fn is_recent(site: &Site<'_>, at: i64) -> bool {
    let now = shown(site);
    (now - 120..=now).contains(&at)
}

/// A server with a clock of its own.
fn timed_server() -> Option<Postgres> {
    if !timed::available() {
        return None;
    }
    Some(Postgres::options().with_clock(FakeClock::library()?).start())
}

fn set(server: &Postgres, seconds: i64) {
    server.clock().unwrap().set(&format!("{seconds:+}"));
}

#[test]
fn the_clock_of_an_administrator_does_not_make_an_expired_key_valid() {
    if !Postgres::available() || !have("faketime") {
        return;
    }
    let site = Site::on(server());
    let gateway = site.gateway();
    let valid = site.key("Valid");
    let soon = rfc3339(keydesk::host::clock::now() + chrono::TimeDelta::seconds(4));
    let expired = issued(&site.run(&["keys", "create", "--json", "--name", "Expired", "--expires", &soon]));
    assert!(until(Duration::from_secs(10), || ask(&gateway, &expired) == 401));
    let url = site.url(ADMINISTRATOR);
    for difference in DIFFERENCES {
        let before = ["faketime", "-f", difference];
        for (key, exit) in [(&valid, 0), (&expired, 1)] {
            let mut verify = site.command_at(&url, &before, &["verify", "--json"]);
            let mut child =
                verify.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), key.secret.as_bytes()).unwrap();
            let said = output(child.wait_with_output().unwrap());
            assert_eq!(said.code, exit, "{difference}: {said:?}");
        }
        // A deletion is one at any time.
        let doomed = site.key("Doomed");
        let said = run_at(&site, difference, &["keys", "delete", &doomed.id, "--yes"]);
        assert_eq!(said.code, 0, "{difference}: {said:?}");
        assert_eq!((ask(&gateway, &doomed), ask(&gateway, &valid), ask(&gateway, &expired)), (401, 204, 401));
    }
    site.is_sound("after changes at other times");
}

#[test]
fn what_an_administrator_writes_has_the_time_of_the_server() {
    if !Postgres::available() || !have("faketime") {
        return;
    }
    let site = Site::on(server());
    let gateway = site.gateway();
    for difference in DIFFERENCES {
        let run = |arguments: &[&str]| run_at(&site, difference, arguments);
        let key = issued(&run(&["keys", "create", "--json", "--name", "Relative", "--expires", "90d"]));
        let (created, expires) = (seconds(&site, &key, "created"), seconds(&site, &key, "expires"));
        assert!(is_recent(&site, created), "{difference}: {created}");
        assert!((90 * DAY - 5..=90 * DAY).contains(&(expires - created)), "{difference}: {expires}");
        // A date that the clock of the administrator has passed, or that it is more than a year away from.
        let date = rfc3339(keydesk::host::clock::now() + chrono::TimeDelta::days(30));
        let dated = issued(&run(&["keys", "create", "--json", "--name", "Dated", "--expires", &date]));
        assert_eq!((ask(&gateway, &key), ask(&gateway, &dated)), (204, 204), "{difference}");
        let past = rfc3339(keydesk::host::clock::now() - chrono::TimeDelta::days(30));
        let said = run(&["keys", "create", "--json", "--name", "Past", "--expires", &past]);
        assert_eq!(said.code, 2, "{difference}: {said:?}");
        let listed = run(&["keys", "list", "--json"]).json();
        let states: Vec<_> = listed.as_array().unwrap().iter().map(|key| key["state"].clone()).collect();
        assert!(states.iter().all(|state| state == "valid" || state == "expires_soon"), "{states:?}");
        assert!(states.contains(&"valid".into()), "{difference}: {states:?}");

        let said = run(&["keys", "disable", &key.id, "--for", "1h"]);
        assert_eq!(said.code, 0, "{difference}: {said:?}");
        let (since, until) = (seconds(&site, &key, "disabled"), seconds(&site, &key, "disabled_until"));
        assert!(is_recent(&site, since), "{difference}: {since}");
        assert_eq!((until - since, ask(&gateway, &key)), (HOUR, 401), "{difference}");
        let said = run(&["keys", "delete", &key.id, "--yes"]);
        assert_eq!(said.code, 0, "{difference}: {said:?}");
        for column in
            ["(SELECT deleted FROM tombstones ORDER BY deleted DESC LIMIT 1)", "(SELECT min(at) FROM audit)"]
        {
            let at = site.database.psql(&format!("SELECT {column}")).parse().unwrap();
            assert!(is_recent(&site, at), "{difference}: {column} {at}");
        }
        let entries = run(&["audit", "list", "--since", "1h", "--json"]).json();
        assert!(entries.as_array().unwrap().len() >= 4, "{difference}: {entries}");
        assert_eq!(run(&["keys", "delete", &dated.id, "--yes"]).code, 0);
    }
    site.is_sound("after changes at other times");
}

#[test]
fn an_old_key_is_not_ended_early_by_an_administrator_whose_clock_is_behind() {
    if !Postgres::available() || !have("faketime") {
        return;
    }
    let site = Site::on(server());
    let gateway = site.gateway();
    for difference in DIFFERENCES {
        let old = site.key(&format!("Old {difference}"));
        let rotate = ["keys", "rotate", &old.id, "--until-unused", "1h", "--json"];
        let new = issued(&run_at(&site, difference, &rotate));
        let since = seconds(&site, &old, "unused_since");
        assert!(is_recent(&site, since), "{difference}: {since}");
        assert_eq!(ask(&gateway, &new), 204);
        let is_recorded = || {
            let used = format!("SELECT count(*) FROM key_use WHERE key_id = '{}'", new.id);
            site.database.psql(&used) == "1"
        };
        assert!(until(Duration::from_secs(20), is_recorded), "{difference}");
        // The next command marks what has ended.
        assert_eq!(run_at(&site, difference, &["keys", "list"]).code, 0);
        site.key(&format!("Another {difference}"));
        assert_eq!(ask(&gateway, &old), 204, "{difference}: it was used a moment ago");
    }
}

#[test]
fn the_terminal_ui_shows_times_by_the_clock_of_the_server() {
    let Some(library) = FakeClock::library().filter(|_| Postgres::available()) else { return };
    let site = Site::on(server());
    site.run(&["keys", "create", "--json", "--name", "Checkout", "--expires", "90d"]);
    let clock = FakeClock::new(library, site.home.path("clock"));
    for difference in DIFFERENCES {
        clock.set(difference);
        let (url, passwords) = (site.url(ADMINISTRATOR), Access::get().pass_file());
        let database = [("KEYDESK_DB", url.as_str()), ("PGPASSFILE", passwords.to_str().unwrap())];
        let mut pty = Pty::in_home(&site.home, &[], &[database.as_slice(), &clock.environment()].concat());
        pty.wait_for("Checkout");
        let screen = pty.screen();
        let line = screen.lines().find(|line| line.contains("Checkout")).unwrap();
        assert!(line.contains("Valid"), "{difference}: {screen}");
        assert!(line.contains("in 90 d") || line.contains("in 89 d"), "{difference}: {screen}");
        pty.send("q");
        pty.wait_for_end(Duration::from_secs(10));
    }
}

#[test]
fn a_server_whose_clock_is_off_is_followed() {
    let Some(server) = timed_server() else { return };
    let site = Site::on(&server);
    for year in [-YEAR, YEAR] {
        set(&server, year);
        // One for each run: what a gateway has seen expire stays so.
        let gateway = site.gateway();
        let key = issued(&site.run(&["keys", "create", "--json", "--name", "Key", "--expires", "90d"]));
        let (created, expires) = (seconds(&site, &key, "created"), seconds(&site, &key, "expires"));
        assert!(is_recent(&site, created), "{year}: {created}");
        assert!((90 * DAY - 5..=90 * DAY).contains(&(expires - created)), "{year}: {expires}");
        let listed = site.run(&["keys", "list", "--json"]).json();
        assert_eq!((ask(&gateway, &key), &listed[0]["state"]), (204, &"valid".into()), "{year}");

        let said = site.run(&["keys", "disable", &key.id, "--for", "1h"]);
        assert_eq!(said.code, 0, "{year}: {said:?}");
        assert_eq!(ask(&gateway, &key), 401, "{year}: it is disabled");
        set(&server, year + HOUR + 60);
        assert_eq!(ask(&gateway, &key), 204, "{year}: for an hour");
        set(&server, year + 91 * DAY);
        assert_eq!(ask(&gateway, &key), 401, "{year}: it has expired");
        let listed = site.run(&["keys", "list", "--json"]).json();
        assert_eq!(listed[0]["state"], "expired", "{year}");
        assert_eq!(site.run(&["keys", "delete", &key.id, "--yes"]).code, 0);
        assert_eq!(ask(&gateway, &key), 401, "{year}");
    }
    site.is_sound("at other times");
}

#[test]
fn an_expired_key_stays_expired_when_the_clock_of_the_server_is_set_back() {
    let Some(server) = timed_server() else { return };
    let site = Site::on(&server);
    let gateway = site.gateway();
    let create = |name: &str, expires: &str| {
        issued(&site.run(&["keys", "create", "--json", "--name", name, "--expires", expires]))
    };
    let (short, long) = (create("Short", "90d"), create("Long", "3650d"));
    let both = || (ask(&gateway, &short), ask(&gateway, &long));
    assert_eq!(both(), (204, 204));
    set(&server, YEAR);
    assert_eq!(both(), (401, 204), "a year later");
    for seconds in [0, -YEAR, 30 * DAY, YEAR, 0] {
        set(&server, seconds);
        assert_eq!(both(), (401, 204), "{seconds}");
    }
    // Changes are made and judged by what the clock shows then.
    let later = create("Later", "90d");
    assert!(is_recent(&site, seconds(&site, &later, "created")));
    assert_eq!(site.run(&["keys", "delete", &long.id, "--yes"]).code, 0);
    assert_eq!(both(), (401, 401));
    site.is_sound("after the clock was set back");
}
