//! ICMP errors, each with the destination it is about.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, SockaddrStorage, recvmsg};

use super::socket::UdpSocket;

/// A destination that could not be reached, as a router or the host itself reported it.
#[derive(Debug)]
pub struct Unreachable {
    /// Where the datagram was sent to.
    pub destination: SocketAddr,
    /// The report as the system translates it: connection refused for a closed port, and so on.
    pub error: io::Error,
}

/// Reports read in one go; a peer must not keep a shard busy with them.
const AT_ONCE: usize = 32;

impl UdpSocket {
    /// The reports that came since the last look, at most 32, for sockets opened with
    /// [`icmp_errors`](super::UdpOptions::icmp_errors). Ask when a poll event says error.
    pub fn icmp_errors(&self) -> Vec<Unreachable> {
        let mut reports = Vec::new();
        let mut control = cmsg_space!(libc::sock_extended_err, SockaddrIn6);
        // The head of the datagram comes back too; nobody wants it.
        let mut head = [0; 1];
        while reports.len() < AT_ONCE {
            let mut scatter = [IoSliceMut::new(&mut head)];
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            match recvmsg::<SockaddrStorage>(
                self.as_fd().as_raw_fd(),
                &mut scatter,
                Some(&mut control),
                flags,
            ) {
                Ok(message) => {
                    let code = message.cmsgs().ok().and_then(|mut messages| messages.find_map(code));
                    if let (Some(code), Some(destination)) =
                        (code, message.address.and_then(|to| destination(&to)))
                    {
                        reports.push(Unreachable { destination, error: io::Error::from_raw_os_error(code) });
                    }
                }
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        }
        reports
    }
}

fn code(message: ControlMessageOwned) -> Option<i32> {
    match message {
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
            i32::try_from(error.ee_errno).ok()
        }
        _ => None,
    }
}

fn destination(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::new(IpAddr::V4(v4.ip()), v4.port()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::new(IpAddr::V6(v6.ip()), v6.port())))
}
