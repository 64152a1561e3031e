//! A standby takes over that lacks the last changes.

use std::time::{Duration, Instant};

use crate::site::{ADMINISTRATOR, GATEWAY, Site, ask};
use crate::support::postgres::standby::Replication;
use crate::support::postgres::{Postgres, psql};
use crate::support::until;

const PATIENCE: Duration = Duration::from_secs(20);

/// Both servers, the old primary first.
fn both(site: &Site, primary: &Postgres, standby: &Postgres, role: &str) -> String {
    site.url_at(format!("localhost:{},localhost:{}", primary.port(), standby.port()), role)
}

#[test]
fn the_known_head_finds_a_deletion_that_a_failover_undid() {
    if !Postgres::available() {
        return;
    }
    let primary = Postgres::start();
    let site = Site::on(&primary);
    let (key, doomed) = (site.key("Kept"), site.key("Doomed"));
    let standby = primary.standby(Replication::Asynchronous);
    let url = both(&site, &primary, &standby, ADMINISTRATOR);
    let said = site.run_at(&url, &["check"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    // It lacks what is committed from now on.
    let keys =
        || psql(&standby.socket_url("postgres", site.database.name()), "SELECT count(*) FROM keys").out;
    assert!(until(PATIENCE, || keys() == "2"));
    standby.stop();
    let said = site.run_at(&url, &["keys", "delete", &doomed.id, "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    let gateway = site.gateway_at(&both(&site, &primary, &standby, GATEWAY), &[]);
    assert_eq!((ask(&gateway, &doomed), ask(&gateway, &key)), (401, 204));
    primary.stop();
    standby.start_again();
    standby.promote();
    // A gateway that has seen the deletion accepts nothing of a server without it.
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(2) {
        assert_eq!((ask(&gateway, &doomed), ask(&gateway, &key)), (503, 503));
    }
    let said = site.run_at(&url, &["check"]);
    assert!(said.err.contains("the audit log does not match the known head"), "{said:?}");
    assert!(said.err.contains("Doomed"), "the deleted key that is back: {said:?}");
    let said = site.run_at(&url, &["keys", "list"]);
    assert!(said.err.contains("the audit log does not match the known head"), "{said:?}");
}
