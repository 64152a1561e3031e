//! A TCP relay with faults: it delays, holds back, cuts, and leads to another server.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Stands between a client and a server in the process of the tests. It takes the place of `tc netem`, which not every
/// kernel has, in tests of delay: what passes is delayed as on a long line, without a limit of its throughput.
///
/// Packets that are lost need a namespace: a relay confirms what it holds back.
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

/// A direction of what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Requests,
    Answers,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    to: Option<SocketAddr>,
    delays: [Duration; 2],
    stalled: [bool; 2],
    cut: bool,
    ended: bool,
    connections: Vec<Weak<Connection>>,
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
}

impl Relay {
    /// Listens at a free port of this machine.
    pub fn start(to: SocketAddr) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), to)
    }

    /// Listens at an address, such as that of this machine in a namespace.
    pub fn start_at(address: IpAddr, to: SocketAddr) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        shared.lock().to = Some(to);
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    /// Delays what passes from now on in a direction by this time.
    pub fn delay(&self, direction: Direction, by: Duration) {
        self.shared.lock().delays[direction as usize] = by;
    }

    /// Holds back what passes in a direction until [`Self::resume`].
    pub fn stall(&self, direction: Direction) {
        self.shared.lock().stalled[direction as usize] = true;
    }

    /// Closes all connections, and each new one, until [`Self::resume`].
    pub fn cut(&self) {
        let mut state = self.shared.lock();
        state.cut = true;
        state.close();
    }

    /// Lets pass again what was held back, and new connections.
    pub fn resume(&self) {
        let mut state = self.shared.lock();
        state.stalled = [false; 2];
        state.cut = false;
        self.shared.changed.notify_all();
    }

    /// Leads new connections to another server.
    pub fn redirect(&self, to: SocketAddr) {
        self.shared.lock().to = Some(to);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended = true;
        state.close();
        self.shared.changed.notify_all();
        drop(state);
        // The thread that accepts looks up.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is time and nothing is held back. False at the end of the relay.
    fn may_pass(&self, direction: Direction, at: Instant) -> bool {
        let mut state = self.lock();
        loop {
            let wait = at.saturating_duration_since(Instant::now());
            let stalled = state.stalled[direction as usize];
            if state.ended || (wait.is_zero() && !stalled) {
                return !state.ended;
            }
            let wait = if stalled { Duration::from_hours(1) } else { wait };
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    fn close(&mut self) {
        for connection in self.connections.drain(..).filter_map(|connection| connection.upgrade()) {
            let _ = connection.client.shutdown(Shutdown::Both);
            let _ = connection.server.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming().map_while(Result::ok) {
        let target = {
            let state = shared.lock();
            if state.ended {
                return;
            }
            state.to.filter(|_| !state.cut)
        };
        // Without a server the client is closed, too.
        let Some(server) = target.and_then(|to| TcpStream::connect(to).ok()) else { continue };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let connection = Arc::new(Connection { client, server });
        let mut state = shared.lock();
        if state.cut || state.ended {
            continue;
        }
        state.connections.retain(|connection| connection.strong_count() > 0);
        state.connections.push(Arc::downgrade(&connection));
        drop(state);
        for direction in [Direction::Requests, Direction::Answers] {
            let (tell, told) = channel();
            let (reading, writing) = (Arc::clone(&connection), Arc::clone(&connection));
            let (on_read, on_write) = (Arc::clone(shared), Arc::clone(shared));
            std::thread::spawn(move || read(&reading, direction, &on_read, &tell));
            std::thread::spawn(move || write(&writing, direction, &on_write, &told));
        }
    }
}

/// What was read, and when it is to be written. An empty one is the end.
type Piece = (Instant, Vec<u8>);

fn read(connection: &Connection, direction: Direction, shared: &Shared, tell: &Sender<Piece>) {
    let mut from = match direction {
        Direction::Requests => &connection.client,
        Direction::Answers => &connection.server,
    };
    let mut buffer = [0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).unwrap_or(0);
        let at = Instant::now() + shared.lock().delays[direction as usize];
        if tell.send((at, buffer[..length].to_vec())).is_err() || length == 0 {
            return;
        }
    }
}

fn write(connection: &Connection, direction: Direction, shared: &Shared, told: &Receiver<Piece>) {
    let mut to = match direction {
        Direction::Requests => &connection.server,
        Direction::Answers => &connection.client,
    };
    while let Ok((at, piece)) = told.recv() {
        if !shared.may_pass(direction, at) || piece.is_empty() || to.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
