//! The recipes for the delivery of secrets: each command runs as it is written. The programs that take the secret are
//! stand-ins, which record what they were started with and what they read.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::have;
use crate::support::home::{Home, is_sound, run};

const RECIPES: &str = include_str!("../../assets/recipes/README.md");

/// What the commands of the recipes run, besides the tools of every system.
const PROGRAMS: [&str; 9] =
    ["docker", "gh", "kubectl", "podman", "sops", "ssh", "systemctl", "systemd-creds", "vault"];

/// The blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let mut fences = RECIPES.split("```").skip(1).step_by(2);
    let blocks = fences.by_ref().filter_map(|block| block.split_once('\n'));
    blocks.filter(|(of, _)| *of == language).map(|(_, text)| text).collect()
}

/// Writes programs that record their arguments, their environment and what they read. One that creates a document prints
/// it for the next.
fn stand_ins(home: &Home) -> (String, std::path::PathBuf) {
    let (folder, records) = (home.path("programs"), home.path("records"));
    fs::create_dir_all(&folder).and_then(|()| fs::create_dir_all(&records)).unwrap();
    for program in PROGRAMS {
        let script = format!(
            "#!/bin/sh\nexec 3> '{0}/{program}'.$$\nprintf '%s\\n' \"$@\" >&3; env >&3\ncase $1 in\n  create) tee \
             '{0}/{program}'.$$-read ;;\n  *) cat > '{0}/{program}'.$$-read ;;\nesac\n",
            records.display()
        );
        let path = folder.join(program);
        fs::write(&path, script).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    (format!("{}:{}", folder.display(), std::env::var("PATH").unwrap()), records)
}

fn files(folder: &Path) -> HashMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn every_recipe_delivers_the_secret_on_standard_input_only() {
    let commands = blocks("sh");
    assert!(commands.len() > 9, "{commands:?}");
    for command in commands {
        if command.contains("jq ") && !have("jq") {
            continue;
        }
        let home = Home::set_up();
        home.key("Checkout", &["--expires", "3d"]);
        let (path, records) = stand_ins(&home);
        fs::write(home.path("app.env"), "API_KEY=old\n").unwrap();
        let script = blocks("text").into_iter().find(|text| text.starts_with("#!")).unwrap();
        fs::write(home.path("deliver"), script).unwrap();
        fs::set_permissions(home.path("deliver"), Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_keydesk"), home.path("programs/keydesk")).unwrap();
        let mut shell = home.program("sh");
        shell.args(["-e", "-c", command]).current_dir(home.path("")).env("PATH", path);
        let said = run(&mut shell);
        assert_eq!(said.code, 0, "{command}: {said:?}");

        let replaced = home.run(&["keys", "show", "Checkout", "--json"]).json();
        let prefix = format!("{}_", replaced["prefix"].as_str().unwrap());
        let is_in = |text: &str| text.contains(&prefix);
        let recorded = files(&records);
        let (read, started): (Vec<_>, Vec<_>) =
            recorded.iter().partition(|(name, _)| name.ends_with("-read"));
        assert!(!started.is_empty(), "{command}");
        for (name, text) in started {
            assert!(!is_in(text), "{name} of {command}: {text}");
        }
        assert!(!is_in(&said.err), "{command}: {said:?}");
        let delivered = if command.contains("--env-file") {
            let file = fs::read_to_string(home.path("app.env")).unwrap();
            file.trim().strip_prefix("API_KEY=").unwrap().to_owned()
        } else {
            let (_, text) =
                read.into_iter().find(|(_, text)| is_in(text)).unwrap_or_else(|| panic!("{command}"));
            text.trim().trim_matches('"').to_owned()
        };
        assert!(home.accepts(&delivered), "{command}");
        is_sound(&home, command);
    }
}

#[test]
fn every_recipe_says_what_it_was_tried_with() {
    let recipes: Vec<_> = RECIPES.split("\n## ").skip(1).collect();
    assert!(recipes.len() > 9);
    for recipe in recipes {
        assert_eq!(recipe.matches("ried").count(), 1, "tried or untried: {recipe}");
    }
}
