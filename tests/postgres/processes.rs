//! Processes that are stopped and killed in the middle of changes: each change is whole or absent.

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::site::{ADMINISTRATOR, Site, ask, output};
use crate::support::postgres::{Postgres, psql_command, server};
use crate::support::until;

#[test]
fn an_administrator_who_is_killed_leaves_a_change_whole_or_absent() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let keys: Vec<_> = (0..10).map(|number| site.key(&format!("Key {number}"))).collect();
    let gateway = site.gateway();
    let url = site.url(ADMINISTRATOR);
    for (number, pair) in keys.chunks(2).enumerate() {
        let ids = [pair[0].id.as_str(), pair[1].id.as_str()];
        let mut child = site.start_at(&url, &[&["keys", "delete", "--yes"][..], &ids].concat());
        std::thread::sleep(Duration::from_millis(30 + 25 * u64::try_from(number).unwrap()));
        child.kill().unwrap();
        let said = output(child.wait_with_output().unwrap());
        // The server ends the session of a client that is gone.
        let sessions = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = '{ADMINISTRATOR}' AND datname = current_database()"
        );
        assert!(until(Duration::from_secs(10), || site.database.psql(&sessions) == "0"));
        let [first, second] = [0, 1].map(|place| site.is_deleted(ids[place], server()));
        assert_eq!(first, second, "one of two: {said:?}");
        assert!(first || said.code != 0, "it was reported: {said:?}");
        let expected = if first { 401 } else { 204 };
        assert_eq!((ask(&gateway, &pair[0]), ask(&gateway, &pair[1])), (expected, expected));
        site.is_sound(&format!("after {number}"));
    }
}

#[test]
fn an_administrator_who_is_stopped_inside_a_change_holds_up_others_for_a_limited_time() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let (first, second) = (site.key("First"), site.key("Second"));
    let gateway = site.gateway();
    let url = site.url(ADMINISTRATOR);
    // A change waits for the head, and its process is stopped before it gets it.
    let hold = "BEGIN; SELECT 1 FROM head FOR UPDATE; SELECT pg_sleep(1.5); COMMIT";
    let holder = psql_command(&server().socket_url("postgres", site.database.name()), hold)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let child = site.start_at(&url, &["keys", "delete", &first.id, "--yes"]);
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    assert!(until(Duration::from_secs(10), || site.database.psql(waiting) == "1"));
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap());
    kill(process, Signal::SIGSTOP).unwrap();
    assert!(holder.wait_with_output().unwrap().status.success());
    // It has the head now, and does nothing. Verification goes on; another change is told to try again.
    let said = site.run(&["keys", "delete", &second.id, "--yes", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "busy"), "{said:?}");
    assert_eq!((ask(&gateway, &first), ask(&gateway, &second)), (204, 204));
    kill(process, Signal::SIGCONT).unwrap();
    let said = output(child.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(ask(&gateway, &first), 401);
    let said = site.run(&["keys", "delete", &second.id, "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(ask(&gateway, &second), 401);
    site.is_sound("after a pause");
}

#[test]
fn a_gateway_that_was_stopped_accepts_nothing_from_before_its_pause() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let (kept, doomed) = (site.key("Kept"), site.key("Doomed"));
    let gateway = site.gateway();
    assert_eq!((ask(&gateway, &kept), ask(&gateway, &doomed)), (204, 204));
    gateway.signal(Signal::SIGSTOP);
    let said = site.run(&["keys", "delete", &doomed.id, "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    gateway.signal(Signal::SIGCONT);
    assert_eq!(ask(&gateway, &doomed), 401);
    assert!(until(Duration::from_secs(5), || ask(&gateway, &kept) == 204));
    // Its successor after a kill is right at once.
    gateway.signal(Signal::SIGKILL);
    drop(gateway);
    let gateway = site.gateway();
    assert_eq!((ask(&gateway, &kept), ask(&gateway, &doomed)), (204, 401));
}
