//! Removes what a test started, also when its process is killed.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;

/// A shell that waits until its input ends, with the drop of this or with the process of the tests, and then runs a script.
pub struct Keeper(Child);

/// Ends all processes that work in a folder or in its `data`, first with a signal that lets them clean up, and removes
/// the folder and the shared memory of a server that was killed.
const FOLDER: &str = r#"
each() {
    found=
    for process in /proc/[0-9]*; do
        if [ "$process/cwd" -ef "$folder" ] || [ "$process/cwd" -ef "$folder/data" ]; then
            kill "-$1" "${process#/proc/}" && found=1
        fi
    done
    [ -n "$found" ]
}
folder=$1
each CONT && each QUIT
tries=0
while each 0; do
    tries=$((tries + 1))
    [ "$tries" -lt 150 ] || each KILL
    sleep 0.02
done
if [ -f "$folder/data/postmaster.pid" ]; then
    set -- $(sed -n 7p "$folder/data/postmaster.pid")
    ipcrm -m "$2"
fi
rm -rf "$folder"
"#;

impl Keeper {
    /// Runs the script with these arguments at the end.
    pub fn new(script: &str, arguments: &[&OsStr]) -> Self {
        // Ctrl-C in a terminal ends the tests, and not what cleans up behind them.
        let child = Command::new("sh")
            .args(["-c", &format!("read -r line\n{script}"), "keeper"])
            .args(arguments)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        Self(child)
    }

    /// Removes a folder at the end, and ends the processes that work in it.
    pub fn of_folder(folder: &Path) -> Self {
        Self::new(FOLDER, &[folder.as_os_str()])
    }

    /// Runs the script now.
    pub fn end(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}
