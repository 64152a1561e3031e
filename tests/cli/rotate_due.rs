//! `keydesk keys rotate --due`: all keys that are due, one after the other, each complete in itself.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use keydesk::host::clock;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::home::{CommandOutput, Home, is_sound};
use crate::support::until;

const DUE: [&str; 6] = ["keys", "rotate", "--due", "14d", "--all-apps", "--json"];

fn due(home: &Home, more: &[&str]) -> CommandOutput {
    home.run(&[&DUE[..], more].concat())
}

/// The names in one list of the summary.
fn names(document: &Value, list: &str) -> Vec<String> {
    let keys = document[list].as_array().unwrap();
    keys.iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect()
}

fn keys(home: &Home) -> Vec<Value> {
    home.run(&["keys", "list", "--all-apps", "--json"]).json().as_array().unwrap().clone()
}

/// Creates keys, each with the days until it expires.
fn create(home: &Home, application: &str, keys: &[(&str, &str)]) {
    for (name, days) in keys {
        home.key(name, &["--app", application, "--expires", days]);
    }
}

/// A command that writes the secret to a file with the name of the key.
fn into(folder: &Path) -> String {
    format!("cat > '{}'/\"$KEYDESK_KEY_NAME\"", folder.display())
}

#[test]
fn exactly_the_keys_that_are_due_are_rotated() {
    let home = Home::set_up();
    home.run(&["apps", "create", "Billing"]);
    create(
        &home,
        "Storefront",
        &[("Later", "15d"), ("Third", "13d"), ("First", "1d"), ("Off", "3d"), ("Done", "4d")],
    );
    create(&home, "Billing", &[("Second", "2d"), ("Doctor", "6d"), ("Ended", "5d"), ("Canary", "5d")]);
    assert_eq!(home.run(&["keys", "disable", "Off", "--app", "Storefront"]).code, 0);
    // Its successor lives long; the second was never delivered.
    let done = ["keys", "rotate", "Done", "--app", "Storefront", "--expires", "90d", "--overlap", "3d"];
    assert_eq!(home.run(&done).code, 0);
    home.sql("UPDATE keys SET throwaway = 1 WHERE name = 'Doctor'");
    home.sql("UPDATE keys SET canary = 1 WHERE name = 'Canary'");
    home.sql("UPDATE keys SET created = 1, expires = 2 WHERE name = 'Ended'");
    let killed =
        ["keys", "rotate", "Third", "--app", "Storefront", "--run", "cat > /dev/null; kill -9 $PPID"];
    assert_eq!(home.run(&killed).code, -1);
    let before = keys(&home).len();

    let said = due(&home, &["--dry-run"]);
    assert_eq!((said.code, keys(&home).len()), (0, before), "{said:?}");
    assert_eq!(names(&said.json(), "due"), ["First", "Second", "Third"], "by expiration");
    assert_eq!(said.json()["skipped"][0]["reason"], "disabled");
    assert_eq!(names(&said.json(), "skipped"), ["Off"]);

    let folder = tempfile::tempdir().unwrap();
    let said = due(&home, &["--run", &into(folder.path())]);
    assert_eq!(said.code, 0, "{said:?}");
    let document = said.json();
    assert_eq!(names(&document, "rotated"), ["First", "Second", "Third"]);
    assert_eq!((&document["failed"], &document["left"]), (&json!([]), &json!([])));
    for rotated in document["rotated"].as_array().unwrap() {
        let secret = std::fs::read_to_string(folder.path().join(rotated["name"].as_str().unwrap())).unwrap();
        assert!(secret.starts_with(rotated["prefix"].as_str().unwrap()) && home.accepts(&secret));
        assert!(!said.out.contains(secret.trim()) && !said.err.contains(secret.trim()));
        let old = home.run(&["keys", "show", rotated["replaces"].as_str().unwrap(), "--json"]).json();
        assert_eq!(old["replaced_by"], rotated["id"]);
    }
    // Two more, and the successor that was never delivered is gone.
    assert_eq!(keys(&home).len(), before + 2);
    let said = due(&home, &["--run", "false"]);
    assert_eq!((said.code, names(&said.json(), "rotated").len()), (0, 0), "nothing is left: {said:?}");
    let said = home.run(&["keys", "rotate", "--due", "14d", "--all-apps", "--run", "false"]);
    assert!(said.code == 0 && said.err.contains("No keys are due.") && said.out.is_empty(), "{said:?}");
}

#[test]
fn a_failure_withdraws_one_key_and_the_next_run_takes_what_is_left() {
    let home = Home::set_up();
    create(&home, "Storefront", &[("A", "1d"), ("B", "2d"), ("C", "3d"), ("D", "4d")]);
    let folder = tempfile::tempdir().unwrap();
    let command = |failing: &str| format!("{}; test \"$KEYDESK_KEY_NAME\" != {failing}", into(folder.path()));
    let said = due(&home, &["--run", &command("B")]);
    let (code, message, hint) = said.error();
    assert_eq!((said.code, code.as_str()), (3, "not_all_rotated"));
    assert_eq!(message, "not all keys were rotated: 1 key rotated, 1 failed, 2 left");
    assert!(hint.contains("run the same command again"));
    let document = said.json();
    assert_eq!(names(&document, "rotated"), ["A"]);
    assert_eq!(names(&document, "failed"), ["B"]);
    assert_eq!(names(&document, "left"), ["C", "D"]);
    let failed = &document["failed"][0];
    assert_eq!((&failed["error"]["code"], &failed["replaced_by"]), (&json!("not_delivered"), &json!(null)));
    assert!(failed["error"]["message"].as_str().unwrap().contains("was withdrawn"), "{failed}");
    let withdrawn = std::fs::read_to_string(folder.path().join("B")).unwrap();
    assert!(!home.accepts(&withdrawn));
    assert_eq!(keys(&home).len(), 5);

    let said = due(&home, &["--run", &command("C"), "--keep-going"]);
    assert_eq!(said.code, 3, "{said:?}");
    let document = said.json();
    assert_eq!(names(&document, "rotated"), ["B", "D"]);
    assert_eq!((names(&document, "failed"), names(&document, "left").len()), (vec!["C".to_owned()], 0));

    let said = home.run(&["keys", "rotate", "--due", "14d", "--run", &command("none")]);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
    assert!(
        said.err.contains("3 keys skipped (recently rotated): ") && said.err.contains("1 key rotated."),
        "{said:?}"
    );
    for name in ["A", "B", "C", "D"] {
        assert!(home.accepts(&std::fs::read_to_string(folder.path().join(name)).unwrap()), "{name}");
    }
    assert_eq!(keys(&home).len(), 8);
    let said = due(&home, &["--run", &command("none")]);
    assert_eq!((said.code, names(&said.json(), "rotated").len()), (0, 0));
    is_sound(&home, "after the rotations");
}

#[test]
fn platforms_and_filters_choose_and_combine() {
    let home = Home::set_up();
    for (name, platform, expires) in [
        ("One", "braze", "3d"),
        ("Two", "braze", "300d"),
        ("Three", "segment", "3d"),
        ("Four", "generic", "300d"),
    ] {
        home.key(name, &["--platform", platform, "--expires", expires]);
    }
    let chosen = |more: &[&str]| {
        let mut chosen =
            names(&home.run(&[&["keys", "rotate", "--dry-run", "--json"], more].concat()).json(), "due");
        chosen.sort_unstable();
        chosen
    };
    assert_eq!(chosen(&["--platform", "Braze"]), ["One", "Two"]);
    assert_eq!(chosen(&["--platform", "braze", "--due", "14d"]), ["One"]);
    assert_eq!(chosen(&["--filter", "expires:>100d"]), ["Four", "Two"]);
    assert_eq!(chosen(&["--filter", "expires:>100d type:production", "--platform", "generic"]), ["Four"]);
    assert_eq!(chosen(&["--due", "365d"]).len(), 4);
    // The end of the time counts.
    let expires = keys(&home).iter().find(|key| key["name"] == "One").unwrap()["expires"].clone();
    let left = chrono::DateTime::parse_from_rfc3339(expires.as_str().unwrap()).unwrap().timestamp()
        - clock::now().timestamp();
    assert_eq!(chosen(&["--due", &format!("{}s", left + 1)]).len(), 2);
    assert_eq!(chosen(&["--due", &format!("{}s", left - 100)]), Vec::<String>::new());
    // Without a time, what was rotated a moment ago is not rotated again.
    let rotate = ["keys", "rotate", "--platform", "braze", "--run", "cat > /dev/null", "--leaked", "--yes"];
    assert_eq!(home.run(&rotate).code, 0);
    assert_eq!(chosen(&["--platform", "braze"]), Vec::<String>::new());
    let said = home.run(&rotate);
    assert!(said.code == 0 && said.err.contains("2 keys skipped (recently rotated): "), "{said:?}");
    // A day later it is.
    home.sql("UPDATE keys SET created = created - 86400 WHERE replaces IS NOT NULL");
    assert_eq!(chosen(&["--platform", "braze"]), ["One", "Two"]);
    // Half of a short lifetime is enough.
    home.sql(
        "UPDATE keys SET created = created + 86400, expires = created + 86410 WHERE replaces IS NOT NULL",
    );
    assert!(until(Duration::from_secs(10), || chosen(&["--platform", "braze"]).len() == 2));
}

#[test]
fn a_command_gets_the_metadata_and_works_on_the_same_database() {
    let home = Home::set_up();
    home.run(&["apps", "create", "Billing"]);
    let (old, _) =
        home.key("Name $(id) 'x'", &["--app", "Billing", "--platform", "braze", "--expires", "3d"]);
    let seen = home.path("seen");
    let script = format!(
        "cat > /dev/null; printf '%s\\n' \"$KEYDESK_KEY_ID\" \"$KEYDESK_KEY_NAME\" \"$KEYDESK_KEY_PREFIX\" \
         \"$KEYDESK_APPLICATION\" \"$KEYDESK_PLATFORM\" \"$KEYDESK_EXPIRES\" \"$KEYDESK_REPLACES\" > '{0}'; \
         '{1}' keys show \"$KEYDESK_KEY_ID\" --json >> '{0}'",
        seen.display(),
        env!("CARGO_BIN_EXE_keydesk")
    );
    let database = home.path("moved.db");
    for end in ["", "-wal", "-shm"] {
        let from = home.database().display().to_string() + end;
        let _ = std::fs::rename(from, database.display().to_string() + end);
    }
    // Variables of another database and Application, and of a command that runs this one.
    let mut command = home.command(&["keys", "rotate", &old, "--run", &script, "--db", "moved.db", "--json"]);
    command.current_dir(home.path("")).env("KEYDESK_DB", "/nowhere/keydesk.db").env("KEYDESK_KEY_ID", "x");
    let said = crate::support::home::run(&mut command);
    assert_eq!(said.code, 0, "{said:?}");
    let new = said.json();
    let seen = std::fs::read_to_string(seen).unwrap();
    let text = |field: &str| new[field].as_str().unwrap().to_owned();
    let lines: Vec<&str> = seen.lines().collect();
    let expected = [
        text("id"),
        "Name $(id) 'x'".into(),
        text("prefix"),
        "Billing".into(),
        "braze".into(),
        text("expires"),
        old,
    ];
    assert_eq!(lines[..7], expected);
    assert_eq!(serde_json::from_str::<Value>(lines[7]).unwrap()["id"], new["id"]);
}

#[test]
fn a_key_that_another_session_rotates_meanwhile_is_left_out() {
    let home = Home::set_up();
    create(&home, "Storefront", &[("A", "1d"), ("B", "2d"), ("C", "3d")]);
    let command = format!(
        "cat > /dev/null; if [ \"$KEYDESK_KEY_NAME\" = A ]; then '{0}' keys rotate B --leaked --out b.key; '{0}' keys \
         disable C; fi",
        env!("CARGO_BIN_EXE_keydesk")
    );
    let mut in_home = home.command(&[&DUE[..], &["--run", &command]].concat());
    let said = crate::support::home::run(in_home.current_dir(home.path("")));
    assert_eq!(said.code, 0, "{said:?}");
    let document = said.json();
    assert_eq!(
        (names(&document, "rotated"), names(&document, "skipped")),
        (vec!["A".into()], vec!["B".into(), "C".into()])
    );
    let reasons = [0, 1].map(|place| document["skipped"][place]["reason"].as_str().unwrap().to_owned());
    assert_eq!(reasons, ["changed by another session", "disabled"]);
    is_sound(&home, "after the rotations");
}

#[test]
fn each_key_gets_a_file_of_its_own_regardless_of_its_name() {
    let home = Home::set_up();
    let hostile = [
        "../../../tmp/keydesk-escape",
        "/etc/keydesk-escape",
        "*",
        "a\u{202e}b\u{7}",
        "$(id)",
        "..",
        "~",
        "x",
    ];
    for name in hostile {
        home.key(name, &["--expires", "3d"]);
    }
    let folder = home.path("below/secrets");
    let directory = folder.to_str().unwrap();
    let said = due(&home, &["--out-dir", directory]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let document = said.json();
    let rotated = document["rotated"].as_array().unwrap();
    assert_eq!(rotated.len(), hostile.len());
    for key in rotated {
        let file = format!("{directory}/{}.key", key["prefix"].as_str().unwrap());
        assert_eq!(key["file"], json!(file));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let secret = std::fs::read_to_string(&file).unwrap();
        assert!(home.accepts(&secret) && !said.out.contains(secret.trim()));
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), hostile.len());
    assert!(!Path::new("/tmp/keydesk-escape").exists() && !Path::new("/etc/keydesk-escape").exists());
    // A file in the way of the directory.
    create(&home, "Storefront", &[("New", "3d")]);
    std::fs::write(home.path("file"), "mine").unwrap();
    let said = due(&home, &["--out-dir", home.path("file").to_str().unwrap()]);
    let (code, message, _) = said.error();
    assert_eq!((said.code, code.as_str(), said.out.as_str()), (3, "file", ""), "{message}");
    assert_eq!(
        (std::fs::read_to_string(home.path("file")).unwrap().as_str(), keys(&home).len()),
        ("mine", 17)
    );
}

#[test]
fn several_leaked_keys_need_a_confirmation() {
    let home = Home::set_up();
    create(&home, "Storefront", &[("A", "1d"), ("B", "2d")]);
    let said = due(&home, &["--run", "cat > /dev/null", "--leaked"]);
    assert_eq!((said.code, said.error().0.as_str(), keys(&home).len()), (2, "confirmation_needed", 2));
    let said = due(&home, &["--run", "cat > /dev/null", "--leaked", "--yes"]);
    assert_eq!((said.code, names(&said.json(), "rotated").len()), (0, 2), "{said:?}");
    let replaced = home.run(&["keys", "list", "--state", "replaced", "--json"]).json();
    assert_eq!(replaced.as_array().unwrap().len(), 2);
}

#[test]
fn each_old_key_ends_as_the_options_say() {
    let home = Home::set_up();
    create(&home, "Storefront", &[("A", "1d"), ("B", "2d")]);
    let said = due(&home, &["--run", "cat > /dev/null", "--until-unused", "6h", "--expires", "300d"]);
    assert_eq!(said.code, 0, "{said:?}");
    let rotated = said.json()["rotated"].as_array().unwrap().clone();
    assert_eq!(rotated.len(), 2);
    for key in rotated {
        let old = home.run(&["keys", "show", key["replaces"].as_str().unwrap(), "--json"]).json();
        assert_eq!(old["ends_when_unused_for"], 6 * 3_600, "{old}");
        assert_eq!(key["state"], "valid");
    }
}

#[test]
fn wrong_command_lines_change_nothing() {
    let home = Home::set_up();
    create(&home, "Storefront", &[("A", "1d")]);
    for wrong in [
        &["--due", "14d"][..],
        &["A", "--due", "14d", "--run", "true"],
        &["--run", "true"],
        &["A", "--out-dir", "x"],
        &["A", "--keep-going"],
        &["A", "--dry-run"],
        &["A", "--all-apps"],
        &["--due", "14d", "--run", "true", "--out-dir", "x"],
        &["--due", "14d", "--out", "x"],
        &["--due", "14d", "--run", "true", "--copy"],
        &["--due", "14d", "--run", "true", "--env-file", "x", "--env-name", "X"],
        &["--due", "soon", "--run", "true"],
        &["--due", "14d", "--run", " "],
        &["--due", "14d", "--run", "true", "--filter", "state:xyz"],
        &["--due", "14d", "--run", "true", "--platform", "unknown"],
        &["--due", "14d", "--run", "true", "--expires", "2001-01-01"],
        &["--due", "14d", "--run", "true", "--overlap", "1h", "--leaked"],
    ] {
        let said = home.run(&[&["keys", "rotate"], wrong].concat());
        assert_eq!((said.code, keys(&home).len()), (2, 1), "{wrong:?}: {said:?}");
    }
}

/// The signal comes while a command runs: that key is finished, and the rest is left.
#[test]
fn an_interruption_ends_after_the_present_key() {
    let home = Home::set_up();
    create(&home, "Storefront", &[("A", "1d"), ("B", "2d"), ("C", "3d")]);
    for (signal, code) in [(Signal::SIGINT, 0), (Signal::SIGTERM, 1)] {
        let (started, proceed) = (home.path("started"), home.path("continue"));
        let script = format!(
            "cat > /dev/null; touch '{}'; while ! [ -e '{}' ]; do sleep 0.02; done; exit {code}",
            started.display(),
            proceed.display()
        );
        let mut command = Command::new(env!("CARGO_BIN_EXE_keydesk"));
        command.env_clear().envs(home.environment()).args(DUE).args(["--run", &script]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        assert!(until(Duration::from_secs(10), || started.exists()));
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        std::fs::write(&proceed, "").unwrap();
        let output = child.wait_with_output().unwrap();
        let said = CommandOutput {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        assert_eq!((said.code, said.error().0.as_str()), (3, "interrupted"), "{said:?}");
        let document = said.json();
        let counts = ["rotated", "failed", "left"].map(|list| names(&document, list).len());
        assert_eq!(counts, if code == 0 { [1, 0, 2] } else { [0, 1, 1] }, "{document}");
        std::fs::remove_file(started).and_then(|()| std::fs::remove_file(proceed)).unwrap();
    }
    let said = due(&home, &["--run", "cat > /dev/null"]);
    assert_eq!((said.code, names(&said.json(), "rotated")), (0, vec!["B".to_owned(), "C".to_owned()]));
    is_sound(&home, "after the rotations");
}
