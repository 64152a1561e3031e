//! `keydesk doctor` for a database on a server: what it says of the server, the connection, the standbys and the role.

use std::process::Command;

use serde_json::Value;

use crate::installation::key;
use crate::support::have;
use crate::support::home::{CommandOutput, Home, run};
use crate::support::namespace::Namespace;
use crate::support::postgres::pgbouncer::Pgbouncer;
use crate::support::postgres::standby::Replication;
use crate::support::postgres::{Access, Database, Postgres, server};

/// A home directory and a database with two roles of this test.
struct Place<'a> {
    home: Home,
    server: &'a Postgres,
    database: Database<'a>,
    administrator: String,
    gateway: String,
}

impl<'a> Place<'a> {
    /// Set up with both roles; the first user is the administrator.
    fn set_up(server: &'a Postgres) -> Self {
        let database = server.database();
        let name = |role| format!("{}_{role}", database.name());
        let (administrator, gateway) = (name("admin"), name("gate"));
        let place = Self { home: Home::empty(), server, database, administrator, gateway };
        let usual = ["init", "--email", "ana@example.com", "--app", "Storefront", "--create-roles"];
        let names = ["--administrator-role", &place.administrator, "--gateway-role", &place.gateway];
        let url = ["--db", &place.url("postgres")];
        let said = place.home.run(&[&usual[..], &names, &url].concat());
        assert_eq!(said.code, 0, "{said:?}");
        place
    }

    /// Through the socket, where no role needs a password.
    fn url(&self, role: &str) -> String {
        self.server.socket_url(role, self.database.name())
    }

    /// What doctor says at a URL. What it says of the home directory is left to the tests of files.
    fn doctor_at(&self, url: &str) -> Value {
        let mut command = self.home.command(&["doctor", "--json", "--db", url]);
        document(&run(command.env("PGPASSFILE", Access::get().pass_file())))
    }

    fn doctor(&self, role: &str) -> Value {
        self.doctor_at(&self.url(role))
    }
}

fn document(said: &CommandOutput) -> Value {
    assert_eq!(said.err, "", "{said:?}");
    let document = said.json();
    assert_eq!(document["ok"] == true, said.code == 0, "{document}");
    document
}

fn sound() -> Postgres {
    Postgres::options().setting("fsync=on").setting("full_page_writes=on").start()
}

fn found<'a>(document: &'a Value, check: &str) -> &'a Value {
    let all = document["checks"].as_array().unwrap();
    all.iter().find(|finding| finding["check"] == check).unwrap_or(&Value::Null)
}

fn faults(document: &Value) -> Vec<&str> {
    let all = document["checks"].as_array().unwrap();
    all.iter().filter(|f| f["ok"] == false).map(|f| f["check"].as_str().unwrap()).collect()
}

#[track_caller]
fn good(document: &Value, check: &str, message: &str) {
    let finding = found(document, check);
    assert!(finding["ok"] == true && finding["hint"].is_null(), "{check}: {document}");
    assert!(finding["message"].as_str().unwrap().contains(message), "{check}: {finding}");
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    Note,
    Fault,
}

#[track_caller]
fn bad(document: &Value, check: &str, weight: Weight, message: &str, hint: &str) {
    let finding = found(document, check);
    assert_eq!(finding["ok"], weight == Weight::Note, "{check}: {document}");
    assert!(finding["message"].as_str().unwrap().contains(message), "{check}: {finding}");
    assert!(finding["hint"].as_str().unwrap().contains(hint), "{check}: {finding}");
}

#[track_caller]
fn note(document: &Value, check: &str, message: &str, hint: &str) {
    bad(document, check, Weight::Note, message, hint);
}

#[track_caller]
fn fault(document: &Value, check: &str, message: &str, hint: &str) {
    bad(document, check, Weight::Fault, message, hint);
}

#[test]
fn an_administrator_is_told_about_server_and_content() {
    if !Postgres::available() {
        return;
    }
    let server = sound();
    let place = Place::set_up(&server);
    let found_all = place.doctor(&place.administrator);
    assert_eq!(faults(&found_all), Vec::<&str>::new(), "{found_all}");
    for (check, message) in [
        ("server", "PostgreSQL "),
        ("connection", "without TLS, within this machine"),
        ("server clock", "the same as the clock of this machine"),
        ("durability", "fsync and full_page_writes are on"),
        ("commits", "synchronous_commit is on"),
        ("database", ", format 1"),
        ("schema", ""),
        ("role", "has the rights of an administrator"),
        ("caller", "is ana@example.com, an active user"),
        ("deleted users", "only their user numbers remain"),
        ("audit log", "hash chain is valid"),
        ("clock", "not earlier than the last entry"),
        ("known head", ""),
    ] {
        good(&found_all, check, message);
    }
    note(
        &found_all,
        "standby",
        "no synchronous standby: after a failover, keys deleted",
        "synchronous_standby_names",
    );
    for check in [
        "sqlite",
        "integrity",
        "reserve",
        "write-ahead log",
        "file system",
        "permissions",
        "access",
        "disk",
        "pooler",
    ] {
        assert!(found(&found_all, check).is_null(), "{check} is of files: {found_all}");
    }
    let text = place.home.run(&["doctor", "--db", &place.url(&place.administrator)]);
    assert!(text.out.contains("ok     durability: ") && text.out.contains("note   standby: "), "{text:?}");
    assert_eq!((text.code, text.err.as_str()), (0, "No faults found.\n"));
    // With TLS.
    server.psql(&format!("ALTER ROLE {} PASSWORD '{}'", place.administrator, password()));
    let found_all = place.doctor_at(&server.url(&place.administrator, place.database.name()));
    good(&found_all, "connection", "TLSv1.3, certificate verified");
}

#[test]
fn requests_without_the_address_of_a_client_are_noted_for_both_roles() {
    if !Postgres::available() {
        return;
    }
    let place = Place::set_up(server());
    place.database.psql(&key("present001"));
    place.database.psql("UPDATE keys SET allowed_sources = '192.0.2.0/24'");
    let says = |judge: &dyn Fn(&Value)| {
        for role in [&place.administrator, &place.gateway] {
            judge(&place.doctor(role));
        }
    };
    let trust = "--trusted-proxy";
    says(&|found| note(found, "allowed sources", "1 key has allowed sources: they need the address", trust));
    let request = |reason: &str, source: &str| {
        place.database.psql(&format!(
            "INSERT INTO key_sources VALUES ('present001', '{reason}', '{source}', 3, 1, extract(epoch FROM now())::bigint)"
        ));
    };
    request("", "192.0.2.7");
    says(&|found| good(found, "allowed sources", "the addresses of their clients are known"));
    request("source_not_allowed", "127.0.0.1");
    says(&|found| {
        note(found, "allowed sources", "3 requests without the address of a client were rejected", trust);
    });
}

/// The one password that all roles of the tests have.
fn password() -> String {
    let text = std::fs::read_to_string(Access::get().pass_file()).unwrap();
    text.trim().rsplit(':').next().unwrap().to_owned()
}

#[test]
fn a_gateway_is_told_what_it_may_read() {
    if !Postgres::available() {
        return;
    }
    let server = sound();
    let place = Place::set_up(&server);
    let found_all = place.doctor(&place.gateway);
    assert_eq!(faults(&found_all), Vec::<&str>::new(), "{found_all}");
    good(&found_all, "role", "has the rights of a gateway");
    good(&found_all, "schema", "");
    good(&found_all, "known head", "");
    for check in ["caller", "users", "audit log", "deleted users"] {
        assert!(found(&found_all, check).is_null(), "{check}: {found_all}");
    }
    assert!(!found_all.to_string().contains("permission denied"), "{found_all}");
}

#[test]
fn a_role_with_more_or_fewer_rights_is_named() {
    if !Postgres::available() {
        return;
    }
    let place = Place::set_up(server());
    let found_all = place.doctor("postgres");
    note(&found_all, "role", "has more rights than it needs: it is a superuser", "--create-roles");
    fault(&found_all, "caller", "the role postgres belongs to no user", "keydesk users add");
    let role = format!("{}_more", place.database.name());
    server().role(&role);
    server().psql(&format!("GRANT {} TO {role}; ALTER ROLE {role} CREATEROLE", place.administrator));
    place.database.psql(&format!("GRANT CREATE ON SCHEMA public TO {role}"));
    let message = "it creates roles and creates objects in the schema public";
    note(&place.doctor(&role), "role", message, "--create-roles");
    let owner = format!("{}_owner", place.database.name());
    server().role(&owner);
    place
        .database
        .psql(&format!("GRANT {} TO {owner}; ALTER TABLE keys OWNER TO {owner}", place.administrator));
    note(&place.doctor(&owner), "role", "it owns the tables", "--create-roles");
    let none = format!("{}_none", place.database.name());
    server().role(&none);
    server().psql(&format!("GRANT CONNECT ON DATABASE {} TO {none}", place.database.name()));
    let found_all = place.doctor(&none);
    fault(&found_all, "role", "has the rights of neither an administrator nor a gateway", "--create-roles");
    assert!(!found_all.to_string().contains("permission denied"), "{found_all}");
}

#[test]
fn what_a_crash_or_a_setting_would_lose_is_a_fault() {
    if !Postgres::available() {
        return;
    }
    // The servers of the tests do without both.
    let place = Place::set_up(server());
    let admin = &place.administrator;
    let found_all = place.doctor(admin);
    fault(
        &found_all,
        "durability",
        "fsync and full_page_writes are off",
        "Set fsync = on and full_page_writes = on",
    );
    server().psql(&format!("ALTER ROLE {admin} SET synchronous_commit = off"));
    good(&place.doctor(admin), "commits", "synchronous_commit is on for each change, and off otherwise");
    server().psql(&format!("ALTER ROLE {admin} SET synchronous_commit = remote_apply"));
    good(&place.doctor(admin), "commits", "synchronous_commit is remote_apply");
    server().psql(&format!("ALTER ROLE {admin} SET default_transaction_read_only = on"));
    fault(
        &place.doctor(admin),
        "commits",
        "default_transaction_read_only is on",
        "Set default_transaction_read_only",
    );
}

#[test]
fn a_password_file_that_others_can_read_is_noted() {
    if !Postgres::available() {
        return;
    }
    let place = Place::set_up(server());
    let file = place.home.path("passwords");
    std::fs::write(&file, "*:*:*:*:hunter2\n").unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let url = place.url(&place.administrator);
    let mut command = place.home.command(&["doctor", "--json", "--db", &url]);
    let found_all = document(&run(command.env("PGPASSFILE", &file)));
    note(&found_all, "password file", "was ignored: its mode lets other users read it", "mode 0600");
    assert!(!found_all.to_string().contains("hunter2"));
}

#[test]
fn the_schema_and_the_content_are_compared() {
    if !Postgres::available() {
        return;
    }
    let place = Place::set_up(server());
    let admin = &place.administrator;
    place.database.psql("CREATE TABLE theirs (id bigint); DROP TRIGGER audit_continues ON audit");
    let found_all = place.doctor(admin);
    fault(&found_all, "schema", "trigger audit_continues is missing from the schema", "Undo the changes");
    fault(&found_all, "schema", "table theirs was added to the schema", "Undo the changes");
    place.database.psql("UPDATE meta SET format = 99");
    fault(&place.doctor(admin), "database", "newer version of keydesk (format 99", "Upgrade keydesk");
    let empty = server().database();
    let found_all = place.doctor_at(&empty.socket_url());
    fault(&found_all, "database", "no database found", "keydesk init");
    good(&found_all, "server", "PostgreSQL ");
    assert!(found(&found_all, "role").is_null() && found(&found_all, "audit log").is_null(), "{found_all}");
}

#[test]
fn what_a_failover_loses_is_said_in_plain_words() {
    if !Postgres::available() {
        return;
    }
    let server = sound();
    let place = Place::set_up(&server);
    let admin = &place.administrator;
    let standby = server.standby(Replication::Asynchronous);
    let name = server.psql("SELECT application_name FROM pg_stat_replication");
    let message = format!("no synchronous standby (asynchronous: {name}): after a failover, keys deleted");
    note(&place.doctor(admin), "standby", &message, "Set synchronous_standby_names");
    let set = |names: &str| {
        server.psql(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"));
        server.psql("SELECT pg_reload_conf()");
        // The superuser sees the state, which follows in a moment; other roles see names.
        let states = || server.psql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'async'");
        let settled = if names.is_empty() || names.contains("absent") { "1" } else { "0" };
        assert!(crate::support::until(std::time::Duration::from_secs(20), || states() == settled), "{names}");
    };
    set(&name);
    let message = format!(
        "commits wait for {name} (synchronous); a deletion that was reported as done survives a failover to it"
    );
    for role in [admin.as_str(), "postgres"] {
        good(&place.doctor(role), "standby", &message);
    }
    set("absent");
    for role in [admin.as_str(), "postgres"] {
        let found_all = place.doctor(role);
        fault(&found_all, "standby", "commits wait for absent, but none is connected", "Start the standby");
    }
    // A standby is no server for keydesk.
    let found_all = place.doctor_at(&standby.socket_url(admin, place.database.name()));
    fault(&found_all, "server", "it is a standby", "Use the URL of the primary");
}

#[test]
fn a_pooler_is_detected() {
    if !Pgbouncer::available() {
        return;
    }
    let place = Place::set_up(server());
    let admin = &place.administrator;
    server().psql(&format!("ALTER ROLE {admin} PASSWORD '{}'", password()));
    let pooler = Pgbouncer::start(server());
    let place_at = |url: String| url.replace("ana@", &format!("{admin}@"));
    let found_all = place.doctor_at(&place_at(place.database.url_at(pooler.address())));
    good(&found_all, "pooler", "keydesk works through it");
    good(&found_all, "connection", "TLS to a pooler or proxy, certificate verified");
    good(&found_all, "audit log", "hash chain is valid");
    let direct = place_at(place.database.url_at(format!("localhost:{}", server().port())));
    assert!(found(&place.doctor_at(&direct), "pooler").is_null());
}

#[test]
fn a_pooler_that_reaches_the_server_without_tls_is_noted() {
    if !(Pgbouncer::available() && Namespace::available()) {
        return;
    }
    let network = Namespace::create();
    let own = Postgres::options().listen_at(network.host()).start();
    let place = Place::set_up(&own);
    let admin = &place.administrator;
    own.psql(&format!("ALTER ROLE {admin} PASSWORD '{}'", password()));
    let pooler = Pgbouncer::without_tls(&own, network.host(), admin);
    let url = place.database.url_at(pooler.address()).replace("ana@", &format!("{admin}@"));
    let found_all = place.doctor_at(&url);
    note(
        &found_all,
        "connection",
        "certificate verified; it connects to the server without TLS over the network",
        "server_tls_sslmode = verify-full",
    );
    good(&found_all, "audit log", "hash chain is valid");
}

#[test]
fn a_database_that_was_moved_or_is_not_complete_is_a_fault() {
    if !Postgres::available() {
        return;
    }
    let place = Place::set_up(server());
    place.database.psql("UPDATE database SET status = 'moved', moved = 1, moved_to = '/srv/keydesk.db'");
    for role in [&place.administrator, &place.gateway] {
        fault(&place.doctor(role), "content", "was moved to /srv/keydesk.db", "Use --db /srv/keydesk.db");
    }
    // As a move that was killed leaves it.
    let place = Place::set_up(server());
    place.database.psql("UPDATE database SET status = 'arriving'");
    for role in [&place.administrator, &place.gateway] {
        let found_all = place.doctor(role);
        fault(&found_all, "content", "is the copy of an unfinished move", "Move the other database again");
        assert!(found(&found_all, "audit log").is_null(), "{found_all}");
    }
}

#[test]
fn a_clock_that_differs_from_the_server_is_noted_and_a_wrong_one_is_a_fault() {
    if !Postgres::available() || !have("faketime") {
        return;
    }
    let place = Place::set_up(server());
    let url = place.url(&place.administrator);
    for (offset, weight, message) in [
        ("+20s", Weight::Note, "s behind the clock of this machine; expiration follows the server"),
        ("-1h", Weight::Fault, "s ahead of the clock of this machine; expiration follows the server"),
    ] {
        let inner = place.home.command(&["doctor", "--json", "--db", &url]);
        let mut command = Command::new("faketime");
        command.arg("-f").arg(offset).arg(inner.get_program()).args(inner.get_args()).env_clear();
        let set = inner.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.envs(set).env("PATH", std::env::var_os("PATH").unwrap());
        bad(&document(&run(&mut command.into())), "server clock", weight, message, "NTP");
    }
}
