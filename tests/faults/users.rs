//! Three users of one database, each with a umask of their own, and programs that are killed between. Needs root, who
//! can become them; skipped elsewhere.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::have;

/// Accounts that every system has.
const USERS: [&str; 3] = ["daemon", "bin", "sys"];
const UMASKS: [&str; 4] = ["000", "022", "077", "007"];
/// The group that shares the folder; it needs no name.
const GROUP: u32 = 3_977;

struct Shared {
    folder: tempfile::TempDir,
}

impl Shared {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let shared = Self { folder };
        // The users may not go where it was built.
        std::fs::copy(env!("CARGO_BIN_EXE_keydesk"), shared.path("keydesk")).unwrap();
        let data = shared.path("data");
        std::fs::create_dir(&data).unwrap();
        chown(&data, None, Some(GROUP)).unwrap();
        std::fs::set_permissions(&data, Permissions::from_mode(0o2770)).unwrap();
        for user in USERS {
            let home = shared.path(user);
            std::fs::create_dir(&home).unwrap();
            std::fs::set_permissions(home, Permissions::from_mode(0o777)).unwrap();
        }
        shared
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// keydesk as one of them; `sh` sets the umask.
    fn command(&self, user: &str, umask: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user, "--regid", user, "--groups", &GROUP.to_string(), "--no-new-privs"]);
        command.args(["sh", "-c", "umask $0; exec \"$@\"", umask]).arg(self.path("keydesk")).args(arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TZ", "UTC");
        command.env("HOME", self.path(user)).env("KEYDESK_DB", self.path("data/keydesk.db"));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, user: &str, umask: &str, arguments: &[&str]) -> String {
        let output = self.command(user, umask, arguments).output().unwrap();
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{user}, {umask}, {arguments:?}: {out} {err}");
        // Keys that end in one month are worth a word, and no other may be said.
        let warned =
            err.lines().any(|line| line.starts_with("warning") && !line.contains("in the same month"));
        assert!(!warned, "{user}, {umask}, {arguments:?}: {err}");
        out
    }

    /// Every file of the folder can be written by the group, and by nobody else.
    fn is_shared(&self, when: &str) {
        let mut seen = 0;
        for entry in std::fs::read_dir(self.path("data")).unwrap() {
            let path = entry.unwrap().path();
            let found = path.metadata().unwrap();
            assert_eq!(found.mode() & 0o777, 0o660, "{when}: {}", path.display());
            assert_eq!(found.gid(), GROUP, "{when}: {}", path.display());
            seen += 1;
        }
        assert!(seen > 0, "{when}");
    }
}

fn is_possible() -> bool {
    if !nix::unistd::getuid().is_root() {
        eprintln!("skipped: only root can become other users");
        return false;
    }
    have("setpriv")
}

#[test]
fn three_users_with_any_umask_survive_each_others_crashes() {
    if !is_possible() {
        return;
    }
    let mut killed = 0;
    for (turn, first) in UMASKS.into_iter().enumerate() {
        let shared = Shared::new();
        let [ana, ben, cem] = [0, 1, 2].map(|place| USERS[(place + turn) % USERS.len()]);
        let [second, third] = [1, 2].map(|place| UMASKS[(turn + place) % UMASKS.len()]);
        shared.run(ana, first, &["init", "--email", "ana@example.com", "--app", "Storefront"]);
        shared.is_shared("after the first");
        for (number, login) in [ben, cem].into_iter().enumerate() {
            let email = format!("{number}@example.com");
            shared.run(ana, first, &["users", "add", &email, "--login", login]);
        }
        let mut secrets = Vec::new();
        for round in 0..6 {
            for (user, umask) in [(ana, first), (ben, second), (cem, third)] {
                let name = format!("{user} {round}");
                secrets.push(shared.run(user, umask, &["keys", "create", "--name", &name]));
                shared.is_shared(&format!("{user} with umask {umask}"));
                // Another one is killed somewhere in the middle, and leaves its files behind.
                let mut crash = shared
                    .command(user, umask, &["keys", "create", "--name", &format!("Crash of {name}")])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
                std::thread::sleep(Duration::from_millis(1 + 2 * round));
                let _ = crash.kill();
                killed += usize::from(!crash.wait().unwrap().success());
            }
        }
        shared.is_shared("after all of it");
        for (user, umask) in [(ana, third), (ben, first), (cem, second)] {
            shared.run(user, umask, &["audit", "verify"]);
            verified(&shared, user, &secrets);
        }
        is_private(&shared.path("data"));
    }
    eprintln!("{killed} of 72 were killed before their end");
    assert!(killed > 6, "{killed} were killed before their end: too few");
}

/// Each user's verifier lets all keys in.
fn verified(shared: &Shared, user: &str, secrets: &[String]) {
    for (number, secret) in secrets.iter().enumerate() {
        let presented = shared.path(&format!("{user}/{number}"));
        std::fs::write(&presented, secret).unwrap();
        chown(&presented, Some(owner(user)), None).unwrap();
        shared.run(user, "077", &["verify", "--file", presented.to_str().unwrap()]);
    }
}

fn owner(user: &str) -> u32 {
    nix::unistd::User::from_name(user).unwrap().unwrap().uid.as_raw()
}

/// A fourth, who is not of the group, gets nowhere.
fn is_private(data: &Path) {
    let listed = Command::new("setpriv")
        .args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "ls"])
        .arg(data)
        .output()
        .unwrap();
    assert!(!listed.status.success() && listed.stdout.is_empty(), "{listed:?}");
}

/// Root may write anywhere, so another user tries.
#[test]
fn an_environment_file_that_the_user_cannot_replace_stays() {
    if !is_possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let below = |name: &str| folder.path().join(name);
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_keydesk"), below("keydesk")).unwrap();
    std::fs::create_dir(below("home")).unwrap();
    std::fs::set_permissions(below("home"), Permissions::from_mode(0o777)).unwrap();
    std::fs::write(below("app.env"), "API_KEY=old\n").unwrap();
    std::fs::set_permissions(below("app.env"), Permissions::from_mode(0o666)).unwrap();
    std::fs::write(below("home/root.env"), "API_KEY=old\n").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "daemon", "--regid", "daemon", "--clear-groups"]).arg(below("keydesk"));
        command.args(arguments).env_clear().env("HOME", below("home")).stdin(Stdio::null());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(&["init", "--email", "ana@example.com", "--app", "Storefront"]).0, Some(0));
    assert_eq!(run(&["keys", "create", "Checkout"]).0, Some(0));
    for (file, message) in [
        ("app.env", "is not writable, and the file is replaced as a whole"),
        ("home/root.env", "its owner and group cannot be kept"),
    ] {
        let file = below(file);
        let rotate =
            ["keys", "rotate", "Checkout", "--env-file", file.to_str().unwrap(), "--env-name", "API_KEY"];
        let (code, said) = run(&rotate);
        assert!(code == Some(3) && said.contains(message) && said.contains("is unchanged"), "{said}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "API_KEY=old\n");
    }
    assert!(run(&["keys", "show", "Checkout"]).0 == Some(0));
}
