//! Completions and manual pages, in real shells.

use std::process::Command;

use crate::support::have;
use crate::support::home::Home;

const COMMANDS: [&str; 9] =
    ["init", "apps", "keys", "users", "verify", "serve", "doctor", "completions", "man"];

/// Runs a script in a shell that has its completions, and returns what it said.
fn asked(shell: &str, home: &Home, arguments: &[&str], script: &str) -> String {
    let completions = home.path("completions");
    let said = home.run(&["completions", shell]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{shell}");
    std::fs::write(&completions, said.out).unwrap();
    let output = Command::new(shell)
        .args(arguments)
        .args(["-c", script])
        .env_clear()
        .envs(home.environment())
        .env("COMPLETIONS", completions)
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && err.is_empty(), "{shell}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_completes_commands_and_options() {
    if !have("bash") {
        return;
    }
    let script = r#". "$COMPLETIONS"
        complete -p keydesk
        try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
            _keydesk keydesk "${@: -1}" "${@: -2:1}"; echo "${COMPREPLY[*]}"; }
        try keydesk ""
        try keydesk keys create --
        try keydesk completions """#;
    let said = asked("bash", &Home::empty(), &["--norc", "--noprofile"], script);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].contains("_keydesk"), "{said}");
    for command in COMMANDS {
        assert!(lines[1].split(' ').any(|word| word == command), "{command}: {said}");
    }
    assert!(!said.contains("__"), "nothing hidden: {said}");
    for option in ["--name", "--platform", "--out", "--json"] {
        assert!(lines[2].contains(option), "{option}: {said}");
    }
    assert!(lines[3].contains("elvish"), "{said}");
}

#[test]
fn fish_completes_commands_and_options() {
    if !have("fish") {
        return;
    }
    let script =
        r#"source "$COMPLETIONS"; complete -C "keydesk "; echo; complete -C "keydesk keys create --""#;
    let said = asked("fish", &Home::empty(), &["--no-config"], script);
    for command in COMMANDS {
        assert!(said.lines().any(|line| line.starts_with(&format!("{command}\t"))), "{command}: {said}");
    }
    assert!(said.contains("--platform\t"), "{said}");
    assert!(!said.contains("__"), "nothing hidden: {said}");
}

#[test]
fn zsh_loads_its_completions() {
    if !have("zsh") {
        return;
    }
    // As a file on the path of functions, and sourced: both are usual.
    let script = r#"autoload -Uz compinit && compinit -u -D
        . "$COMPLETIONS"
        echo "${_comps[keydesk]}"
        _describe() { print -l -- "${(@P)4}"; }
        _keydesk_commands"#;
    let said = asked("zsh", &Home::empty(), &["-f"], script);
    assert!(said.starts_with("_keydesk\n"), "{said}");
    for command in COMMANDS {
        assert!(said.lines().any(|line| line.starts_with(&format!("{command}:"))), "{command}: {said}");
    }
}

#[test]
fn other_shells_and_wrong_ones() {
    let home = Home::empty();
    for shell in ["elvish", "powershell"] {
        let said = home.run(&["completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{shell}");
        assert!(said.out.contains("keydesk;keys;create"), "{shell}: {}", said.out);
    }
    let said = home.run(&["completions", "--json", "bash"]);
    assert_eq!(said.json()["shell"], "bash");
    assert_eq!(home.run(&["completions", "tcsh"]).code, 2);
    assert!(!home.path("data").exists(), "no database is made for it");
}

#[test]
fn each_command_has_a_manual_page_that_man_renders() {
    let home = Home::empty();
    let folder = home.path("pages");
    let place = folder.display().to_string();
    // An old page, and a link where one belongs: replaced, not followed.
    std::fs::create_dir(&folder).unwrap();
    let elsewhere = home.path("elsewhere");
    std::fs::write(&elsewhere, "mine").unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder.join("keydesk.1")).unwrap();
    for _ in 0..2 {
        let said = home.run(&["man", &place]);
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
    }
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "mine");
    let pages: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for page in
        ["keydesk.1", "keydesk-keys.1", "keydesk-keys-create.1", "keydesk-man.1", "keydesk-users-add.1"]
    {
        assert!(pages.iter().any(|name| name == page), "{page}: {pages:?}");
    }
    assert!(pages.iter().all(|name| !name.contains("__") && !name.contains("help")), "{pages:?}");
    assert_eq!(home.run(&["man", "--json", &place]).json()["files"].as_array().unwrap().len(), pages.len());
    if have("man") {
        for page in &pages {
            let output = Command::new("man")
                .args(["--warnings", "-P", "cat"])
                .arg(folder.join(page))
                .env("MANWIDTH", "100")
                .output()
                .unwrap();
            let (text, warnings) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success() && warnings.is_empty(), "{page}: {warnings}");
            assert!(text.contains("EXAMPLES"), "{page}: {text}");
        }
    }
    assert_eq!(home.run(&["man", &elsewhere.join("no").display().to_string()]).code, 3);
}
