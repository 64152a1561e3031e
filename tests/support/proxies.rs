//! The real proxies, with the configuration that stands in `assets/`, and an API for them to guard.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
    Envoy,
    Haproxy,
    Traefik,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Nginx, Self::Caddy, Self::Envoy, Self::Haproxy, Self::Traefik];

    pub fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Envoy => "envoy",
            Self::Haproxy => "haproxy",
            Self::Traefik => "traefik",
        }
    }

    /// Its example in `assets/`.
    pub fn example(self) -> &'static str {
        match self {
            Self::Nginx => include_str!("../../assets/proxy/nginx.conf"),
            Self::Caddy => include_str!("../../assets/proxy/Caddyfile"),
            Self::Envoy => include_str!("../../assets/proxy/envoy.yaml"),
            Self::Haproxy => include_str!("../../assets/proxy/haproxy.cfg"),
            Self::Traefik => include_str!("../../assets/proxy/traefik.yml"),
        }
    }

    /// The end of the endpoint's address in the example, and what takes its place for the keys of one Application.
    fn application(self, name: &str) -> (&'static str, String) {
        match self {
            Self::Nginx => ("keydesk/auth;", format!("keydesk/auth/{name};")),
            Self::Caddy => ("uri /auth\n", format!("uri /auth/{name}\n")),
            Self::Envoy => ("path_prefix: /envoy/-\n", format!("path_prefix: /envoy/{name}\n")),
            Self::Haproxy => (":7766/auth\n    http-request", format!(":7766/auth/{name}\n    http-request")),
            Self::Traefik => (":7766/auth\n        #", format!(":7766/auth/{name}\n        #")),
        }
    }

    /// The example with this address in the place of the one with this port.
    fn replaced(self, example: &str, port: &str, address: SocketAddr) -> String {
        let new = match self {
            Self::Envoy => format!("address: {}, port_value: {}", address.ip(), address.port()),
            _ => address.to_string(),
        };
        let old = match (self, port) {
            (Self::Caddy, "8080") => return example.replace(":8080 {", &format!(":{} {{", address.port())),
            // The address that Traefik listens at is in its static configuration.
            (Self::Traefik, "8080") => return example.to_owned(),
            (Self::Envoy, port) => format!("address: 127.0.0.1, port_value: {port}"),
            (_, port) => format!("127.0.0.1:{port}"),
        };
        assert!(example.contains(&old), "the example of {self:?} does not say {old:?}");
        example.replace(&old, &new)
    }
}

/// A port that nobody listens at.
pub fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

/// An API that answers each request with the headers that reached it.
pub struct Api {
    pub address: SocketAddr,
    /// The heads of the requests that reached it, in lower case.
    pub seen: Arc<Mutex<Vec<String>>>,
    /// How many connections it has accepted.
    pub connections: Arc<AtomicUsize>,
}

impl Api {
    pub fn start() -> Self {
        Self::answering("200 OK")
    }

    /// With this status instead of 200.
    pub fn answering(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::<AtomicUsize>::default();
        let (all, accepted) = (Arc::clone(&seen), Arc::clone(&connections));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                accepted.fetch_add(1, Ordering::SeqCst);
                let all = Arc::clone(&all);
                std::thread::spawn(move || drop(Self::answer(stream, status, &all)));
            }
        });
        Self { address, seen, connections }
    }

    fn answer(stream: TcpStream, status: &str, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head)? == 0 {
                    return Ok(());
                }
            }
            let key = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("x-keydesk-key-id").then(|| value.to_owned())
            });
            let body = key.unwrap_or_default();
            seen.lock().expect("a list").push(head.to_lowercase());
            // RFC 9110, section 8.6.
            let length = if status.starts_with("204") {
                String::new()
            } else {
                format!("Content-Length: {}\r\n", body.len())
            };
            let answer = format!("HTTP/1.1 {status}\r\n{length}\r\n{body}");
            reader.get_mut().write_all(answer.as_bytes())?;
        }
    }
}

/// The status of a request for `/`.
fn status_of(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    line.split(' ').nth(1).map(str::to_owned)
}

/// A running proxy; it is killed when the test ends.
pub struct Proxy {
    child: Child,
    pub address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Proxy {
    /// Starts it with the example of `assets/`, whose addresses are replaced, for the keys of one Application or of all.
    pub fn start(kind: Kind, endpoint: SocketAddr, application: Option<&str>, api: SocketAddr) -> Self {
        let address = free_port();
        let mut example = kind.example().to_owned();
        if let Some(name) = application {
            let (old, new) = kind.application(name);
            assert_eq!(example.matches(old).count(), 1, "{old:?} in the example of {kind:?}");
            example = example.replace(old, &new);
        }
        for (port, address) in [("7766", endpoint), ("3000", api), ("8080", address)] {
            example = kind.replaced(&example, port, address);
        }
        Self::with(kind, &example, address)
    }

    /// Starts it with a configuration of one's own that listens at `address`.
    pub fn with(kind: Kind, site: &str, address: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(kind.program());
        command.current_dir(folder.path()).env("HOME", folder.path());
        command.env("XDG_DATA_HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path());
        // Envoy and Traefik choose the format by the ending.
        let name = if matches!(kind, Kind::Envoy | Kind::Traefik) { "config.yaml" } else { "config" };
        let config = folder.path().join(name);
        let mut text = site.to_owned();
        match kind {
            Kind::Nginx => {
                text = around(folder.path(), site);
                command.arg("-p").arg(folder.path()).arg("-c").arg(&config);
            }
            Kind::Caddy => {
                // Its own port for administration would clash with that of another test.
                text = format!("{{\n\tadmin off\n}}\n{site}");
                command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&config);
            }
            Kind::Envoy => {
                command.args(["--use-dynamic-base-id", "--concurrency", "1", "-c"]).arg(&config);
            }
            Kind::Haproxy => {
                let script = folder.path().join("haproxy.lua");
                std::fs::write(&script, include_str!("../../assets/proxy/haproxy.lua")).expect("a file");
                text = site.replace("/etc/haproxy/haproxy.lua", &script.display().to_string());
                command.arg("-db").arg("-f").arg(&config);
            }
            Kind::Traefik => {
                command.arg(format!("--entrypoints.api.address={address}"));
                command.arg(format!("--providers.file.filename={}", config.display()));
            }
        }
        std::fs::write(&config, text).expect("a file");
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
        let mut proxy = Self { child, address, folder };
        proxy.wait(|address| match kind {
            // It listens before it has read its routes, and responds with 404 meanwhile.
            Kind::Traefik => status_of(address).is_some_and(|status| status != "404"),
            _ => TcpStream::connect(address).is_ok(),
        });
        proxy
    }

    fn wait(&mut self, is_ready: impl Fn(SocketAddr) -> bool) {
        let since = Instant::now();
        while !is_ready(self.address) {
            let ended = self.child.try_wait().expect("a status");
            assert!(ended.is_none() && since.elapsed() < Duration::from_secs(20), "{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where its configuration is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// nginx's main configuration around a site's: everything in one folder, in the foreground.
fn around(folder: &Path, site: &str) -> String {
    let folder = folder.display();
    let user = if nix::unistd::getuid().is_root() { "user root;" } else { "" };
    format!(
        "daemon off; pid {folder}/pid; error_log stderr; worker_processes 1; {user}\n\
         events {{ worker_connections 512; }}\n\
         http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n\
         fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n\
         {site}\n}}\n"
    )
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx has children that would outlive a kill.
        let pid = i32::try_from(self.child.id()).expect("a number");
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM);
        let since = Instant::now();
        while self.child.try_wait().is_ok_and(|status| status.is_none()) {
            if since.elapsed() > Duration::from_secs(5) {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
