//! Command lines that nobody would type, generated for every command from the command tree itself.
//!
//! Each is accepted by the argument parser, with few exceptions; its values are hostile. It must end in time, by exit code
//! 0 to 4, without a panic, and print no secret but the one that it was to create. `KEYDESK_TEST_SEED` sets the seed.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use clap::{Arg, ArgAction};
use keydesk::domain::token::{self, Entropy};

use crate::support::Seeded;
use crate::support::home::Home;

/// Command lines for each command.
const LINES: usize = 16;

/// At least this share of them gets past the argument parser, in percent.
const SHARE: usize = 80;

/// How long a command may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Texts that no parser, terminal, shell, spreadsheet or database should do anything with.
const HOSTILE: [&str; 22] = [
    "\x1b[2J\x1b]52;c;ZXZpbA==\x07",
    "\u{9b}31m\u{90}",
    "abc\u{202e}fed\u{2066}",
    "zero\u{200b}width\u{feff}",
    "'; DROP TABLE keys; --",
    "\"\\\"' OR 1=1 --",
    "=HYPERLINK(\"http://127.0.0.1\")",
    "",
    " ",
    "line\nbreak\r\n",
    "\t",
    "-1",
    "--",
    "99999999999999999999999999999999",
    "-99999999999999999999",
    "0",
    "NaN",
    "%s%n%00",
    "../../../../etc/passwd",
    "$(touch /tmp/keydesk-generated)",
    "\u{fffd}\u{1f511}\u{1f469}\u{200d}\u{1f4bb}",
    "a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
];

/// A home directory, and what is known of it.
struct Attack {
    home: Home,
    random: Seeded,
    secrets: Vec<String>,
    keys: Vec<String>,
    files: u32,
}

/// A command's path in the tree, with all its arguments and the global ones.
struct Target {
    words: Vec<String>,
    arguments: Vec<Arg>,
}

fn targets(command: &clap::Command, words: &[String], inherited: &[Arg]) -> Vec<Target> {
    let own = command.get_arguments().filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"));
    let arguments: Vec<Arg> = own.cloned().collect();
    let mut globals = inherited.to_vec();
    globals.extend(arguments.iter().filter(|arg| arg.is_global_set()).cloned());
    let mut found = Vec::new();
    if !command.is_subcommand_required_set() {
        let mut all: BTreeMap<String, Arg> = BTreeMap::new();
        for arg in inherited.iter().chain(&arguments) {
            all.insert(arg.get_id().to_string(), arg.clone());
        }
        found.push(Target { words: words.to_vec(), arguments: all.into_values().collect() });
    }
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let below = [words, &[sub.get_name().to_owned()]].concat();
        found.extend(targets(sub, &below, &globals));
    }
    found
}

impl Attack {
    fn new(seed: u64) -> Self {
        let home = Home::set_up();
        std::fs::create_dir(home.path("directory")).unwrap();
        nix::unistd::mkfifo(&home.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink(home.database(), home.path("link")).unwrap();
        std::os::unix::fs::symlink(home.path("nowhere"), home.path("dangling")).unwrap();
        std::fs::write(home.path("text"), "neither a key nor a database\n").unwrap();
        let mut attack = Self { home, random: Seeded(seed), secrets: Vec::new(), keys: Vec::new(), files: 0 };
        attack.renew();
        attack
    }

    /// More to work on: commands delete.
    fn renew(&mut self) {
        let name = format!("Key {}", self.secrets.len());
        // A command line may have moved the database away.
        self.home.sql(
            "UPDATE database SET status = 'active', moved = NULL, moved_to = NULL WHERE status = 'moved'",
        );
        // A command line may have renamed or deleted it.
        self.home.run(&["apps", "create", "Storefront"]);
        let (id, secret) = self.home.key(&name, &["--app", "Storefront"]);
        std::fs::write(self.home.path("secret"), &secret).unwrap();
        self.keys = vec![format!("ik_live_{id}"), id, name];
        self.secrets.push(secret);
    }

    fn below(&mut self, limit: usize) -> usize {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes).unwrap();
        usize::try_from(u64::from_le_bytes(bytes) % u64::try_from(limit).unwrap()).unwrap()
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn pick(&mut self, from: &[&str]) -> String {
        from[self.below(from.len())].to_owned()
    }

    fn key(&mut self) -> String {
        let at = self.below(self.keys.len());
        self.keys[at].clone()
    }

    fn secret(&mut self) -> String {
        let at = self.below(self.secrets.len());
        self.secrets[at].clone()
    }

    fn hostile(&mut self) -> String {
        match self.below(HOSTILE.len() + 2) {
            0 => "x".repeat(100_000),
            1 => "\u{1f511}".repeat(101),
            at => HOSTILE[at - 2].to_owned(),
        }
    }

    fn path(&mut self) -> String {
        self.files += 1;
        let new = format!("new-{}", self.files);
        let names = ["fifo", "directory", "link", "dangling", "text", "secret", &new, "no/where", "data"];
        match self.below(names.len() + 3) {
            0 => self.pick(&["/dev/zero", "/dev/full", "/dev/null", "/dev/tty"]),
            1 => self.hostile(),
            at => self.home.path(names[at % names.len()]).display().to_string(),
        }
    }

    /// A value for an argument, by the name of its value.
    fn value(&mut self, arg: &Arg) -> String {
        if self.one_in(12) {
            return self.hostile();
        }
        let possible: Vec<String> =
            arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if !possible.is_empty() {
            return possible[self.below(possible.len())].clone();
        }
        let name = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        match name.as_deref().unwrap_or_default() {
            "KEY" if !self.one_in(3) => self.key(),
            "NAME" if !self.one_in(3) => self.pick(&["Storefront", "storefront", "Key 1", "New"]),
            "EMAIL" if !self.one_in(3) => self.pick(&["bea@example.com", "\"q\"@example.com", "a@b"]),
            // A server is at none of these addresses.
            "DB" if self.one_in(4) => self.pick(&[
                "postgres://ana@127.0.0.1:1/keydesk",
                "postgres://ana:pass@127.0.0.1:1/keydesk",
                "postgres://127.0.0.1:0/\u{202e}",
                "postgres:///?host=/nonexistent",
                "mysql://x",
            ]),
            "FILE" | "PATH" | "DIR" | "F" | "DB" => self.path(),
            "WHEN" => self.pick(&[
                "90d",
                "1d",
                "0d",
                "36500d",
                "6mo",
                "1y",
                "tomorrow",
                "99999999d",
                "2027-01-31",
                "0000-00-00",
                "-1d",
            ]),
            "DURATION" => self.pick(&["45s", "24h", "0s", "7d", "2w", "3650d", "106751991167d"]),
            "N" | "BYTES" => self.pick(&["1", "0", "1024", "4294967296", "18446744073709551615"]),
            "ADDR" => self.pick(&["127.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32"]),
            "ADDR:PORT" => self.pick(&["127.0.0.1:0", "[::1]:0", "127.0.0.1:1"]),
            "URL" => {
                self.pick(&["http://127.0.0.1:1/", "https://127.0.0.1:1/\u{202e}", "ftp://x", "http://"])
            }
            "MODE" => self.pick(&["660", "0", "777"]),
            "HEAD" => self.pick(&["1:00", "0:", "18446744073709551615:ff"]),
            "PREFIX" => self.pick(&["ik", "acme", "a", "waytoolong"]),
            "ROLE" => self.pick(&["keydesk_admin", "", "\u{202e}nimda"]),
            "LOGIN" => self.pick(&["root", "nobody", "-", "\u{202e}toor"]),
            "P" => self.pick(&["braze", "generic", "no-such-platform"]),
            "COMMAND" => self.pick(&["cat > /dev/null", "exit 1", "exec 0<&-", "'", "kill -9 $$", " "]),
            _ => self.hostile(),
        }
    }

    /// One command line of a command.
    fn line(&mut self, target: &Target) -> Vec<String> {
        let (mut line, mut positionals) = (target.words.clone(), Vec::new());
        for arg in &target.arguments {
            if arg.is_positional() {
                let several = matches!(arg.get_action(), ArgAction::Append);
                for _ in 0..=usize::from(several) * self.below(3) {
                    positionals.push(self.value(arg));
                }
                continue;
            }
            let wanted = if arg.is_global_set() { self.one_in(8) } else { self.one_in(3) };
            if !wanted && !arg.is_required_set() {
                continue;
            }
            let Some(name) = arg.get_long() else { continue };
            if arg.get_action().takes_values() {
                let value = self.value(arg);
                line.push(format!("--{name}={value}"));
            } else {
                line.push(format!("--{name}"));
            }
        }
        if !line.iter().any(|word| word.starts_with("--app=")) && !self.one_in(6) {
            line.push("--app=Storefront".to_owned());
        }
        if !positionals.is_empty() {
            line.push("--".to_owned());
            line.extend(positionals);
        }
        line
    }

    /// A command line that the parser accepts; one in ten is taken as it comes.
    fn accepted_line(&mut self, tree: &clap::Command, target: &Target) -> (Vec<String>, bool) {
        let as_it_comes = self.one_in(10);
        let mut line = self.line(target);
        for _ in 0..60 {
            let all = std::iter::once("keydesk").chain(line.iter().map(String::as_str));
            let accepted = tree.clone().try_get_matches_from(all).is_ok();
            if accepted || as_it_comes {
                return (line, accepted);
            }
            line = self.line(target);
        }
        (line, false)
    }

    fn input(&mut self) -> Vec<u8> {
        match self.below(5) {
            0 => self.secret().into_bytes(),
            1 => b"y\nyes\nStorefront\n".to_vec(),
            2 => vec![0xff, 0, 0x1b, 0x80, b'\n'],
            3 => vec![b'k'; 100_000],
            _ => Vec::new(),
        }
    }

    /// Runs a command line and holds what must hold for each.
    fn run(&mut self, line: &[String], accepted: bool, seed: u64) -> i32 {
        let input = self.input();
        let mut command = Command::new(env!("CARGO_BIN_EXE_keydesk"));
        command.env_clear().envs(self.home.environment()).args(line).current_dir(self.home.path("directory"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command need not read it.
        let writing = std::thread::spawn(move || stdin.write_all(&input));
        let (out, err) = (reader(child.stdout.take().unwrap()), reader(child.stderr.take().unwrap()));
        let status = end_of(&mut child, line.first().is_some_and(|word| word == "serve"));
        let shown: Vec<String> = line
            .iter()
            .map(|word| if word.len() > 200 { format!("{} bytes", word.len()) } else { word.clone() })
            .collect();
        let status = status.unwrap_or_else(|| unreachable!("seed {seed}: {shown:?} does not end"));
        let _ = writing.join().unwrap();
        let (out, err) = (out.join().unwrap(), err.join().unwrap());
        let when = format!(
            "seed {seed}: {shown:?}: {status:?}\n{}\n{err}",
            &out.chars().take(2_000).collect::<String>()
        );
        let code = status.code().unwrap_or_else(|| unreachable!("ended by a signal: {when}"));
        assert!((0..=4).contains(&code), "{when}");
        assert!(accepted || matches!(code, 0 | 2), "a wrong command line: {when}");
        assert!(!err.contains("panicked") && !out.contains("panicked"), "{when}");
        let creates = line.first().is_some_and(|word| word == "keys")
            && line.get(1).is_some_and(|word| word == "create" || word == "rotate");
        let printed = secrets_in(&out);
        assert!(printed.len() <= usize::from(creates && code == 0), "a secret is printed: {when}");
        assert!(secrets_in(&err).is_empty(), "a secret on standard error: {when}");
        for known in &self.secrets {
            assert!(!out.contains(known) && !err.contains(known), "a known secret is printed: {when}");
        }
        let controls = |text: &str| text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r'));
        assert!(!controls(&err), "control characters on standard error: {when}");
        assert!(!controls(&out), "control characters on standard output: {when}");
        code
    }
}

fn reader(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Beyond this it is never going to end.
        let _ = from.by_ref().take(64 << 20).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// How a command ended; an endpoint is told to, once it has had time to start.
fn end_of(child: &mut Child, serves: bool) -> Option<ExitStatus> {
    let since = Instant::now();
    let mut told = false;
    while since.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if serves && !told && since.elapsed() > Duration::from_millis(1_500) {
            told = true;
            let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    None
}

/// The texts of keys in a text.
fn secrets_in(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| token::parse(word).is_ok())
        .collect()
}

#[expect(clippy::print_stderr, reason = "a test says what it has tried")]
#[test]
fn every_command_survives_random_command_lines() {
    let seed = std::env::var("KEYDESK_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(11);
    let tree = keydesk::cli::command_tree();
    let all = targets(&tree, &[], &[]);
    let names: Vec<String> = all.iter().map(|target| target.words.join(" ")).collect();
    for known in ["", "demo", "init", "serve", "keys rotate", "audit verify", "verify", "man"] {
        assert!(names.iter().any(|name| name == known), "{known:?} is missing: {names:?}");
    }
    let mut attack = Attack::new(seed);
    let (mut lines, mut accepted_lines, mut codes) = (0, 0, BTreeMap::<i32, usize>::new());
    for round in 0..LINES {
        attack.renew();
        for target in &all {
            // It runs until it is told to end: a few are enough.
            if target.words == ["serve"] && round % 4 > 0 {
                continue;
            }
            let (mut line, accepted) = attack.accepted_line(&tree, target);
            // The text of a key as an argument is never echoed.
            let secret = attack.one_in(25).then(|| attack.secret());
            let is_secret = secret.is_some();
            line.extend(secret);
            lines += 1;
            accepted_lines += usize::from(accepted);
            let code = attack.run(&line, accepted && !is_secret, seed);
            *codes.entry(code).or_insert(0) += 1;
        }
    }
    eprintln!(
        "seed {seed}: {lines} command lines, {accepted_lines} accepted by the parser, exit codes {codes:?}"
    );
    assert!(lines >= 400, "{lines}");
    assert!(accepted_lines * 100 >= lines * SHARE, "{accepted_lines} of {lines}");
    let audit = attack.home.run(&["audit", "verify"]);
    assert_eq!(audit.code, 0, "seed {seed}: {audit:?}");
    assert!(!PathBuf::from("/tmp/keydesk-generated").exists(), "a value was run");
}

/// Words that are not UTF-8, everywhere.
#[test]
fn arguments_that_are_not_text_do_no_harm() {
    let attack = Attack::new(1);
    let bytes = std::ffi::OsString::from_vec(vec![b'a', 0xff, 0xfe]);
    for target in targets(&keydesk::cli::command_tree(), &[], &[]) {
        let mut command = attack.home.command(&[]);
        command.args(&target.words).arg(&bytes).timeout(PATIENCE);
        let output = command.current_dir(attack.home.path("directory")).output().unwrap();
        // A path may be of any bytes.
        assert!(matches!(output.status.code(), Some(0 | 2 | 3)), "{:?}: {output:?}", target.words);
        assert!(
            !String::from_utf8_lossy(&output.stderr).contains("panicked"),
            "{:?}: {output:?}",
            target.words
        );
    }
}

#[test]
fn a_path_of_any_characters_is_printed_inert() {
    let attack = Attack::new(1);
    let file = "\x1b[2J\u{9b}31m";
    let mut command = attack.home.command(&["keys", "create", "--name", "New", "--out", file]);
    let output = crate::support::home::run(command.current_dir(attack.home.path("directory")));
    assert!(output.code == 0 && attack.home.path("directory").join(file).exists(), "{output:?}");
    assert!(output.err.contains("\\u{1b}[2J\\u{9b}31m"), "{output:?}");
    assert!(!output.err.contains(['\x1b', '\u{9b}']), "{output:?}");
}
