//! Commits that are not confirmed: what is said of them, and what is there.

use std::net::SocketAddr;
use std::process::Child;
use std::time::Duration;

use crate::site::{ADMINISTRATOR, Site, ask, output};
use crate::support::home::CommandOutput;
use crate::support::postgres::Postgres;
use crate::support::postgres::standby::Replication;
use crate::support::relay::Relay;
use crate::support::until;

const PATIENCE: Duration = Duration::from_secs(20);

/// Backends whose commit waits for a synchronous standby.
const WAITING: &str = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

fn end(child: Child) -> CommandOutput {
    output(child.wait_with_output().unwrap())
}

/// Deletes a key through a relay, and waits until its commit waits for a standby.
fn delete_without_standby(site: &Site, url: &str, id: &str) -> Child {
    let mut child = site.start_at(url, &["keys", "delete", id, "--yes", "--json"]);
    assert!(until(PATIENCE, || !site.database.psql(WAITING).is_empty()), "no commit waits");
    assert!(child.try_wait().unwrap().is_none());
    child
}

#[test]
fn a_deletion_that_a_dead_standby_does_not_confirm_is_not_reported_as_done() {
    if !Postgres::available() {
        return;
    }
    let primary = Postgres::start();
    let site = Site::on(&primary);
    let (first, second) = (site.key("First"), site.key("Second"));
    let standby = primary.standby(Replication::Synchronous);
    let gateway = site.gateway();
    standby.freeze();

    // It waits, and no one sees it before it is confirmed.
    let url = site.url(ADMINISTRATOR);
    let mut deleting = delete_without_standby(&site, &url, &first.id);
    std::thread::sleep(Duration::from_secs(1));
    assert!(deleting.try_wait().unwrap().is_none());
    assert_eq!(ask(&gateway, &first), 204);
    // An administrator of the server ends the wait.
    site.database.psql(&format!("SELECT pg_terminate_backend(({WAITING}))"));
    let said = end(deleting);
    let (code, message, hint) = said.error();
    assert_eq!((said.code, code.as_str(), said.out.as_str()), (3, "outcome_unknown", ""), "{said:?}");
    assert!(message.ends_with("it was saved on the server that answers now"), "{message}");
    assert!(hint.starts_with("check the synchronous standby"), "{hint}");
    assert_eq!(ask(&gateway, &first), 401);

    // The connection is lost during the wait, which continues. It is not known yet how it ends.
    let relay = Relay::start(SocketAddr::from(([127, 0, 0, 1], primary.port())));
    let through = site.url_at(format!("localhost:{}", relay.address.port()), ADMINISTRATOR);
    let deleting = delete_without_standby(&site, &through, &second.id);
    relay.cut();
    relay.resume();
    let said = end(deleting);
    let (code, message, _) = said.error();
    assert_eq!((said.code, code.as_str(), said.out.as_str()), (3, "outcome_unknown", ""), "{said:?}");
    assert!(message.ends_with("it is unknown whether it was saved"), "{message}");
    assert_eq!(ask(&gateway, &second), 204);
    standby.thaw();
    assert!(until(PATIENCE, || ask(&gateway, &second) == 401));
    site.is_sound("after the standby is back");
}

#[test]
fn a_server_that_is_restarted_during_a_commit_never_has_less_than_was_reported() {
    if !Postgres::available() {
        return;
    }
    // A commit takes a tenth of a second more.
    let slow = Postgres::options().with_fsync().setting("commit_delay=100000").setting("commit_siblings=0");
    let server = slow.start();
    let site = Site::on(&server);
    let keys: Vec<_> = (0..4).map(|number| site.key(&format!("Key {number}"))).collect();
    let committing = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'COMMIT'";
    for (number, key) in keys.iter().enumerate() {
        let mut change =
            site.start_at(&site.url(ADMINISTRATOR), &["keys", "delete", &key.id, "--yes", "--json"]);
        let is_over = |change: &mut Child| change.try_wait().unwrap().is_some();
        assert!(until(PATIENCE, || site.database.psql(committing) != "0" || is_over(&mut change)));
        // By a shutdown, and by a failure of power.
        if number % 2 == 0 {
            server.stop();
        } else {
            server.kill();
        }
        server.start_again();
        let said = end(change);
        let is_deleted = site.is_deleted(&key.id, &server);
        if said.code == 0 {
            assert!(is_deleted, "{said:?}");
        } else {
            let (code, message, _) = said.error();
            assert_eq!((said.code, code.as_str()), (3, "outcome_unknown"), "{said:?}");
            assert!(!message.contains("; it was saved") || is_deleted, "{message}");
            assert!(!message.contains("; it was not saved") || !is_deleted, "{message}");
        }
        site.is_sound(&format!("after restart {number}"));
    }
}
