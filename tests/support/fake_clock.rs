//! A clock of the processes that a test starts, by libfaketime.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use super::have;

/// A clock of a program's own, which shows what its file says.
pub struct FakeClock {
    library: String,
    file: PathBuf,
}

impl FakeClock {
    /// The library, as the command `faketime` loads it; says so when a test is skipped for want of it.
    pub fn library() -> Option<String> {
        if !have("faketime") {
            return None;
        }
        let output = Command::new("faketime").args(["2030-01-01", "env"]).output().expect("faketime");
        let environment = String::from_utf8_lossy(&output.stdout);
        let found = environment.lines().find_map(|line| line.strip_prefix("LD_PRELOAD=")).map(str::to_owned);
        if found.is_none() {
            eprintln!("skipped: faketime has no library");
        }
        found
    }

    /// The present time, until it is set. Its file is written here.
    pub fn new(library: String, file: PathBuf) -> Self {
        let clock = Self { library, file };
        clock.set("+0");
        clock
    }

    /// Sets the clock, effective for the next read: an offset (`+1y`) or a time at which it stands (`2026-11-23 09:00:00`).
    pub fn set(&self, to: &str) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, to).expect("a file");
        // The program may run as another user.
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o644)).expect("a mode");
        std::fs::rename(new, &self.file).expect("a file");
    }

    /// What a program is started with. Its timers follow the real time.
    pub fn environment(&self) -> [(&str, &str); 4] {
        [
            ("LD_PRELOAD", &self.library),
            ("FAKETIME_TIMESTAMP_FILE", self.file.to_str().expect("a path of text")),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]
    }
}
