//! The command line as a whole: help, versions, places, mistakes.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::support::home::{Home, run};

const COMMANDS: &[&[&str]] = &[
    &[],
    &["init"],
    &["demo"],
    &["apps"],
    &["apps", "list"],
    &["apps", "create"],
    &["apps", "rename"],
    &["apps", "delete"],
    &["keys"],
    &["keys", "list"],
    &["keys", "create"],
    &["keys", "rotate"],
    &["keys", "show"],
    &["keys", "disable"],
    &["keys", "enable"],
    &["keys", "delete"],
    &["keys", "usage"],
    &["platforms"],
    &["users"],
    &["users", "list"],
    &["users", "add"],
    &["users", "disable"],
    &["users", "enable"],
    &["users", "delete"],
    &["verify"],
    &["serve"],
    &["check"],
    &["backup"],
    &["export"],
    &["doctor"],
    &["completions"],
    &["man"],
    &["config"],
    &["version"],
];

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode() & 0o7777)
}

#[test]
fn every_command_has_help_with_examples() {
    let home = Home::empty();
    for command in COMMANDS {
        let said = home.run(&[command, &["--help"][..]].concat());
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{command:?}");
        assert!(said.out.contains("Examples:"), "{command:?}: {}", said.out);
        assert!(
            said.out.contains(&format!("keydesk {}", command.join(" ")).trim().to_owned()),
            "{command:?}"
        );
    }
    let help = home.run(&["--help"]).out;
    assert!(!help.contains("__hold"), "what keydesk says to itself is nobody's command");
    let said = home.run(&["--version"]);
    assert_eq!(said.out, format!("keydesk {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(home.run(&["version"]).out, said.out);
    assert_eq!(home.run(&["version", "--json"]).json()["version"], env!("CARGO_PKG_VERSION"));
    assert!(!home.path("data").exists(), "help makes no files");
}

#[test]
fn init_runs_once_and_reports_an_existing_database() {
    let home = Home::empty();
    let said = home.run(&["init", "--email", "Ana@example.com", "--app", "Storefront", "--json"]);
    let document = said.json();
    assert_eq!(document["user"], "ana@example.com");
    assert_eq!(document["application"], "Storefront");
    assert_eq!(document["already"], false);
    for same in ["Storefront", "STOREFRONT"] {
        let said = home.run(&["init", "--email", "Ana@example.com", "--app", same]);
        assert_eq!((said.code, said.out.as_str()), (0, ""));
        assert!(said.err.contains("is already set up. Nothing was changed."), "{}", said.err);
    }
    for (email, app) in [("ben@example.com", "Storefront"), ("ana@example.com", "Other")] {
        let said = home.run(&["init", "--email", email, "--app", app, "--json"]);
        let (code, message, hint) = said.error();
        assert_eq!((said.code, code.as_str()), (3, "already_set_up"));
        let expected = "is already set up: you are ana@example.com, Application: Storefront";
        assert!(message.ends_with(expected) && hint.contains("--db"), "{message} {hint}");
    }
    let users = home.run(&["users", "list", "--json"]).json();
    assert_eq!(users.as_array().map(Vec::len), Some(1));
    assert_eq!(home.run(&["init", "--email", "ana", "--app", "A"]).code, 2);
    for (arguments, missing) in
        [(&["--app", "A"], "--email <EMAIL>"), (&["--email", "a@b.c"], "--app <NAME>")]
    {
        let said = home.run(&[&["init"][..], arguments].concat());
        let expected =
            format!("error: missing argument: {missing}\nhint: run \"keydesk init --help\" for help\n");
        assert_eq!((said.code, said.err.as_str()), (2, expected.as_str()), "no terminal to ask at");
    }
}

#[test]
fn the_prefix_of_keys_is_chosen_once() {
    let home = Home::empty();
    let init = |prefix: &[&str]| {
        home.run(&[&["init", "--email", "ana@example.com", "--app", "Storefront", "--json"], prefix].concat())
    };
    for wrong in ["a", "ninechars", "ac-me", "ac_me", "äcme", ""] {
        assert_eq!(init(&["--prefix", wrong]).code, 2, "{wrong:?}");
    }
    assert_eq!(init(&["--prefix", "acme"]).json()["prefix"], "acme");
    for same in [&[][..], &["--prefix", "acme"]] {
        let said = init(same);
        assert_eq!(
            (said.code, &said.json()["already"], &said.json()["prefix"]),
            (0, &true.into(), &"acme".into())
        );
    }
    let said = init(&["--prefix", "other"]);
    let (code, message, hint) = said.error();
    assert_eq!((said.code, code.as_str()), (3, "prefix_fixed"));
    assert!(
        message.contains("\"acme\"") && hint.starts_with("omit --prefix") && hint.ends_with("--db"),
        "{hint}"
    );
    let raw = rusqlite::Connection::open(home.database()).unwrap();
    assert!(raw.execute("UPDATE database SET prefix = 'other'", []).is_err(), "the schema holds it too");

    let (id, secret) = home.key("Checkout", &[]);
    assert!(secret.starts_with(&format!("acme_live_{id}_")), "{secret}");
    let (test, _) = home.key("Trial", &["--type", "test"]);
    let listed = home.run(&["keys", "list", "--json", "--sort", "name"]).json();
    assert_eq!(listed[0]["prefix"], format!("acme_live_{id}"));
    assert_eq!(listed[1]["prefix"], format!("acme_test_{test}"));
    assert_eq!(home.run(&["keys", "show", &format!("acme_live_{id}")]).code, 0);
    let said = home.run(&["keys", "show", &format!("ik_live_{id}"), "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "not_found"));
    assert_eq!(home.run(&["keys", "show", &secret]).code, 2, "a secret is no argument, whatever its prefix");

    let reason = |key: &str| home.run_with(key, &["verify", "--json"]).json()["reason"].clone();
    assert_eq!(home.run_with(secret.clone(), &["verify"]).code, 0);
    assert_eq!(reason(&secret.replacen("acme", "ik", 1)), "malformed", "the checksum covers the prefix");
    let (_, foreign) = Home::set_up().key("Elsewhere", &[]);
    assert!(foreign.starts_with("ik_live_"), "{foreign}");
    assert_eq!(reason(&foreign), "unknown");
}

#[test]
fn files_are_private_and_in_the_standard_directories() {
    let home = Home::empty();
    let binary = env!("CARGO_BIN_EXE_keydesk");
    for umask in ["000", "077"] {
        let folder = home.path(umask);
        let script = format!("umask {umask}; exec {binary} init --email ana@example.com --app Storefront");
        let mut command = assert_cmd::Command::new("sh");
        command
            .env_clear()
            .envs(home.environment())
            .env("XDG_DATA_HOME", &folder)
            .env("XDG_STATE_HOME", &folder);
        assert_eq!(run(command.args(["-c", &script])).code, 0);
        let database = folder.join("keydesk/keydesk.db");
        assert_eq!(mode(&folder.join("keydesk")), 0o700);
        assert_eq!(mode(&database), 0o600);
        assert_eq!(mode(&folder.join("keydesk/keydesk.log")), 0o600);
        // The write-ahead log and its index are there while somebody has the database open.
        let open = rusqlite::Connection::open(&database).unwrap();
        open.execute_batch("PRAGMA journal_mode = WAL; SELECT count(*) FROM keys;").unwrap();
        let mut list = home.command(&["keys", "list"]);
        assert_eq!(run(list.env("XDG_DATA_HOME", &folder)).code, 0);
        for beside in ["-wal", "-shm"] {
            assert_eq!(mode(&folder.join(format!("keydesk/keydesk.db{beside}"))), 0o600, "{beside}");
        }
    }
}

#[test]
fn a_database_readable_by_others_causes_a_warning() {
    let home = Home::set_up();
    std::fs::set_permissions(home.database(), PermissionsExt::from_mode(0o644)).unwrap();
    let said = home.run(&["apps", "list", "--json"]);
    assert_eq!(said.code, 0);
    assert!(said.err.starts_with("warning: ") && said.err.contains("chmod 0600"), "{}", said.err);
    // A warning never spoils the error document.
    assert_eq!(home.run(&["keys", "show", "nothing", "--json"]).error().0, "not_found");
}

#[test]
fn the_database_path_can_be_chosen() {
    let home = Home::empty();
    let path = home.path("elsewhere/here.db").display().to_string();
    let said = home.run(&["--db", &path, "init", "--email", "ana@example.com", "--app", "Storefront"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!home.path("data").exists());
    let mut command = home.command(&["apps", "list", "--json"]);
    let said = run(command.env("KEYDESK_DB", &path));
    assert_eq!(said.json()[0]["name"], "Storefront");
    let said = home.run(&["apps", "list", "--json"]);
    let (code, message, hint) = said.error();
    assert_eq!((said.code, code.as_str()), (3, "no_database"));
    assert!(message.contains("keydesk.db") && hint.contains("keydesk init"), "{message} {hint}");
}

#[test]
fn a_wrong_command_line_is_2_and_json_when_asked() {
    let home = Home::set_up();
    let wrong: &[&[&str]] = &[
        &["kyes"],
        &["keys"],
        &["keys", "create"],
        &["keys", "rotate"],
        &["keys", "show"],
        &["keys", "list", "--sort", "colour"],
        &["keys", "list", "--state", "gone"],
        &["keys", "list", "--platform", "brase"],
        &["keys", "create", "--name", "A", "--type", "live"],
        &["keys", "create", "--name", "A", "--expires", "yesterday"],
        &["keys", "create", "--name", "A", "--expires", "2020-01-01"],
        &["keys", "create", "--name", " "],
        &["keys", "create", "--name", "A\nB"],
        &["keys", "create", "--name", "A", "--out", "x", "--copy"],
        &["users", "add", "nobody"],
    ];
    for arguments in wrong {
        let said = home.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}: {}", said.err);
        let said = home.run(&[arguments, &["--json"][..]].concat());
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
        let (_, message, _) = said.error();
        assert!(!message.is_empty(), "{arguments:?}");
    }
    let said = home.run(&["keys", "list", "--platform", "brase"]);
    assert!(said.err.contains("braze") && said.err.contains("generic"), "{}", said.err);
    assert_eq!(home.run(&["keys", "list", "--json"]).json(), serde_json::json!([]), "nothing was made");
}

#[test]
fn commands_have_the_usual_aliases() {
    let home = Home::set_up();
    home.key("A", &[]);
    for (short, long) in [
        (&["key", "ls"][..], &["keys", "list"][..]),
        (&["app", "ls"], &["apps", "list"]),
        (&["user", "ls"], &["users", "list"]),
        (&["audit", "ls"], &["audit", "list"]),
    ] {
        let said = home.run(short);
        assert_eq!((said.code, &said.out), (0, &home.run(long).out), "{short:?}");
    }
    home.run(&["users", "add", "ben@example.com"]);
    for arguments in
        [&["key", "rm", "A"][..], &["user", "rm", "ben@example.com"], &["app", "rm", "Storefront"]]
    {
        assert_eq!(home.run(&[arguments, &["--yes"]].concat()).code, 0, "{arguments:?}");
    }
    assert!(home.run(&["keys", "--help"]).out.contains("[alias: ls]"));
}

#[test]
fn tables_can_be_printed_without_headers_and_lists_are_limited() {
    let home = Home::set_up();
    for name in ["A", "B", "C"] {
        home.key(name, &[]);
    }
    let tables: &[&[&str]] =
        &[&["keys", "list"], &["apps", "list"], &["users", "list"], &["audit", "list"], &["platforms"]];
    for table in tables {
        let (with, without) = (home.run(table).out, home.run(&[table, &["--no-headers"][..]].concat()).out);
        assert_eq!(without.lines().count() + 1, with.lines().count(), "{table:?}");
        assert!(!without.lines().any(|line| line.contains("NAME ") || line.contains("EMAIL")), "{without}");
    }
    let limited = home.run(&["keys", "list", "--limit", "2", "--sort", "name", "--reverse", "--json"]).json();
    let names: Vec<_> = limited.as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["C", "B"]);
    assert_eq!(home.run(&["keys", "list", "--limit", "9", "--no-headers"]).out.lines().count(), 3);
    for (command, wrong) in [("keys", "0"), ("keys", "-1"), ("keys", "x"), ("audit", "0")] {
        let said = home.run(&[command, "list", &format!("--limit={wrong}"), "--json"]);
        assert_eq!(said.code, 2, "{wrong}");
        assert!(said.error().1.ends_with("must be a number of at least 1"), "{said:?}");
    }
}

#[test]
fn usage_errors_say_what_is_wrong_and_what_to_do() {
    let home = Home::empty();
    let said = home.run(&["keys", "lst"]);
    let expected = "error: unknown command \"lst\"\nhint: did you mean \"ls\" or \"list\"? Otherwise run \"keydesk keys --help\" \
                    for help\n";
    assert_eq!((said.code, said.err.as_str()), (2, expected));
    let said = home.run(&["key", "show"]);
    let expected = "error: missing argument: <KEY>\nhint: run \"keydesk keys show --help\" for help\n";
    assert_eq!((said.code, said.err.as_str()), (2, expected));
}

#[test]
fn settings_and_platforms() {
    let home = Home::set_up();
    let said = home.run(&["config", "--default"]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains("default_expiry = \"90d\""));
    std::fs::create_dir_all(home.path("config/keydesk")).unwrap();
    std::fs::write(home.path("config/keydesk/config.toml"), said.out).unwrap();
    assert_eq!(home.run(&["platforms"]).code, 0, "what it prints can be read");
    assert_eq!(home.run(&["config", "--default", "--json"]).json()["theme"], "dark");

    let platforms = home.run(&["platforms", "--json"]).json();
    let braze = platforms.as_array().unwrap().iter().find(|platform| platform["slug"] == "braze").unwrap();
    assert_eq!((&braze["name"], &braze["presents"]), (&"Braze".into(), &"basic".into()));
    assert!(home.run(&["platforms"]).out.contains("customer_data"));

    let own = home.path("own.toml");
    std::fs::write(
        &own,
        "default_expiry = \"10d\"\n[[platforms]]\nslug = \"till\"\nname = \"Till\"\npresents = \"header\"\n",
    )
    .unwrap();
    let own = own.display().to_string();
    let (id, _) = home.key("A", &["--config", &own, "--platform", "till"]);
    let key = home.run(&["keys", "show", &id, "--json"]).json();
    assert_eq!(key["platform"], "till");
    let list = home.run(&["keys", "list", "--platform", "till", "--json"]).json();
    assert_eq!(list[0]["id"], id.as_str(), "a platform that is in no catalog any more still filters");

    std::fs::write(home.path("broken.toml"), "theme = \"blue\"\n").unwrap();
    let broken = home.path("broken.toml").display().to_string();
    let said = home.run(&["--config", &broken, "keys", "list", "--json"]);
    let (code, message, _) = said.error();
    assert_eq!((said.code, code.as_str()), (3, "configuration"));
    assert!(message.contains("broken.toml:1:9") && message.contains("high-contrast"), "{message}");
    assert_eq!(home.run(&["--config", &broken, "config", "--default"]).code, 0);
}

#[test]
fn config_prints_the_effective_settings_and_their_sources() {
    let home = Home::empty();
    std::fs::create_dir_all(home.path("config/keydesk")).unwrap();
    let file = home.path("config/keydesk/config.toml");
    let text = "mouse = false\n\nexpires_soon = \"36h\"\n[keys.keys]\ncreate = [\"n\", \"c\"]\n";
    std::fs::write(&file, text).unwrap();
    let mut command = home.command(&["config", "--json", "--app", "Storefront"]);
    let settings = run(command.env("KEYDESK_LOG", "debug")).json();
    let get = |name: &str| {
        let all = settings.as_array().unwrap();
        all.iter().find(|setting| setting["name"] == name).unwrap_or_else(|| panic!("{name}")).clone()
    };
    for (name, value) in [("default_expiry", "90d"), ("clipboard_clear_after", "45s"), ("theme", "dark")] {
        assert_eq!(
            (get(name)["value"].as_str(), &get(name)["source"]),
            (Some(value), &"default".into()),
            "{name}"
        );
    }
    for (name, value, line) in [
        ("mouse", false.into(), 1),
        ("expires_soon", "36h".into(), 3),
        ("keys.keys.create", Value::from("n, c"), 5),
    ] {
        let setting = get(name);
        assert_eq!((&setting["value"], &setting["source"]), (&value, &"file".into()), "{name}");
        assert_eq!((setting["file"].as_str(), &setting["line"]), (file.to_str(), &line.into()), "{name}");
    }
    assert_eq!(
        (&get("log_filter")["value"], &get("log_filter")["variable"]),
        (&"debug".into(), &"KEYDESK_LOG".into())
    );
    assert_eq!(
        (&get("application")["value"], &get("application")["option"]),
        (&"Storefront".into(), &"--app".into())
    );
    let text = home.run(&["config"]).out;
    assert!(text.contains(&format!("{}:3", file.display())), "{text}");
    assert!(!home.database().exists(), "nothing is created");
}

#[test]
fn without_a_terminal_the_terminal_ui_reports_an_error() {
    let home = Home::set_up();
    for arguments in [&[][..], &["demo"]] {
        let said = home.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (3, ""), "{said:?}");
        assert!(said.err.contains("terminal") && said.err.contains("keydesk --help"), "{}", said.err);
    }
}

#[test]
fn the_log_contains_the_outcome_and_nothing_private() {
    let home = Home::set_up();
    let said = home.run(&["keys", "show", "ana@example.com"]);
    assert_eq!(said.code, 3);
    let log = std::fs::read_to_string(home.path("state/keydesk/keydesk.log")).unwrap();
    assert!(log.contains("not_found") && !log.contains("ana@"), "{log}");
    // Where the log cannot be had, keydesk works all the same.
    let mut command = home.command(&["apps", "list"]);
    assert_eq!(run(command.env("XDG_STATE_HOME", "/proc/nowhere")).code, 0);
}
