//! Real servers of PostgreSQL, each in a temporary folder of its own, on a Unix socket and on a port with TLS. They are
//! stopped and removed when dropped, those of the whole process when it ends.
//!
//! ```ignore
//! if !Postgres::available() {
//!     return;
//! }
//! let database = server().database();
//! let url = database.url();
//! ```

pub mod access;
pub mod database;
pub mod life;
pub mod pgbouncer;
mod programs;
pub mod standby;
pub mod timed;

#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub use access::Access;
#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub use database::{Database, psql, psql_command};

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::fake_clock::FakeClock;
use super::keeper::Keeper;
use programs::Medium;

const PATIENCE: Duration = Duration::from_secs(20);

static SERVER: OnceLock<Postgres> = OnceLock::new();

/// The server that the tests of this process share, for tests that do not stop it or change its settings.
pub fn server() -> &'static Postgres {
    SERVER.get_or_init(Postgres::start)
}

/// A running server. Its superuser is `postgres`, who needs no password on the socket; nor does any other role. With TCP
/// a role has the password of [`Access::pass_file`].
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    options: Options,
    child: Mutex<Option<Child>>,
    roles: Mutex<BTreeSet<String>>,
    clock: Option<FakeClock>,
    keeper: Keeper,
}

/// How a server is started.
#[derive(Clone)]
pub struct Options {
    addresses: Vec<IpAddr>,
    settings: Vec<String>,
    medium: Medium,
    /// The library that fakes its clock.
    clock: Option<String>,
}

impl Options {
    /// Listens also at this address, which is in the certificate too.
    pub fn listen_at(mut self, address: IpAddr) -> Self {
        self.addresses.push(address);
        self
    }

    /// Keeps the data on a disk and waits for it at each commit. Without it, only a crash of the system could lose a commit.
    pub fn with_fsync(mut self) -> Self {
        self.medium = Medium::Disk;
        self.setting("fsync=on").setting("full_page_writes=on")
    }

    /// Has a clock of its own ([`Postgres::clock`]), by this library.
    pub fn with_clock(mut self, library: String) -> Self {
        self.clock = Some(library);
        self
    }

    /// A line of `postgresql.conf`.
    pub fn setting(mut self, line: &str) -> Self {
        self.settings.push(line.to_owned());
        self
    }

    pub fn start(self) -> Postgres {
        let (folder, keeper) = programs::own_folder(self.medium);
        let mut copy = programs::as_server("cp");
        programs::finish(copy.current_dir(&folder).arg("-a").arg(template()).arg(folder.join("data")));
        Postgres::around(folder, keeper, self)
    }
}

impl Postgres {
    /// Whether a server can be started here; says so when a test is skipped for want of it.
    pub fn available() -> bool {
        let missing = programs::missing();
        if let Some(missing) = missing {
            eprintln!("skipped: {missing}");
        }
        missing.is_none()
    }

    /// Whether texts are sorted as people sort them unless a statement says otherwise.
    pub fn sorts_as_people_do() -> bool {
        programs::has_icu()
    }

    /// Starts one of one's own, without `fsync`.
    pub fn start() -> Self {
        Self::options().start()
    }

    pub fn options() -> Options {
        Options {
            addresses: vec![Ipv4Addr::LOCALHOST.into()],
            settings: Vec::new(),
            medium: Medium::Memory,
            clock: None,
        }
    }

    /// Starts a server on the `data` of a folder.
    fn around(folder: PathBuf, keeper: Keeper, options: Options) -> Self {
        let certificate = Access::get().certificate(&options.addresses);
        programs::own_file(&folder.join("server.crt"), &certificate.chain);
        programs::own_file(&folder.join("server.key"), &certificate.key);
        programs::own_file(&folder.join("hba"), HBA);
        programs::private_folder(&folder.join("socket"));
        let clock = options.clock.clone().map(|library| FakeClock::new(library, folder.join("clock")));
        let (child, roles) = (Mutex::new(None), Mutex::default());
        let mut server = Self { folder, port: 0, options, child, roles, clock, keeper };
        let started = (0..10).any(|_| {
            server.port = steady_port(&server.options.addresses);
            server.launch(&mut server.running())
        });
        assert!(started, "no port is free: {}", server.log());
        server
    }

    fn settings(&self) -> Vec<String> {
        let addresses: Vec<_> = self.options.addresses.iter().map(IpAddr::to_string).collect();
        let file = |name: &str| self.folder.join(name).display().to_string();
        let mut settings = vec![
            format!("listen_addresses={}", addresses.join(",")),
            format!("port={}", self.port),
            format!("unix_socket_directories={}", file("socket")),
            format!("hba_file={}", file("hba")),
            format!("ssl_cert_file={}", file("server.crt")),
            format!("ssl_key_file={}", file("server.key")),
            "ssl=on".to_owned(),
            "fsync=off".to_owned(),
            "full_page_writes=off".to_owned(),
            "shared_buffers=32MB".to_owned(),
            // Files in the folder instead of what would be left behind by a server that is killed.
            "dynamic_shared_memory_type=mmap".to_owned(),
        ];
        settings.extend(self.options.settings.iter().cloned());
        settings
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the process and waits until it accepts connections. False if its port was taken meanwhile.
    fn launch(&self, running: &mut Option<Child>) -> bool {
        let log = std::fs::File::create(self.folder.join("log")).expect("a file");
        let environment = self.clock.as_ref().map(FakeClock::environment);
        let mut command = programs::server_in("postgres", environment.as_ref().map_or(&[], |set| set));
        command.current_dir(&self.folder).arg("-D").arg(self.data());
        for setting in self.settings() {
            command.arg("-c").arg(setting);
        }
        let mut child =
            command.process_group(0).stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
        let since = Instant::now();
        while self.state(child.id()).as_deref() != Some("ready") {
            if child.try_wait().expect("a status").is_some() {
                let log = self.log();
                assert!(log.contains("could not bind"), "{log}");
                return false;
            }
            assert!(since.elapsed() < PATIENCE, "{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        *running = Some(child);
        true
    }

    /// What the server with this process ID says of itself in its lock file.
    fn state(&self, process: u32) -> Option<String> {
        let lines = std::fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let mut lines = lines.lines();
        let same = lines.next()?.parse() == Ok(process);
        lines.nth(6).filter(|_| same).map(|state| state.trim().to_owned())
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The clock of a server that has one of its own.
    pub fn clock(&self) -> Option<&FakeClock> {
        self.clock.as_ref()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its Unix socket, which only the user of the server and root may enter.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// What it has logged since its last start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Runs SQL as the superuser and returns the rows, with `|` between the columns.
    pub fn psql(&self, sql: &str) -> String {
        let said = psql(&self.socket_url("postgres", "postgres"), sql);
        assert_eq!(said.code, 0, "{sql}: {}", said.err);
        said.out
    }

    /// Creates a role that may log in, unless it exists. The server is asked once.
    pub fn role(&self, name: &str) {
        let mut roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        if roles.contains(name) {
            return;
        }
        let password = &Access::get().password;
        self.psql(&format!(
            "DO $$ BEGIN CREATE ROLE \"{name}\" LOGIN PASSWORD '{password}'; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        ));
        roles.insert(name.to_owned());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.keeper.end();
        if let Some(child) = self.running().as_mut() {
            let _ = child.wait();
        }
    }
}

/// Without TLS, clients connect only from this machine.
const HBA: &str = "\
local   all          all                 trust
local   replication  postgres            trust
hostssl all          all   all           scram-sha-256
host    all          all   samehost      scram-sha-256
";

/// The data directory that all servers of this process begin with: `initdb` takes ten times as long as the copy.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<(PathBuf, Keeper)> = OnceLock::new();
    let initialize = || {
        let (folder, keeper) = programs::own_folder(Medium::Memory);
        let data = folder.join("data");
        let mut command = programs::server("initdb");
        command.current_dir(&folder).arg("-D").arg(&data);
        command.args(["--username=postgres", "--auth=reject", "--no-sync", "--wal-segsize=1"]);
        // Killed, it leaves to the keeper what it has begun.
        command.arg("--no-clean");
        command.args(["--encoding=UTF8", "--locale=C.UTF-8"]);
        if Postgres::sorts_as_people_do() {
            command.args(["--locale-provider=icu", "--icu-locale=en-US"]);
        }
        programs::finish(&mut command);
        (data, keeper)
    };
    &TEMPLATE.get_or_init(initialize).0
}

/// A port that a stopped server can have again: below those that the system gives to connections and to port 0.
fn steady_port(addresses: &[IpAddr]) -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let free = |port: &u16| addresses.iter().all(|address| TcpListener::bind((*address, *port)).is_ok());
    let ports = std::iter::from_fn(|| {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        u16::try_from(20_000 + (std::process::id().wrapping_mul(31) + next) % 12_000).ok()
    });
    ports.take(12_000).find(free).expect("a port")
}
