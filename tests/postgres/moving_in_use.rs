//! Moves a database while a gateway records use and an administrator makes changes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keydesk::desk::{self, DeskError, Session};
use keydesk::domain::location::Location;
use keydesk::domain::text::Name;
use keydesk::host::clock;
use keydesk::host::entropy::SystemEntropy;
use keydesk::store::{Store, StoreError};

use crate::site::{ADMINISTRATOR, Issued, Site};
use crate::support::endpoint::Client;
use crate::support::postgres::{Postgres, psql, server};
use crate::support::until;

/// All use that is in a database.
const USES: &str = "SELECT (SELECT coalesce(sum(count), 0) FROM key_uses) + \
    (SELECT coalesce(sum(count), 0) FROM use_backlog WHERE reason = '')";

/// Asks for keys until the gateway accepts none, and counts the requests that it accepted.
fn use_keys(gateway: SocketAddr, keys: &[Issued], accepted: &AtomicU64) {
    let mut client = Client::to(gateway);
    for key in keys.iter().cycle() {
        match client.get("/auth", &[("X-Api-Key", &key.secret)]).status {
            204 => accepted.fetch_add(1, Ordering::SeqCst),
            503 => return,
            other => panic!("{other}"),
        };
    }
}

/// Creates Applications until the database does not take one. Returns the names of those that were reported.
fn change(url: &str) -> (Vec<String>, DeskError) {
    let mut store = Store::open(Location::parse(url.as_ref()).unwrap(), &mut SystemEntropy).unwrap();
    let caller = store.database_caller().unwrap().unwrap();
    let mut reported = Vec::new();
    loop {
        let name = Name::parse(&format!("Application {}", reported.len())).unwrap();
        let mut session = Session {
            store: &mut store,
            caller: &caller,
            now: clock::now(),
            entropy: &mut SystemEntropy,
            max_lifetime: None,
        };
        match desk::create_application(&mut session, &name) {
            Ok(_) => reported.push(name.as_str().to_owned()),
            // The move has the lock.
            Err(DeskError::Store(StoreError::Busy)) => {}
            Err(error) => return (reported, error),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn what_is_in_the_new_database_is_whole_and_nothing_is_written_into_the_old_one() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let keys: Vec<Issued> = (0..20).map(|number| site.key(&format!("Key {number}"))).collect();
    let gateways = [site.gateway(), site.gateway()];
    let target = server().database();
    let to = server().socket_url("postgres", target.name());
    let accepted = AtomicU64::new(0);
    let url = server().socket_url(ADMINISTRATOR, site.database.name());
    let (reported, error) = std::thread::scope(|scope| {
        for gateway in gateways.iter().flat_map(|gateway| [gateway; 2]) {
            let (address, accepted, keys) = (gateway.address, &accepted, &keys);
            scope.spawn(move || use_keys(address, keys, accepted));
        }
        let changes = scope.spawn(|| change(&url));
        // Some use is written, some is not.
        assert!(until(Duration::from_secs(20), || site.database.psql(USES) != "0"));
        std::thread::sleep(Duration::from_millis(700));
        let said = site.run(&["move", "--to", &to, "--yes"]);
        assert_eq!(said.code, 0, "{said:?}");
        changes.join().unwrap()
    });
    assert_eq!(error.code(), "moved_to", "{error}");
    assert!(error.to_string().contains("was moved to postgres://"), "{error}");
    assert!(!reported.is_empty());
    // Every change that was reported is there, and its entry.
    let applications =
        "SELECT string_agg(name, ',' ORDER BY id) FROM applications WHERE name <> 'Storefront'";
    assert_eq!(target.psql(applications), reported.join(","));
    let said = site.run_at(&to, &["audit", "verify"]);
    assert_eq!(said.code, 0, "{said:?}");
    // What was counted in memory at that moment is a gap, and each gateway says so.
    let written = site.database.psql(USES);
    assert_eq!(target.psql(USES), written);
    let mut lost = 0;
    for gateway in gateways {
        assert_eq!(gateway.get("/healthz", &[]).status, 503);
        std::thread::sleep(Duration::from_millis(700));
        let (code, log) = gateway.stop_and_read_log();
        assert_eq!(code, Some(0));
        let log = log.join("\n");
        let said = |what: &str| log.lines().filter(|line| line.contains(what)).count();
        assert_eq!(said("rejecting all requests"), 1, "{log}");
        assert!(log.contains("was moved to postgres://"), "{log}");
        for line in log.lines().filter(|line| line.contains("use was lost")) {
            assert_eq!(said("use is no longer recorded"), 1, "{log}");
            let number = line.split_once("requests=").unwrap().1;
            lost += number.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap();
        }
    }
    assert_eq!(site.database.psql(USES), written);
    assert_eq!(written.parse::<u64>().unwrap() + lost, accepted.load(Ordering::SeqCst));
    // Where the moved database was in use, time counts as not recorded.
    assert_eq!(target.psql("SELECT count(*) > 0 FROM recorders"), "t");
    let late = "INSERT INTO key_uses VALUES ('0000000000', 1, 1)";
    let said = psql(&server().socket_url("postgres", site.database.name()), late);
    assert!(said.err.contains("the database was moved"), "{said:?}");
}
