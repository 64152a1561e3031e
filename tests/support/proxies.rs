//! The real nginx and the real Caddy, with the configuration that stands in `assets/`, and an API for them to guard.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
}

impl Kind {
    pub fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
        }
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
}

impl Api {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let all = Arc::clone(&all);
                std::thread::spawn(move || drop(Self::answer(stream, &all)));
            }
        });
        Self { address, seen }
    }

    fn answer(stream: TcpStream, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
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
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            reader.get_mut().write_all(answer.as_bytes())?;
        }
    }
}

/// A running proxy; it is killed when the test ends.
pub struct Proxy {
    child: Child,
    pub address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Proxy {
    /// Starts it with the example of `assets/`, whose addresses are replaced; `path` is the endpoint's.
    pub fn start(kind: Kind, endpoint: SocketAddr, path: &str, api: SocketAddr) -> Self {
        let address = free_port();
        let example = match kind {
            Kind::Nginx => include_str!("../../assets/proxy/nginx.conf"),
            Kind::Caddy => include_str!("../../assets/proxy/Caddyfile"),
        };
        let auth = match kind {
            Kind::Nginx => ("keydesk/auth;", format!("keydesk{path};")),
            Kind::Caddy => ("uri /auth\n", format!("uri {path}\n")),
        };
        for replaced in ["127.0.0.1:7766", "127.0.0.1:3000", ":8080", auth.0] {
            assert!(example.contains(replaced), "the example does not say {replaced:?}");
        }
        let example = example
            .replace("127.0.0.1:7766", &endpoint.to_string())
            .replace("127.0.0.1:3000", &api.to_string())
            .replace(":8080", &format!(":{}", address.port()))
            .replace(auth.0, &auth.1);
        Self::with(kind, &example, address)
    }

    /// Starts it with a configuration of one's own that listens at `address`.
    pub fn with(kind: Kind, site: &str, address: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(kind.program());
        command.current_dir(folder.path()).env("HOME", folder.path());
        command.env("XDG_DATA_HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path());
        let config = folder.path().join("config");
        match kind {
            Kind::Nginx => {
                std::fs::write(&config, around(folder.path(), site)).expect("a file");
                command.arg("-p").arg(folder.path()).arg("-c").arg(&config);
            }
            Kind::Caddy => {
                // Its own port for administration would clash with that of another test.
                std::fs::write(&config, format!("{{\n\tadmin off\n}}\n{site}")).expect("a file");
                command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&config);
            }
        }
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
        let mut proxy = Self { child, address, folder };
        proxy.wait();
        proxy
    }

    fn wait(&mut self) {
        let since = Instant::now();
        while TcpStream::connect(self.address).is_err() {
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
