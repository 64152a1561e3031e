//! Files that are not what they should be: FIFOs, devices, links, directories; too many who may change them; and none
//! where only something was read.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::home::{CommandOutput, Home, run};

/// Runs a command that must end soon, and whose memory is bounded.
fn run_bounded(home: &Home, arguments: &[&str]) -> CommandOutput {
    let mut command = assert_cmd::Command::new("bash");
    command.env_clear().envs(home.environment()).timeout(Duration::from_secs(10));
    command.args(["-c", "ulimit -v 1000000; exec \"$@\"", "bash", env!("CARGO_BIN_EXE_keydesk")]);
    run(command.args(arguments))
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_path_that_is_not_a_file_is_reported_and_not_read() {
    let home = Home::set_up();
    let place = |name: &str| home.path(name).display().to_string();
    std::fs::create_dir(home.path("directory")).unwrap();
    nix::unistd::mkfifo(&home.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(home.path("socket")).unwrap();
    symlink(home.database(), home.path("link")).unwrap();
    symlink(home.path("nowhere"), home.path("dangling")).unwrap();
    std::fs::write(home.path("huge"), "#".repeat((1 << 20) + 1)).unwrap();
    let others = [
        (place("directory"), "it is a directory"),
        (place("fifo"), "it is a FIFO"),
        (place("socket"), "it is a socket"),
        ("/dev/zero".to_owned(), "it is a device"),
    ];
    let out = place("out");
    for (path, kind) in &others {
        let database = |more: &[&str]| run_bounded(&home, &[&["--db", path], more].concat());
        for command in [
            &["keys", "list"][..],
            &["keys", "create", "--name", "New"],
            &["init", "--email", "ana@example.com", "--app", "Storefront"],
            &["verify"],
            &["serve", "--listen", "127.0.0.1:0"],
            &["backup", &out],
        ] {
            let output = database(command);
            assert!(output.code == 3 && output.err.contains(kind), "{path} {command:?}: {output:?}");
        }
        let output = database(&["doctor"]);
        assert!(output.code == 1 && output.out.contains(kind), "{path}: {output:?}");
        assert!(!output.out.contains("chmod"), "{path}: {output:?}");
        for arguments in [&["--config", path, "keys", "list"][..], &["verify", "--file", path]] {
            let output = run_bounded(&home, arguments);
            assert!(output.code == 3 && output.err.contains(kind), "{arguments:?}: {output:?}");
        }
    }
    let output = run_bounded(&home, &["--config", &place("huge"), "keys", "list"]);
    assert!(output.code == 3 && output.err.contains("larger than 1048576 bytes"), "{output:?}");
    assert_eq!(run_bounded(&home, &["--config", "/dev/null", "keys", "list"]).code, 0, "an empty one");

    let linked = run_bounded(&home, &["--db", &place("link"), "keys", "list"]);
    let said = format!("is a symbolic link to {}", home.database().display());
    assert!(linked.code == 3 && linked.err.contains(&said), "{linked:?}");
    assert!(linked.err.contains("hint: use the path of the file itself"), "{linked:?}");
    let doctor = run_bounded(&home, &["--db", &place("link"), "doctor"]);
    assert!(doctor.out.contains(&said) && !doctor.out.contains("chmod"), "chmod follows links: {doctor:?}");
    for command in [&["keys", "list"][..], &["init", "--email", "ana@example.com", "--app", "Storefront"]] {
        let dangling = run_bounded(&home, &[&["--db", &place("dangling")], command].concat());
        assert!(dangling.code == 3 && dangling.err.contains("which does not exist"), "{dangling:?}");
        assert!(!dangling.err.contains("keydesk init"), "there is nothing to set up: {dangling:?}");
    }
    assert!(!home.path("nowhere").exists());

    // Beside the database, and in the state directory.
    std::fs::remove_file(home.path("fifo")).unwrap();
    let wal = home.path("data/keydesk/keydesk.db-wal");
    let _ = std::fs::remove_file(&wal);
    nix::unistd::mkfifo(&wal, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let output = run_bounded(&home, &["keys", "list"]);
    assert!(output.code == 3 && output.err.contains("-wal cannot be a database: it is a FIFO"), "{output:?}");
    std::fs::remove_file(&wal).unwrap();
    for entry in std::fs::read_dir(home.path("state/keydesk/known-heads")).unwrap() {
        let file = entry.unwrap().path();
        std::fs::remove_file(&file).unwrap();
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    let log = home.path("state/keydesk/keydesk.log");
    let _ = std::fs::remove_file(&log);
    nix::unistd::mkfifo(&log, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(run_bounded(&home, &["keys", "list"]).code, 0);
    assert_eq!(run_bounded(&home, &["keys", "show", "Nothing"]).code, 3, "which is logged");
}

#[test]
fn reading_commands_create_nothing() {
    let home = Home::empty();
    let nowhere = home.path("nonexistent/x");
    for arguments in [
        &["keys", "list"][..],
        &["apps", "list"],
        &["users", "list"],
        &["audit", "list"],
        &["audit", "verify"],
        &["check", "--within", "1d"],
        &["export", "--format", "csv"],
        &["platforms"],
        &["doctor"],
        &["verify"],
        &["config", "--default"],
    ] {
        for existing in [false, true] {
            let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_keydesk"));
            command.env_clear().env("HOME", if existing { home.path("") } else { nowhere.clone() });
            let output = run(command.args(arguments));
            assert!(!output.err.contains("panicked"), "{output:?}");
            let left = std::fs::read_dir(home.path("")).unwrap().count();
            assert_eq!(left, 0, "{arguments:?}: {output:?}");
        }
    }
    // The database of somebody else, seen by a user without a home.
    let other = Home::set_up();
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_keydesk"));
    command.env_clear().env("HOME", &nowhere).args(["keys", "list", "--db"]).arg(other.database());
    assert_eq!(run(&mut command).code, 0);
    assert!(!nowhere.parent().unwrap().exists());
}

#[test]
fn concurrent_inits_all_succeed() {
    for _ in 0..6 {
        let home = Home::empty();
        let start = |_| -> Child {
            let mut command = Command::new(env!("CARGO_BIN_EXE_keydesk"));
            command.env_clear().envs(home.environment());
            command.args(["init", "--email", "ana@example.com", "--app", "Storefront"]);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let started: Vec<Child> = (0..48).map(start).collect();
        for child in started {
            let output = child.wait_with_output().unwrap();
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{err}");
        }
        assert_eq!(home.run(&["audit", "verify"]).code, 0);
        assert_eq!(home.run(&["apps", "list", "--json"]).json().as_array().unwrap().len(), 1);
    }
}

/// SQLite does not wait for a reader when it changes the journal mode of a new file: a start waits itself.
#[test]
fn init_waits_for_readers_of_the_new_file() {
    let home = Home::empty();
    std::fs::create_dir_all(home.path("data/keydesk")).unwrap();
    let raw = rusqlite::Connection::open(home.database()).unwrap();
    // Something to read, and nothing that makes the file another program's.
    raw.execute_batch("CREATE TABLE t (x); DROP TABLE t; BEGIN; SELECT count(*) FROM sqlite_schema;")
        .unwrap();
    let since = Instant::now();
    let reader = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        raw.execute_batch("COMMIT").unwrap();
    });
    let output = home.run(&["init", "--email", "ana@example.com", "--app", "Storefront"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(since.elapsed() > Duration::from_millis(650));
    reader.join().unwrap();
}

#[test]
fn other_users_with_write_access_to_settings_or_folders_are_reported() {
    let home = Home::set_up();
    let config = home.path("config/keydesk/config.toml");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    std::fs::write(&config, "theme = \"dark\"\n").unwrap();
    mode(&config, 0o644);
    let said = |expected: &str, command: &str| {
        let output = home.run(&["apps", "list"]);
        assert!(output.code == 0 && output.err.contains(expected), "{expected}: {output:?}");
        assert!(output.err.contains(command), "{command}: {output:?}");
        let output = home.run(&["doctor"]);
        assert!(output.code == 1 && output.out.contains(expected), "{expected}: {output:?}");
        assert!(output.out.contains(command), "{command}: {output:?}");
    };
    let quiet = || {
        let output = home.run(&["apps", "list"]);
        assert_eq!((output.code, output.err.as_str()), (0, ""));
        assert_eq!(home.run(&["doctor"]).code, 0);
    };
    quiet();
    mode(&config, 0o666);
    said("every user can change the configuration file", "chmod o-w");
    mode(&config, 0o644);
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&config, Some(65_534), None).unwrap();
        said("belongs to the user nobody", "chown 0");
        std::os::unix::fs::chown(&config, Some(0), None).unwrap();
    }
    quiet();
    mode(&home.path("data"), 0o777);
    said("others can replace", "chmod o-w");
    mode(&home.path("data"), 0o1777);
    quiet();
}
