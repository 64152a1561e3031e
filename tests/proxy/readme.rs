//! Runs the shell blocks of the README in order, in a temporary home directory, with the real program and real proxies.
//!
//! `sudo` and `ssh` are scripts that run their command on this machine. [`NewUser::replacements`] has the addresses and
//! system paths that are replaced.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use portable_pty::CommandBuilder;
use quick_xml::events::Event;
use serde_json::Value;

use crate::support::proxies::{Api, Kind, Proxy};
use crate::support::pty::Pty;
use crate::support::{KEYDESK, have};

const README: &str = include_str!("../../README.md");

/// The shell blocks that are not run, by their beginning, with the reason.
const SKIPPED: [(&str, &str); 21] = [
    ("cargo run --release\n", "builds the program, and runs this test"),
    ("sudo apt install", "changes the system; .ci/package does this in a container"),
    ("cargo binstall", "needs a release"),
    ("cargo install", "needs a release, and builds the program"),
    ("cargo build --release\n", "builds the program; the test has its own build on the path"),
    ("mkdir keydesk-trial", "needs the Debian package; .ci/package runs it"),
    ("sudo install -m 644 assets/systemd/keydesk.service", "adds a user to the system"),
    ("sudo usermod", "changes a user of the system; .ci/package does this in a container"),
    (
        "keydesk init --email you@example.com --app Storefront\nsudo systemctl",
        "needs systemd; .ci/package has it",
    ),
    ("sudo -u postgres", "needs a server; the tests of PostgreSQL run these commands"),
    ("keydesk --db postgres", "needs a server; the tests of PostgreSQL start the program with such a URL"),
    ("sudo install -m 644 assets/systemd/keydesk-gateway", "needs systemd; systemd.rs checks the units"),
    ("sudo systemctl enable --now keydesk-gateway", "needs systemd; systemd.rs checks the units"),
    ("sudo useradd --system --create-home", "adds a user to the system"),
    ("sudo -u keydesk-tunnel ssh-keygen", "needs that user"),
    ("sudo -u keydesk-tunnel mkdir", "needs that user"),
    ("sudo -u keydesk-tunnel ssh -N", "needs a second host; tunnels.rs opens such a tunnel"),
    ("sudo install -m 644 assets/systemd/keydesk-tunnel", "needs systemd; systemd.rs checks the units"),
    ("git pull\n", "needs the network, and builds the program"),
    ("sudo apt purge", "changes the system; .ci/package does this in a container"),
    ("sudo systemctl disable", "needs systemd"),
];

/// Each proxy with a text of its block.
const OF_PROXY: [(Kind, &str); 2] =
    [(Kind::Nginx, "sudo nginx -s reload"), (Kind::Caddy, "caddy run --config assets/proxy/Caddyfile")];

/// Programs that blocks are about, which are skipped where the program is not installed.
const PROGRAMS: [&str; 1] = ["ssh-keygen"];

/// A fenced block.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Block {
    language: &'static str,
    text: &'static str,
}

fn blocks() -> Vec<Block> {
    let mut parts = README.split("```");
    parts.next();
    let mut blocks = Vec::new();
    while let (Some(block), Some(_)) = (parts.next(), parts.next()) {
        let (language, text) = block.split_once('\n').unwrap();
        blocks.push(Block { language, text });
    }
    blocks
}

/// A home directory, a checkout and an API.
struct NewUser {
    folder: tempfile::TempDir,
    /// A loopback address of its own, so that other tests cannot take its ports.
    host: String,
    api: Api,
}

impl NewUser {
    fn new() -> Self {
        static USERS: AtomicU8 = AtomicU8::new(1);
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let host = format!("127.{high}.{low}.{}", USERS.fetch_add(1, Ordering::Relaxed));
        let new_user = Self { folder: tempfile::tempdir().unwrap(), host, api: Api::start() };
        for below in ["home", "bin", "checkout/assets/proxy", "etc/nginx/conf.d", "usr/local/bin"] {
            fs::create_dir_all(new_user.path(below)).unwrap();
        }
        new_user.script("sudo", "exec \"$@\"");
        new_user.script("ssh", "shift; mkdir -p \"$HOME/api\" && cd \"$HOME/api\" && exec sh -c \"$*\"");
        symlink(KEYDESK, new_user.path("usr/local/bin/keydesk")).unwrap();
        let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/proxy");
        // Two tests cannot use the same administration port of Caddy.
        for (name, before) in [("nginx.conf", ""), ("Caddyfile", "{\n\tadmin off\n}\n")] {
            let text = fs::read_to_string(assets.join(name)).unwrap();
            let text = text.replace("127.0.0.1", &new_user.host);
            let api = format!("{}:3000", new_user.host);
            assert!(text.contains(&api), "{name}");
            let text = text.replace(&api, &new_user.api.address.to_string());
            fs::write(new_user.path("checkout/assets/proxy").join(name), format!("{before}{text}")).unwrap();
        }
        new_user
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn script(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The texts of the README that are replaced, with the replacements.
    fn replacements(&self) -> [(&'static str, String); 4] {
        let below = |path: &str| self.path(path).display().to_string();
        [
            ("/usr/local/bin", below("usr/local/bin")),
            ("/etc/nginx/conf.d", below("etc/nginx/conf.d")),
            ("keydesk serve", format!("keydesk serve --listen {}:7766", self.host)),
            ("http://127.0.0.1", format!("http://{}", self.host)),
        ]
    }

    fn adapted(&self, block: &Block) -> String {
        self.replacements().iter().fold(block.text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    fn environment(&self) -> [(&'static str, String); 4] {
        let path = std::env::var("PATH").unwrap();
        let below = |path: &str| self.path(path).display().to_string();
        [
            ("HOME", below("home")),
            ("PATH", format!("{}:{}:{path}", below("bin"), below("usr/local/bin"))),
            ("TZ", "UTC".into()),
            ("LANG", "C.UTF-8".into()),
        ]
    }

    /// Runs blocks in one shell and returns the output of each. A failed command fails the test.
    fn run(&self, blocks: &[&Block]) -> Vec<String> {
        let mut script = String::from(
            "set -eE -o pipefail\nexec 2>&1\n\
             trap 'echo \"FAILED: $BASH_COMMAND\"; cat *.log' ERR\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n",
        );
        for (at, block) in blocks.iter().enumerate() {
            writeln!(script, "echo '### {at}'\n{}", self.adapted(block)).unwrap();
        }
        let path = self.path("script");
        fs::write(&path, script).unwrap();
        let mut command = Command::new("bash");
        command.arg(path).env_clear().envs(self.environment()).current_dir(self.path("checkout"));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        let outputs: Vec<_> = text.split("### ").skip(1).map(str::to_owned).collect();
        assert_eq!(outputs.len(), blocks.len(), "{text}");
        outputs
    }

    /// The only key in the JSON of `keydesk keys list`, without its ID and times of day.
    fn checkout(&self) -> Value {
        let mut command = Command::new(KEYDESK);
        command.args(["keys", "list", "--json"]).env_clear().envs(self.environment());
        let mut keys: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        let keys = keys.as_array_mut().unwrap();
        assert_eq!(keys.len(), 1, "{keys:?}");
        let key = keys[0].as_object_mut().unwrap();
        for differs in ["id", "prefix", "created"] {
            assert!(key.remove(differs).is_some(), "{differs}");
        }
        let day = key["expires"].as_str().unwrap()[..10].to_owned();
        key.insert("expires".into(), day.into());
        keys[0].take()
    }
}

/// The shell blocks to run with a proxy.
fn runnable(kind: Kind, all: &[Block]) -> Vec<&Block> {
    let other = OF_PROXY.iter().find(|(of, _)| *of != kind).unwrap().1;
    let missing: Vec<_> = PROGRAMS.into_iter().filter(|program| !have(program)).collect();
    all.iter()
        .filter(|block| block.language == "sh")
        .filter(|block| !SKIPPED.iter().any(|(start, _)| block.text.starts_with(start)))
        .filter(|block| !block.text.contains(other))
        .filter(|block| !missing.iter().any(|program| block.text.contains(program)))
        .collect()
}

#[test]
fn the_blocks_run_in_order_with_nginx() {
    run_blocks(Kind::Nginx);
}

#[test]
fn the_blocks_run_in_order_with_caddy() {
    run_blocks(Kind::Caddy);
}

fn run_blocks(kind: Kind) {
    if !(have(kind.program()) && have("bash") && have("curl")) {
        return;
    }
    let new_user = NewUser::new();
    let _nginx = (kind == Kind::Nginx).then(|| running_nginx(&new_user));
    let all = blocks();
    let blocks = runnable(kind, &all);
    let outputs = new_user.run(&blocks);
    let output_of = |text: &str| {
        let at = blocks.iter().position(|block| block.text.contains(text));
        &outputs[at.unwrap_or_else(|| panic!("no block with {text:?}"))]
    };
    let answers: Vec<_> = output_of("keydesk keys delete Checkout")
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 "))
        .collect();
    let statuses: Vec<_> = answers.iter().map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["401", "200", "401"], "{kind:?}: {outputs:#?}");
    let seen = new_user.api.seen.lock().unwrap();
    let from_curl = seen.iter().filter(|head| head.contains("user-agent: curl")).count();
    assert_eq!(from_curl, 1, "rejected requests do not reach the API");
    assert!(output_of("healthz").contains("ok"));
    assert!(output_of("keydesk verify").contains("valid"));
    assert!(output_of("keydesk check").contains("1 deleted key is still in use"), "{outputs:#?}");
    assert!(output_of("receipt --verify").contains("matches: key ik_live_"), "{outputs:#?}");
    if have("ssh-keygen") {
        assert!(output_of("ssh-keygen -Y verify").contains("Good \"keydesk\" signature"), "{outputs:#?}");
    }
    assert_eq!(left_of_keydesk(&new_user.path("home")), [] as [PathBuf; 0], "not removed");
    assert!(!new_user.path("usr/local/bin/keydesk").exists());
}

/// Starts nginx with a `conf.d` directory, as on Debian.
fn running_nginx(new_user: &NewUser) -> Proxy {
    let address = format!("{}:8081", new_user.host).parse().unwrap();
    let site = format!(
        "server {{ listen {address}; }}\ninclude {}/*.conf;",
        new_user.path("etc/nginx/conf.d").display()
    );
    let proxy = Proxy::with(Kind::Nginx, &site, address);
    let folder = proxy.folder().display();
    // The directory of this script is the first in the path.
    new_user.script("nginx", &format!("PATH=${{PATH#*:}}\nexec nginx -p {folder} -c {folder}/config \"$@\""));
    proxy
}

/// The files of keydesk in a home directory.
fn left_of_keydesk(home: &Path) -> Vec<PathBuf> {
    let mut left = Vec::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.strip_prefix(home).unwrap().to_string_lossy().contains("keydesk") {
                left.push(path);
            }
        }
    }
    left
}

/// What is on the screen after each word of the terminal UI's block.
const SCREENS: [&str; 14] = [
    "you@example.com",
    "",
    "Storefront",
    "no API keys yet",
    "3rd party service",
    "Expiration date",
    "Checkout",
    "[>Create API Key<]",
    "You cannot display the API key after this step",
    "new file (mode 0600)",
    "checkout.key",
    "Written to",
    "It expires on",
    "",
];

#[test]
fn the_terminal_ui_and_the_commands_create_the_same_key() {
    if !have("bash") {
        return;
    }
    let all = blocks();
    let by_command = NewUser::new();
    let block = all.iter().find(|block| block.text.contains("keys create Checkout")).unwrap();
    by_command.run(&[block]);

    let by_keys = NewUser::new();
    let keys = all.iter().find(|block| block.text.contains("Enter Checkout Enter")).unwrap();
    assert_eq!(keys.language, "text");
    let mut command = CommandBuilder::new(KEYDESK);
    command.env_clear();
    for (name, value) in by_keys.environment() {
        command.env(name, value);
    }
    command.env("TERM", "xterm-256color");
    command.cwd(by_keys.path("checkout"));
    let mut pty = Pty::start(command, 80, 24);
    let words: Vec<_> = keys.text.split_whitespace().collect();
    assert_eq!(words.len(), SCREENS.len());
    pty.wait_for("Welcome");
    for (word, screen) in words.into_iter().zip(SCREENS) {
        pty.send(if word == "Enter" { "\r" } else { word });
        pty.wait_for(screen);
    }
    assert_eq!(pty.wait_for_end(Duration::from_secs(10)), 0);

    assert_eq!(by_keys.checkout(), by_command.checkout());
    for new_user in [by_keys, by_command] {
        let file = new_user.path("checkout/checkout.key");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let mut verify = Command::new(KEYDESK);
        verify.arg("verify").env_clear().envs(new_user.environment()).stdin(fs::File::open(file).unwrap());
        assert!(verify.output().unwrap().status.success());
    }
}

#[test]
fn every_exception_is_used() {
    let all = blocks();
    let shell: HashSet<_> = all.iter().filter(|block| block.language == "sh").collect();
    for (start, reason) in SKIPPED {
        let count = shell.iter().filter(|block| block.text.starts_with(start)).count();
        assert_eq!(count, 1, "{start:?} ({reason}) begins {count} blocks");
    }
    for (kind, text) in OF_PROXY {
        let count = shell.iter().filter(|block| block.text.contains(text)).count();
        assert_eq!(count, 1, "{kind:?}: {text:?} is in {count} blocks");
    }
    for program in PROGRAMS {
        assert!(shell.iter().any(|block| block.text.contains(program)), "{program:?} is in no block");
    }
    for (text, _) in NewUser::new().replacements() {
        assert!(shell.iter().any(|block| block.text.contains(text)), "{text:?} is in no block");
    }
    // zsh does not accept comments at the prompt.
    for block in shell {
        assert!(!block.text.contains('#'), "{}", block.text);
    }
    for block in &all {
        assert!(["sh", "sql", "text", "toml", "yaml", "rust,no_run"].contains(&block.language), "{block:?}");
    }
}

#[test]
fn every_command_is_in_the_reference() {
    let help = Command::new(KEYDESK).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let (_, reference) = README.split_once("### Commands\n").unwrap();
    let lines = commands.lines().take_while(|line| !line.is_empty());
    let names: Vec<_> = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    for name in names.into_iter().filter(|name| !name.is_empty() && *name != "help") {
        assert!(reference.contains(&format!("`keydesk {name}`")), "{name} is not in the README");
    }
}

#[test]
fn the_animated_picture_is_valid_and_has_a_description() {
    let tag = README.lines().find(|line| line.contains("assets/screenshots/keydesk.svg")).unwrap();
    assert!(
        tag.starts_with("![") && tag.find("](").is_some_and(|at| at > 40),
        "a picture has a description: {tag}"
    );
    let svg = include_str!("../../assets/screenshots/keydesk.svg");
    assert!(svg.len() < 300_000, "{} bytes", svg.len());
    let (mut ids, mut uses, mut frames) = (HashSet::new(), HashSet::new(), 0);
    let mut reader = quick_xml::Reader::from_str(svg);
    loop {
        let (Event::Start(element) | Event::Empty(element)) = (match reader.read_event().unwrap() {
            Event::Eof => break,
            event => event,
        }) else {
            continue;
        };
        assert_ne!(element.name().as_ref(), b"script");
        for attribute in element.attributes() {
            let attribute = attribute.unwrap();
            let value = String::from_utf8(attribute.value.into_owned()).unwrap();
            match attribute.key.as_ref() {
                b"id" => assert!(ids.insert(value)),
                b"href" => drop(uses.insert(value.trim_start_matches('#').to_owned())),
                b"class" => frames += 1,
                _ => {}
            }
        }
    }
    assert!(uses.is_subset(&ids));
    assert!(
        frames > 20 && svg.contains("@keyframes") && svg.contains("prefers-reduced-motion"),
        "{frames} frames"
    );
}

#[test]
fn links_in_the_documents_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for document in ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let headings: HashSet<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"))
            .collect();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            match link.strip_prefix('#') {
                Some(heading) => assert!(headings.contains(heading), "{document}: {link}"),
                None => {
                    assert!(link.starts_with("https://") || root.join(link).exists(), "{document}: {link}");
                }
            }
        }
    }
}
