//! `PgBouncer` in front of a server: what clients see who do not have a connection of their own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Instant;

use super::{Access, PATIENCE, Postgres, programs, steady_port};
use crate::support::have;
use crate::support::keeper::Keeper;

/// In transaction mode: a client has a connection to the server for the time of one transaction, and then another.
pub struct Pgbouncer {
    address: SocketAddr,
    folder: PathBuf,
    child: Child,
    keeper: Keeper,
}

impl Pgbouncer {
    /// Whether it can be started here; says so when a test is skipped for want of it.
    pub fn available() -> bool {
        Postgres::available() && have("pgbouncer")
    }

    /// Pools the connections to all databases of a server. Clients need TLS or not, and the password of their role.
    pub fn start(server: &Postgres) -> Self {
        // The superuser looks up the passwords of the others.
        let place = server.socket().display().to_string();
        Self::with(server, &place, "\"postgres\" \"\"\n", "auth_user = postgres\n")
    }

    /// The same for one role, where the connections to the server have no TLS and do not use the loopback device.
    pub fn without_tls(server: &Postgres, address: IpAddr, role: &str) -> Self {
        let users = format!("\"{role}\" \"{}\"\n", Access::get().password);
        Self::with(server, &address.to_string(), &users, "server_tls_sslmode = disable\n")
    }

    fn with(server: &Postgres, place: &str, users: &str, more: &str) -> Self {
        let (folder, keeper) = programs::own_folder(programs::Medium::Memory);
        let certificate = Access::get().certificate(&[]);
        programs::own_file(&folder.join("server.crt"), &certificate.chain);
        programs::own_file(&folder.join("server.key"), &certificate.key);
        programs::own_file(&folder.join("users"), users);
        let port = steady_port(&[Ipv4Addr::LOCALHOST.into()]);
        programs::own_file(&folder.join("settings"), &(settings(server, place, port) + more));
        let log = std::fs::File::create(folder.join("log")).expect("a file");
        let mut command = programs::as_server("pgbouncer");
        command.arg("settings").current_dir(&folder).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("it starts");
        let mut pooler = Self { address: (Ipv4Addr::LOCALHOST, port).into(), folder, child, keeper };
        pooler.wait();
        pooler
    }

    fn wait(&mut self) {
        let since = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait().expect("a status");
            assert!(ended.is_none() && since.elapsed() < PATIENCE, "{}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Where it listens, for [`super::Database::url_at`].
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Pgbouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.keeper.end();
    }
}

fn settings(server: &Postgres, place: &str, port: u16) -> String {
    format!(
        "[databases]\n\
         * = host={place} port={}\n\
         [pgbouncer]\n\
         pool_mode = transaction\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = scram-sha-256\n\
         auth_file = users\n\
         client_tls_sslmode = allow\n\
         client_tls_cert_file = server.crt\n\
         client_tls_key_file = server.key\n\
         max_client_conn = 500\n",
        server.port(),
    )
}
