//! Where commands are taken: `unixs:/run/kamailio/kamailio_ctl`, `tcp:localhost:2049`.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// The port where none is given.
pub const PORT: u16 = 2049;

/// A place that takes commands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A unix stream socket.
    UnixStream(PathBuf),
    /// A unix datagram socket.
    UnixDatagram(PathBuf),
    /// A TCP port of a host; `*` is every address of this machine.
    Tcp(String, u16),
    /// A UDP port of a host.
    Udp(String, u16),
}

/// A text that names no such place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAddress(String);

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no address of this kind; write unix:/path, unixd:/path, tcp:host:port or udp:host:port",
            self.0
        )
    }
}

impl std::error::Error for NoAddress {}

impl Address {
    /// Reads `[protocol:]path` or `[protocol:]host[:port]`; without a protocol a path is a unix stream socket, and anything
    /// else a UDP port.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, NoAddress> {
        let refuse = || NoAddress(text.to_owned());
        let (protocol, rest) = match text.split_once(':') {
            Some((protocol @ ("unix" | "unixs" | "unixd" | "tcp" | "udp"), rest)) => (protocol, rest),
            _ if text.starts_with(['/', '.']) || (text.contains('/') && !text.contains(':')) => {
                ("unixs", text)
            }
            _ => ("udp", text),
        };
        if rest.is_empty() {
            return Err(refuse());
        }
        match protocol {
            "unixd" => return Ok(Self::UnixDatagram(rest.into())),
            "unix" | "unixs" => return Ok(Self::UnixStream(rest.into())),
            _ => {}
        }
        let (host, port) = host_and_port(rest).ok_or_else(refuse)?;
        Ok(if protocol == "tcp" { Self::Tcp(host, port) } else { Self::Udp(host, port) })
    }

    /// The socket's file, if it is one.
    pub fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::UnixStream(path) | Self::UnixDatagram(path) => Some(path),
            Self::Tcp(..) | Self::Udp(..) => None,
        }
    }

    /// The protocol, as `ctl.listen` names it.
    pub fn protocol(&self) -> &'static str {
        match self {
            Self::UnixStream(_) => "unix_stream",
            Self::UnixDatagram(_) => "unix_dgram",
            Self::Tcp(..) => "tcp",
            Self::Udp(..) => "udp",
        }
    }
}

/// `host`, `port`, `host:port`, `[v6]:port`; no host and `*` are every address.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    if let Ok(port) = text.parse() {
        return Some(("*".to_owned(), port));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
        _ => (text, PORT),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some((if host.is_empty() { "*" } else { host }.to_owned(), port))
}

/// The first address of a host and port.
pub(crate) fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    let host = if host == "*" { "0.0.0.0" } else { host };
    (host, port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_kamailio_reads_them() {
        let read = |text| Address::parse(text).unwrap();
        let tcp = |host: &str, port| Address::Tcp(host.to_owned(), port);
        let udp = |host: &str, port| Address::Udp(host.to_owned(), port);
        assert_eq!(read("unix:/a"), Address::UnixStream("/a".into()));
        assert_eq!(read("unixs:./a"), Address::UnixStream("./a".into()));
        assert_eq!(read("unixd:/a"), Address::UnixDatagram("/a".into()));
        assert_eq!(read("/tmp/x"), Address::UnixStream("/tmp/x".into()));
        assert_eq!(read("localhost:3000"), udp("localhost", 3000));
        assert_eq!(read("tcp:3012"), tcp("*", 3012));
        assert_eq!(read("udp:*:3012"), udp("*", 3012));
        assert_eq!(read("tcp:localhost"), tcp("localhost", PORT));
        assert_eq!(read("tcp:[::1]:7"), tcp("::1", 7));
        assert!(Address::parse("tcp:").is_err());
        assert!(Address::parse("tcp:h:port").is_err());
    }
}
