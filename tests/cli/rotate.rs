//! `keydesk keys rotate`: the new key is delivered, then the old one ends. An interrupted command can be repeated.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::home::{CommandOutput, Home, id_of, is_sound};

fn show(home: &Home, key: &str) -> Value {
    home.run(&["keys", "show", key, "--json"]).json()
}

/// Why a secret is refused, or null.
fn reason(home: &Home, secret: &str) -> Value {
    home.run_with(secret, &["verify", "--json"]).json()["reason"].clone()
}

fn keys(home: &Home) -> Vec<Value> {
    home.run(&["keys", "list", "--json"]).json().as_array().unwrap().clone()
}

fn seconds(from: &Value, to: &Value) -> i64 {
    let at = |value: &Value| chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap();
    (at(to) - at(from)).num_seconds()
}

#[test]
fn a_planned_rotation_overlaps() {
    let home = Home::set_up();
    let (old, secret) = home.key("Checkout", &["--platform", "braze", "--type", "test", "--expires", "30d"]);
    let said = home.run(&["keys", "rotate", "Checkout"]);
    assert_eq!(said.code, 0, "{said:?}");
    let new_secret = said.out.strip_suffix('\n').unwrap();
    assert!(!new_secret.contains('\n'), "the secret alone: {said:?}");
    assert!(!said.err.contains(new_secret));
    assert!(said.err.contains("works until") && said.err.contains("No recorded use"), "{}", said.err);
    let (before, after) = (show(&home, &old), show(&home, &id_of(new_secret)));
    for field in ["name", "platform", "type", "kind", "application"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    assert_eq!(after["replaces"], json!(old));
    assert_eq!(before["replaced_by"], after["id"]);
    let listed = home.run(&["keys", "list"]).out;
    assert!(listed.contains(&format!("replaces {old}")), "{listed}");
    assert!(listed.contains(&format!("replaced by {}", after["id"].as_str().unwrap())), "{listed}");
    assert!(home.run(&["keys", "show", &old]).out.contains("not since rotation"));
    assert_eq!(seconds(&after["created"], &after["expires"]) / 60, 30 * 24 * 60, "the length of life");
    let left = seconds(&after["created"], &before["expires"]);
    assert!((86_395..=86_405).contains(&left), "24 hours unless told otherwise: {left}");
    assert_eq!(reason(&home, &secret), json!(null));
    assert_eq!(reason(&home, new_secret), json!(null));
    let said = home.run(&["keys", "rotate", &old, "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "replaced"), "not twice");
    is_sound(&home, "after the rotation");
}

#[test]
fn an_overlap_never_extends_the_old_key() {
    let home = Home::set_up();
    let (old, _) = home.key("Short", &["--expires", "1d"]);
    let before = show(&home, &old)["expires"].clone();
    let said = home.run(&["keys", "rotate", &old, "--overlap", "7d", "--expires", "2098-01-31", "--json"]);
    let document = said.json();
    assert_eq!(document["replaces"], json!(old));
    assert!(document["secret"].as_str().is_some_and(|secret| secret.starts_with("ik_live_")));
    assert!(document["expires"].as_str().unwrap().starts_with("2098-01-31"), "{document}");
    assert_eq!(show(&home, &old)["expires"], before);
    assert_eq!(home.run(&["keys", "rotate", &old, "--overlap", "soon"]).code, 2);
    assert_eq!(home.run(&["keys", "rotate", &old, "--overlap", "1h", "--leaked"]).code, 2);
    assert_eq!(home.run(&["keys", "rotate", "Nobody"]).code, 3);
}

#[test]
fn a_leaked_key_is_rejected_immediately() {
    let home = Home::set_up();
    let (old, secret) = home.key("Leaked", &[]);
    let said = home.run(&["keys", "rotate", &old, "--leaked"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("is rejected."), "{}", said.err);
    assert_eq!(reason(&home, said.out.trim()), json!(null));
    let disabled = home.run(&["keys", "disable", &old]).err;
    assert!(disabled.contains("It has expired") && !disabled.contains("until"), "{disabled}");
    // Even where it was created in the same second: enabling does not make it valid again.
    home.run(&["keys", "enable", &old]);
    assert_eq!(reason(&home, &secret), json!("expired"));
    assert_eq!(show(&home, &old)["state"], "replaced");
    let listed = home.run(&["keys", "list", "--state", "replaced"]).out;
    assert!(listed.contains(&old) && listed.contains("Replaced"), "{listed}");
    assert_eq!(home.run(&["keys", "list", "--state", "expired", "--json"]).json(), json!([]));
    is_sound(&home, "after the rotation");
}

#[test]
fn a_command_takes_the_secret() {
    let home = Home::set_up();
    let (old, secret) = home.key("Deployed", &[]);
    let file = home.path("deployed");
    let command = format!("cat > '{}'; echo said by the command", file.display());
    let said = home.run(&["keys", "rotate", &old, "--leaked", "--run", &command, "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let delivered = std::fs::read_to_string(&file).unwrap();
    assert!(delivered.ends_with('\n'));
    let document = said.json();
    assert_eq!((document["secret"].clone(), &document["replaces"]), (json!(null), &json!(old)));
    assert!(said.err.contains("said by the command") && !said.err.contains(delivered.trim()), "{}", said.err);
    assert_ne!(reason(&home, &secret), json!(null));
    assert_eq!(reason(&home, &delivered), json!(null));
}

fn nothing_has_changed(home: &Home, said: &CommandOutput, old: &Value, secret: &str) {
    assert_eq!(said.code, 3, "{said:?}");
    for all in ["could not be delivered", "was withdrawn", "is unchanged"] {
        assert!(said.err.contains(all), "{all}: {said:?}");
    }
    assert_eq!(keys(home).len(), 1);
    let now = show(home, old["id"].as_str().unwrap());
    assert_eq!((&now["expires"], &now["replaced_by"]), (&old["expires"], &json!(null)));
    assert_eq!(reason(home, secret), json!(null));
    is_sound(home, "after the rotation");
}

#[test]
fn an_undelivered_successor_is_withdrawn() {
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &[]);
    let old = show(&home, &id);
    let kept = home.path("kept");
    let command = format!("cat > '{}'; exit 7", kept.display());
    let said = home.run(&["keys", "rotate", &id, "--run", &command]);
    nothing_has_changed(&home, &said, &old, &secret);
    assert!(said.err.contains("exit status: 7") && said.out.is_empty(), "{said:?}");
    let withdrawn = std::fs::read_to_string(&kept).unwrap();
    assert_eq!(reason(&home, &withdrawn), json!("deleted"), "a copy of it is useless");

    let out = home.path("new.key");
    let said = home.run(&["keys", "rotate", &id, "--out", out.to_str().unwrap(), "--run", "exit 1"]);
    nothing_has_changed(&home, &said, &old, &secret);
    assert!(!out.exists(), "the file of a withdrawn key goes too");

    std::fs::write(&out, "mine").unwrap();
    let said = home.run(&["keys", "rotate", &id, "--out", out.to_str().unwrap()]);
    assert_eq!((said.code, keys(&home).len()), (3, 1), "refused before anything was made");
    assert!(said.err.contains("already exists") && said.err.contains("is unchanged"), "{}", said.err);
    let said = home.run(&["keys", "rotate", &id, "--run", " "]);
    assert_eq!((said.code, keys(&home).len()), (2, 1), "it would lose the secret and call that a success");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "mine");

    // Standard output that nobody reads.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_keydesk"));
    command.env_clear().envs(home.environment()).args(["keys", "rotate", &id]).stdout(writer);
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let said = CommandOutput {
        code: output.status.code().unwrap_or(-1),
        out: String::new(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    nothing_has_changed(&home, &said, &old, &secret);
}

#[test]
fn the_run_command_inherits_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::set_up();
    let (id, _) = home.key("Checkout", &[]);
    let file = home.path("new.key");
    let script = format!(
        "umask 027; exec {} keys rotate {id} --run 'cat > {}'",
        env!("CARGO_BIN_EXE_keydesk"),
        file.display()
    );
    let status =
        Command::new("sh").env_clear().envs(home.environment()).args(["-c", &script]).status().unwrap();
    assert!(status.success());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
}

/// What must hold after any kill: the old key works, and at most one successor waits that nobody has.
fn between(home: &Home, old: &str, secret: &str) {
    assert_eq!(reason(home, secret), json!(null));
    let waiting = keys(home).into_iter().filter(|key| key["replaces"] == json!(old)).count();
    assert!(waiting <= 1, "{waiting}");
    is_sound(home, "after the rotation");
}

fn ends_right(home: &Home, old: &str, secret: &str) {
    let said = home.run(&["keys", "rotate", old, "--leaked"]);
    assert_eq!(said.code, 0, "{said:?}");
    let all = keys(home);
    assert_eq!(all.len(), 2, "the old key and one successor: {all:?}");
    assert_ne!(reason(home, secret), json!(null));
    assert_eq!(reason(home, said.out.trim()), json!(null));
    is_sound(home, "after the rotation");
}

#[test]
fn killed_after_delivery_the_command_can_be_repeated() {
    let home = Home::set_up();
    let (old, secret) = home.key("Checkout", &[]);
    for _ in 0..3 {
        // The command has the secret, and keydesk is gone before it can end the old key.
        let said = home.run(&["keys", "rotate", &old, "--leaked", "--run", "cat > /dev/null; kill -9 $PPID"]);
        assert_eq!(said.code, -1, "{said:?}");
        between(&home, &old, &secret);
    }
    ends_right(&home, &old, &secret);
}

#[test]
fn killed_at_any_moment_the_command_can_be_repeated() {
    let home = Home::set_up();
    let (old, secret) = home.key("Checkout", &[]);
    let since = Instant::now();
    let clean = home.run(&["keys", "rotate", &home.key("Other", &[]).0, "--leaked"]);
    assert_eq!(clean.code, 0);
    let whole = since.elapsed();
    home.run(&["keys", "delete", &id_of(clean.out.trim()), "--yes"]);
    let other = keys(&home).into_iter().find(|key| key["name"] == "Other").unwrap();
    home.run(&["keys", "delete", other["id"].as_str().unwrap(), "--yes"]);
    let rounds = 40;
    for round in 0..rounds {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keydesk"));
        command.env_clear().envs(home.environment());
        command.args(["keys", "rotate", &old, "--leaked", "--run", "sleep 0.02; cat > /dev/null; exit 1"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * round / rounds);
        let _ = child.kill();
        child.wait().unwrap();
        between(&home, &old, &secret);
    }
    ends_right(&home, &old, &secret);
}

/// A script that rotates by name, again and again, and after having been killed.
#[test]
fn a_name_selects_the_last_successor() {
    let home = Home::set_up();
    let (_, secret) = home.key("Checkout", &[]);
    let mut secrets = vec![secret];
    // More of them than an error would list.
    for turn in 0..24 {
        let said = home.run(&["keys", "rotate", "Checkout", "--run", "cat > /dev/null; kill -9 $PPID"]);
        assert_eq!(said.code, -1, "{said:?}");
        let said = home.run(&["keys", "rotate", "Checkout", "--leaked"]);
        assert_eq!(said.code, 0, "turn {turn}: {said:?}");
        secrets.push(said.out.trim().to_owned());
        assert_eq!(keys(&home).len(), secrets.len(), "nothing is left over");
    }
    let last = secrets.pop().unwrap();
    assert_eq!(reason(&home, &last), json!(null));
    for secret in &secrets {
        assert!(["expired", "disabled"].contains(&reason(&home, secret).as_str().unwrap()));
    }
    home.key("checkout", &[]);
    let said = home.run(&["keys", "rotate", "CHECKOUT"]);
    assert!(said.code == 3 && said.err.matches("  ik_live_").count() == 2, "two lines: {said:?}");
}

/// The commands of the README, in their order: after a rotation a name stands for the newest key.
#[test]
fn a_script_that_names_its_keys_runs_to_its_end() {
    let home = Home::set_up();
    let (file, new) = (home.path("checkout.key"), home.path("checkout.new"));
    let (file, new) = (file.to_str().unwrap(), new.to_str().unwrap());
    let run = |arguments: &[&str]| {
        let said = home.run(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        said
    };
    run(&["keys", "create", "--name", "Checkout", "--platform", "braze", "--expires", "90d", "--out", file]);
    run(&["keys", "list", "--state", "expires_soon", "--json"]);
    run(&["verify", "--file", file]);
    run(&["keys", "rotate", "Checkout", "--overlap", "24h", "--run", "cat > /dev/null"]);
    let newest = |name: &str| run(&["keys", "show", name, "--json"]).json()["id"].clone();
    assert_eq!(show(&home, newest("checkout").as_str().unwrap())["replaced_by"], json!(null));
    for command in ["usage", "disable", "enable"] {
        run(&["keys", command, "CHECKOUT"]);
    }
    run(&["keys", "rotate", "Checkout", "--leaked", "--out", new]);
    let predecessor = run(&["keys", "list", "--json"]).json();
    let first = predecessor.as_array().unwrap().iter().find(|key| key["replaces"] == json!(null)).unwrap();
    let said = run(&["keys", "delete", "Checkout", "--yes"]);
    assert_eq!(reason(&home, &std::fs::read_to_string(new).unwrap()), json!("deleted"));
    let still = format!("The predecessor {} still works until", first["prefix"].as_str().unwrap());
    assert!(said.err.contains(&still), "{}", said.err);
    assert_eq!(said.err.matches("predecessor").count(), 1, "the leaked one is rejected: {}", said.err);
    // With its successors deleted a name stands for the last key that is left.
    for left in [1, 0] {
        run(&["keys", "delete", "Checkout", "--yes"]);
        assert_eq!(keys(&home).len(), left);
    }
    let said = home.run(&["audit", "list", "--key", "checkout", "--json"]);
    let (code, message, _) = said.error();
    assert_eq!((said.code, code.as_str()), (3, "ambiguous"));
    assert_eq!(message.matches("deleted").count(), 3, "{message}");
}

#[test]
fn a_circle_of_successors_is_deleted() {
    let home = Home::set_up();
    home.key("Checkout", &[]);
    assert_eq!(
        home.run(&["keys", "rotate", "Checkout", "--out", home.path("new.key").to_str().unwrap()]).code,
        0
    );
    let raw = rusqlite::Connection::open(home.database()).unwrap();
    let circle = "UPDATE keys SET replaces = (SELECT new.key_id FROM keys new WHERE new.replaces IS NOT NULL) \
                  WHERE replaces IS NULL";
    assert_eq!(raw.execute(circle, []).unwrap(), 1);
    let said = home.run(&["keys", "delete", "Checkout", "--yes"]);
    assert_eq!((said.code, keys(&home).len()), (0, 1), "{said:?}");
}

/// Six at once, each with a slow command.
fn rotate_at_once(home: &Home, id: &str, command: impl Fn(usize) -> String) -> Vec<CommandOutput> {
    let started: Vec<_> = (0..6)
        .map(|number| {
            let mut keydesk = Command::new(env!("CARGO_BIN_EXE_keydesk"));
            keydesk.env_clear().envs(home.environment());
            keydesk.args(["keys", "rotate", id, "--leaked", "--run", &command(number)]);
            keydesk.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let ended = started.into_iter().map(|keydesk| keydesk.wait_with_output().unwrap());
    ended
        .map(|output| CommandOutput {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        })
        .collect()
}

#[test]
fn of_six_rotations_at_once_one_delivers_a_secret() {
    let home = Home::set_up();
    for round in 0..8 {
        let (old, secret) = home.key(&format!("Round {round}"), &[]);
        let file = |number| home.path(&format!("delivered-{round}-{number}"));
        let all = rotate_at_once(&home, &old, |number| {
            let file = file(number).display().to_string();
            format!("sleep 0.{round}; cat > '{file}'")
        });
        let delivered: Vec<String> =
            (0..6).filter_map(|number| std::fs::read_to_string(file(number)).ok()).collect();
        assert_eq!(delivered.len(), 1, "round {round}: {all:?}");
        assert_eq!(reason(&home, &delivered[0]), json!(null));
        assert_ne!(reason(&home, &secret), json!(null));
        let (won, lost): (Vec<_>, Vec<_>) = all.iter().partition(|said| said.code == 0);
        assert_eq!((won.len(), lost.len()), (1, 5), "{all:?}");
        for said in lost {
            let winner = format!("ik_live_{} replaces it. No new key was delivered", id_of(&delivered[0]));
            assert!(said.code == 3 && said.err.contains(&winner), "{said:?}");
            let states =
                ["is disabled", "expired 20"].map(|state| format!("The old key ik_live_{old} {state}"));
            assert!(states.iter().any(|state| said.err.contains(state)), "what it is now: {said:?}");
        }
    }
    is_sound(&home, "after the rotation");
}

/// A rotation that takes longer than others wait: they name its new key, and the old one still works. When it is killed,
/// the next one withdraws what it left.
#[test]
fn a_running_rotation_is_not_withdrawn_and_a_killed_one_is() {
    let home = Home::set_up();
    let (old, secret) = home.key("Checkout", &[]);
    let pid = home.path("pid");
    let mut slow = Command::new(env!("CARGO_BIN_EXE_keydesk"));
    let command = format!("cat > /dev/null; echo $$ > '{}'; exec sleep 60", pid.display());
    slow.env_clear().envs(home.environment()).args(["keys", "rotate", &old, "--leaked", "--run", &command]);
    let mut slow = slow.stderr(Stdio::null()).spawn().unwrap();
    while !std::fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n')) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let successor = keys(&home).into_iter().find(|key| key["replaces"] == json!(old)).unwrap();
    let said = home.run(&["keys", "rotate", &old, "--leaked", "--json"]);
    let (code, message, _) = said.error();
    assert_eq!((said.code, code.as_str()), (3, "being_rotated"));
    for part in
        [successor["prefix"].as_str().unwrap(), "No new key was delivered", "is unchanged: it works until"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(said.out.is_empty());
    slow.kill().unwrap();
    slow.wait().unwrap();
    // What it ran lives on, and holds nothing.
    ends_right(&home, &old, &secret);
    let pid = std::fs::read_to_string(&pid).unwrap();
    Command::new("kill").arg(pid.trim()).status().unwrap();
}
