//! Displays without a screen, what is in their clipboards, and the helper that holds it.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::support::{KEYDESK, have, until};

/// The user without rights, for a server that refuses to be root.
const NOBODY: u32 = 65_534;

/// A display, ended when dropped.
pub(crate) struct Display {
    server: Child,
    /// The variables by which programs find it.
    pub(crate) variables: Vec<(&'static str, String)>,
    _folder: TempDir,
}

impl Display {
    /// An X11 display under a number that nobody has; none when Xvfb or xclip is missing.
    pub(crate) fn x11() -> Option<Self> {
        if !(have("Xvfb") && have("xclip")) {
            return None;
        }
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "64x64x24", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        assert!(!number.trim().is_empty(), "Xvfb did not start");
        let variables = vec![("DISPLAY", format!(":{}", number.trim()))];
        Some(Self { server, variables, _folder: tempfile::tempdir().unwrap() })
    }

    /// A Wayland display; none when sway or wl-clipboard is missing, or sway does not start here.
    ///
    /// sway refuses to be root, so root starts it as somebody else.
    pub(crate) fn wayland() -> Option<Self> {
        if !(have("sway") && have("wl-paste")) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let runtime = folder.path().join("run");
        std::fs::DirBuilder::new().mode(0o700).create(&runtime).unwrap();
        let mut command = Command::new("sway");
        if nix::unistd::getuid().is_root() {
            if !have("setpriv") {
                return None;
            }
            std::fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
            std::os::unix::fs::chown(&runtime, Some(NOBODY), Some(NOBODY)).unwrap();
            command = Command::new("setpriv");
            command.args(["--reuid", &NOBODY.to_string(), "--regid", &NOBODY.to_string(), "--clear-groups"]);
            command.arg("sway");
        }
        let server = command
            .args(["-c", "/dev/null"])
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env("XDG_RUNTIME_DIR", &runtime)
            .env("WLR_BACKENDS", "headless")
            .env("WLR_RENDERER", "pixman")
            .env("WLR_LIBINPUT_NO_DEVICES", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let runtime_name = runtime.display().to_string();
        let mut display =
            Self { server, variables: vec![("XDG_RUNTIME_DIR", runtime_name)], _folder: folder };
        let socket = || {
            let entries = std::fs::read_dir(&runtime).ok()?.flatten();
            entries
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_socket()))
                .filter_map(|entry| entry.file_name().into_string().ok())
                .find(|name| name.starts_with("wayland-"))
        };
        let gone = |server: &mut Child| matches!(server.try_wait(), Ok(Some(_)));
        until(Duration::from_secs(10), || socket().is_some() || gone(&mut display.server));
        if socket().is_none() {
            eprintln!("skipped: sway does not start here (does it refuse this user?)");
            return None;
        }
        display.variables.push(("WAYLAND_DISPLAY", socket()?));
        Some(display)
    }

    /// Whether it is a Wayland display.
    pub(crate) fn is_wayland(&self) -> bool {
        self.variables.len() > 1
    }

    /// Runs a program on it; what it printed, where it ended well.
    fn run(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(program);
        command.args(arguments).env_remove("DISPLAY").envs(self.variables.clone());
        let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What is in the clipboard.
    pub(crate) fn content(&self) -> Option<String> {
        let content = if self.is_wayland() {
            self.run("wl-paste", &["--no-newline"])
        } else {
            self.run("xclip", &["-selection", "clipboard", "-out"])
        };
        content.filter(|text| !text.is_empty())
    }

    /// Under which types the clipboard offers its content.
    pub(crate) fn types(&self) -> String {
        if self.is_wayland() {
            self.run("wl-paste", &["--list-types"]).unwrap_or_default()
        } else {
            self.run("xclip", &["-selection", "clipboard", "-out", "-target", "TARGETS"]).unwrap_or_default()
        }
    }

    /// Copies something else, as another program would.
    pub(crate) fn copy(&self, text: &str) {
        let (program, arguments): (_, &[&str]) =
            if self.is_wayland() { ("wl-copy", &[]) } else { ("xclip", &["-selection", "clipboard", "-in"]) };
        let mut command = Command::new(program);
        command.args(arguments).env_remove("DISPLAY").envs(self.variables.clone());
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // Asked first: Xvfb and sway take their sockets away with them.
        let _ = kill(pid(&self.server), Signal::SIGTERM);
        if !until(Duration::from_secs(3), || matches!(self.server.try_wait(), Ok(Some(_)))) {
            let _ = self.server.kill();
            let _ = self.server.wait();
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap())
}

/// An X11 display that takes connections and never says a word.
pub(crate) struct MuteDisplay {
    _listener: UnixListener,
    path: PathBuf,
    /// Its name.
    pub(crate) name: String,
}

impl MuteDisplay {
    /// One under a number that nobody has.
    pub(crate) fn new() -> Self {
        let folder = PathBuf::from("/tmp/.X11-unix");
        let _ = std::fs::DirBuilder::new().mode(0o1777).create(&folder);
        let first = 600 + std::process::id() % 1_000;
        for number in first..first + 100 {
            let path = folder.join(format!("X{number}"));
            if let Ok(listener) = UnixListener::bind(&path) {
                return Self { _listener: listener, path, name: format!(":{number}") };
            }
        }
        unreachable!("a hundred displays are taken");
    }
}

impl Drop for MuteDisplay {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The helper, started by hand; ended when dropped.
pub(crate) struct Holder {
    child: Child,
    output: ChildStdout,
}

impl Holder {
    /// Gives the helper a text to hold on a display for a number of seconds.
    pub(crate) fn start(display: &Display, text: &str, seconds: u64) -> Self {
        let mut command = Command::new(KEYDESK);
        command.arg("__hold-clipboard").arg(seconds.to_string()).current_dir("/");
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").envs(display.variables.clone());
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.stdout.take().unwrap();
        Self { child, output }
    }

    /// What it says until it is ready, or until it ends.
    pub(crate) fn first_word(&mut self) -> String {
        let mut said = [0; 6];
        let read = self.output.read(&mut said).unwrap();
        String::from_utf8_lossy(&said[..read]).into_owned()
    }

    /// Its number among the processes.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(pid(&self.child), signal).unwrap();
    }

    /// Its exit code, once it has ended.
    pub(crate) fn ended(&mut self, patience: Duration) -> Option<i32> {
        let mut status = None;
        until(patience, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The helpers among all processes that hold for this number of seconds.
pub(crate) fn holders(seconds: u64) -> usize {
    let mine = format!("__hold-clipboard\0{seconds}\0");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).ends_with(&mine))
        .count()
}
