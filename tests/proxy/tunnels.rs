//! The endpoint of another host, reached through an SSH tunnel as the README says and the unit in `assets/` does.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::endpoint::{Client, Endpoint};
use crate::support::namespace::{Failure, Namespace};
use crate::support::proxies::{Api, Kind, Proxy};
use crate::support::{TestDesk, have, until};
use crate::{delete, key, screen};

const README: &str = include_str!("../../README.md");
const UNIT: &str = include_str!("../../assets/systemd/keydesk-tunnel.service");

/// Where the proxy of the other host, and the unit, expect the endpoint.
const HERE: &str = "127.0.0.1:7766";

/// What the key of the other host may do, as the README says.
const RESTRICTIONS: &str = "restrict,port-forwarding,permitopen=\"127.0.0.1:7766\" ";

const PATIENCE: Duration = Duration::from_secs(20);

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An SSH server of this user on this machine, for one key that reaches the endpoint alone.
struct Ssh {
    folder: tempfile::TempDir,
    address: SocketAddr,
    endpoint: SocketAddr,
    _server: Running,
}

impl Ssh {
    fn start(host: IpAddr, endpoint: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["host", "key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(path(name))
                .status();
            assert!(made.unwrap().success());
        }
        let public = |name: &str| fs::read_to_string(path(name).with_extension("pub")).unwrap();
        assert!(README.contains(RESTRICTIONS), "the README has other restrictions");
        let restrictions = RESTRICTIONS.replace(HERE, &endpoint.to_string());
        fs::write(path("authorized"), format!("{restrictions}{}", public("key"))).unwrap();
        let address = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap();
        let fields: Vec<_> = public("host").split(' ').take(2).map(str::to_owned).collect();
        fs::write(path("known"), format!("[{host}]:{} {}\n", address.port(), fields.join(" "))).unwrap();
        let settings = format!(
            "ListenAddress {address}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM yes\nStrictModes no\n",
            path("host").display(),
            path("authorized").display()
        );
        fs::write(path("settings"), settings).unwrap();
        // The package creates it when its service starts.
        fs::create_dir_all("/run/sshd").unwrap();
        let log = fs::File::create(path("log")).unwrap();
        let server =
            Command::new(sshd()).args(["-D", "-e", "-f"]).arg(path("settings")).stderr(log).spawn().unwrap();
        let server = Running(server);
        let ready = until(PATIENCE, || TcpStream::connect(address).is_ok());
        assert!(ready, "{}", fs::read_to_string(path("log")).unwrap());
        Self { folder, address, endpoint, _server: server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command of the unit with the addresses and files of this test, and another target of the tunnel.
    fn tunnel(&self, from: &str, to: SocketAddr) -> Running {
        let line = UNIT.replace("\\\n", " ");
        let line = line.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/ssh ")).unwrap();
        let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
        let mut command = Command::new("ssh");
        command.arg("-p").arg(self.address.port().to_string()).arg("-o");
        command.arg(format!("UserKnownHostsFile={}", self.path("known").display()));
        for word in line.split_whitespace() {
            command.arg(match word {
                "/var/lib/keydesk-tunnel/key" => self.path("key").display().to_string(),
                "127.0.0.1:7766:127.0.0.1:7766" => format!("{from}:{to}"),
                "keydesk-tunnel@admin.internal" => format!("{user}@{}", self.address.ip()),
                word => word.to_owned(),
            });
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.path("client")).unwrap());
        let tunnel = Running(command.spawn().unwrap());
        let open = until(PATIENCE, || TcpStream::connect(from).is_ok());
        assert!(open, "{}", fs::read_to_string(self.path("client")).unwrap());
        tunnel
    }
}

fn sshd() -> &'static Path {
    Path::new("/usr/sbin/sshd")
}

#[test]
#[expect(clippy::print_stderr, reason = "a test says why it is skipped")]
fn a_proxy_of_another_host_reaches_the_endpoint_through_ssh_and_rejects_requests_without_it() {
    if !(Namespace::available() && have("ssh") && have(Kind::Nginx.program())) {
        return;
    }
    if !sshd().is_file() {
        eprintln!("skipped: sshd is not installed");
        return;
    }
    let mut desk = TestDesk::of_today();
    let (gone, created) = (key(&mut desk, "Gone"), key(&mut desk, "Checkout"));
    let endpoint = Endpoint::start(&desk.path(), &["--trusted-proxy", "127.0.0.1"]);
    let network = Namespace::create();
    let ssh = Ssh::start(network.host(), endpoint.address);
    let here: SocketAddr = HERE.parse().unwrap();
    // On the other host, the example works with the address that it has.
    let (mut tunnel, _api, proxy) = network.enter(|| {
        let api = Api::start();
        let proxy = Proxy::start(Kind::Nginx, here, None, api.address);
        (ssh.tunnel(HERE, ssh.endpoint), api, proxy)
    });
    let ask =
        |secret: &str| network.enter(|| Client::to(proxy.address).get("/", &[("X-API-Key", secret)]).status);
    assert_eq!((ask("nonsense"), ask(gone.secret.expose())), (401, 200));
    delete(&mut screen(&desk, 1), &gone);
    assert_eq!((ask(gone.secret.expose()), ask(created.secret.expose())), (401, 200));
    // The key of the other host opens nothing else.
    let refused = network.enter(|| {
        let _other = ssh.tunnel("127.0.0.1:7767", ssh.address);
        Client::to("127.0.0.1:7767".parse().unwrap()).say(b"hello\r\n")
    });
    assert_eq!(refused, None);

    let since = Instant::now();
    network.fail(Failure::PacketsLost);
    assert_eq!(ask(created.secret.expose()), 503);
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    assert!(until(PATIENCE, || tunnel.0.try_wait().unwrap().is_some()), "it notices that the host is gone");
    assert_eq!(ask(created.secret.expose()), 503);
    network.heal();
    // systemd starts it again.
    let _again = network.enter(|| ssh.tunnel(HERE, ssh.endpoint));
    assert_eq!(ask(created.secret.expose()), 200);
}
