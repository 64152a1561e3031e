//! The secret: where it goes, where it never goes, and how it is verified.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::home::{Home, run};

fn keys(home: &Home) -> usize {
    home.run(&["keys", "list", "--json"]).json().as_array().map_or(0, Vec::len)
}

/// A command whose standard output nobody reads.
fn unheard(home: &Home, arguments: &[&str]) -> (i32, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_keydesk"))
        .env_clear()
        .envs(home.environment())
        .args(arguments)
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn standard_output_contains_only_the_secret() {
    let home = Home::set_up();
    let said = home.run(&["keys", "create", "--name", "Checkout"]);
    assert_eq!(said.code, 0);
    let secret = said.out.strip_suffix('\n').unwrap();
    assert!(!secret.contains('\n') && secret.starts_with("ik_live_") && secret.len() == 68, "{secret}");
    assert!(!said.err.contains(secret));
    assert!(said.err.contains("You cannot display the API key after this step."));
    assert_eq!(home.run_with(said.out.clone(), &["verify"]).code, 0);
    assert!(home.run(&["keys", "show", "Checkout"]).out.contains("delivered"));

    let binary = env!("CARGO_BIN_EXE_keydesk");
    let script = format!("{binary} keys create --name Piped | {binary} verify --json");
    let mut shell = assert_cmd::Command::new("sh");
    let said = said_of(shell.env_clear().envs(home.environment()).args(["-c", &script]));
    assert_eq!(said["valid"], true);
}

fn said_of(command: &mut assert_cmd::Command) -> serde_json::Value {
    run(command).json()
}

#[test]
fn a_secret_as_an_argument_is_rejected_everywhere() {
    let home = Home::set_up();
    let (_, secret) = home.key("Checkout", &[]);
    let cut = &secret[..40];
    let option = format!("--name={secret}");
    let places: &[&[&str]] = &[
        &["keys", "show", &secret],
        &["keys", "show", cut],
        &["keys", "delete", &secret, "--yes"],
        &["keys", "create", &option],
        &["keys", "list", "--filter", &secret],
        &["verify", &secret],
        &["verify", "--file", &secret],
        &["--app", &secret, "apps", "list"],
        &["apps", "create", "--", &secret],
        &["no-such-command", &secret],
    ];
    for arguments in places {
        let text = home.run(arguments);
        let json = home.run(&[&["--json"], *arguments].concat());
        assert_eq!((text.code, json.code), (2, 2), "{arguments:?}");
        let (code, message, _) = json.error();
        assert_eq!(code, "secret_in_arguments");
        assert!(message.contains("history") && text.err.contains("hint: rotate that key"), "{message}");
        for stream in [&text.out, &text.err, &json.out, &json.err] {
            assert!(!stream.contains(cut), "{arguments:?}");
        }
    }
    assert_eq!(keys(&home), 1);
}

#[test]
fn a_secret_is_written_to_a_new_private_file_or_not_at_all() {
    let home = Home::set_up();
    let out = home.path("checkout.key");
    let path = out.display().to_string();
    let said = home.run(&["keys", "create", "--name", "Checkout", "--out", &path]);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o7777, 0o600);
    let written = std::fs::read_to_string(&out).unwrap();
    assert_eq!(home.run(&["verify", "--file", &path]).code, 0);
    assert!(!said.err.contains(written.trim()));

    let link = home.path("link.key");
    symlink(home.path("nowhere"), &link).unwrap();
    for taken in [path.clone(), link.display().to_string(), home.path("no/such/folder").display().to_string()]
    {
        let said = home.run(&["keys", "create", "--name", "Other", "--out", &taken, "--json"]);
        assert_eq!((said.code, said.out.as_str()), (3, ""), "{taken}");
        said.error();
    }
    assert_eq!(keys(&home), 1, "what cannot be delivered is not created");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), written);
    assert!(!home.path("nowhere").exists());

    let other = home.path("other.key").display().to_string();
    let document = home.run(&["keys", "create", "--name", "Other", "--out", &other, "--json"]).json();
    assert_eq!(document["secret"], json!(null), "it is in the file alone");
    assert_eq!(document.as_object().map(serde_json::Map::len), Some(22));
}

#[test]
fn closed_output_is_no_error_unless_a_secret_is_lost() {
    let home = Home::set_up();
    home.key("Checkout", &[]);
    for arguments in
        [&["keys", "list"][..], &["keys", "list", "--json"], &["platforms"], &["config", "--default"]]
    {
        assert_eq!(unheard(&home, arguments), (0, String::new()), "{arguments:?}");
    }
    assert_eq!(unheard(&home, &["--help"]).0, 0);
    for more in [&[][..], &["--json"]] {
        let (code, err) = unheard(&home, &[&["keys", "create", "--name", "Lost"], more].concat());
        assert_eq!(code, 3);
        assert!(
            err.contains("was created") && err.contains("keydesk keys delete") && !err.contains("panicked"),
            "{err}"
        );
    }
    let matching = home.run(&["keys", "list", "--filter", "Lost", "--json"]).json();
    let lost = matching[0]["id"].as_str().unwrap();
    assert!(home.run(&["keys", "show", lost]).out.contains("not delivered"));

    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_keydesk"));
    let output =
        command.env_clear().envs(home.environment()).args(["keys", "list"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "a full disk is an error");
}

#[test]
fn a_secret_written_to_dev_null_is_not_delivered() {
    let home = Home::set_up();
    let mut command = Command::new(env!("CARGO_BIN_EXE_keydesk"));
    command.env_clear().envs(home.environment()).args(["keys", "create", "--name", "Void"]);
    let output = command.stdout(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stderr).unwrap().contains("standard output is /dev/null"));
    assert!(home.run(&["keys", "show", "Void"]).out.contains("not delivered"));
}

#[test]
fn verify_reports_the_result_and_the_reason() {
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &["--platform", "braze", "--expires", "2099-01-01T00:00:00Z"]);
    let verify = |input: &[u8], more: &[&str]| {
        let said = home.run_with(input, &[&["verify", "--json"], more].concat());
        (said.code, said.json())
    };
    let valid = json!({"valid": true, "key": {"id": id, "application": "Storefront", "platform": "braze",
        "type": "production", "expires": "2099-01-01T00:00:00Z"}});
    for ending in ["", "\n", "\r\n"] {
        assert_eq!(verify(format!("{secret}{ending}").as_bytes(), &[]), (0, valid.clone()), "{ending:?}");
    }
    assert_eq!(verify(secret.as_bytes(), &["--app", "storefront"]), (0, valid));
    let refused = |reason: &str| (1, json!({"valid": false, "reason": reason}));
    let wrong = json!({"valid": false, "reason": "wrong_application", "key_id": id});
    assert_eq!(verify(secret.as_bytes(), &["--app", "Other"]), (1, wrong));
    let malformed: [Vec<u8>; 7] = [
        b"".to_vec(),
        b"\n".to_vec(),
        secret[..67].into(),
        format!("{secret}\n\n").into(),
        format!("{secret}\n{secret}\n").into(),
        b"\xff\xfe".to_vec(),
        vec![b'x'; 100_000],
    ];
    for text in malformed {
        assert_eq!(verify(&text, &[]), refused("malformed"), "{} bytes", text.len());
    }
    let other = Home::set_up();
    let (_, foreign) = other.key("Foreign", &[]);
    assert_eq!(verify(foreign.as_bytes(), &[]), refused("unknown"));

    let said = home.run_with(secret.clone(), &["verify"]);
    assert!(said.out.starts_with("valid: Checkout") && said.out.contains("Storefront"), "{}", said.out);
    let said = home.run_with("nonsense", &["verify"]);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("rejected: malformed"), "{}", said.out);
    assert_eq!(home.run(&["verify", "--file", "/nowhere/x"]).code, 3);
    assert_eq!(Home::empty().run_with(secret, &["verify"]).code, 3, "no database: not a no");
}

#[test]
fn expired_keys_are_rejected() {
    let home = Home::set_up();
    let (id, secret) = home.key("Short", &["--expires", "1s"]);
    std::thread::sleep(std::time::Duration::from_millis(1_600));
    let said = home.run_with(secret, &["verify", "--json"]);
    assert_eq!((said.code, said.json()), (1, json!({"valid": false, "reason": "expired", "key_id": id})));
    assert_eq!(home.run(&["keys", "show", "Short", "--json"]).json()["state"], "expired");
}

#[test]
fn without_a_clipboard_the_key_is_reported_as_not_delivered() {
    let home = Home::set_up();
    let config = home.path("off.toml");
    std::fs::File::create(&config).and_then(|mut file| file.write_all(b"clipboard = \"off\"\n")).unwrap();
    let config = config.display().to_string();
    let said = home.run(&["--config", &config, "keys", "create", "--name", "A", "--copy", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "clipboard_off"));
    assert_eq!(keys(&home), 0);
}
