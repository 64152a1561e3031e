//! Ends, stops and continues a server with all its processes.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{PATIENCE, Postgres};
use crate::support::until;

impl Postgres {
    /// Shuts down as an administrator does: connections are closed, nothing is lost.
    pub fn stop(&self) {
        let mut running = self.running();
        let child = running.as_mut().expect("a server that runs");
        let _ = kill(pid(child.id()), Signal::SIGINT);
        let ended = until(PATIENCE, || child.try_wait().expect("a status").is_some());
        assert!(ended, "the server does not shut down: {}", self.log());
        *running = None;
    }

    /// Kills all its processes at once, as a power failure does.
    pub fn kill(&self) {
        let mut running = self.running();
        let mut child = running.take().expect("a server that runs");
        // Stopped first, it starts no process for one that was killed.
        signal(pid(child.id()), Signal::SIGSTOP);
        for process in self.processes() {
            let _ = kill(process, Signal::SIGKILL);
        }
        child.wait().expect("a status");
        assert!(until(PATIENCE, || self.processes().is_empty()), "processes remain");
    }

    /// Starts it after [`Self::stop`] or [`Self::kill`], on the same port and with the same data.
    pub fn start_again(&self) {
        let mut running = self.running();
        assert!(running.is_none(), "the server runs");
        let started = until(PATIENCE, || self.launch(&mut running));
        assert!(started, "{}", self.log());
    }

    /// Stops all its processes where they are: connections remain, and nothing answers.
    pub fn freeze(&self) {
        let main = self.running().as_ref().map(|child| pid(child.id())).expect("a server that runs");
        signal(main, Signal::SIGSTOP);
        self.processes().into_iter().for_each(|process| signal(process, Signal::SIGSTOP));
    }

    /// Lets them continue.
    pub fn thaw(&self) {
        for process in self.processes() {
            let _ = kill(process, Signal::SIGCONT);
        }
    }

    /// All its processes work in its data directory.
    pub fn processes(&self) -> Vec<Pid> {
        processes_in(&self.data())
    }
}

/// The processes that work in a folder.
pub fn processes_in(folder: &Path) -> Vec<Pid> {
    let all = std::fs::read_dir("/proc").expect("processes").flatten();
    let here = all.filter(|entry| std::fs::read_link(entry.path().join("cwd")).is_ok_and(|at| at == folder));
    here.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw)).collect()
}

fn pid(process: u32) -> Pid {
    Pid::from_raw(i32::try_from(process).expect("a number"))
}

/// Sends it and, if the process is to stop, waits until it has stopped or ended.
fn signal(process: Pid, signal: Signal) {
    let sent = kill(process, signal).is_ok();
    let stopped = || {
        let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // After the name of the program, which is in parentheses.
        state.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with(['T', 'Z']))
    };
    if sent && signal == Signal::SIGSTOP {
        assert!(until(Duration::from_secs(5), stopped), "{process} does not stop");
    }
}
