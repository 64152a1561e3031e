//! The rules for secret scanners and the git hook in `assets/scanners`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use regex::bytes::Regex;

use crate::support::home::{CommandOutput, Home, run};
use crate::support::{KEYDESK, Seeded, have};
use keydesk::domain::key::KeyType;
use keydesk::domain::token::{draw_id, draw_secret};

const GITLEAKS: &str = include_str!("../../assets/scanners/gitleaks.toml");
const TRUFFLEHOG: &str = include_str!("../../assets/scanners/trufflehog.yaml");

fn assets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/scanners")
}

fn rule() -> toml::Table {
    GITLEAKS.parse::<toml::Table>().unwrap()["rules"][0].as_table().unwrap().clone()
}

fn generated(prefix: &str, key_type: KeyType, seed: u64) -> String {
    let mut entropy = Seeded(seed);
    let id = draw_id(&mut entropy).unwrap();
    draw_secret(&prefix.parse().unwrap(), key_type, id, &mut entropy).unwrap().expose().to_owned()
}

#[test]
fn the_rules_match_keys_and_nothing_less() {
    let rule = rule();
    let pattern = rule["regex"].as_str().unwrap();
    assert!(TRUFFLEHOG.contains(&format!("key: '{pattern}'\n")), "both have the same rule");
    let keywords: Vec<&str> =
        rule["keywords"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    for keyword in &keywords {
        assert!(TRUFFLEHOG.contains(&format!("      - {keyword}\n")), "{keyword}");
    }
    let (ours, theirs) =
        (Regex::new(pattern).unwrap(), Regex::new(&pattern.replace("ik_", "acme_")).unwrap());
    for seed in 0..500 {
        for key_type in [KeyType::Production, KeyType::Test] {
            let (key, acme) = (generated("ik", key_type, seed), generated("acme", key_type, seed));
            let text = format!("KEY='{key}'\n");
            assert_eq!(ours.find(text.as_bytes()).map(|found| found.as_bytes()), Some(key.as_bytes()));
            assert!(keywords.iter().any(|keyword| key.starts_with(keyword)));
            assert!(!ours.is_match(acme.as_bytes()) && theirs.is_match(acme.as_bytes()));
            assert!(!ours.is_match(&key.as_bytes()[..key.len() - 1]), "truncated");
            assert!(!ours.is_match(&key.as_bytes()[..18]), "a key prefix is not secret");
        }
    }
}

#[test]
fn gitleaks_finds_keys_with_our_rule() {
    if !have("gitleaks") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "nothing").unwrap();
    let gitleaks = || {
        let home = Home::empty();
        let mut command = home.program("gitleaks");
        run(command
            .args(["dir", "--no-banner", "--config"])
            .arg(assets().join("gitleaks.toml"))
            .arg(folder.path()))
    };
    assert_eq!(gitleaks().code, 0);
    fs::write(folder.path().join("b"), generated("ik", KeyType::Test, 1)).unwrap();
    assert_eq!(gitleaks().code, 1);
}

/// A git repository with the hook.
struct Repository {
    home: Home,
}

impl Repository {
    fn new() -> Option<Self> {
        if !have("git") {
            return None;
        }
        let repository = Self { home: Home::set_up() };
        fs::create_dir(repository.path("")).unwrap();
        assert_eq!(repository.git(&["init", "-q"]).code, 0);
        fs::copy(assets().join("pre-commit"), repository.path(".git/hooks/pre-commit")).unwrap();
        Some(repository)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.home.path("repository").join(below)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> CommandOutput {
        let mut command = self.home.program("git");
        let program = Path::new(KEYDESK).parent().unwrap().display();
        let path = format!("{program}:{}", std::env::var("PATH").unwrap());
        let settings =
            ["-c", "user.name=Ana", "-c", "user.email=ana@example.com", "-c", "protocol.file.allow=always"];
        run(command.env("PATH", path).current_dir(self.path("")).args(settings).args(arguments))
    }

    fn commit(&self, arguments: &[&str]) -> CommandOutput {
        self.git(&[&["commit", "-q", "-m", "Change"], arguments].concat())
    }
}

#[test]
fn the_hook_rejects_a_commit_that_contains_a_live_key() {
    let Some(repository) = Repository::new() else { return };
    let (_, live) = repository.home.key("Live", &[]);
    let (_, gone) = repository.home.key("Gone", &[]);
    assert_eq!(repository.home.run(&["keys", "delete", "Gone", "--yes"]).code, 0);

    repository.write("README", "hello\n");
    repository.git(&["add", "."]);
    let first = repository.commit(&[]);
    assert_eq!((first.code, first.err.as_str()), (0, ""), "the first commit of a repository");

    let hostile = "a \"quoted\"\tname\n\u{1b}[31m.env";
    for name in [".env", "-x", "with space", "ümlaut", hostile] {
        repository.write(name, &format!("\nKEY={live}\n"));
        repository.git(&["add", "-A"]);
        // What counts is what is staged.
        repository.write(name, "removed\n");
        let said = repository.commit(&[]);
        assert_eq!(said.code, 1, "{name:?}: {said:?}");
        let shown = if name == hostile { "a \\\"quoted\\\"\\tname\\n\\033[31m.env" } else { name };
        assert!(
            said.err.contains(&format!("{shown}\":2: live: "))
                || said.err.contains(&format!("{shown}:2: live: ")),
            "{said:?}"
        );
        assert!(said.err.contains("commit rejected: it contains a live key."), "{said:?}");
        assert!(!said.err.contains(&live[19..]) && !said.err.contains('\u{1b}'), "{said:?}");
        repository.git(&["add", "-A"]);
        assert_eq!(repository.commit(&[]).code, 0, "{name:?}");
    }

    // A live key that is only in the working tree, and one that is dead.
    repository.write("untracked", &live);
    repository.write("dead", &gone);
    repository.git(&["add", "dead"]);
    assert_eq!(repository.commit(&[]).code, 0);
    // A commit of single files and of all changes, and a link whose target contains a key.
    repository.write("README", &live);
    assert_eq!(repository.commit(&["README"]).code, 1);
    assert_eq!(repository.commit(&["--all"]).code, 1);
    repository.git(&["restore", "README"]);
    symlink(&live, repository.path("link")).unwrap();
    repository.git(&["add", "link"]);
    assert_eq!(repository.commit(&[]).code, 1);
    assert_eq!(repository.commit(&["--no-verify"]).code, 0);
    // Its deletion is welcome.
    repository.git(&["rm", "-q", "link"]);
    assert_eq!(repository.commit(&[]).code, 0);
}

#[test]
fn the_hook_passes_submodules_and_rejects_what_it_cannot_search() {
    let Some(repository) = Repository::new() else { return };
    repository.write("other/file", "text");
    for arguments in [
        &["-C", "other", "init", "-q"][..],
        &["-C", "other", "add", "file"],
        &["-C", "other", "commit", "-q", "-m", "Begin"],
        &["add", "other"],
    ] {
        assert_eq!(repository.git(arguments).code, 0, "{arguments:?}");
    }
    let said = repository.commit(&[]);
    assert_eq!(said.code, 0, "{said:?}");

    repository.write("file", "text");
    repository.git(&["add", "file"]);
    fs::remove_file(repository.home.database()).unwrap();
    let said = repository.commit(&[]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("error: ") && said.err.contains("commit rejected: keydesk could not search it"),
        "{said:?}"
    );
}
