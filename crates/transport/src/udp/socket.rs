//! One UDP socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token, event};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::mmsg;
use super::receive::ReceiveBatch;

/// How a UDP socket is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpOptions {
    /// Receive buffer asked of the kernel, in bytes (core parameter `maxbuffer`). Never shrinks the system's own.
    pub receive_buffer: usize,
    /// Send buffer asked of the kernel, in bytes (core parameter `maxsndbuffer`); 0 leaves the system's own.
    pub send_buffer: usize,
    /// The IP header's service byte (core parameter `tos`).
    pub tos: Option<u8>,
    /// May bind an address that this machine does not have (core parameter `ip_free_bind`, and `virtual`).
    pub free_bind: bool,
    /// Sets "do not fragment" and learns the path's MTU (core parameter `pmtu_discovery`).
    pub path_mtu_discovery: bool,
    /// Asks the kernel to keep ICMP errors with the destination they are about, for [`UdpSocket::icmp_errors`].
    pub icmp_errors: bool,
}

impl Default for UdpOptions {
    /// Kamailio's defaults.
    fn default() -> Self {
        Self {
            receive_buffer: 262_144,
            send_buffer: 0,
            tos: None,
            free_bind: false,
            path_mtu_discovery: false,
            icmp_errors: false,
        }
    }
}

/// A bound UDP socket that never blocks.
#[derive(Debug)]
pub struct UdpSocket {
    fd: OwnedFd,
    local: SocketAddr,
}

impl UdpSocket {
    /// Opens one socket on `addr`. Nothing else can be bound there.
    ///
    /// # Errors
    /// What the system said; most often the address is in use or not of this machine.
    pub fn bind(addr: SocketAddr, options: &UdpOptions) -> io::Result<Self> {
        Self::open(addr, options, false)
    }

    /// Opens `shards` sockets on one address, between which the kernel spreads the flows.
    ///
    /// # Errors
    /// As [`bind`](Self::bind). Whoever else listens on the address is noticed, even another server that shares
    /// its sockets too.
    pub fn bind_group(addr: SocketAddr, options: &UdpOptions, shards: usize) -> io::Result<Vec<Self>> {
        // Sharing would also let in a stranger of the same user; an exclusive bind first tells whether one is there.
        let alone = Self::open(addr, options, false)?;
        if shards <= 1 {
            return Ok(vec![alone]);
        }
        let addr = alone.local;
        drop(alone);
        (0..shards).map(|_| Self::open(addr, options, true)).collect()
    }

    fn open(addr: SocketAddr, options: &UdpOptions, shared: bool) -> io::Result<Self> {
        let socket =
            Socket::new(Domain::for_address(addr), Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
        if shared {
            socket.set_reuse_port(true)?;
        }
        if options.free_bind {
            if addr.is_ipv4() { socket.set_freebind_v4(true)? } else { socket.set_freebind_v6(true)? }
        }
        if socket.recv_buffer_size()? < options.receive_buffer {
            socket.set_recv_buffer_size(options.receive_buffer)?;
        }
        if socket.send_buffer_size()? < options.send_buffer {
            socket.set_send_buffer_size(options.send_buffer)?;
        }
        if let Some(tos) = options.tos {
            if addr.is_ipv4() { socket.set_tos_v4(tos.into())? } else { socket.set_tclass_v6(tos.into())? }
        }
        mmsg::set_path_mtu_discovery(socket.as_fd(), addr.is_ipv6(), options.path_mtu_discovery)?;
        if addr.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if addr.ip().is_unspecified() {
            match addr.ip() {
                IpAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
                IpAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?,
            }
        }
        if options.icmp_errors {
            match addr.ip() {
                IpAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
                IpAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
            }
        }
        socket.bind(&addr.into())?;
        let local =
            socket.local_addr()?.as_socket().ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
        Ok(Self { fd: socket.into(), local })
    }

    /// The address it is bound to; its port is never 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Whether it is bound to every address of the machine.
    pub fn is_wildcard(&self) -> bool {
        self.local.ip().is_unspecified()
    }

    /// Reads what has come, at most the batch's size, in one system call. Returns whether the socket was drained:
    /// on `false` call again before waiting for the next readiness event.
    ///
    /// # Errors
    /// The socket is unusable. Reports about packets sent earlier (ICMP) and "nothing there" are no errors.
    pub fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<bool> {
        batch.fill(self)
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl event::Source for UdpSocket {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.fd.as_raw_fd()).register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.fd.as_raw_fd()).reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.fd.as_raw_fd()).deregister(registry)
    }
}
