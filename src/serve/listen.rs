//! The listening sockets: TCP addresses, Unix sockets, and sockets inherited from systemd.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixSocket, UnixStream};
use tokio_util::either::Either;

use super::ServeError;

const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7766);

/// Maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListenAddress {
    Tcp(SocketAddr),
    /// The path of a Unix socket, and the mode of its file.
    Unix(PathBuf, u32),
}

/// From where TCP connections are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Only from this machine.
    Loopback,
    /// Also from other machines.
    Network,
}

pub(super) type Stream = Either<TcpStream, UnixStream>;

pub(super) enum Listener {
    Tcp(TcpListener),
    Unix { socket: UnixListener, _file: Option<SocketFile> },
}

/// The file of a socket that this process created. Removed on drop, unless it was replaced.
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Uses the sockets passed by systemd (`sd_listen_fds(3)`) and opens all addresses, or the default address where there
/// is neither. Must be called within a tokio runtime.
///
/// # Errors
/// For a non-loopback address, unless `reach` allows it; an address or path in use; an inherited socket of another
/// kind; errors of the system.
pub(super) fn open_all(addresses: Vec<ListenAddress>, reach: Reach) -> Result<Vec<Listener>, ServeError> {
    let mut sockets = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for number in 0..sockets.len() {
        let failed = |error| ServeError::Listen { place: format!("socket {number} from systemd"), error };
        if let Ok(Some(socket)) = sockets.take_tcp_listener(number) {
            socket.set_nonblocking(true).map_err(failed)?;
            check_reach(socket.local_addr().map_err(failed)?, reach)?;
            listeners.push(Listener::Tcp(TcpListener::from_std(socket).map_err(failed)?));
        } else if let Some(socket) = sockets.take_unix_listener(number).map_err(failed)? {
            socket.set_nonblocking(true).map_err(failed)?;
            let socket = UnixListener::from_std(socket).map_err(failed)?;
            listeners.push(Listener::Unix { socket, _file: None });
        }
    }
    for address in or_default(addresses, listeners.len()) {
        let place = address.to_string();
        listeners.push(
            match address {
                ListenAddress::Tcp(address) => {
                    check_reach(address, reach)?;
                    tcp(address)
                }
                ListenAddress::Unix(path, mode) => unix(&path, mode),
            }
            .map_err(|error| ServeError::Listen { place, error })?,
        );
    }
    Ok(listeners)
}

fn or_default(addresses: Vec<ListenAddress>, inherited: usize) -> impl Iterator<Item = ListenAddress> {
    let default = (inherited == 0 && addresses.is_empty()).then_some(ListenAddress::Tcp(DEFAULT_ADDRESS));
    addresses.into_iter().chain(default)
}

/// Checks whether [`open_all`] could open each address, without listening: no client can connect. Returns the place of
/// each with the result. A file that this creates is removed again.
pub(crate) fn check_all(
    addresses: Vec<ListenAddress>,
    reach: Reach,
) -> Vec<(ListenAddress, Result<(), ServeError>)> {
    let inherited = listenfd::ListenFd::from_env().len();
    or_default(addresses, inherited)
        .map(|address| {
            let checked = check(&address, reach);
            (address, checked)
        })
        .collect()
}

fn check(address: &ListenAddress, reach: Reach) -> Result<(), ServeError> {
    match address {
        ListenAddress::Tcp(address) => {
            check_reach(*address, reach)?;
            bound(*address).map(drop)
        }
        ListenAddress::Unix(path, _) => check_unix(path),
    }
    .map_err(|error| ServeError::Listen { place: address.to_string(), error })
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path, _) => path.display().fmt(f),
        }
    }
}

fn check_reach(address: SocketAddr, reach: Reach) -> Result<(), ServeError> {
    if reach == Reach::Network || address.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(ServeError::Remote(address))
    }
}

fn tcp(address: SocketAddr) -> io::Result<Listener> {
    Ok(Listener::Tcp(bound(address)?.listen(BACKLOG)?))
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Lets a restart reuse the address while old connections close.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn unix(path: &Path, mode: u32) -> io::Result<Listener> {
    if is_left_socket(path)? {
        std::fs::remove_file(path)?;
    }
    let socket = UnixListener::bind(path)?;
    let file = SocketFile::at(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(Listener::Unix { socket, _file: Some(file) })
}

/// Whether a socket is at this path that a process left when it was killed.
///
/// # Errors
/// When a socket in use or another file is there.
fn is_left_socket(path: &Path) -> io::Result<bool> {
    let Ok(file) = std::fs::symlink_metadata(path) else { return Ok(false) };
    if !file.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file exists and is not a socket"));
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "the socket is in use by another program"));
    }
    Ok(true)
}

fn check_unix(path: &Path) -> io::Result<()> {
    if is_left_socket(path)? {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        return Ok(access(folder.unwrap_or(Path::new(".")), AccessFlags::W_OK | AccessFlags::X_OK)?);
    }
    UnixSocket::new_stream()?.bind(path)?;
    SocketFile::at(path).map(drop)
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), inode: std::fs::symlink_metadata(path)?.ino() })
    }
}

impl Listener {
    /// The next connection, and the address of a TCP peer.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Either::Left(stream), Some(peer.ip())))
            }
            Self::Unix { socket, .. } => Ok((Either::Right(socket.accept().await?.0), None)),
        }
    }

    /// The address for the log: `http://ADDR:PORT` or `unix:PATH`.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Tcp(socket) => socket
                .local_addr()
                .map_or_else(|_| "an unknown address".into(), |address| format!("http://{address}")),
            Self::Unix { socket, .. } => socket
                .local_addr()
                .ok()
                .and_then(|address| address.as_pathname().map(|path| format!("unix:{}", path.display())))
                .unwrap_or_else(|| "a Unix socket".into()),
        }
    }
}
