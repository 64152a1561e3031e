//! A secret is delivered into one line of an environment file, and every other byte stays.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use keydesk::domain::env_file::{VariableName, find};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::home::{CommandOutput, Home, is_sound};

/// A file with a mode.
fn write(home: &Home, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = home.path(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn rotate(home: &Home, key: &str, path: &Path, more: &[&str]) -> CommandOutput {
    let path = path.to_str().unwrap();
    let base = ["keys", "rotate", key, "--env-file", path, "--env-name", "API_KEY"];
    home.run(&[&base[..], more].concat())
}

fn keys(home: &Home) -> Vec<Value> {
    home.run(&["keys", "list", "--json"]).json().as_array().unwrap().clone()
}

/// What a shell reads from the file.
fn sourced(path: &Path) -> String {
    let script = "set -a; . \"$0\"; printf %s \"$API_KEY\"";
    let output = Command::new("/bin/sh").args(["-c", script]).arg(path).env_clear().output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_rotation_changes_one_line() {
    let home = Home::set_up();
    home.key("Checkout", &[]);
    for (number, (before, after)) in [
        ("API_KEY=old\n", "API_KEY={}\n"),
        (
            "# it's mine\n\nexport API_KEY='old' # note\nB=\"1\n2\"\n",
            "# it's mine\n\nexport API_KEY='{}' # note\nB=\"1\n2\"\n",
        ),
        ("A=1\nAPI_KEY=\"old\"", "A=1\nAPI_KEY=\"{}\""),
        ("A=1\n  API_KEY=\t# empty\nB=2", "A=1\n  API_KEY={}\t# empty\nB=2"),
        ("export A=1", "export A=1\nexport API_KEY={}"),
        ("", "API_KEY={}\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = write(&home, &format!("{number}.env"), before, 0o600);
        let said = rotate(&home, "Checkout", &path, &[]);
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{before:?}: {said:?}");
        assert!(!said.err.contains("warning") && said.err.contains("as API_KEY."), "{said:?}");
        let secret = sourced(&path);
        assert_eq!(text(&path), after.replace("{}", &secret));
        assert!(home.accepts(&secret) && !said.err.contains(&secret));
    }
    // Formats that no shell reads.
    let windows = write(&home, "windows.env", "A=1\r\nAPI_KEY = old\r\n", 0o600);
    assert_eq!(rotate(&home, "Checkout", &windows, &[]).code, 0);
    let now = text(&windows);
    let secret = now.strip_prefix("A=1\r\nAPI_KEY = ").and_then(|rest| rest.strip_suffix("\r\n")).unwrap();
    assert!(home.accepts(secret));
    is_sound(&home, "after the rotations");
}

#[test]
fn a_new_key_is_delivered_too_and_documents_have_no_secret() {
    let home = Home::set_up();
    let path = write(&home, ".env", "A=1\n", 0o600);
    let file = path.to_str().unwrap();
    let said =
        home.run(&["keys", "create", "Checkout", "--env-file", file, "--env-name", "API_KEY", "--json"]);
    assert_eq!((said.code, said.json()["secret"].clone()), (0, json!(null)), "{said:?}");
    let first = sourced(&path);
    assert!(home.accepts(&first));
    let said = rotate(&home, "Checkout", &path, &["--leaked", "--json"]);
    assert_eq!((said.code, said.json()["secret"].clone()), (0, json!(null)), "{said:?}");
    assert!(home.accepts(&sourced(&path)) && !home.accepts(&first));
    assert_eq!(text(&path), format!("A=1\nAPI_KEY={}\n", sourced(&path)));
    let undelivered = keys(&home)
        .iter()
        .filter(|key| home.run(&["keys", "show", key["id"].as_str().unwrap()]).out.contains("not delivered"))
        .count();
    assert_eq!(undelivered, 0);
}

#[test]
fn mode_and_owner_are_kept_and_readers_are_reported() {
    let home = Home::set_up();
    home.key("Checkout", &[]);
    for mode in [0o400, 0o640, 0o644, 0o664] {
        let path = write(&home, &format!("{mode:o}.env"), "API_KEY=old\n", mode);
        let is_root = nix::unistd::geteuid().is_root();
        if is_root {
            std::os::unix::fs::chown(&path, Some(12_345), Some(23_456)).unwrap();
        }
        let before = path.metadata().unwrap();
        let script = "umask 077; exec \"$@\"";
        let mut command = home.program("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_keydesk"), "keys", "rotate", "Checkout"]);
        command.arg("--env-file").arg(&path).args(["--env-name", "API_KEY"]);
        let said = crate::support::home::run(&mut command);
        assert_eq!(said.code, 0, "{said:?}");
        let after = path.metadata().unwrap();
        assert_eq!(
            (before.mode(), before.uid(), before.gid()),
            (after.mode(), after.uid(), after.gid()),
            "{mode:o}"
        );
        let warned =
            said.err.contains(&format!("(mode {mode:04o}): if they should not, run chmod 0600 on it"));
        assert_eq!(warned, mode & 0o044 != 0, "{said:?}");
        assert!(home.accepts(&sourced(&path)));
    }
}

/// No key is created that could not be delivered.
#[test]
fn an_uncertain_place_is_rejected_before_anything_is_created() {
    let home = Home::set_up();
    let (old, _) = home.key("Checkout", &[]);
    let good = write(&home, "good.env", "API_KEY=old\n", 0o600);
    symlink(&good, home.path("link.env")).unwrap();
    let lines = |name: &str, text: &str| write(&home, name, text, 0o600);
    for (path, message, hint) in [
        (home.path("link.env"), "is a symbolic link", "use the path of the file itself: "),
        (home.path("none.env"), "does not exist", "create the file with: install -m 600 /dev/null "),
        (home.path("none/app.env"), "does not exist", ""),
        (home.path("data"), "is a directory", ""),
        (lines("twice.env", "API_KEY=1\nA=2\nexport API_KEY=3\n"), "on the lines 1, 3", "keep one"),
        (lines("quote.env", "A=\"1\nAPI_KEY=2\n\"\n"), "begins on line 1", "alone on its line"),
        (lines("open.env", "A='1\nAPI_KEY=2\n"), "the quote on line 1 is not closed", ""),
        (lines("continued.env", "A=1 \\\nAPI_KEY=2\n"), "line 1 ends with a backslash", ""),
        (lines("several.env", "API_KEY=2; B=3\n"), "line 1 contains more than", ""),
        (lines("binary.env", "API_KEY=2\0\n"), "is not a text file", ""),
    ] {
        let before = std::fs::read(&path).ok();
        let said = rotate(&home, &old, &path, &["--json"]);
        let (code, said_message, said_hint) = said.error();
        assert_eq!((said.code, code.as_str()), (3, "env_file"), "{said:?}");
        assert!(said_message.contains(message), "{message}: {said:?}");
        assert!(said_message.contains("no new key was created, and the old key"), "{said:?}");
        assert!(said_hint.contains(hint), "{hint}: {said:?}");
        assert_eq!((std::fs::read(&path).ok(), keys(&home).len()), (before, 1));
        let path = path.to_str().unwrap();
        let said = home.run(&["keys", "create", "New", "--env-file", path, "--env-name", "API_KEY"]);
        assert_eq!((said.code, keys(&home).len()), (3, 1), "{said:?}");
    }
    for wrong in [
        &["--env-file", "x"][..],
        &["--env-name", "X"],
        &["--env-file", "x", "--env-name", "1X"],
        &["--env-file", "x", "--env-name", "A B"],
        &["--env-file", "x", "--env-name", "X", "--out", "y"],
        &["--env-file", "x", "--env-name", "X", "--copy"],
    ] {
        for command in [["keys", "rotate", "Checkout"], ["keys", "create", "New"]] {
            assert_eq!(home.run(&[&command[..], wrong].concat()).code, 2, "{wrong:?}");
        }
    }
    assert_eq!((text(&good).as_str(), keys(&home).len()), ("API_KEY=old\n", 1));
}

#[test]
fn after_a_failed_command_the_file_is_as_it_was() {
    let home = Home::set_up();
    let (old, secret) = home.key("Checkout", &[]);
    let path = write(&home, "app.env", "# mine\nAPI_KEY=old\n", 0o640);
    let seen = home.path("seen");
    let failing = format!("cat '{}' > '{}'; exit 1", path.display(), seen.display());
    let said = rotate(&home, &old, &path, &["--leaked", "--run", &failing]);
    assert!(said.code == 3 && said.err.contains("was withdrawn"), "{said:?}");
    assert!(
        text(&seen).starts_with("# mine\nAPI_KEY=ik_live_"),
        "the command ran after the file was changed"
    );
    assert_eq!(text(&path), "# mine\nAPI_KEY=old\n");
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o640);
    assert!(home.accepts(&secret));
    assert_eq!(keys(&home).len(), 1);
    // A file that the command changes too is not put back over its change.
    let failing = format!("echo B=2 >> '{}'; exit 1", path.display());
    let said = rotate(&home, &old, &path, &["--run", &failing]);
    assert!(said.code == 3 && said.err.contains("The secret was not removed"), "{said:?}");
    assert!(text(&path).ends_with("\nB=2\n") && home.accepts(&secret));
    let left: Vec<_> =
        std::fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".keydesk")), "{left:?}");
    is_sound(&home, "after the rotations");
}

/// A line that is not about the variable, and the same for all programs.
fn other_line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[ \t]*#[ -~]{0,20}",
        "[ \t]{0,2}(export )?OTHER_[A-Z]{1,4}=[a-z0-9]{0,8}( # [ -~]{0,9})?",
        "MY_API_KEY='[ -&(-~]{0,9}'",
        "API_KEYS=\"[ !#-\\[\\]-~]{0,9}\"",
        "TEXT='[a-z]{0,4}\n[ -&(-<>-~]{0,9}\n'",
    ]
    .prop_filter("a backslash continues a line", |line| !line.ends_with('\\'))
}

/// The line with the variable: what is before and behind the value, and the old value.
fn variable_line() -> impl Strategy<Value = (String, String, String)> {
    let comment = "([ \t]+#[ -\\[\\]-~]{0,12})?";
    let quoted = |quote: &'static str, value: &'static str| {
        ("[ \t]{0,2}(export[ \t]+)?API_KEY[ \t]?=[ \t]?", value, comment).prop_map(
            move |(before, value, comment)| (format!("{before}{quote}"), value, format!("{quote}{comment}")),
        )
    };
    prop_oneof![
        quoted("", "[A-Za-z0-9_.:/+-]{1,20}"),
        quoted("'", "[ -&(-~]{0,20}"),
        quoted("\"", "([ !#-\\[\\]-~]|\\\\[ -~]){0,20}"),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_other_byte_of_a_file_stays(
        above in proptest::collection::vec(other_line(), 0..6),
        (before, old, behind) in variable_line(),
        below in proptest::collection::vec(other_line(), 0..6),
        is_windows: bool,
        is_ended: bool,
    ) {
        let line_break = if is_windows { "\r\n" } else { "\n" };
        let joined = |lines: &[String]| lines.iter().flat_map(|line| [line, "\n"]).collect::<String>();
        let whole = |value: &str| {
            let text = format!("{}{before}{value}{behind}\n{}", joined(&above), joined(&below));
            let text = text.replace('\n', line_break);
            if is_ended { text } else { text.strip_suffix(line_break).unwrap_or(&text).to_owned() }
        };
        let name: VariableName = "API_KEY".parse().unwrap();
        let text = whole(&old);
        let place = find(text.as_bytes(), &name).unwrap();
        let now = place.with_value(text.as_bytes(), "ik_live_new");
        prop_assert_eq!(String::from_utf8(now.to_vec()).unwrap(), whole("ik_live_new"));
    }

    /// Of any bytes, and any that look like a file.
    #[test]
    fn a_new_value_is_found_again_and_no_other_byte_changes(
        text in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "([AKEY=\"' \t\r\n\\\\#;x]|KEY=|export ){0,40}".prop_map(String::into_bytes),
        ],
    ) {
        let name: VariableName = "KEY".parse().unwrap();
        let Ok(place) = find(&text, &name) else { return Ok(()) };
        let (one, other) = (place.with_value(&text, "one"), place.with_value(&text, "other"));
        let again = find(&one, &name);
        prop_assert!(again.is_ok(), "{:?}", again);
        prop_assert_eq!(&again.unwrap().with_value(&one, "other")[..], &other[..]);
        let start = one.iter().zip(text.iter()).take_while(|(new, old)| new == old).count();
        prop_assert_eq!(&one[..start], &text[..start]);
    }
}
