//! The commands on a server: the first start, who may do what, and what is wrong with a connection.

use crate::support::home::{CommandOutput, Home, run};
use crate::support::postgres::{Access, Database, Postgres, psql, server};

/// A home directory and an empty database, with two roles of this test.
struct Place {
    home: Home,
    database: Database<'static>,
    administrator: String,
    gateway: String,
}

impl Place {
    fn new() -> Self {
        let database = server().database();
        let (administrator, gateway) =
            (format!("{}_admin", database.name()), format!("{} Gate", database.name()));
        Self { home: Home::empty(), database, administrator, gateway }
    }

    /// Through the socket, where no role needs a password. The role must exist, or be created by the command.
    fn url(&self, role: &str) -> String {
        server().socket_url(&role.replace(' ', "%20"), self.database.name())
    }

    fn run(&self, role: &str, arguments: &[&str]) -> CommandOutput {
        self.home.run(&[arguments, &["--db", &self.url(role)]].concat())
    }

    fn init(&self, role: &str, more: &[&str]) -> CommandOutput {
        let names = ["--administrator-role", &self.administrator, "--gateway-role", &self.gateway];
        let usual = ["init", "--email", "ana@example.com", "--app", "Storefront"];
        self.run(role, &[&usual[..], &names[..], more].concat())
    }

    /// Set up with both roles; the first user is the administrator.
    fn set_up() -> Self {
        let place = Self::new();
        let said = place.init("postgres", &["--create-roles"]);
        assert_eq!(said.code, 0, "{said:?}");
        place
    }
}

#[test]
fn init_creates_tables_and_roles_and_can_be_run_again() {
    if !Postgres::available() {
        return;
    }
    let place = Place::new();
    let said = place.init("postgres", &["--create-roles", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let document = said.json();
    assert_eq!(document["already"], false);
    assert_eq!(document["roles"]["login"], place.administrator.as_str());
    assert_eq!(document["roles"]["sql"], serde_json::Value::Null);
    // By the owner, and by the administrator.
    for (role, more) in
        [("postgres", &["--create-roles"][..]), ("postgres", &[]), (place.administrator.as_str(), &[])]
    {
        let said = place.init(role, more);
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
        assert!(said.err.contains("is already set up. Nothing was changed."), "{said:?}");
    }
    for other in [
        ["--email", "ben@example.com", "--app", "Storefront"],
        ["--email", "ana@example.com", "--app", "Other"],
    ] {
        let said = place.run(&place.administrator, &[&["init", "--json"][..], &other].concat());
        assert_eq!((said.code, said.error().0.as_str()), (3, "already_set_up"), "{said:?}");
    }
}

#[test]
fn the_first_user_is_the_administrator_who_cannot_change_the_tables() {
    if !Postgres::available() {
        return;
    }
    let place = Place::set_up();
    let said = place.run(&place.administrator, &["keys", "create", "--name", "Checkout", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let said = place.run(&place.administrator, &["audit", "verify"]);
    assert_eq!(said.code, 0, "{said:?}");
    for sql in [
        "DROP TRIGGER audit_is_not_changed ON audit",
        "DELETE FROM audit",
        "ALTER TABLE keys DISABLE TRIGGER ALL",
    ] {
        let said = psql(&place.url(&place.administrator), sql);
        assert!(
            said.code != 0 && (said.err.contains("owner") || said.err.contains("denied")),
            "{sql}: {said:?}"
        );
    }
    // The owner is no user.
    let said = place.run("postgres", &["keys", "create", "--name", "Other", "--json"]);
    let (code, message, hint) = said.error();
    assert_eq!((said.code, code.as_str()), (4, "unknown_user"), "{said:?}");
    assert_eq!(message, "the role postgres belongs to no user of this database: you have read-only access");
    assert!(hint.ends_with("keydesk users add YOU@EXAMPLE.COM --login postgres"), "{hint}");
}

#[test]
fn a_gateway_verifies_and_cannot_work_with_keys() {
    if !Postgres::available() {
        return;
    }
    let place = Place::set_up();
    for arguments in [
        &["keys", "list"][..],
        &["keys", "create", "--name", "Checkout"],
        &["users", "list"],
        &["audit", "list"],
        &["users", "add", "ben@example.com"],
    ] {
        let said = place.run(&place.gateway, &[arguments, &["--json"]].concat());
        let (code, message, hint) = said.error();
        assert_eq!((said.code, code.as_str()), (3, "no_rights"), "{arguments:?}: {said:?}");
        assert!(message.contains("permission denied"), "{message}");
        assert!(!hint.is_empty(), "{said:?}");
    }
}

#[test]
fn without_create_roles_the_sql_is_printed_until_it_was_run() {
    if !Postgres::available() {
        return;
    }
    let place = Place::new();
    // Ana owns the database and may not create roles.
    let said = place.init("ana", &["--create-roles", "--json"]);
    let (code, _, hint) = said.error();
    assert_eq!((said.code, code.as_str()), (3, "no_rights"), "{said:?}");
    assert!(hint.contains("CREATEROLE"), "{hint}");
    let said = place.init("ana", &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("bound to the role ana"), "{said:?}");
    assert!(said.out.starts_with("BEGIN;\nCREATE ROLE "), "{said:?}");
    let ran = psql(&server().socket_url("postgres", place.database.name()), &said.out);
    assert_eq!(ran.code, 0, "{ran:?}");
    let again = place.init("ana", &[]);
    assert_eq!((again.code, again.out.as_str()), (0, ""), "{again:?}");
    assert!(again.err.contains("have their rights."), "{again:?}");
    let said = place.run("ana", &["users", "add", "ben@example.com", "--login", &place.administrator]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains(&format!("bound to the role {}.", place.administrator)), "{said:?}");
    let said = place.run(&place.administrator, &["apps", "create", "Billing"]);
    assert_eq!(said.code, 0, "{said:?}");
}

const LAST_USER_HINT: &str = "add or enable another user whose role exists on the server first";

#[test]
fn users_are_bound_to_roles_of_the_server() {
    if !Postgres::available() {
        return;
    }
    let place = Place::set_up();
    let admin = place.administrator.as_str();
    let said = place.run(admin, &["users", "add", "chloe@example.com", "--login", "no_such_role"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("the role no_such_role does not exist on the server"), "{said:?}");
    // A person with a role of their own, which has no rights yet.
    let role = format!("{}_ben", place.database.name());
    server().role(&role);
    let said = place.run(admin, &["users", "add", "ben@example.com", "--login", &role]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains(&format!("bound to the role {role}.")), "no number: {said:?}");
    let grant = format!("GRANT keydesk_admin TO {role}");
    assert!(said.err.contains("cannot make changes yet") && said.err.contains(&grant), "{said:?}");
    // No one else can make changes.
    let said = place.run(admin, &["users", "disable", "ana@example.com", "--yes", "--json"]);
    let (code, _, hint) = said.error();
    assert_eq!((code.as_str(), hint.as_str()), ("last_active_user", LAST_USER_HINT), "{said:?}");
    server().psql(&format!("GRANT {admin} TO {role}"));
    let other = format!("{role}_2");
    server().role(&other);
    server().psql(&format!("GRANT {admin} TO {other}"));
    let said = place.run(&other, &["apps", "create", "Billing", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (4, "unknown_user"), "{said:?}");
    let said = place.run(admin, &["users", "list"]);
    assert!(said.out.starts_with("EMAIL ") && said.out.contains(" ROLE "), "{said:?}");
    assert_eq!(place.database.psql("SELECT count(uid) FROM users"), "0", "a role is its name alone");
    let said = place.run(&role, &["apps", "create", "Billing"]);
    assert_eq!(said.code, 0, "{said:?}");
    let said = place.run(&role, &["users", "disable", "ana@example.com", "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    let said = place.run(admin, &["apps", "create", "Loyalty", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (4, "disabled_user"), "{said:?}");
    let said = place.init("postgres", &["--login", "no_such_role", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "not_found"), "{said:?}");
}

#[test]
fn options_of_a_server_are_rejected_for_a_file() {
    let home = Home::empty();
    for option in [&["--create-roles"][..], &["--login", "ana"], &["--gateway-role", "gate"]] {
        let usual = ["init", "--email", "ana@example.com", "--app", "Storefront", "--json"];
        let said = home.run(&[&usual[..], option].concat());
        assert_eq!((said.code, said.error().0.as_str()), (2, "usage"), "{said:?}");
        assert!(!home.database().exists());
    }
}

#[test]
fn what_is_wrong_with_a_connection_is_said_once_without_a_password() {
    if !Postgres::available() {
        return;
    }
    let place = Place::set_up();
    let other = Place::new();
    let foreign = Place::new();
    foreign.database.psql("CREATE TABLE theirs (id bigint)");
    let newer = Place::set_up();
    newer.database.psql("UPDATE meta SET format = 99");
    let name = place.database.name();
    let plain = Postgres::options().setting("ssl=off").start();
    plain.role("ana");
    let tls = |port: u16, role: &str, database: &str| {
        format!(
            "postgres://{role}@localhost:{port}/{database}?sslmode=verify-full&sslrootcert={}",
            Access::get().authority().display()
        )
    };
    let wrong = place.home.path("wrong");
    std::fs::write(&wrong, "*:*:*:*:hunter2\n").unwrap();
    std::fs::set_permissions(&wrong, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let port = server().port();
    server().role("ana");
    for (url, exit, expected) in [
        (format!("postgres://ana:hunter2@localhost:{port}/{name}"), 2, "password_in_url"),
        (format!("postgres://ana@localhost:{port}/{name}?password=hunter2"), 2, "password_in_url"),
        ("mysql://ana:hunter2@localhost/keydesk".to_owned(), 2, "invalid_url"),
        ("postgres://ana@db.example.com/keydesk?sslmode=disable".to_owned(), 2, "tls_required"),
        (tls(port, "ana", name), 3, "login_rejected"),
        (tls(plain.port(), "ana", "postgres"), 3, "tls_required"),
        (tls(1, "ana", name), 3, "unreachable"),
        (format!("postgres://ana@no-such-host.invalid/{name}"), 3, "unknown_host"),
        (server().socket_url("ana", "no_such_database"), 3, "no_database"),
        (other.url("ana"), 3, "no_database"),
        (foreign.url("ana"), 3, "foreign_database"),
        (newer.url(&newer.administrator), 3, "newer_database"),
        (place.url("ana"), 3, "no_rights"),
    ] {
        let mut command = place.home.command(&["keys", "list", "--json", "--db", &url]);
        let said = run(command.env("PGPASSFILE", &wrong));
        let (code, message, hint) = said.error();
        assert_eq!((said.code, code.as_str()), (exit, expected), "{url}: {said:?}");
        assert!(!message.is_empty() && !hint.is_empty(), "{url}: {said:?}");
        assert!(!said.err.contains("hunter2") && said.out.is_empty(), "{url}: {said:?}");
    }
    let said = place.run(&place.administrator, &["backup", "copy.db", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "needs_file"), "{said:?}");
}
