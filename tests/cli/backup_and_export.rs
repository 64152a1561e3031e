//! What leaves the database: backups and exports.

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::home::Home;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A home with a folder for what leaves it.
fn home() -> (Home, String) {
    let home = Home::set_up();
    std::fs::create_dir(home.path("out")).unwrap();
    let file = home.path("out/copy").display().to_string();
    (home, file)
}

/// Makes many keys behind keydesk's back, so that a copy takes a while.
fn fill(home: &Home, keys: u32) {
    home.sql(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {keys})
         INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, created, expires)
         SELECT printf('%010d', i), randomblob(32), 1, 'Key ' || i, 'key ' || length(i) || i, 'key ' || i, 'ik_live_' || printf('%010d', i),
                'production', '', 1, 1700000000, 4000000000 FROM n"
    ));
}

#[test]
fn a_backup_is_one_usable_file() {
    let (home, file) = home();
    let (id, secret) = home.key("Checkout", &[]);
    // Somebody else has it open, with changes in the write-ahead log.
    let other = rusqlite::Connection::open(home.database()).unwrap();
    let entries: u64 = other.query_row("SELECT count(*) FROM audit", [], |row| row.get(0)).unwrap();
    let said = home.run(&["backup", &file, "--json"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let document = said.json();
    assert_eq!((document["keys"].as_u64(), document["audit_entries"].as_u64()), (Some(1), Some(entries)));
    let head = document["audit_head"].as_str().unwrap();
    assert_eq!(home.run(&["audit", "verify", "--expect", head]).code, 0, "{head} is what verify takes");
    assert_eq!(document["bytes"].as_u64().unwrap(), std::fs::metadata(&file).unwrap().len());
    assert_eq!(names(&home.path("out")), ["copy"], "one file and nothing beside it");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!(bytes[18..20], [1, 1], "it needs no write-ahead log");
    assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    // It reads where nothing can be written, and works as a database.
    let readable = rusqlite::Connection::open_with_flags(
        format!("file:{file}?immutable=1"),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_URI,
    );
    let name: String = readable.unwrap().query_row("SELECT name FROM keys", [], |row| row.get(0)).unwrap();
    assert_eq!(name, "Checkout");
    home.run(&["keys", "delete", &id, "--yes"]);
    assert_eq!(home.run_with(secret.clone(), &["verify"]).code, 1);
    assert_eq!(home.run_with(secret, &["--db", &file, "verify"]).code, 0, "as it was at that moment");
}

#[test]
fn a_backup_overwrites_nothing_and_cleans_up_after_a_failure() {
    let (home, file) = home();
    std::fs::write(&file, "mine").unwrap();
    let said = home.run(&["backup", &file]);
    assert_eq!(said.code, 3);
    assert!(said.err.contains("already exists"), "{}", said.err);
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    let link = home.path("out/link").display().to_string();
    symlink(home.path("out/nowhere"), &link).unwrap();
    assert_eq!(home.run(&["backup", &link]).code, 3);
    assert_eq!(home.run(&["export", "--format", "csv", "--out", &link]).code, 3);
    assert_eq!(home.run(&["export", "--format", "json", "--out", &file]).code, 3);
    assert_eq!(home.run(&["backup", &home.path("no/folder").display().to_string()]).code, 3);
    assert_eq!(home.run(&["backup", &home.database().display().to_string()]).code, 3);
    // A database that is damaged inside: the copy is found out before it has its name.
    fill(&home, 5_000);
    home.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut bytes = std::fs::read(home.database()).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 4_096].fill(0xa5);
    std::fs::write(home.database(), bytes).unwrap();
    let said = home.run(&["backup", &home.path("out/new").display().to_string()]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.err.contains("not created") && said.err.contains("damaged"), "{}", said.err);
    assert_eq!(names(&home.path("out")), ["copy", "link"]);
}

#[test]
fn a_backup_during_writes_is_consistent() {
    let (home, file) = home();
    fill(&home, 60_000);
    let mut backup = home_process(&home, &["backup", &file, "--json"]);
    let mut made = 0;
    while backup.try_wait().unwrap().is_none() {
        home.key(&format!("While {made}"), &[]);
        made += 1;
    }
    let output = backup.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(made > 0, "nothing was written meanwhile: the test is too small");
    let copy = rusqlite::Connection::open(&file).unwrap();
    let count = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
    let new = count("SELECT count(*) FROM keys WHERE name LIKE 'While %'");
    assert_eq!(count("SELECT count(*) FROM audit WHERE key_id IS NOT NULL AND action = 'key.created'"), new);
    assert_eq!(count("SELECT key_count FROM applications"), 60_000 + new);
}

fn home_process(home: &Home, arguments: &[&str]) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_keydesk"))
        .env_clear()
        .envs(home.environment())
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_killed_backup_has_no_file_name_and_a_stopped_one_is_removed() {
    use nix::sys::signal::{Signal, kill};
    let (home, file) = home();
    fill(&home, 60_000);
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let mut backup = home_process(&home, &["backup", &file]);
        let since = Instant::now();
        while names(&home.path("out")).is_empty() {
            assert!(since.elapsed() < Duration::from_secs(20), "it never began");
            std::thread::sleep(Duration::from_millis(1));
        }
        kill(nix::unistd::Pid::from_raw(i32::try_from(backup.id()).unwrap()), signal).unwrap();
        assert!(!backup.wait().unwrap().success(), "{signal}: it was done already; the test is too small");
        assert!(!Path::new(&file).exists(), "{signal}");
        if signal == Signal::SIGTERM {
            assert_eq!(names(&home.path("out")), [""; 0]);
        }
    }
    assert_eq!(home.run(&["backup", &file]).code, 0, "leftovers are no obstacle");
}

#[test]
fn an_export_is_safe_against_csv_injection_and_contains_no_secret() {
    let (home, file) = home();
    let (_, secret) = home.key("=HYPERLINK(\"http://x\")", &["--platform", "braze"]);
    home.key("Plain, \"quoted\"", &[]);
    home.run(&["apps", "create", "@Other"]);
    home.key("Third", &["--app", "@Other"]);
    home.sql("UPDATE keys SET name = '+a' || char(27) || '[2J' WHERE name = 'Third'");
    let said = home.run(&["export", "--format", "csv"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(
        said.out.starts_with("id,name,application,prefix,kind,platform,type,state,created,creator,expires,")
    );
    let mut reader = csv::Reader::from_reader(said.out.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let columns: BTreeSet<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(rows.len(), 3);
    assert!(
        rows.iter().flatten().all(|field| !field.starts_with(['=', '+', '-', '@', '\t', '\r'])),
        "{rows:?}"
    );
    assert!(rows.iter().any(|row| &row[1] == "'=HYPERLINK(\"http://x\")" && &row[5] == "braze"), "{rows:?}");
    assert!(rows.iter().any(|row| &row[1] == "Plain, \"quoted\""), "{rows:?}");
    assert!(rows.iter().any(|row| &row[2] == "'@Other"), "{rows:?}");
    assert!(!said.out.contains('\u{1b}') && !said.out.contains(&secret));

    let said = home.run(&["export", "--format", "json"]);
    let list = said.json();
    assert_eq!(list.as_array().unwrap().len(), 3);
    let fields: BTreeSet<String> = list[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(columns, fields, "every field is a column");
    assert_eq!(list[0]["name"], "+a\u{1b}[2J", "JSON is exact, {list}");
    assert_eq!(list[0]["application"], "@Other");
    assert!(list[0].get("secret").is_none() && list[0].get("hash").is_none());
    let one = home.run(&["export", "--format", "json", "--app", "Storefront"]).json();
    assert_eq!(one, home.run(&["keys", "list", "--json", "--app", "Storefront"]).json());

    let said = home.run(&["export", "--format", "csv", "--out", &file, "--json"]);
    assert_eq!((said.code, said.json()["keys"].as_u64()), (0, Some(3)), "{said:?}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(csv::Reader::from_path(&file).unwrap().records().count(), 3);
    assert_eq!(home.run(&["export", "--format", "csv", "--json"]).code, 2);
    // Without a format: CSV, JSON with `--json`, and what the ending of the file says.
    assert_eq!(home.run(&["export"]).out, home.run(&["export", "--format", "csv"]).out);
    assert_eq!(home.run(&["export", "--json"]).json(), home.run(&["export", "--format", "json"]).json());
    for (name, begins) in [("keys.JSON", "["), ("keys.csv", "id,"), ("keys.txt", "id,")] {
        let file = home.path(&format!("by ending {name}")).display().to_string();
        assert_eq!(home.run(&["export", "--out", &file]).code, 0);
        assert!(std::fs::read_to_string(&file).unwrap().starts_with(begins), "{name}");
    }
    assert_eq!(home.run(&["export", "--format", "csv", "--app", "Nowhere"]).code, 3);
}
