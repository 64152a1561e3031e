//! Commands at a real pseudo-terminal: the typed confirmation, and colour.

use std::time::Duration;

use crate::support::KEYDESK;
use crate::support::home::{Home, run};
use crate::support::pty::{Pty, command_in_home};

/// Runs a command at a terminal; when it has said `prompt`, types `answer`. What was shown, and the exit code.
fn at_terminal(
    home: &Home,
    arguments: &[&str],
    more: &[(&str, &str)],
    prompt: &str,
    answer: &str,
) -> (String, u32) {
    let mut pty = Pty::start(command_in_home(home, KEYDESK, arguments, more), 200, 24);
    let shown = |pty: &Pty| String::from_utf8_lossy(&pty.raw()).into_owned();
    if !answer.is_empty() {
        pty.wait(prompt, |pty| shown(pty).contains(prompt));
        pty.send(answer);
    }
    let code = pty.wait_for_end(Duration::from_secs(20));
    (shown(&pty), code)
}

#[test]
fn deleting_a_key_requires_its_name() {
    let home = Home::set_up();
    let (id, _) = home.key("Checkout", &["--platform", "braze"]);
    let delete =
        |answer: &str| at_terminal(&home, &["keys", "delete", "Checkout"], &[], "to confirm:", answer);
    for wrong in ["\n", "yes\n", "checkout\n", "\u{4}"] {
        let (shown, code) = delete(wrong);
        assert_eq!(code, 3, "{shown}");
        assert!(shown.contains("nothing was changed"), "{shown}");
        assert!(
            shown.contains(&id) && shown.contains("Braze") && shown.contains("cannot be undone"),
            "{shown}"
        );
    }
    assert_eq!(home.run(&["keys", "show", &id]).code, 0);
    let (shown, code) = delete("Checkout\n");
    assert_eq!(code, 0, "{shown}");
    assert_eq!(home.run(&["keys", "show", &id]).code, 3);
}

#[test]
fn before_a_successor_is_deleted_its_working_predecessor_is_named() {
    let home = Home::set_up();
    let (old, _) = home.key("Checkout", &[]);
    home.run(&["keys", "rotate", "Checkout"]);
    let (shown, code) = at_terminal(&home, &["keys", "delete", "Checkout"], &[], "to confirm:", "no\n");
    assert_eq!(code, 3, "{shown}");
    assert!(shown.contains(&format!("The predecessor ik_live_{old} still works until")), "{shown}");
    let said = home.run(&["keys", "delete", "Checkout", &old, "--yes"]);
    assert!(said.code == 0 && !said.err.contains("predecessor"), "{said:?}");
}

#[test]
fn before_a_key_is_deleted_its_use_is_named() {
    let home = Home::set_up();
    let (old, _) = home.key("Checkout", &[]);
    home.run(&["keys", "rotate", "Checkout"]);
    home.sql(&format!(
        "INSERT INTO key_use SELECT key_id, application_id, unixepoch() - 90, unixepoch() - 90, '10.0.0.4'
         FROM keys WHERE key_id = '{old}';
         INSERT INTO key_uses VALUES ('{old}', unixepoch() / 86400, 3), ('{old}', unixepoch() / 86400 - 1, 409);
         INSERT INTO key_sources VALUES ('{old}', '', '10.0.0.4', 412, unixepoch() - 90, unixepoch() - 90);"
    ));
    let (shown, code) = at_terminal(&home, &["keys", "delete", &old], &[], "to confirm:", "no\n");
    assert_eq!(code, 3, "{shown}");
    for part in [
        "3 requests today and 409 yesterday (UTC), from 1 source, the last 1 minute ago from 10.0.0.4",
        "Moved to its successor: 0 of 1 source, not yet 10.0.0.4",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn deleting_several_keys_requires_their_number() {
    let home = Home::set_up();
    home.key("A", &[]);
    home.key("B", &[]);
    let delete = |answer: &str| at_terminal(&home, &["keys", "delete", "A", "B"], &[], "to confirm:", answer);
    assert_eq!(delete("delete 3 keys\n").1, 3);
    let (shown, code) = delete("delete 2 keys\n");
    assert_eq!(code, 0, "{shown}");
    assert_eq!(home.run(&["keys", "list", "--json"]).json(), serde_json::json!([]));
}

#[test]
fn rotating_several_keys_requires_their_number() {
    let home = Home::set_up();
    home.run(&["apps", "create", "Billing"]);
    for (name, application) in [("A", "Storefront"), ("B", "Billing"), ("C", "Storefront")] {
        home.key(name, &["--app", application, "--expires", "3d"]);
    }
    let command = &["keys", "rotate", "--due", "14d", "--all-apps", "--run", "cat > /dev/null"];
    let rotate = |answer: &str| at_terminal(&home, command, &[], "to confirm:", answer);
    for wrong in ["\n", "y\n", "rotate 2 keys\n", "\u{4}"] {
        let (shown, code) = rotate(wrong);
        assert!(code == 3 && shown.contains("nothing was changed"), "{shown}");
        assert!(shown.contains("3 keys are due: Billing 1, Storefront 2"), "{shown}");
        assert!(shown.contains("Storefront  expires in 3 days"), "{shown}");
    }
    let (shown, code) = rotate("rotate 3 keys\n");
    assert_eq!(code, 0, "{shown}");
    for progress in ["[1/3] ", "[2/3] ", "[3/3] ", "3 keys rotated."] {
        assert!(shown.contains(progress), "{progress}: {shown}");
    }
    let again = [&command[..], &["--yes"]].concat();
    let (shown, code) = at_terminal(&home, &again, &[], "", "");
    assert!(code == 0 && shown.contains("No keys are due."), "{shown}");
}

#[test]
fn deleting_applications_requires_the_name_and_users_the_email() {
    let home = Home::set_up();
    home.key("A", &[]);
    home.run(&["users", "add", "ben@example.com"]);
    let user = &["users", "delete", "ben@example.com"];
    assert_eq!(at_terminal(&home, user, &[], "to confirm:", "ben\n").1, 3);
    assert_eq!(at_terminal(&home, user, &[], "to confirm:", "ben@example.com\n").1, 0);
    let (shown, code) =
        at_terminal(&home, &["apps", "delete", "Storefront"], &[], "to confirm:", "Storefront\n");
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("1 key"), "{shown}");
}

/// Runs a command at a terminal and answers its questions in turn.
fn answered(home: &Home, arguments: &[&str], answers: &[(&str, &str)]) -> (String, u32) {
    let mut pty = Pty::start(command_in_home(home, KEYDESK, arguments, &[]), 200, 24);
    let shown = |pty: &Pty| String::from_utf8_lossy(&pty.raw()).into_owned();
    for (question, answer) in answers {
        pty.wait(question, |pty| shown(pty).contains(question));
        pty.send(answer);
    }
    let code = pty.wait_for_end(Duration::from_secs(20));
    (shown(&pty), code)
}

#[test]
fn create_asks_for_what_is_missing_with_defaults() {
    let home = Home::set_up();
    let (shown, code) = answered(
        &home,
        &["keys", "create"],
        &[
            ("Platform [generic]: ", "brase\n"),
            ("did you mean \"braze\"?", "braze\n"),
            ("Name [Braze ", "\n"),
            ("Expiration [90d]: ", "yesterday\n"),
            ("error:", "30d\n"),
        ],
    );
    assert_eq!(code, 0, "{shown}");
    let key = &home.run(&["keys", "list", "--json"]).json()[0];
    assert_eq!(key["platform"], "braze");
    let name = key["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("Braze "), "{name}");
    // All defaults, and only what no option says: the suggested name is not in use.
    let taken = format!("Name [{name} 2]: ");
    let (shown, code) = answered(
        &home,
        &["keys", "create", "--platform", "braze", "--expires", "tomorrow"],
        &[(&taken, "\n")],
    );
    assert!(code == 0 && !shown.contains("Platform [") && !shown.contains("Expiration ["), "{shown}");
    // A name is enough, and with --json nobody is asked.
    assert_eq!(at_terminal(&home, &["keys", "create", "Checkout"], &[], "", "").1, 0);
    assert_eq!(at_terminal(&home, &["keys", "create", "--json"], &[], "", "").1, 2);
    let (shown, code) = answered(&home, &["keys", "create"], &[("Platform", "\u{4}")]);
    assert!(code == 3 && shown.contains("canceled: nothing was created"), "{shown}");
    home.run(&["apps", "create", "Other"]);
    let (shown, code) = answered(
        &home,
        &["keys", "create", "Which"],
        &[("Application: ", "Ohter\n"), ("did you mean \"Other\"?", "other\n")],
    );
    assert_eq!(code, 0, "{shown}");
    assert_eq!(home.run(&["keys", "list", "--app", "Other", "--json"]).json()[0]["name"], "Which");
}

#[test]
fn a_secret_that_is_pasted_as_an_answer_is_rejected() {
    let home = Home::set_up();
    let (_, secret) = home.key("Checkout", &[]);
    let (shown, code) = answered(
        &home,
        &["keys", "create", "--platform", "generic", "--expires", "90d"],
        &[("Name [", &format!("{secret}\n")), ("contains the secret of a key", "Billing\n")],
    );
    assert_eq!(code, 0, "{shown}");
    let keys = home.run(&["keys", "list", "--json"]);
    assert!(keys.out.contains("Billing") && !keys.out.contains(&secret), "{}", keys.out);
}

#[test]
fn init_asks_for_email_and_application() {
    let home = Home::empty();
    let (shown, code) = answered(
        &home,
        &["init"],
        &[
            ("Your email [", "ana\n"),
            ("error:", "ana@example.com\n"),
            ("First Application: ", "Storefront\n"),
        ],
    );
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("is set up. You are ana@example.com"), "{shown}");
    let (shown, code) =
        answered(&home, &["init", "--app", "Storefront"], &[("Your email [", "ana@example.com\n")]);
    assert!(code == 0 && shown.contains("already set up"), "{shown}");
}

#[test]
fn color_is_used_on_a_terminal_unless_disabled() {
    let home = Home::set_up();
    home.key("A", &[]);
    let list = |more: &[(&str, &str)]| at_terminal(&home, &["keys", "list"], more, "", "").0;
    assert!(list(&[]).contains("\u{1b}[32mValid\u{1b}[0m"));
    assert!(!list(&[("NO_COLOR", "1")]).contains('\u{1b}'));
    assert!(!list(&[("TERM", "dumb")]).contains('\u{1b}'));
}

#[test]
fn labels_of_errors_and_warnings_are_colored_on_a_terminal_unless_disabled() {
    let home = Home::set_up();
    let at = |arguments: &[&str], more: &[(&str, &str)]| at_terminal(&home, arguments, more, "", "").0;
    let shown = at(&["keys", "show", "A"], &[]);
    assert!(shown.contains("\u{1b}[1;31merror:\u{1b}[0m key \"A\" not found in Storefront"), "{shown:?}");
    assert!(shown.contains("\u{1b}[1;36mhint:\u{1b}[0m run"), "{shown:?}");
    let shown = at(&["keys", "create", "--name", "A", "--expires", "2098-03-01T12:00:00Z"], &[]);
    assert!(shown.contains("\u{1b}[1;33mwarning:\u{1b}[0m "), "{shown:?}");
    for (more, variables) in
        [(&["--json"][..], &[][..]), (&[], &[("NO_COLOR", "1")]), (&[], &[("TERM", "dumb")])]
    {
        let shown = at(&[&["keys", "show", "B"][..], more].concat(), variables);
        assert!(shown.contains("not found") && !shown.contains('\u{1b}'), "{shown:?}");
    }
    assert!(!home.run(&["keys", "show", "B"]).err.contains('\u{1b}'), "a pipe");
}

#[test]
fn a_key_pasted_for_verification_is_not_echoed() {
    let home = Home::set_up();
    let (_, secret) = home.key("A", &[]);
    let (shown, code) = at_terminal(&home, &["verify"], &[], "press Enter", &format!("{secret}\n"));
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("valid: A") && !shown.contains(&secret), "{shown}");
}

#[test]
fn a_copy_over_ssh_is_sent_to_the_terminal_once_and_not_displayed() {
    let home = Home::set_up();
    let arguments = ["keys", "create", "--name", "A", "--expires", "2098-05-13", "--copy"];
    let (shown, code) = at_terminal(&home, &arguments, &[("SSH_TTY", "/dev/pts/9")], "", "");
    assert_eq!(code, 0, "{shown}");
    assert_eq!(shown.matches("\u{1b}]52;c;").count(), 1, "{shown}");
    assert!(shown.contains("OSC 52") && !shown.contains("press w"), "{shown}");
    let id = home.run(&["keys", "list", "--json"]).json()[0]["id"].as_str().unwrap().to_owned();
    assert!(!shown.contains(&format!("{id}_")), "{shown}");
    assert!(home.run(&["keys", "show", &id]).out.contains("delivered"));
}

#[test]
fn a_failed_copy_is_reported_and_recorded() {
    let home = Home::set_up();
    // No display, and in a session of its own, so that there is no terminal to send to.
    let mut command = assert_cmd::Command::new("setsid");
    command.env_clear().envs(home.environment()).arg(env!("CARGO_BIN_EXE_keydesk"));
    let said = run(command.args(["keys", "create", "--name", "A", "--copy", "--json"]));
    let (code, message, hint) = said.error();
    assert_eq!((said.code, said.out.as_str(), code.as_str()), (3, "", "secret_not_delivered"), "{message}");
    assert!(!message.contains("press w") && hint.contains("keydesk keys delete"), "{message} {hint}");
    assert!(home.run(&["keys", "show", "A"]).out.contains("not delivered"));
}
