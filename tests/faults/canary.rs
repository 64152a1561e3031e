//! Secrets that are created, written, presented, rotated, searched for and deleted are found nowhere but where they were
//! asked for: not in a file, a log, an output, an argument, an environment or on a terminal.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::endpoint::Endpoint;
use crate::support::home::{CommandOutput, Home, id_of};
use crate::support::pty::Pty;
use crate::support::{KEYDESK, contains, have, until};

/// How much of a secret is too much, in characters: the random part of a key has 43.
const TOO_MUCH: usize = 12;

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// A home directory in which everything that commands say, start and leave behind is searched for secrets.
struct Watched {
    home: Home,
    /// The random parts of the secrets: what is before them is public.
    canaries: Vec<String>,
    /// What was said where no secret was asked for, each with its origin.
    heard: Vec<(String, Vec<u8>)>,
    /// The files in which secrets were asked for.
    asked: Vec<PathBuf>,
    /// Whether the programs that commands start can be seen, with their arguments and environments.
    traced: bool,
}

impl Watched {
    fn set_up() -> Self {
        let home = Home::set_up();
        let traced = have("strace") && {
            let mut strace = Command::new("strace");
            strace.args(["-qq", "-e", "trace=none", "true"]);
            strace.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        Self { home, canaries: Vec::new(), heard: Vec::new(), asked: Vec::new(), traced }
    }

    /// A file in which a secret will be asked for.
    fn asked(&mut self, name: &str) -> String {
        let path = self.home.path(name);
        self.asked.push(path.clone());
        path.display().to_string()
    }

    /// Watches for a secret from now on, and searches what was said before.
    fn watch(&mut self, secret: &str) {
        let (_, random) = secret.trim().rsplit_once('_').unwrap();
        assert_eq!(random.len(), 49, "43 random characters and the checksum");
        self.canaries.push(random.to_owned());
    }

    /// Watches for the secrets in a file in which they were asked for. Returns them.
    fn watch_file(&mut self, path: &str) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let secrets: Vec<String> =
            words.filter(|word| word.starts_with("ik_") && word.len() > 60).map(str::to_owned).collect();
        assert!(!secrets.is_empty(), "{path} has no secret");
        for secret in &secrets {
            self.watch(secret);
        }
        secrets
    }

    /// Runs a command that is not to say a secret.
    fn run(&mut self, arguments: &[&str]) -> CommandOutput {
        self.run_with("", arguments)
    }

    /// The same with standard input.
    fn run_with(&mut self, input: &str, arguments: &[&str]) -> CommandOutput {
        let trace = self.home.path("trace");
        let mut command = if self.traced {
            let mut strace = assert_cmd::Command::new("strace");
            strace.env_clear().envs(self.home.environment());
            strace.args(["-f", "-qq", "-v", "-s", "100000", "-e", "trace=execve", "-o"]);
            strace.arg(&trace).arg(KEYDESK).args(arguments);
            strace
        } else {
            self.home.command(arguments)
        };
        let said = crate::support::home::run(command.env("KEYDESK_LOG", "trace").write_stdin(input));
        let name = arguments.join(" ");
        self.heard.push((format!("the output of {name}"), said.out.clone().into_bytes()));
        self.heard.push((format!("the errors of {name}"), said.err.clone().into_bytes()));
        if self.traced {
            let started = fs::read(&trace).unwrap();
            assert!(contains(&started, "execve("), "{}", String::from_utf8_lossy(&started));
            self.heard.push((format!("what {name} started"), started));
            fs::remove_file(trace).unwrap();
        }
        said
    }

    /// The same where success is expected.
    fn done(&mut self, arguments: &[&str]) -> CommandOutput {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        said
    }

    /// Searches everything: no part of a secret is anywhere but where it was asked for.
    fn search(&self) {
        assert!(!self.canaries.is_empty(), "nothing to search for");
        for (origin, bytes) in &self.heard {
            self.search_in(origin, bytes);
        }
        let all = files(self.home.0.path());
        assert!(all.len() > 4, "{all:?}");
        for path in all.into_iter().filter(|path| !self.asked.contains(path)) {
            self.search_in(&path.display().to_string(), &fs::read(&path).unwrap());
        }
    }

    fn search_in(&self, origin: &str, bytes: &[u8]) {
        let parts: HashSet<&[u8]> =
            self.canaries.iter().flat_map(|canary| canary.as_bytes().windows(TOO_MUCH)).collect();
        let found = bytes.windows(TOO_MUCH).find(|window| parts.contains(window));
        let found = found.map(String::from_utf8_lossy);
        assert_eq!(found, None, "{origin} has a part of a secret");
    }
}

/// Rotates a key with this shell command, which gets the secret as `$s` after writing it where it was asked for; and
/// whether the search finds the secret elsewhere.
fn leaks(command: &str) -> bool {
    let mut watched = Watched::set_up();
    watched.home.key("Canary", &[]);
    let file = watched.asked("asked.key");
    let command = format!("s=$(cat); echo \"$s\" > '{file}'; {command}");
    watched.done(&["keys", "rotate", "Canary", "--run", &command]);
    watched.watch_file(&file);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watched.search())).is_err()
}

#[test]
fn the_search_itself_finds_a_part_of_a_secret() {
    assert!(!leaks("true"));
    assert!(leaks("echo ${s#????????????????????????????????????????}"), "in what was printed");
    assert!(leaks("echo $s | cut -c 20-50 > \"$HOME/left\""), "in a file");
    if Watched::set_up().traced {
        assert!(leaks("S=$s /bin/true"), "in an environment");
        assert!(leaks("/bin/true $s"), "in an argument");
    }
}

#[test]
fn the_secret_is_only_where_it_was_written_on_request() {
    let mut watched = Watched::set_up();
    let out = watched.asked("asked.key");
    watched.done(&["keys", "create", "--name", "Canary", "--out", &out]);
    let secret = watched.watch_file(&out).remove(0);
    let id = id_of(&secret);

    let mut command = crate::support::endpoint::command(KEYDESK, &watched.home.database());
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("KEYDESK_LOG", "trace");
    let endpoint = Endpoint::from_command(command);
    for header in ["X-API-Key", "Cookie", "Authorization"] {
        endpoint.get("/auth", &[(header, &secret)]);
    }
    endpoint.get(&format!("/auth/{secret}?key={secret}"), &[("Authorization", &format!("Bearer {secret}"))]);
    assert!(endpoint.accepts(&secret));
    let (backup, receipt) = (watched.home.path("backup.db"), watched.home.path("receipt.json"));
    for arguments in [
        &["keys", "show", "Canary"][..],
        &["keys", "list", "--json"],
        &["keys", "usage", "Canary"],
        &["keys", "edit", "Canary", "--owner", "Ops", "--note", "4711", "--json"],
        &["keys", "disable", "Canary", "--for", "1h", "--json"],
        &["keys", "show", "Canary", "--json"],
        &["keys", "enable", "Canary"],
        &["export", "--format", "csv"],
        &["export", "--format", "json"],
        &["audit", "list", "--json"],
        &["doctor", "--json"],
        &["check", "--within", "365d", "--json"],
        &["keys", "rotate", &id, "--until-unused", "24h", "--run", "cat >/dev/null"],
        &["keys", "overlap", &id, "--for", "1h", "--json"],
        &["backup", backup.to_str().unwrap()],
        &["keys", "delete", &id, "--yes"],
        &["audit", "receipt", &id, "--out", receipt.to_str().unwrap()],
        &["audit", "receipt", "--verify", receipt.to_str().unwrap(), "--json"],
    ] {
        let said = watched.run(arguments);
        assert!(said.code < 2, "{arguments:?}: {said:?}");
    }
    assert!(receipt.exists() && backup.exists());
    assert!(!endpoint.accepts(&secret));
    // The alarm names a key that must never be used by its ID.
    let trap = watched.asked("trap.key");
    watched.done(&["keys", "create", "Trap", "--canary", "--out", &trap]);
    let secret_of_trap = watched.watch_file(&trap).remove(0);
    assert!(!endpoint.accepts(&secret_of_trap));
    assert!(until(Duration::from_secs(10), || watched.run(&["check"]).code == 1), "an alarm");
    watched.done(&["keys", "acknowledge", "Trap"]);
    // A secret as an argument is rejected, and not said again.
    for arguments in [
        &["keys", "delete", &secret, "--yes"][..],
        &["keys", "create", "New", "--note", &format!("not {secret}")],
        &["audit", "receipt", &secret],
        &["scan", &secret],
    ] {
        let said = watched.home.run(arguments);
        assert_eq!(said.code, 2, "{arguments:?}: {said:?}");
        watched.heard.push((format!("an error of {}", arguments[1]), (said.out + &said.err).into_bytes()));
    }
    let (code, log) = endpoint.stop_and_read_log();
    let log = log.join("\n");
    assert!(log.contains(&id), "the log names the key by its ID");
    watched.heard.push(("the log of the endpoint".into(), log.into_bytes()));
    assert_eq!(code, Some(0));
    watched.search();
}

#[test]
fn secrets_of_rotations_are_only_where_they_were_asked_for() {
    let mut watched = Watched::set_up();
    let (first, env) = (watched.asked("first.key"), watched.asked("app.env"));
    watched.done(&["keys", "create", "--name", "Checkout", "--out", &first]);
    let old = watched.watch_file(&first).remove(0);
    fs::write(&env, format!("# Secrets\nOTHER=1\nexport API_KEY='{old}' # of Checkout\n")).unwrap();
    let to_env = ["keys", "rotate", "Checkout", "--env-file", &env, "--env-name", "API_KEY"];

    // A failed delivery puts the old text back, and the secret of the withdrawn key is only where the command put it.
    let withdrawn = watched.asked("withdrawn.key");
    let command = format!("cat > '{withdrawn}'; false");
    let said = watched.run(&[&to_env[..], &["--run", &command]].concat());
    assert_eq!(said.code, 3, "{said:?}");
    let gone = watched.watch_file(&withdrawn).remove(0);
    let text = fs::read_to_string(&env).unwrap();
    assert!(text.contains(&old) && !text.contains(&gone), "{text}");

    watched.done(&[&to_env[..], &["--json"]].concat());
    let new = watched.watch_file(&env);
    assert!(new.len() == 1 && new[0] != old, "the new secret has replaced the old one");

    for name in ["Billing", "Nightly"] {
        let file = watched.asked(&format!("{name}.key"));
        watched.done(&["keys", "create", "--name", name, "--expires", "10d", "--out", &file]);
        watched.watch_file(&file);
    }
    watched.done(&["keys", "rotate", "--due", "14d", "--dry-run", "--json"]);
    let folder = watched.home.path("secrets");
    fs::create_dir(&folder).unwrap();
    let out = ["keys", "rotate", "--filter", "Billing", "--out-dir", folder.to_str().unwrap(), "--yes"];
    watched.done(&[&out[..], &["--json"]].concat());
    for file in files(&folder) {
        let file = watched.asked(&format!("secrets/{}", file.file_name().unwrap().to_str().unwrap()));
        watched.watch_file(&file);
    }
    let run = watched.asked("run.keys");
    let command = format!("cat >> '{run}'; env | grep KEYDESK_");
    let said = watched.done(&["keys", "rotate", "--due", "14d", "--all-apps", "--run", &command, "--yes"]);
    assert!(said.err.contains("KEYDESK_KEY_PREFIX=ik_live_"), "{said:?}");
    assert!(!watched.watch_file(&run).is_empty());
    watched.search();
}

#[test]
fn searched_texts_and_their_secrets_are_not_said_again() {
    let mut watched = Watched::set_up();
    let file = watched.asked("leaked/app.log");
    let binary = watched.asked("leaked/core");
    fs::create_dir(watched.home.path("leaked")).unwrap();
    let mut secrets = Vec::new();
    for name in ["Live", "Disabled", "Deleted"] {
        let (_, secret) = watched.home.key(name, &[]);
        watched.watch(&secret);
        secrets.push(secret);
    }
    watched.done(&["keys", "disable", "Disabled"]);
    watched.done(&["keys", "delete", "Deleted", "--yes"]);
    // A key of another installation, a mistyped one, a truncated one, and one in hostile company.
    let live = secrets[0].clone();
    secrets.push(live.replacen("ik_", "acme_", 1));
    secrets.push(live.replacen("ik_live", "ik_test", 1));
    secrets.push(live[..live.len() - 20].to_owned());
    secrets.push(format!("\u{1b}]0;{live}\u{7}\u{202e}{live}\r\n"));
    let headers: Vec<String> =
        secrets.iter().map(|secret| format!("Authorization: ApiKey-v1 {secret}")).collect();
    let text = headers.join("\n");
    fs::write(&file, &text).unwrap();
    fs::write(&binary, [b"\x7fELF\0\0", text.as_bytes(), &[0xff, 0, 0xfe]].concat()).unwrap();
    // A name of a file can be a secret too. The name was asked for, its output was not.
    fs::write(watched.asked(&format!("leaked/{live}.txt")), &live).unwrap();
    let folder = watched.home.path("leaked").display().to_string();
    for more in [&[][..], &["--json"]] {
        let found = |said: CommandOutput| {
            assert_eq!(said.code, 1, "a live key: {said:?}");
            assert!(said.out.contains("live") && said.out.contains("deleted"), "{said:?}");
        };
        found(watched.run_with(&text, &[&["identify"][..], more].concat()));
        found(watched.run(&[&["identify", "--file", &file][..], more].concat()));
        found(watched.run(&[&["scan", &folder][..], more].concat()));
        found(watched.run(&[&["scan", "--all-prefixes", &folder][..], more].concat()));
        found(watched.run_with(&text, &[&["scan", "-"][..], more].concat()));
        for secret in &secrets {
            watched.run_with(secret, &[&["identify"][..], more].concat());
            watched.run_with(secret, &[&["verify"][..], more].concat());
        }
    }
    watched.search();
}

const ESC: &str = "\u{1b}";

/// As a terminal with bracketed paste sends it.
fn pasted(text: &str) -> String {
    format!("{ESC}[200~{text}{ESC}[201~")
}

#[test]
fn a_pasted_key_is_on_no_terminal_and_in_no_file() {
    for signal in [None, Some(Signal::SIGTERM), Some(Signal::SIGHUP), Some(Signal::SIGKILL)] {
        let mut watched = Watched::set_up();
        let (_, secret) = watched.home.key("Checkout", &[]);
        let (_, gone) = watched.home.key("Gone", &[]);
        watched.watch(&secret);
        watched.watch(&gone);
        watched.done(&["keys", "delete", "Gone", "--yes"]);
        let mut pty = Pty::in_home(&watched.home, &[], &[("KEYDESK_LOG", "trace")]);
        pty.wait_for("Developer settings");
        // Anywhere, also where one types.
        for place in ["", "2", "3", "4/", "1/"] {
            pty.send(place);
            pty.send(&pasted(&format!("Authorization: Bearer {secret}\r\n{gone}\r\n")));
            pty.wait_for("key 1 of 2");
            close(&mut pty, "Leak triage");
            if place.ends_with('/') {
                pty.wait_for("Enter keep");
                pty.send("\r");
                pty.wait("end of the filter", |pty| !pty.screen().contains("Enter keep"));
            }
        }
        pty.send("n");
        pty.wait_for("3rd party service");
        pty.send("\r");
        pty.wait_for("Expiration date");
        pty.send(&pasted(&secret));
        pty.wait_for("contains the secret of a key");
        close(&mut pty, "Expiration date");
        close(&mut pty, "3rd party service");
        // A terminal without bracketed paste types it.
        pty.send("L");
        pty.wait_for("Leak triage");
        pty.send(&secret);
        pty.wait_for("68 characters typed");
        if let Some(signal) = signal {
            pty.signal(signal);
            pty.wait_for_end(Duration::from_secs(10));
        } else {
            pty.send("\r");
            pty.wait_for("Live");
            pty.send("r");
            pty.wait_for("loses access at once");
            pty.send("\r");
            pty.wait_for("You cannot display the API key after this step");
            pty.send("w");
            pty.wait_for("new file (mode 0600)");
            let file = watched.asked("rotated.key");
            // The field suggests a path, which typing replaces.
            pty.send(&format!("{file}\r"));
            pty.wait_for("Written to");
            pty.send("\r");
            pty.wait_for("rejected");
            pty.send("q");
            assert_eq!(pty.wait_for_end(Duration::from_secs(10)), 0);
            watched.watch_file(&file);
            assert!(!watched.home.accepts(&secret), "rotated as leaked");
        }
        watched.heard.push((format!("the terminal, {signal:?}"), pty.raw()));
        watched.search();
    }
}

/// Closes the top dialog, which has this text.
fn close(pty: &mut Pty, text: &str) {
    pty.send(ESC);
    pty.wait(&format!("end of {text:?}"), |pty| !pty.screen().contains(text));
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
    let secret = fs::read_to_string(home.path("seen.secret")).unwrap();
    let (_, canary) = secret.trim().rsplit_once('_').unwrap();
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("rotate") && !seen.contains(canary), "{seen}");
    assert!(!said.out.contains(canary) && !said.err.contains(canary));
}
