//! `keydesk serve`, the real program, and a client that says exactly what a test wants said.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running endpoint; it is killed when the test ends.
pub struct Endpoint {
    pub child: Child,
    pub address: SocketAddr,
    log: Receiver<String>,
}

/// The command, with nothing of this user's.
pub fn command(program: &str, database: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", database.parent().expect("a folder")).env("KEYDESK_DB", database);
    command
}

impl Endpoint {
    /// Starts it at a free port and waits until it listens.
    pub fn start(database: &Path, arguments: &[&str]) -> Self {
        let mut command = command(env!("CARGO_BIN_EXE_keydesk"), database);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        Self::from_command(command)
    }

    /// Starts it in a way of one's own.
    pub fn from_command(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
        let (tell, log) = channel();
        let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        let mut seen = Vec::new();
        let address = loop {
            let line = log.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it does not listen: {seen:?}"));
            if let Some((_, place)) = line.split_once("http://") {
                break place.trim_end_matches('"').parse().expect("an address");
            }
            seen.push(line);
        };
        Self { child, address, log }
    }

    /// What it has logged since one last asked.
    pub fn log(&self) -> Vec<String> {
        self.log.try_iter().collect()
    }

    pub fn connect(&self) -> Client {
        Client::to(self.address)
    }

    /// One request on a connection of its own.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.connect().get(path, headers)
    }

    /// Whether a key is accepted: true for 204, false for 401.
    pub fn accepts(&self, secret: &str) -> bool {
        let answer = self.get("/auth", &[("Authorization", &format!("ApiKey-v1 {secret}"))]);
        match answer.status {
            204 => true,
            401 => false,
            other => panic!("neither yes nor no: {other}"),
        }
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = i32::try_from(self.child.id()).expect("a number");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).expect("the signal is sent");
    }

    /// Ends it as systemd would; its exit code.
    pub fn stop(self) -> Option<i32> {
        self.stop_and_read_log().0
    }

    /// Ends it as systemd would; its exit code, and everything that it has logged since [`Self::log`].
    pub fn stop_and_read_log(mut self) -> (Option<i32>, Vec<String>) {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return (status.code(), self.log.iter().collect());
            }
            assert!(since.elapsed() < PATIENCE, "still there: {:?}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Bytes that it holds in memory.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1_024
    }
}

/// The status of an answer.
#[allow(dead_code, reason = "not every test binary reads an answer without a client")]
pub fn read_status(answer: &mut impl BufRead) -> Option<u16> {
    let mut line = String::new();
    answer.read_line(&mut line).ok()?;
    line.split(' ').nth(1)?.parse().ok()
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// A connection that is kept.
pub struct Client {
    pub stream: BufReader<TcpStream>,
}

impl Client {
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream: BufReader::new(stream) }
    }

    pub fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: keydesk\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        self.say(request.as_bytes()).expect("an answer")
    }

    /// Says these bytes; the answer, or none when the connection ends first.
    pub fn say(&mut self, bytes: &[u8]) -> Option<Answer> {
        // It may answer and close before everything is said.
        let _ = self.stream.get_mut().write_all(bytes);
        self.answer()
    }

    /// The next answer.
    pub fn answer(&mut self) -> Option<Answer> {
        let mut line = String::new();
        let mut next = || {
            line.clear();
            let read = self.stream.read_line(&mut line).ok().filter(|read| *read > 0);
            read.map(|_| line.trim_end().to_owned())
        };
        let status = next()?.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            let line = next()?;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(0, |(_, value)| value.parse().unwrap_or(0));
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        Some(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
    }
}
