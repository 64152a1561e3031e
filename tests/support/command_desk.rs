//! A database of its own with one Application, and the program run on it in an environment of its own.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The program under test.
pub(crate) const KEYDESK: &str = env!("CARGO_BIN_EXE_keydesk");

/// A folder with a database and a configuration; gone when dropped.
pub(crate) struct CommandDesk {
    folder: TempDir,
}

impl CommandDesk {
    /// A new database; the display's clipboard is emptied after so many seconds.
    pub(crate) fn new(clear_after: u64) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        let settings = format!("clipboard_clear_after = \"{clear_after}s\"\n");
        std::fs::write(desk.path().join("config.toml"), settings).unwrap();
        let init = ["init", "--email", "ana@example.com", "--app", "Storefront"];
        let output = desk.command(KEYDESK).args(init).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        desk
    }

    /// Its folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The environment in which everything runs: nothing of ours but the path to programs.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let inside = |name: &str| self.path().join(name).display().to_string();
        vec![
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", inside("")),
            ("KEYDESK_DB", inside("keydesk.db")),
            ("KEYDESK_CONFIG", inside("config.toml")),
            ("LANG", "C.UTF-8".into()),
        ]
    }

    /// A program in that environment, without input.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment()).stdin(Stdio::null());
        command
    }

    /// Whether a text is a key that is let in, by the program's own word.
    pub(crate) fn lets_in(&self, key: &str) -> bool {
        let mut command = self.command(KEYDESK);
        let command = command.arg("verify").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(key.as_bytes()).unwrap();
        child.wait().unwrap().success()
    }
}

/// What a program said, for the message of a failed test.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
