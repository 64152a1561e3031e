//! `identify` and `scan`: what a leaked key is, and where keys are.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::home::{CommandOutput, Home, run};
use crate::support::{Seeded, contains, have};
use keydesk::domain::key::KeyType;
use keydesk::domain::text::is_unsafe;
use keydesk::domain::token::{Entropy, draw_id, draw_secret};

/// A well-formed key of another installation.
fn foreign(prefix: &str, seed: u64) -> String {
    let mut entropy = Seeded(seed);
    let id = draw_id(&mut entropy).unwrap();
    let secret = draw_secret(&prefix.parse().unwrap(), KeyType::Production, id, &mut entropy).unwrap();
    secret.expose().to_owned()
}

fn delete(home: &Home, key: &str) {
    assert_eq!(home.run(&["keys", "delete", key, "--yes"]).code, 0);
}

/// The found keys: path and line, state, name, and whether it is proven.
fn found(said: &CommandOutput) -> Vec<(String, Value, String, Value, bool)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = said.json()["found"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| {
            let (path, state) = (text(&key["path"]), text(&key["state"]));
            (path, key["line"].clone(), state, key["name"].clone(), key["proven"] == true)
        })
        .collect();
    all.sort_by(|a, b| (&a.0, a.1.as_u64()).cmp(&(&b.0, b.1.as_u64())));
    all
}

/// Only the states, in the order of the lines.
fn states(said: &CommandOutput) -> Vec<String> {
    found(said).into_iter().map(|(_, _, state, _, _)| state).collect()
}

#[test]
fn identify_tells_every_state_of_a_key() {
    let home = Home::set_up();
    let names = ["Live", "Off", "Gone", "Old", "Trap"];
    let secrets = names.map(|name| home.key(name, &[]).1);
    home.sql("UPDATE keys SET owner = 'Payments team' WHERE name = 'Live'; UPDATE keys SET canary = 1 WHERE name = 'Trap'");
    assert_eq!(home.run(&["keys", "disable", "Off"]).code, 0);
    assert_eq!(home.run(&["keys", "edit", "Live", "--from", "10.0.0.0/8"]).code, 0);
    delete(&home, "Gone");
    assert_eq!(
        home.run(&["keys", "rotate", "Old", "--leaked", "--out", home.path("new").to_str().unwrap()]).code,
        0
    );

    let mut wrong = secrets[0].clone();
    wrong.replace_range(30..31, if &wrong[30..31] == "a" { "b" } else { "a" });
    // A well-formed text with the ID of the live key.
    let other = {
        let id = secrets[0][8..18].parse().unwrap();
        let prefix = "ik".parse().unwrap();
        draw_secret(&prefix, KeyType::Production, id, &mut Seeded(9)).unwrap().expose().to_owned()
    };
    let lines =
        [&secrets[..], &[foreign("ik", 1), foreign("acme", 2), wrong, other, "hello".into()]].concat();
    let said = home.run_with(lines.join("\n"), &["identify", "--json"]);
    let expected = [
        ("live", json!("Live"), true),
        ("disabled", json!("Off"), true),
        ("deleted", json!("Gone"), true),
        ("expired", json!("Old"), true),
        ("canary", json!("Trap"), true),
        ("unknown", json!(null), false),
        ("foreign", json!(null), false),
        ("malformed", json!("Live"), false),
        ("unknown", json!("Live"), false),
    ];
    let expected: Vec<_> = (1..)
        .zip(expected)
        .map(|(line, (state, name, proven))| (String::new(), json!(line), state.to_owned(), name, proven))
        .collect();
    assert_eq!(found(&said), expected, "{said:?}");
    assert_eq!(said.code, 1, "one is live");
    let first = &said.json()["found"][0];
    let fields: Vec<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    let mut promised =
        ["state", "id", "name", "application", "owner", "last_used", "line", "prefix", "proven"];
    promised.sort_unstable();
    let mut sorted = fields.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, promised);
    assert_eq!((&first["application"], &first["owner"]), (&json!("Storefront"), &json!("Payments team")));
    assert_eq!(first["prefix"], secrets[0][..18]);

    let text = home.run_with(lines.join("\n"), &["identify"]);
    let advice =
        format!("To reject the key at once, run: keydesk keys rotate {} --leaked\n", &secrets[0][8..18]);
    assert_eq!(text.err, advice, "for the only live one");
    for sentence in [
        "Requests that use it are accepted until",
        "It is disabled since",
        "by ana@example.com",
        "and was replaced by",
        "It is a canary key",
        "Payments team",
        "Allowed sources 10.0.0.0/8",
        "its prefix is acme",
        "a damaged copy",
        "but its secret is another one",
    ] {
        assert!(text.out.contains(sentence), "{sentence}: {}", text.out);
    }
}

#[test]
fn the_suggested_command_rejects_the_key_at_once() {
    let home = Home::set_up();
    let (_, old) = home.key("Checkout", &[]);
    let new = home.run(&["keys", "rotate", "Checkout"]).out.trim().to_owned();
    // A predecessor during the overlap, and a key without a successor.
    for (secret, expected) in [(old, "overlap"), (new, "rotate")] {
        assert!(home.accepts(&secret));
        let said = home.run_with(secret.as_str(), &["identify"]).err;
        let command = said.trim().strip_prefix("To reject the key at once, run: keydesk ").unwrap();
        assert!(command.contains(expected), "{command}");
        assert_eq!(home.run(&command.split(' ').collect::<Vec<_>>()).code, 0, "{command}");
        assert!(!home.accepts(&secret), "{command}");
    }
}

#[test]
fn a_key_without_a_live_copy_is_no_alarm() {
    let home = Home::set_up();
    let (_, secret) = home.key("Gone", &[]);
    delete(&home, "Gone");
    for (text, count) in
        [(secret, 1), (foreign("acme", 3), 1), ("no key at all".into(), 0), (String::new(), 0)]
    {
        let said = home.run_with(text, &["identify", "--json"]);
        assert_eq!((said.code, said.json()["found"].as_array().unwrap().len()), (0, count), "{said:?}");
    }
    assert!(home.run_with("no key", &["identify"]).err.starts_with("No key found."));
}

#[test]
fn a_truncated_key_is_identified_by_its_id_and_said_to_be_unproven() {
    let home = Home::set_up();
    let (_, secret) = home.key("Cut", &[]);
    for length in [18, 19, 20, 50, 67] {
        let said = home.run_with(format!("see {}", &secret[..length]), &["identify", "--json"]);
        assert_eq!(found(&said), [(String::new(), json!(1), "live".into(), json!("Cut"), false)], "{length}");
        assert_eq!(said.code, 1);
        let text = home.run_with(secret[..length].to_owned(), &["identify"]).out;
        assert!(text.contains("(unproven)") && text.contains("Unproven: "), "{text}");
    }
    assert_eq!(
        states(&home.run_with(secret[..17].to_owned(), &["identify", "--json"])),
        Vec::<String>::new()
    );
}

#[test]
fn identify_reads_a_file_or_says_why_it_cannot() {
    let home = Home::set_up();
    let (_, secret) = home.key("Filed", &[]);
    let file = home.path("mail.txt");
    fs::write(&file, format!("Dear colleague,\n\nsee {secret}.\n")).unwrap();
    let said = home.run(&["identify", "--json", "--file", file.to_str().unwrap()]);
    assert_eq!(found(&said), [(String::new(), json!(3), "live".into(), json!("Filed"), true)]);
    let said = home.run(&["identify", "--json", "--file", home.path("none").to_str().unwrap()]);
    assert_eq!((said.code, said.out.as_str(), said.error().0.as_str()), (3, "", "file"));
}

/// A folder with keys in all kinds of files.
fn planted(home: &Home, live: &str, gone: &str) {
    let write = |path: &str, text: &[u8]| {
        let path = home.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("tree/app/.env", format!("A=1\nKEY='{live}'\n").as_bytes());
    write("tree/.gitignore", b".env\n");
    write("tree/.git/HEAD", b"ref: refs/heads/main\n");
    write("tree/.git/refs/heads/main", b"\n");
    write("tree/.git/config", format!("url = https://{live}@example.com/\n").as_bytes());
    write("tree/.git/objects/ab/cdef", live.as_bytes());
    write("tree/image.bin", &[&[0, 0xff, 0xfe, b'\n'][..], gone.as_bytes(), &[0]].concat());
    write("tree/log", format!("{}\n{}\n{}\n", &live[..18], &live[..19], &live[..40]).as_bytes());
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    write("tree/utf16.txt", &utf16(&format!("\u{feff}\r\n$key = '{live}'\r\n")));
    write("tree/other", format!("{}\n{}\n", foreign("acme", 5), foreign("ik", 6)).as_bytes());
    symlink(home.path("tree/app/.env"), home.path("tree/link")).unwrap();
    nix::unistd::mkfifo(&home.path("tree/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
}

#[test]
fn scan_finds_keys_in_all_kinds_of_files() {
    let home = Home::set_up();
    let [live, gone] = ["Live", "Gone"].map(|name| home.key(name, &[]).1);
    delete(&home, "Gone");
    planted(&home, &live, &gone);
    let tree = home.path("tree").display().to_string();
    let below = |path: &str| format!("{tree}/{path}");
    let said = home.run(&["scan", "--json", &tree]);
    let expected = [
        (below(".git/config"), json!(1), "live".into(), json!("Live"), true),
        (below("app/.env"), json!(2), "live".into(), json!("Live"), true),
        (below("image.bin"), json!(2), "deleted".into(), json!("Gone"), true),
        (below("log"), json!(3), "live".into(), json!("Live"), false),
        (below("other"), json!(2), "unknown".into(), json!(null), false),
        (below("utf16.txt"), json!(2), "live".into(), json!("Live"), true),
    ];
    assert_eq!(found(&said), expected, "{said:?}");
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    assert_eq!(said.json()["unreadable"], json!([]));

    let all = home.run(&["scan", "--json", "--all-prefixes", &below("other")]);
    assert_eq!(states(&all), ["foreign", "unknown"]);
    assert_eq!(all.code, 0, "neither is live");
    let tracked = home.run(&["scan", "--json", "--skip-ignored", &below("app"), &below("image.bin")]);
    assert_eq!(states(&tracked), ["deleted"], "{tracked:?}");
    // A link that was given is followed, and objects that were given are read.
    for path in ["link", ".git/objects"] {
        assert_eq!(states(&home.run(&["scan", "--json", &below(path)])), ["live"], "{path}");
    }

    let text = home.run(&["scan", &below("app")]);
    let expected =
        format!("{}:2: live: {} \"Live\" of Storefront, never used\n", below("app/.env"), &live[..18]);
    assert_eq!((text.code, text.out), (1, expected));
    assert!(text.err.starts_with("1 file scanned"), "{}", text.err);
    let advice = format!("To reject the key at once, run: keydesk keys rotate {} --leaked\n", &live[8..18]);
    assert!(text.err.ends_with(&advice), "{}", text.err);
    let nothing = home.run(&["scan", &below(".git/HEAD")]);
    assert_eq!((nothing.code, nothing.out.as_str()), (0, ""));
    assert!(nothing.err.ends_with("no keys found.\n"), "{}", nothing.err);
}

#[test]
fn scan_reads_standard_input_under_a_name() {
    let home = Home::set_up();
    let (_, secret) = home.key("Piped", &[]);
    let said = home.run_with(format!("\n{secret}\n"), &["scan", "-", "--json"]);
    assert_eq!(found(&said), [("-".into(), json!(2), "live".into(), json!("Piped"), true)]);
    let said = home.run_with(secret, &["scan", "--stdin-filename", "src/a b.rs", "-"]);
    assert!(said.code == 1 && said.out.starts_with("src/a b.rs:1: live: "), "{said:?}");
}

#[test]
fn a_scan_that_could_not_read_everything_does_not_say_that_all_is_well() {
    let home = Home::set_up();
    let (_, secret) = home.key("Live", &[]);
    let file = home.path("some.txt");
    fs::write(&file, "nothing").unwrap();
    let (file, missing) = (file.display().to_string(), home.path("missing").display().to_string());
    let said = home.run(&["scan", "--json", &file, &missing]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "unreadable"), "{said:?}");
    assert_eq!(said.json()["unreadable"][0]["path"], missing);
    let said = home.run(&["scan", &file, &missing]);
    assert!(said.err.contains(&format!("warning: could not read {missing}: ")), "{said:?}");
    // A live key is what matters.
    fs::write(&file, secret).unwrap();
    assert_eq!(home.run(&["scan", &file, &missing]).code, 1);
    assert_eq!(home.run(&["scan"]).code, 2);
}

#[test]
fn names_of_files_are_searched_and_inert() {
    let home = Home::set_up();
    let (_, secret) = home.key("Named", &[]);
    let (_, random) = secret.rsplit_once('_').unwrap();
    let folder = home.path("names");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(format!("{secret}.txt")), &secret).unwrap();
    fs::write(folder.join("\u{1b}[31m\u{202e}\n.txt"), &secret).unwrap();
    fs::set_permissions(folder.join(format!("{secret}.txt")), fs::Permissions::from_mode(0o000)).unwrap();
    for arguments in [&["scan"][..], &["scan", "--json"]] {
        let said = run(home.command(arguments).arg(&folder));
        assert_eq!(said.code, 1);
        for text in [&said.out, &said.err] {
            assert!(!text.contains(random), "the name contains the secret");
            assert!(!text.chars().any(|c| is_unsafe(c) && c != '\n'), "{text:?}");
        }
        assert!(said.out.contains(&format!("{}(secret).txt", &secret[..19])), "{said:?}");
    }
}

#[test]
fn an_interrupted_scan_ends_at_once_and_says_so() {
    let home = Home::set_up();
    let (_, secret) = home.key("Early", &[]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_keydesk"))
        .env_clear()
        .envs(home.environment())
        .args(["scan", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // More than the search keeps back.
    input.write_all(format!("{secret}{}", "\n".repeat(1_000)).as_bytes()).unwrap();
    let status = format!("/proc/{}/status", child.id());
    let is_listening = || {
        let caught = fs::read_to_string(&status).unwrap_or_default();
        let mask = caught.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 2 != 0)
    };
    while !is_listening() {
        std::thread::yield_now();
    }
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap()),
        nix::sys::signal::Signal::SIGINT,
    )
    .unwrap();
    let begun = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(output.status.code(), Some(3));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["found"].is_array(), "the document is complete: {document}");
    assert!(contains(&output.stderr, "interrupted"));
    drop(input);
}

#[test]
fn memory_is_bounded_for_a_huge_file() {
    if !have("prlimit") {
        return;
    }
    let home = Home::set_up();
    let (_, secret) = home.key("Huge", &[]);
    let path = home.path("huge");
    let mut file = fs::File::create(&path).unwrap();
    file.set_len(1 << 30).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start((1 << 30) - 40)).unwrap();
    file.write_all(secret.as_bytes()).unwrap();
    let mut command = home.program("prlimit");
    // Address space, of which the stacks of the threads are the largest part.
    let said =
        run(command.args(["--as=268435456", env!("CARGO_BIN_EXE_keydesk"), "scan", "--json"]).arg(&path));
    assert_eq!(states(&said), ["live"], "{said:?}");
    assert_eq!(said.json()["bytes"], (1_u64 << 30) - 40 + 68);
}

/// Texts that resemble keys, with letters, bytes and escape sequences around them.
fn hostile(seed: u64, secret: &str) -> Vec<u8> {
    let mut random = Seeded(seed);
    let mut below = |most: usize| {
        let mut bytes = [0; 2];
        random.fill(&mut bytes).unwrap();
        usize::from(u16::from_le_bytes(bytes)) % most
    };
    let parts: [&[u8]; 14] = [
        b"ik_live_",
        b"ik_test_",
        b"_live_",
        b"_",
        b"7Qm2x9KdPa",
        b"\n",
        b"\0",
        b"\xff\xfe",
        b"\x1b]0;x\x07",
        "\u{202e}".as_bytes(),
        b"' OR 1=1 --",
        b"{\"",
        &secret.as_bytes()[..40],
        &secret.as_bytes()[19..],
    ];
    let mut text = Vec::new();
    for _ in 0..=below(8) {
        text.extend_from_slice(parts[below(parts.len())]);
        let cut = below(secret.len());
        text.extend_from_slice(&secret.as_bytes()[cut..cut + below(secret.len() - cut)]);
    }
    text
}

#[test]
fn ten_thousand_hostile_texts_are_identified_and_scanned() {
    let home = Home::set_up();
    let (_, secret) = home.key("\u{202e}\u{1b}[31mEvil", &[]);
    let random = &secret[19..];
    let folder = home.path("hostile");
    fs::create_dir(&folder).unwrap();
    let mut whole = Vec::new();
    for seed in 0..10_000 {
        let text = hostile(seed, &secret);
        if seed % 10 == 0 {
            fs::write(folder.join(seed.to_string()), &text).unwrap();
        }
        whole.extend_from_slice(&text);
        whole.push(b'\n');
    }
    fs::write(folder.join("whole"), &whole).unwrap();
    let path = Path::new(&folder).join("whole").display().to_string();
    for arguments in [
        &["identify", "--file", &path][..],
        &["identify", "--json", "--file", &path],
        &["scan", "--all-prefixes", folder.to_str().unwrap()],
        &["scan", "--json", "--all-prefixes", folder.to_str().unwrap()],
    ] {
        let said = home.run(arguments);
        assert!(matches!(said.code, 0 | 1), "{arguments:?}: {}", said.err);
        assert!(!said.out.contains(&random[..20]) && !said.err.contains(&random[..20]), "{arguments:?}");
        assert!(!said.out.chars().any(|c| is_unsafe(c) && c != '\n'), "{arguments:?}");
        if arguments.contains(&"--json") {
            assert!(!said.json()["found"].as_array().unwrap().is_empty());
        }
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn what_was_presented_is_in_no_output_and_in_no_file() {
    let home = Home::set_up();
    let (_, secret) = home.key("Canary", &[]);
    let (unknown, other) = (foreign("ik", 7), foreign("acme", 8));
    let planted = home.path("planted");
    let text = format!("{secret} {unknown} {other} {}", &secret[..50]);
    fs::write(&planted, &text).unwrap();
    let path = planted.to_str().unwrap();
    let mut said = String::new();
    for arguments in [
        &["identify"][..],
        &["identify", "--json"],
        &["identify", "--file", path],
        &["scan", "-"],
        &["scan", "--json", path],
        &["scan", "--all-prefixes", path, "missing"],
        // The database cannot be read.
        &["--db", "/dev/null", "identify"],
        &["--db", path, "scan", path],
    ] {
        let one = run(home.command(arguments).env("KEYDESK_LOG", "trace").write_stdin(text.as_bytes()));
        said.extend([one.out, one.err]);
    }
    assert!(said.contains(&secret[..18]) && said.contains("foreign") && said.contains("error:"), "{said}");
    for canary in [&secret[19..49], &unknown[19..], &other[21..]] {
        assert!(!said.contains(canary));
        for path in files(home.0.path()).into_iter().filter(|path| *path != planted) {
            assert!(!contains(&fs::read(&path).unwrap(), canary), "{}", path.display());
        }
    }
}
