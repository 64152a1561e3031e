//! The programs of PostgreSQL as Debian installs them, and the user that they run as.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use nix::unistd::{Gid, Uid, User};

use crate::support::keeper::Keeper;

/// The folder of another version than the installed one.
fn named() -> Option<PathBuf> {
    std::env::var_os("KEYDESK_TEST_POSTGRES").map(PathBuf::from)
}

/// The folder with the programs of the server that a variable names, otherwise of the newest one that is installed.
pub(super) fn folder() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        if let Some(named) = named() {
            return Some(named.join("bin"));
        }
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let numbered = versions.flatten().filter_map(|version| {
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        });
        let servers = numbered.filter(|(_, folder)| folder.join("initdb").is_file());
        servers.max_by_key(|(number, _)| *number).map(|(_, folder)| folder)
    };
    FOLDER.get_or_init(find).as_deref()
}

/// Root cannot run a server: PostgreSQL's own user does it then.
fn server_user() -> Option<User> {
    if !Uid::effective().is_root() {
        return None;
    }
    User::from_name("postgres").ok().flatten()
}

/// Why no server can be started here.
pub(super) fn missing() -> Option<&'static str> {
    if folder().is_none() {
        Some("PostgreSQL is not installed")
    } else if Uid::effective().is_root() && server_user().is_none() {
        Some("there is no user postgres")
    } else {
        None
    }
}

/// A program of PostgreSQL in an environment of its own, as the present user.
pub(super) fn client(name: &str) -> Command {
    clean(Command::new(folder().expect("PostgreSQL").join(name)))
}

/// Whether the server was built with ICU.
pub(super) fn has_icu() -> bool {
    !finish(client("pg_config").arg("--configure")).contains("--without-icu")
}

/// Any program as the user of the server.
pub(super) fn as_server(program: impl AsRef<Path>) -> Command {
    let command = if let Some(user) = server_user() {
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid));
        command.arg("--clear-groups").arg(program.as_ref());
        command
    } else {
        Command::new(program.as_ref())
    };
    clean(command)
}

/// A program of PostgreSQL as the user of the server.
pub(super) fn server(name: &str) -> Command {
    as_server(folder().expect("PostgreSQL").join(name))
}

/// The same with variables that only that program gets, and not what starts it as another user.
pub(super) fn server_in(name: &str, environment: &[(&str, &str)]) -> Command {
    if environment.is_empty() {
        return server(name);
    }
    let mut command = as_server("env");
    command.args(environment.iter().map(|(name, value)| format!("{name}={value}")));
    command.arg(folder().expect("PostgreSQL").join(name));
    command
}

fn clean(mut command: Command) -> Command {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
    if let Some(named) = named() {
        // A standby would load the library of the version that is installed.
        command.env("LD_LIBRARY_PATH", named.join("lib"));
    }
    command
}

/// Runs to the end.
pub(super) fn finish(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let say = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", say(&output.stdout), say(&output.stderr));
    say(&output.stdout)
}

/// Where a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    Disk,
    /// Where the system has such a place: the thousand small files of a new server take seconds on a busy disk.
    Memory,
}

/// A folder that the user of the server owns, with the keeper that removes it. Others may pass through it.
pub(super) fn own_folder(medium: Medium) -> (PathBuf, Keeper) {
    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("pg");
    let folder = if medium == Medium::Memory && memory.is_dir() {
        builder.tempdir_in(memory)
    } else {
        builder.tempdir()
    };
    let folder = folder.expect("a folder").keep();
    let keeper = Keeper::of_folder(&folder);
    set_mode(&folder, 0o711);
    own(&folder);
    (folder, keeper)
}

/// Writes a file that only the user of the server, and root, may read.
pub(super) fn own_file(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file");
    set_mode(path, 0o600);
    own(path);
}

/// A folder that only the user of the server, and root, may enter.
pub(super) fn private_folder(path: &Path) {
    std::fs::create_dir(path).expect("a folder");
    set_mode(path, 0o700);
    own(path);
}

fn own(path: &Path) {
    if let Some(user) = server_user() {
        let (uid, gid): (Uid, Gid) = (user.uid, user.gid);
        std::os::unix::fs::chown(path, Some(uid.as_raw()), Some(gid.as_raw())).expect("an owner");
    }
}

pub(super) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}
