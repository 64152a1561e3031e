//! Verification on a server: what decides, and what happens when the server is not the one it was.

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keydesk::domain::key::KeyType;
use keydesk::domain::location::Location;
use keydesk::domain::secret::KeyHash;
use keydesk::domain::token::{self, Prefix};
use keydesk::store::lookup::Lookup;
use keydesk::{Decision, Reason, Verifier};
use nix::sys::signal::Signal;

use crate::installation::entry;
use crate::support::endpoint::{Client, Endpoint};
use crate::support::namespace::{Failure, Namespace};
use crate::support::postgres::standby::Replication;
use crate::support::postgres::{Access, Database, Postgres, psql_command, server};
use crate::support::{KEYDESK, Seeded, have, until};

const SCHEMA: &str = include_str!("../../assets/migrations/postgres/0001_base.sql");
const ROLES: &str = include_str!("../../assets/migrations/postgres/roles.sql");

/// The role that verifies.
const GATEWAY: &str = "gateway";

/// Far in the future.
const NEVER: i64 = 4_000_000_000;

/// A database with the Applications Shop and Store, and the roles.
struct Setup<'a> {
    database: Database<'a>,
    entropy: Seeded,
    entries: u32,
}

struct Key {
    id: String,
    secret: String,
}

impl<'a> Setup<'a> {
    fn on(server: &'a Postgres) -> Self {
        let database = server.database();
        server.role(GATEWAY);
        server.role("desk");
        database.psql_as_ana(SCHEMA);
        database.psql_as_ana(&format!(
            "SELECT set_config('keydesk.administrator', 'desk', false), \
             set_config('keydesk.gateway', '{GATEWAY}', false); {ROLES}"
        ));
        database.psql_as_ana(
            "INSERT INTO database (id, identity, prefix) VALUES (1, decode(repeat('ab', 16), 'hex'), 'ik'); \
             INSERT INTO users (email, login, uid, salt, status, created) \
             VALUES ('ana@example.com', 'ana', 10, decode(repeat('cd', 32), 'hex'), 'active', 1); \
             INSERT INTO applications (name, folded, name_order, created) \
             VALUES ('Shop', 'shop', 'shop', 1), ('Store', 'store', 'store', 1);",
        );
        database.psql_as_ana(&entry(1));
        Self { database, entropy: Seeded(15), entries: 1 }
    }

    fn draw(&mut self) -> (Key, String) {
        let id = token::draw_id(&mut self.entropy).unwrap();
        let secret = token::draw_secret(&Prefix::default(), KeyType::Production, id, &mut self.entropy);
        let secret = secret.unwrap().expose().to_owned();
        let hash = KeyHash::of(&secret);
        let hash = hash.as_bytes().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        (Key { id: id.to_string(), secret }, hash)
    }

    /// Adds a key of Shop with more columns, such as `("disabled", "100")`.
    fn key(&mut self, expires: i64, more: &[(&str, &str)]) -> Key {
        let (key, hash) = self.draw();
        self.database.psql_as_ana(&insert(&key.id, &hash, expires, more));
        key
    }

    /// Adds as many keys.
    fn keys(&mut self, count: usize) -> Vec<Key> {
        let drawn: Vec<(Key, String)> = (0..count).map(|_| self.draw()).collect();
        for some in drawn.chunks(200) {
            let sql: String = some.iter().map(|(key, hash)| insert(&key.id, hash, NEVER, &[])).collect();
            self.database.psql_as_ana(&sql);
        }
        drawn.into_iter().map(|(key, _)| key).collect()
    }

    /// Adds an entry to the audit log.
    fn change(&mut self) {
        self.entries += 1;
        self.database.psql_as_ana(&entry(self.entries));
    }

    fn delete(&mut self, key: &Key) {
        self.entries += 1;
        let entry = entry(self.entries);
        self.database.psql_as_ana(&format!("BEGIN; {} {entry} COMMIT;", deletion(&key.id)));
    }

    fn verifier(&self) -> Verifier {
        Verifier::open(self.database.socket_url_as(GATEWAY)).unwrap()
    }

    /// An endpoint of the gateway's role, which connects with TLS to `host:port`.
    fn command(&self, place: &str) -> Command {
        let authority = Access::get().authority();
        let url = format!(
            "postgres://{GATEWAY}@{place}/{}?sslmode=verify-full&sslrootcert={}",
            self.database.name(),
            authority.display()
        );
        let mut command = Command::new(KEYDESK);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("HOME", "/nonexistent")
            .env("KEYDESK_DB", url)
            .env("PGPASSFILE", Access::get().pass_file());
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command
    }

    fn endpoint(&self) -> Endpoint {
        let port = self.database.server().port();
        Endpoint::from_command(self.command(&format!("localhost:{port}")))
    }
}

fn insert(id: &str, hash: &str, expires: i64, more: &[(&str, &str)]) -> String {
    let columns = more.iter().fold(String::new(), |text, (column, _)| format!("{text}, {column}"));
    let values = more.iter().fold(String::new(), |text, (_, value)| format!("{text}, {value}"));
    format!(
        "INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, \
         created, expires{columns}) VALUES ('{id}', decode('{hash}', 'hex'), 1, 'A', 'a', 'a', 'ik_live_{id}', \
         'production', '', 1, 100, {expires}{values});"
    )
}

fn deletion(id: &str) -> String {
    format!(
        "INSERT INTO tombstones (key_id, hash, application_id, name, prefix, type, platform, deleted, deleted_by) \
         SELECT key_id, hash, application_id, name, prefix, type, platform, 200, 1 FROM keys WHERE key_id = '{id}'; \
         DELETE FROM keys WHERE key_id = '{id}';"
    )
}

fn reason(decision: &Decision) -> Option<Reason> {
    match decision {
        Decision::Accepted(_) => None,
        Decision::Refused(refusal) => Some(refusal.reason),
    }
}

fn say(endpoint: &Endpoint, key: &Key) -> u16 {
    endpoint.get("/auth", &[("X-Api-Key", &key.secret)]).status
}

#[test]
fn every_reason_is_found_and_valid_keys_are_accepted() {
    if !Postgres::available() {
        return;
    }
    let mut setup = Setup::on(server());
    let valid = setup.key(NEVER, &[]);
    setup.database.psql_as_ana(&format!("UPDATE keys SET platform = 'braze' WHERE key_id = '{}'", valid.id));
    let expired = setup.key(500, &[]);
    let disabled = setup.key(NEVER, &[("disabled", "200"), ("is_disabled", "1")]);
    let back = setup.key(NEVER, &[("disabled", "200"), ("disabled_until", "300")]);
    let away = setup.key(NEVER, &[("disabled", "200"), ("disabled_until", "3999999999")]);
    let canary = setup.key(NEVER, &[("canary", "1")]);
    let restricted = setup.key(NEVER, &[("allowed_sources", "'10.0.0.0/8'")]);
    let deleted = setup.key(NEVER, &[]);
    setup.delete(&deleted);
    let verifier = setup.verifier().without_recording();
    let verify = |key: &Key| reason(&verifier.verify(&key.secret, None).unwrap());
    assert_eq!(verify(&valid), None);
    let Decision::Accepted(accepted) = verifier.verify(&valid.secret, Some("SHOP")).unwrap() else {
        panic!()
    };
    assert_eq!((accepted.name.as_str(), accepted.application.as_str()), ("A", "Shop"));
    assert_eq!((accepted.id.to_string(), accepted.platform.as_deref()), (valid.id.clone(), Some("braze")));
    assert_eq!((accepted.expires.timestamp(), accepted.key_type), (NEVER, KeyType::Production));
    assert_eq!(
        reason(&verifier.verify(&valid.secret, Some("Store")).unwrap()),
        Some(Reason::WrongApplication)
    );
    assert_eq!(verify(&expired), Some(Reason::Expired));
    assert_eq!(verify(&disabled), Some(Reason::Disabled));
    assert_eq!(verify(&back), None);
    assert_eq!(verify(&away), Some(Reason::Disabled));
    assert_eq!(verify(&canary), Some(Reason::Canary));
    assert_eq!(verify(&deleted), Some(Reason::Deleted));
    assert_eq!(verify(&restricted), Some(Reason::SourceNotAllowed));
    let from = |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        reason(&verifier.verify_from(&restricted.secret, None, Some(address)).unwrap())
    };
    assert_eq!((from("10.1.2.3"), from("11.1.2.3")), (None, Some(Reason::SourceNotAllowed)));
    // The right IDs with other secrets, and an ID that does not exist.
    let (unknown, _) = setup.draw();
    assert_eq!(verify(&unknown), Some(Reason::Unknown));
    for known in [&valid, &deleted, &canary] {
        let id = known.id.parse().unwrap();
        let other = token::draw_secret(&Prefix::default(), KeyType::Production, id, &mut Seeded(9)).unwrap();
        let decision = verifier.verify(other.expose(), None).unwrap();
        let Decision::Refused(refusal) = decision else { panic!("{decision:?}") };
        assert_eq!((refusal.reason, refusal.key), (Reason::Unknown, None));
    }
    // What is changed is seen by the next verification.
    setup.database.psql_as_ana(&format!("UPDATE keys SET expires = 500 WHERE key_id = '{}'", valid.id));
    assert_eq!(verify(&valid), Some(Reason::Expired));
}

#[test]
fn a_predecessor_ends_when_it_is_no_longer_used_as_far_as_is_recorded() {
    if !Postgres::available() {
        return;
    }
    let mut setup = Setup::on(server());
    let successor = setup.key(NEVER, &[]);
    let by = format!("'{}'", successor.id);
    let rule = [("replaced_by", by.as_str()), ("unused_for", "100"), ("unused_since", "1000")];
    let predecessor = setup.key(NEVER, &rule);
    let verifier = setup.verifier().without_recording();
    let verify = || reason(&verifier.verify(&predecessor.secret, None).unwrap());
    assert_eq!(verify(), None, "the successor is not used");
    let used = |key: &Key, last: i64| {
        format!(
            "INSERT INTO key_use (key_id, application_id, first, last) VALUES ('{}', 1, 1010, {last}) \
             ON CONFLICT (key_id) DO UPDATE SET last = {last};",
            key.id
        )
    };
    setup.database.psql_as_ana(&used(&successor, 1_010));
    assert_eq!(verify(), Some(Reason::Expired));
    let recorder = "INSERT INTO recorders (started, complete_until) VALUES (1, 1099)";
    setup.database.psql_as_ana(recorder);
    assert_eq!(verify(), None, "it is not known whether it was used");
    setup.database.psql_as_ana("UPDATE recorders SET complete_until = 1100");
    assert_eq!(verify(), Some(Reason::Expired));
    setup.database.psql_as_ana("INSERT INTO recording_gaps (since, until) VALUES (1050, 1090)");
    assert_eq!(verify(), None, "use may have been lost");
    setup.database.psql_as_ana("UPDATE recorders SET complete_until = 1190");
    assert_eq!(verify(), Some(Reason::Expired));
    setup.database.psql_as_ana(&used(&predecessor, 1_150));
    assert_eq!(verify(), None, "it was used");
    setup.database.psql_as_ana("DELETE FROM recorders");
    assert_eq!(verify(), Some(Reason::Expired));
    // Together with others in one statement.
    assert_eq!(reason(&verifier.verify(&successor.secret, None).unwrap()), None);
}

/// An administrator's session that stays.
struct Session {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Session {
    fn of(database: &Database) -> Self {
        let mut command = psql_command(&database.socket_url(), "SELECT 1");
        command.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut session = Self { child, said };
        session.wait("1");
        session
    }

    fn wait(&mut self, for_line: &str) {
        let mut line = String::new();
        while line.trim_end() != for_line {
            line.clear();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "the session ended");
        }
    }

    /// Runs statements until they are acknowledged.
    fn run(&mut self, sql: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{}\n\\echo done", sql.replace('\n', " ")).unwrap();
        self.wait("done");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_deletion_that_was_acknowledged_is_seen_by_two_gateways_10_000_races() {
    const KEYS: usize = 5_000;
    const AT_ONCE: usize = 5;
    if !Postgres::available() {
        return;
    }
    let mut setup = Setup::on(server());
    let keys = setup.keys(KEYS);
    let gateways = [setup.verifier().without_recording(), setup.verifier().without_recording()];
    for gateway in &gateways {
        assert!(gateway.verify(&keys[KEYS - 1].secret, None).unwrap().is_accepted());
    }
    let acknowledged = AtomicUsize::new(0);
    let (races, accepted_before) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for gateway in &gateways {
            scope.spawn(|| {
                for (place, key) in keys.iter().enumerate() {
                    // Until it is acknowledged, both are right.
                    loop {
                        let was = acknowledged.load(Ordering::SeqCst) > place;
                        let decision = gateway.verify(&key.secret, None).unwrap();
                        if was {
                            assert_eq!(reason(&decision), Some(Reason::Deleted), "{}", key.id);
                            races.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                        accepted_before.fetch_add(usize::from(decision.is_accepted()), Ordering::Relaxed);
                    }
                }
            });
        }
        let mut session = Session::of(&setup.database);
        for (number, some) in keys.chunks(AT_ONCE).enumerate() {
            let deletions: String = some.iter().map(|key| deletion(&key.id)).collect();
            let entry = entry(u32::try_from(number).unwrap() + 2);
            session.run(&format!("BEGIN; {deletions} {entry} COMMIT;"));
            acknowledged.fetch_add(some.len(), Ordering::SeqCst);
        }
    });
    assert_eq!(races.into_inner(), 2 * KEYS);
    assert!(accepted_before.into_inner() > 0, "no key was valid before");
}

#[test]
fn another_database_or_one_without_what_was_read_is_not_used_until_a_restart() {
    if !Postgres::available() {
        return;
    }
    let other_identity = "UPDATE database SET identity = decode(repeat('cd', 16), 'hex')";
    let lost = "UPDATE head SET number = 1, hash = (SELECT hash FROM audit WHERE number = 1)";
    let diverged = "ALTER TABLE audit DISABLE TRIGGER ALL; UPDATE audit SET hash = sha256('x') WHERE number = 2; \
                    UPDATE head SET number = 3, hash = sha256('3')";
    let same_number = "UPDATE head SET hash = sha256('x')";
    for replacement in [other_identity, lost, diverged, same_number] {
        let mut setup = Setup::on(server());
        let key = setup.key(NEVER, &[]);
        let verifier = setup.verifier().without_recording();
        setup.change();
        assert!(verifier.verify(&key.secret, None).unwrap().is_accepted());
        let before = "SELECT encode(identity, 'hex'), number, encode(hash, 'hex') FROM database, head";
        let before = setup.database.psql(before);
        setup.database.psql(&format!("ALTER TABLE head DISABLE TRIGGER ALL; {replacement}"));
        let error = verifier.verify(&key.secret, None).unwrap_err();
        assert!(error.to_string().contains("was replaced with another one"), "{replacement}: {error}");
        let [identity, number, hash]: [&str; 3] = before.split('|').collect::<Vec<_>>().try_into().unwrap();
        setup.database.psql(&format!(
            "UPDATE database SET identity = decode('{identity}', 'hex'); \
             UPDATE head SET number = {number}, hash = decode('{hash}', 'hex')"
        ));
        verifier.verify(&key.secret, None).expect_err("it must be restarted");
        assert!(setup.verifier().verify(&key.secret, None).unwrap().is_accepted());
    }
}

#[test]
fn a_database_that_was_moved_or_is_not_in_use_yet_accepts_nothing() {
    if !Postgres::available() {
        return;
    }
    let mut setup = Setup::on(server());
    let key = setup.key(NEVER, &[]);
    let verifier = setup.verifier().without_recording();
    assert!(verifier.verify(&key.secret, None).unwrap().is_accepted());
    setup.database.psql_as_ana("UPDATE database SET status = 'arriving'");
    let error = verifier.verify(&key.secret, None).unwrap_err().to_string();
    assert!(error.contains("is still in use"), "{error}");
    let moved =
        "UPDATE database SET status = 'moved', moved = 5, moved_to = 'postgres://db.internal/keydesk'";
    setup.database.psql_as_ana(moved);
    let error = verifier.verify(&key.secret, None).unwrap_err().to_string();
    assert!(error.ends_with("was moved to postgres://db.internal/keydesk"), "{error}");
    assert!(Verifier::open(setup.database.socket_url_as(GATEWAY)).is_err());
    setup.database.psql_as_ana("UPDATE database SET status = 'active', moved = NULL, moved_to = NULL");
    assert!(verifier.verify(&key.secret, None).unwrap().is_accepted());
}

#[test]
fn a_standby_is_not_asked() {
    if !Postgres::available() {
        return;
    }
    let primary = Postgres::start();
    let mut setup = Setup::on(&primary);
    let key = setup.key(NEVER, &[]);
    let standby = primary.standby(Replication::Asynchronous);
    let there = |server: &Postgres| server.psql("SELECT count(*) FROM pg_database");
    assert!(until(Duration::from_secs(20), || there(&standby) == there(&primary)));
    let error = Verifier::open(standby.socket_url(GATEWAY, setup.database.name())).unwrap_err().to_string();
    assert!(error.ends_with("it is a standby"), "{error}");
    assert!(setup.verifier().verify(&key.secret, None).unwrap().is_accepted());
}

/// Asks until the response has this status, and returns how long that took. Each response comes in time.
fn until_status(client: &mut Client, key: &Key, status: u16) -> Duration {
    let since = Instant::now();
    loop {
        let asked = Instant::now();
        let answer = client.get("/auth", &[("X-Api-Key", &key.secret)]);
        assert!(asked.elapsed() < Duration::from_millis(1_500), "{:?}", asked.elapsed());
        if answer.status == status {
            return since.elapsed();
        }
        assert!(since.elapsed() < Duration::from_secs(10), "{answer:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_server_that_does_not_answer_accepts_nothing_and_is_asked_again_once_it_does() {
    if !Postgres::available() {
        return;
    }
    let server = Postgres::start();
    let mut setup = Setup::on(&server);
    let key = setup.key(NEVER, &[]);
    let endpoint = setup.endpoint();
    let mut client = endpoint.connect();
    assert_eq!(until_status(&mut client, &key, 204).as_secs(), 0);
    for pause in [300, 4_000] {
        server.freeze();
        let down = until_status(&mut client, &key, 503);
        assert!(down < Duration::from_millis(1_500), "{down:?}");
        assert_eq!(client.get("/healthz", &[]).status, 503);
        std::thread::sleep(Duration::from_millis(pause));
        server.thaw();
        let up = until_status(&mut client, &key, 204);
        assert!(up < Duration::from_millis(1_500), "{up:?}");
    }
    // A server that was restarted, and one that is gone.
    server.kill();
    until_status(&mut client, &key, 503);
    server.start_again();
    until_status(&mut client, &key, 204);
    server.freeze();
    let mut waiting = endpoint.connect();
    let asking = std::thread::spawn({
        let secret = key.secret.clone();
        move || waiting.get("/auth", &[("X-Api-Key", &secret)]).status
    });
    std::thread::sleep(Duration::from_millis(100));
    let since = Instant::now();
    let (code, log) = endpoint.stop_and_read_log();
    assert!(since.elapsed() < Duration::from_millis(2_500), "{:?}", since.elapsed());
    assert_eq!(code, Some(0), "{log:?}");
    assert_eq!(asking.join().unwrap(), 503);
    server.thaw();
}

#[test]
fn a_request_that_came_too_late_costs_no_connection() {
    if !Postgres::available() {
        return;
    }
    let setup = Setup::on(server());
    let location = Location::parse(setup.database.socket_url_as(GATEWAY).as_ref()).unwrap();
    let mut lookup = Lookup::open(location, Duration::ZERO, Arc::default()).unwrap();
    let sql = format!(
        "SELECT pid FROM pg_stat_activity WHERE usename = '{GATEWAY}' AND datname = '{}'",
        setup.database.name()
    );
    let sessions = || setup.database.psql(&sql);
    let before = sessions();
    let until = Instant::now();
    for _ in 0..3 {
        lookup.find_all(std::iter::empty(), until, |_, _| ()).unwrap_err();
        lookup.renew().unwrap();
    }
    assert_eq!(sessions(), before);
}

#[test]
fn a_gateway_whose_link_is_cut_accepts_nothing_and_is_right_again_after_it_is_healed() {
    if !Postgres::available() || !Namespace::available() {
        return;
    }
    let namespace = Namespace::create();
    let server = Postgres::options().listen_at(namespace.host()).start();
    let mut setup = Setup::on(&server);
    let key = setup.key(NEVER, &[]);
    let doomed = setup.key(NEVER, &[]);
    let place = format!("{}:{}", namespace.host(), server.port());
    let endpoint = Endpoint::from_command(namespace.inside(&setup.command(&place)));
    let address = endpoint.address;
    let ask = |key: &Key| {
        let headers = [("X-Api-Key", key.secret.as_str())];
        namespace.enter(|| Client::to(address).get("/auth", &headers).status)
    };
    assert_eq!((ask(&key), ask(&doomed)), (204, 204));
    for failure in [Failure::LinkDown, Failure::PacketsLost, Failure::AnswersLost] {
        namespace.fail(failure);
        let since = Instant::now();
        assert_eq!(ask(&key), 503, "{failure:?}");
        assert!(since.elapsed() < Duration::from_millis(1_500), "{failure:?}: {:?}", since.elapsed());
        assert_eq!(ask(&doomed), 503);
        std::thread::sleep(Duration::from_secs(1));
        namespace.heal();
        let since = Instant::now();
        assert!(until(Duration::from_secs(5), || ask(&key) == 204), "{failure:?}");
        assert!(since.elapsed() < Duration::from_millis(1_800), "{failure:?}: {:?}", since.elapsed());
    }
    namespace.fail(Failure::PacketsLost);
    assert_eq!(ask(&doomed), 503);
    setup.delete(&doomed);
    namespace.heal();
    assert!(until(Duration::from_secs(5), || ask(&key) == 204));
    assert_eq!(ask(&doomed), 401);
}

#[test]
fn the_clock_of_the_gateway_does_not_matter() {
    if !Postgres::available() || !have("faketime") {
        return;
    }
    let mut setup = Setup::on(server());
    let now = keydesk::host::clock::now().timestamp();
    let (valid, expired) = (setup.key(now + 86_400, &[]), setup.key(now - 86_400, &[]));
    let port = setup.database.server().port();
    for by in ["-366d", "+366d"] {
        let real = setup.command(&format!("localhost:{port}"));
        let mut command = Command::new("faketime");
        command.args(["-f", by, KEYDESK]).args(real.get_args()).env_clear();
        command.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let endpoint = Endpoint::from_command(command);
        assert_eq!((say(&endpoint, &valid), say(&endpoint, &expired)), (204, 401), "{by}");
        endpoint.signal(Signal::SIGKILL);
    }
}

#[test]
fn a_gateway_without_a_server_does_not_start_and_says_why() {
    if !Postgres::available() {
        return;
    }
    let setup = Setup::on(server());
    let output = setup.command("localhost:1").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("no server is listening"), "{said}");
}
