//! Standbys: a copy of a server that receives what is committed on it.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{PATIENCE, Postgres, programs};
use crate::support::until;

/// Whether a commit waits for the standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    Synchronous,
    Asynchronous,
}

impl Postgres {
    /// Starts a standby of this server that receives through a slot, and waits until it has caught up.
    pub fn standby(&self, replication: Replication) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("standby_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let (folder, keeper) = programs::own_folder(self.options.medium);
        let data = folder.join("data");
        let mut copy = programs::server("pg_basebackup");
        copy.current_dir(&folder).arg("--pgdata").arg(&data).arg("--host").arg(self.socket());
        copy.arg(format!("--port={}", self.port())).arg(format!("--slot={name}"));
        copy.args(["--username=postgres", "--create-slot", "--write-recovery-conf", "--wal-method=stream"]);
        programs::finish(copy.args(["--checkpoint=fast", "--no-sync"]));
        // With this name it receives. Commits on it wait for no other standby when it is promoted.
        let options = self.options.clone().setting(&format!("cluster_name={name}"));
        let standby = Self::around(folder, keeper, options);
        standby.psql("ALTER SYSTEM RESET synchronous_standby_names");
        standby.psql("SELECT pg_reload_conf()");
        let expected = match replication {
            Replication::Synchronous => {
                self.psql(&format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'"));
                self.psql("SELECT pg_reload_conf()");
                "streaming|sync"
            }
            Replication::Asynchronous => "streaming|async",
        };
        let state =
            format!("SELECT state, sync_state FROM pg_stat_replication WHERE application_name = '{name}'");
        let follows = until(PATIENCE, || self.psql(&state) == expected);
        assert!(follows, "{} {}", self.psql("SELECT * FROM pg_stat_replication"), standby.log());
        standby
    }

    /// Makes a primary of this standby.
    pub fn promote(&self) {
        assert_eq!(self.psql("SELECT pg_promote(true, 20)"), "t", "{}", self.log());
    }
}
