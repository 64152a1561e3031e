//! The sockets: an address, a path, or what systemd hands over.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use super::ServeError;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a Unix socket, and the mode of its file.
    Unix(PathBuf, u32),
}

/// A socket that listens.
pub enum Listener {
    /// At an address.
    Tcp(TcpListener),
    /// At a path; one that we made goes away with us.
    Unix(UnixListener, Option<OwnSocket>),
}

/// The file of a socket that we made: removed when we end, if it is still ours.
pub struct OwnSocket {
    path: PathBuf,
    inode: u64,
}

impl Drop for OwnSocket {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Opens all places and takes what systemd hands over (`LISTEN_FDS`).
///
/// # Errors
/// An address that other machines reach, unless `remote` allows it; an address or path in use; what the system says.
pub fn all(places: &[Place], handed: Vec<Handed>, remote: bool) -> Result<Vec<Listener>, ServeError> {
    let mut listeners = Vec::new();
    for handed in handed {
        let failed = |error| ServeError::Listen { place: "the socket from systemd".into(), error };
        listeners.push(match handed {
            Handed::Tcp(socket) => {
                socket.set_nonblocking(true).map_err(failed)?;
                check_local(socket.local_addr().map_err(failed)?, remote)?;
                Listener::Tcp(TcpListener::from_std(socket).map_err(failed)?)
            }
            Handed::Unix(socket) => {
                socket.set_nonblocking(true).map_err(failed)?;
                Listener::Unix(UnixListener::from_std(socket).map_err(failed)?, None)
            }
        });
    }
    for place in places {
        listeners.push(match place {
            Place::Tcp(address) => {
                check_local(*address, remote)?;
                tcp(*address).map_err(|error| ServeError::Listen { place: address.to_string(), error })?
            }
            Place::Unix(path, mode) => {
                let failed = |error| ServeError::Listen { place: path.display().to_string(), error };
                unix(path, *mode).map_err(failed)?
            }
        });
    }
    Ok(listeners)
}

fn check_local(address: SocketAddr, remote: bool) -> Result<(), ServeError> {
    if remote || address.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(ServeError::Remote(address))
    }
}

fn tcp(address: SocketAddr) -> io::Result<Listener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for the connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(Listener::Tcp(socket.listen(BACKLOG)?))
}

fn unix(path: &Path, mode: u32) -> io::Result<Listener> {
    if let Ok(file) = std::fs::symlink_metadata(path) {
        if !file.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another program listens there"));
        }
        // Left by one that was killed.
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    let inode = std::fs::symlink_metadata(path)?.ino();
    let own = OwnSocket { path: path.to_owned(), inode };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(Listener::Unix(listener, Some(own)))
}

impl Listener {
    /// The next connection, and the address at its other end.
    pub async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Stream::Tcp(stream), Some(peer.ip())))
            }
            Self::Unix(listener, _) => Ok((Stream::Unix(listener.accept().await?.0), None)),
        }
    }

    /// Where it listens, for people.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| "an unknown address".into(), |address| format!("http://{address}")),
            Self::Unix(listener, _) => listener
                .local_addr()
                .ok()
                .and_then(|address| address.as_pathname().map(|path| format!("unix:{}", path.display())))
                .unwrap_or_else(|| "a Unix socket".into()),
        }
    }

    /// The TCP address, where it has one.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }
}

/// A socket from systemd.
#[derive(Debug)]
pub enum Handed {
    /// Of an address.
    Tcp(std::net::TcpListener),
    /// Of a path.
    Unix(std::os::unix::net::UnixListener),
}

/// The sockets that systemd has opened for this process (`sd_listen_fds(3)`).
///
/// # Errors
/// When one of them is neither a TCP nor a Unix stream socket.
pub fn from_systemd() -> Result<Vec<Handed>, ServeError> {
    let mut sockets = listenfd::ListenFd::from_env();
    let mut handed = Vec::new();
    for place in 0..sockets.len() {
        let tcp = sockets.take_tcp_listener(place).ok().flatten().map(Handed::Tcp);
        let socket = match tcp {
            Some(tcp) => Some(tcp),
            None => sockets
                .take_unix_listener(place)
                .map_err(|error| ServeError::Listen { place: format!("socket {place} from systemd"), error })?
                .map(Handed::Unix),
        };
        handed.extend(socket);
    }
    Ok(handed)
}

/// A connection.
pub enum Stream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
