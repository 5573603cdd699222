//! The baseline: a datagram forwarder that parses nothing.
//!
//! What comes to the front socket goes to the callee from a back socket that belongs to the caller's
//! address; what comes to a back socket goes to its caller from the front socket. One thread, one
//! `poll`, one `recv_from` and one `send_to` a datagram: the least that a relay between two parties
//! can do without looking into what it relays.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::str::FromStr;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The largest datagram that UDP over IPv4 can carry.
const DATAGRAM: usize = 65_507;
/// How many callers are served; the datagrams of one beyond that are dropped.
const CALLERS: usize = 64;

/// Where one caller's datagrams go instead of to the common callee (`--route CALLER=CALLEE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) caller: SocketAddr,
    pub(crate) callee: SocketAddr,
}

impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (caller, callee) = text.split_once('=').ok_or("expected CALLER=CALLEE")?;
        let address = |part: &str| part.parse().map_err(|e| format!("`{part}`: {e}"));
        Ok(Self { caller: address(caller)?, callee: address(callee)? })
    }
}

/// A caller that was seen, and the socket that stands for it towards the callee.
struct Caller {
    address: SocketAddr,
    callee: SocketAddr,
    back: UdpSocket,
}

/// Forwards until the process is ended by a signal.
pub(crate) fn run(listen: SocketAddr, callee: SocketAddr, routes: &[Route]) -> io::Result<()> {
    let front = UdpSocket::bind(listen)?;
    let mut callers: Vec<Caller> = Vec::new();
    let mut datagram = vec![0; DATAGRAM];
    loop {
        let (length, address) = relay(&front, &callers, &mut datagram)?;
        if callers.len() < CALLERS {
            let callee =
                routes.iter().find(|route| route.caller == address).map_or(callee, |route| route.callee);
            let back = UdpSocket::bind(SocketAddr::new(listen.ip(), 0))?;
            back.send_to(&datagram[..length], callee)?;
            callers.push(Caller { address, callee, back });
        }
    }
}

/// Relays between the known callers and their callees; returns the first datagram of a new caller.
fn relay(front: &UdpSocket, callers: &[Caller], datagram: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    let sockets = std::iter::once(front).chain(callers.iter().map(|caller| &caller.back));
    let mut polled: Vec<_> = sockets.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
    loop {
        match poll(&mut polled, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            outcome => outcome?,
        };
        for (caller, socket) in callers.iter().zip(&polled[1..]) {
            if socket.any() == Some(true) {
                let (length, _) = caller.back.recv_from(datagram)?;
                front.send_to(&datagram[..length], caller.address)?;
            }
        }
        if polled[0].any() == Some(true) {
            let (length, address) = front.recv_from(datagram)?;
            let Some(caller) = callers.iter().find(|caller| caller.address == address) else {
                return Ok((length, address));
            };
            caller.back.send_to(&datagram[..length], caller.callee)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn socket() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port on loopback");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout above zero");
        let address = socket.local_addr().expect("the socket is bound");
        (socket, address)
    }

    fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut bytes = [0; 64];
        let (length, from) = socket.recv_from(&mut bytes).expect("a datagram within five seconds");
        (bytes[..length].to_vec(), from)
    }

    #[test]
    fn each_caller_gets_the_answers_to_its_own_datagrams() {
        let ((one, _), (two, two_address)) = (socket(), socket());
        let ((callee, callee_address), (other, other_address)) = (socket(), socket());
        let front = socket().1;
        let route = Route { caller: two_address, callee: other_address };
        std::thread::spawn(move || run(front, callee_address, &[route]));

        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        let mut bytes = [0; 64];
        callee.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout above zero");
        let one_back = loop {
            one.send_to(b"from one", front).expect("loopback takes a datagram");
            match callee.recv_from(&mut bytes) {
                Ok((_, from)) => break from,
                Err(_) => assert!(std::time::Instant::now() < deadline, "the forwarder never relayed"),
            }
        };
        two.send_to(b"from two", front).expect("loopback takes a datagram");
        let (request, two_back) = receive(&other);
        assert_eq!(request, b"from two");
        assert_ne!(one_back, two_back);

        other.send_to(b"to two", two_back).expect("loopback takes a datagram");
        callee.send_to(b"to one", one_back).expect("loopback takes a datagram");
        assert_eq!(receive(&two), (b"to two".to_vec(), front));
        assert_eq!(receive(&one), (b"to one".to_vec(), front));
    }

    #[test]
    fn a_route_is_two_addresses_around_an_equals_sign() {
        let route: Route = "127.0.0.1:1=127.0.0.1:2".parse().expect("both addresses are sound");
        assert_eq!((route.caller.port(), route.callee.port()), (1, 2));
        assert!("127.0.0.1:1".parse::<Route>().is_err());
        assert!("127.0.0.1:1=nowhere".parse::<Route>().is_err());
    }
}
