//! A secret that is created, shown, written, presented, rotated and deleted is found nowhere but where it was asked for.

use std::path::{Path, PathBuf};

use crate::support::contains;
use crate::support::endpoint::Endpoint;
use crate::support::home::Home;

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn the_secret_is_only_where_it_was_written_on_request() {
    let home = Home::set_up();
    let out = home.path("asked.key");
    let mut said = Vec::new();
    let mut run = |arguments: &[&str]| {
        let one = home.run(arguments);
        said.push(format!("{arguments:?}\n{}\n{}", one.out, one.err));
        one
    };
    run(&["keys", "create", "--name", "Canary", "--out", out.to_str().unwrap()]);
    let secret = std::fs::read_to_string(&out).unwrap().trim().to_owned();
    let id = secret.split('_').nth(2).unwrap().to_owned();
    // The random part: what stands before it is public.
    let (_, canary) = secret.rsplit_once('_').unwrap();

    let mut command = crate::support::endpoint::command(env!("CARGO_BIN_EXE_keydesk"), &home.database());
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("KEYDESK_LOG", "trace");
    let endpoint = Endpoint::from_command(command);
    for header in ["X-API-Key", "Cookie", "Authorization"] {
        endpoint.get("/auth", &[(header, &secret)]);
    }
    endpoint.get(&format!("/auth/{secret}?key={secret}"), &[("Authorization", &format!("Bearer {secret}"))]);
    assert!(endpoint.accepts(&secret));
    for arguments in [
        &["keys", "show", "Canary"][..],
        &["keys", "list", "--json"],
        &["keys", "usage", "Canary"],
        &["export", "--format", "csv"],
        &["export", "--format", "json"],
        &["audit", "list", "--json"],
        &["doctor", "--json"],
        &["check", "--within", "365d", "--json"],
        &["keys", "delete", &secret, "--yes"],
        &["keys", "rotate", &id, "--run", "cat >/dev/null"],
        &["backup", home.path("backup.db").to_str().unwrap()],
        &["keys", "delete", &id, "--yes"],
    ] {
        // One of them has the secret as an argument, and must not say it again.
        let one = home.run(arguments);
        assert!(!one.out.contains(canary) && !one.err.contains(canary), "{}", arguments[0]);
    }
    assert!(!endpoint.accepts(&secret));
    for arguments in said {
        assert!(!arguments.contains(canary), "it was written to a file, and not printed");
    }
    let (code, log) = endpoint.stop_and_read_log();
    let log = log.join("\n");
    assert!(log.contains(&id) && !log.contains(canary), "the log names the key by its ID");
    assert_eq!(code, Some(0));

    let all = files(home.0.path());
    assert!(all.len() > 4, "{all:?}");
    for path in all.into_iter().filter(|path| *path != out) {
        assert!(!contains(&std::fs::read(&path).unwrap(), canary), "{}", path.display());
    }
}

/// What a process is started with, and what it has in its environment, others may read.
#[test]
fn arguments_and_environment_never_contain_the_secret() {
    let home = Home::set_up();
    let (id, _) = home.key("Canary", &[]);
    let seen = home.path("seen");
    let script = format!(
        "cat > '{0}.secret'; tr '\\0' '\\n' < /proc/$PPID/cmdline > '{0}'; env >> '{0}'; \
         tr '\\0' '\\n' < /proc/$$/cmdline >> '{0}'",
        seen.display()
    );
    let said = home.run(&["keys", "rotate", &id, "--run", &script]);
    assert_eq!(said.code, 0, "{said:?}");
    let secret = std::fs::read_to_string(home.path("seen.secret")).unwrap();
    let (_, canary) = secret.trim().rsplit_once('_').unwrap();
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(seen.contains("rotate") && !seen.contains(canary), "{seen}");
    assert!(!said.out.contains(canary) && !said.err.contains(canary));
}
