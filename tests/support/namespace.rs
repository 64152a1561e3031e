//! Network namespaces with a link to this machine that can be cut. Only root can make them.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::resume_unwind;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::keeper::Keeper;

/// A network of its own, removed when dropped, with all processes in it.
///
/// It reaches this machine at [`Self::host`]: a server that listens there is one on another host.
pub struct Namespace {
    name: String,
    host: Ipv4Addr,
    address: Ipv4Addr,
    keeper: Keeper,
}

/// How the link fails. Nothing tells the ends of a connection: they wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The link is down at this machine's end, as when a cable is pulled.
    LinkDown,
    /// The link is up, and all packets are lost.
    PacketsLost,
    /// Requests arrive, and what is sent back is lost.
    AnswersLost,
}

/// No device has this address, so that what is sent to it is lost.
const NO_DEVICE: &str = "02:00:00:00:00:01";

/// The name of the device inside.
const INSIDE: &str = "eth0";

/// Networks of four addresses in 198.18.0.0/15, which is for tests of networks (RFC 2544).
const NETWORKS: u32 = 1 << 15;

impl Namespace {
    /// Whether namespaces can be made here; says so when a test is skipped for want of it.
    pub fn available() -> bool {
        static MISSING: OnceLock<Option<String>> = OnceLock::new();
        let missing = MISSING.get_or_init(|| {
            if !nix::unistd::Uid::effective().is_root() {
                return Some("only root can make network namespaces".into());
            }
            let name = format!("kdtry{}", std::process::id());
            ip(&["netns", "add", &name]).and_then(|()| ip(&["netns", "del", &name])).err()
        });
        if let Some(missing) = missing {
            eprintln!("skipped: {missing}");
        }
        missing.is_none()
    }

    pub fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let first = std::process::id().wrapping_mul(31);
        // The name of a device is taken by one process only.
        for _ in 0..64 {
            let number = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % NETWORKS;
            let name = format!("kdnet{number}");
            if ip(&["netns", "add", &name]).is_ok() {
                return Self::with(name, number);
            }
        }
        panic!("no network is free");
    }

    fn with(name: String, number: u32) -> Self {
        let remove = "ip netns pids \"$1\" | xargs -r kill -9; ip link del \"$1\"; ip netns del \"$1\"";
        let keeper = Keeper::new(remove, &[OsStr::new(&name)]);
        let network = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + number * 4;
        let (host, address) = (Ipv4Addr::from(network + 1), Ipv4Addr::from(network + 2));
        let own = Self { name, host, address, keeper };
        let (name, host, address) = (own.name.as_str(), format!("{host}/30"), format!("{address}/30"));
        must(&["link", "add", name, "type", "veth", "peer", "name", INSIDE, "netns", name]);
        must(&["addr", "add", &host, "dev", name]);
        must(&["link", "set", name, "up"]);
        must(&["-n", name, "addr", "add", &address, "dev", INSIDE]);
        must(&["-n", name, "link", "set", INSIDE, "up"]);
        must(&["-n", name, "link", "set", "lo", "up"]);
        own
    }

    /// The address of this machine, as seen from inside.
    pub fn host(&self) -> IpAddr {
        self.host.into()
    }

    /// The address of the namespace, as seen from this machine.
    pub fn address(&self) -> IpAddr {
        self.address.into()
    }

    /// A command inside.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// The same command inside, with the environment that it was given and `PATH`.
    pub fn inside(&self, command: &Command) -> Command {
        let mut inside = self.command(command.get_program());
        inside.args(command.get_args()).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        inside
    }

    /// Runs a part of a test inside. The sockets that it returns still belong to the namespace.
    pub fn enter<T: Send>(&self, part: impl FnOnce() -> T + Send) -> T {
        let namespace = std::fs::File::open(format!("/run/netns/{}", self.name)).expect("a namespace");
        let entered = || {
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).expect("the namespace");
            part()
        };
        std::thread::scope(|scope| scope.spawn(entered).join()).unwrap_or_else(|panic| resume_unwind(panic))
    }

    pub fn fail(&self, failure: Failure) {
        let (name, host, address) = (self.name.as_str(), self.host.to_string(), self.address.to_string());
        let to_address = ["neigh", "replace", &address, "lladdr", NO_DEVICE, "dev", name, "nud", "permanent"];
        let to_host =
            ["-n", name, "neigh", "replace", &host, "lladdr", NO_DEVICE, "dev", INSIDE, "nud", "permanent"];
        match failure {
            Failure::LinkDown => must(&["link", "set", name, "down"]),
            Failure::AnswersLost => must(&to_address),
            Failure::PacketsLost => {
                must(&to_address);
                must(&to_host);
            }
        }
    }

    /// Ends all failures.
    pub fn heal(&self) {
        let (name, host, address) = (self.name.as_str(), self.host.to_string(), self.address.to_string());
        must(&["link", "set", name, "up"]);
        // They are not there after another failure.
        let _ = ip(&["neigh", "del", &address, "dev", name]);
        let _ = ip(&["-n", name, "neigh", "del", &host, "dev", INSIDE]);
    }
}

fn must(arguments: &[&str]) {
    ip(arguments).unwrap_or_else(|error| panic!("ip {}: {error}", arguments.join(" ")));
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
