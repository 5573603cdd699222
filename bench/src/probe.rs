//! How long a message takes through a server while the load runs.
//!
//! A prober sends OPTIONS inside a dialog, evenly spaced, to its own answerer through the server: the
//! Route names the server, the request URI the answerer, so a proxy goes the way that it goes for a
//! BYE, and a forwarder needs to know nothing. Each message carries the moment it left; each passage
//! (request and reply) is one sample, from just before `send_to` to just after `recv_from`. What the
//! sockets and the scheduler add is the same for every server, so differences are what counts.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a receiving thread sleeps before it looks whether the probing is over.
const LOOK_UP: Duration = Duration::from_millis(50);
/// The header by which a message says when it left, in nanoseconds after the prober was made.
const LEFT: &[u8] = b"X-Left: ";

/// A pair of sockets around a server.
pub(crate) struct Prober {
    caller: UdpSocket,
    answerer: UdpSocket,
    server: SocketAddr,
    start: Instant,
    /// The next request's number. A number that comes again would be a retransmission to a server with transactions.
    next: AtomicU64,
}

/// What a probing found.
#[derive(Debug, Default)]
pub(crate) struct Passages {
    /// Requests sent.
    pub(crate) sent: u64,
    /// Passages in ascending order.
    pub(crate) delays: Vec<Duration>,
}

impl Passages {
    /// The delay that a share of the passages (0.0 to 1.0) did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = (share * self.delays.len() as f64).ceil() as usize;
        self.delays.get(rank.saturating_sub(1)).copied()
    }

    /// Adds another probing's passages.
    pub(crate) fn merge(&mut self, other: Self) {
        self.sent += other.sent;
        self.delays.extend(other.delays);
        self.delays.sort_unstable();
    }
}

impl Prober {
    /// Binds both sockets on the server's address, the answerer on `answerer`.
    pub(crate) fn new(server: SocketAddr, caller: SocketAddr, answerer: SocketAddr) -> io::Result<Self> {
        let caller = UdpSocket::bind(caller)?;
        let answerer = UdpSocket::bind(answerer)?;
        caller.set_read_timeout(Some(LOOK_UP))?;
        answerer.set_read_timeout(Some(LOOK_UP))?;
        Ok(Self { caller, answerer, server, start: Instant::now(), next: AtomicU64::new(0) })
    }

    /// Whether the server passes messages both ways before the deadline.
    pub(crate) fn passes_within(&self, limit: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if !self.probe(1, 50)?.delays.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends `count` requests at `per_second` and gathers every passage.
    pub(crate) fn probe(&self, count: u64, per_second: u64) -> io::Result<Passages> {
        self.probe_until(per_second, |sent| sent >= count)
    }

    /// Sends requests at `per_second` until told to stop, and gathers every passage.
    pub(crate) fn probe_until(&self, per_second: u64, over: impl Fn(u64) -> bool) -> io::Result<Passages> {
        let ended = AtomicBool::new(false);
        let mut sent = 0;
        let delays = std::thread::scope(|scope| -> io::Result<Vec<Duration>> {
            let requests = scope.spawn(|| self.answer(&ended));
            let replies = scope.spawn(|| self.collect(&ended));
            let began = Instant::now();
            let outcome = loop {
                if over(sent) {
                    break Ok(());
                }
                if let Err(error) = self.caller.send_to(&self.request()?, self.server) {
                    break Err(error);
                }
                sent += 1;
                let next = began + Duration::from_micros(sent * 1_000_000 / per_second);
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            };
            ended.store(true, Ordering::Relaxed);
            let mut delays = requests.join().map_err(|_| io::Error::other("the answerer panicked"))??;
            delays.extend(replies.join().map_err(|_| io::Error::other("the collector panicked"))??);
            outcome.map(|()| delays)
        })?;
        let mut passages = Passages { sent, delays };
        passages.delays.sort_unstable();
        Ok(passages)
    }

    /// Answers each request with 200 until the probing is over; the requests' passages.
    fn answer(&self, ended: &AtomicBool) -> io::Result<Vec<Duration>> {
        self.receive(&self.answerer, ended, |request, from| {
            self.answerer.send_to(&self.reply(request), from).map(|_| ())
        })
    }

    /// The replies' passages.
    fn collect(&self, ended: &AtomicBool) -> io::Result<Vec<Duration>> {
        self.receive(&self.caller, ended, |_, _| Ok(()))
    }

    fn receive(
        &self,
        socket: &UdpSocket,
        ended: &AtomicBool,
        mut then: impl FnMut(&[u8], SocketAddr) -> io::Result<()>,
    ) -> io::Result<Vec<Duration>> {
        let mut delays = Vec::new();
        let mut datagram = [0; 4096];
        loop {
            let (length, from) = match socket.recv_from(&mut datagram) {
                Ok(received) => received,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if ended.load(Ordering::Relaxed) {
                        return Ok(delays);
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            let now = self.start.elapsed();
            let Some(message) = datagram.get(..length) else { continue };
            delays.extend(left(message).map(|left| now.saturating_sub(left)));
            then(message, from)?;
        }
    }

    fn request(&self) -> io::Result<Vec<u8>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (caller, answerer) = (self.caller.local_addr()?, self.answerer.local_addr()?);
        let (server, run) = (self.server, std::process::id());
        Ok(format!(
            "OPTIONS sip:probe@{answerer} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {caller};branch=z9hG4bKprobe{run}x{number};rport\r\n\
             Route: <sip:{server};lr>\r\n\
             From: <sip:prober@{caller}>;tag=prober{run}\r\n\
             To: <sip:probe@{answerer}>;tag=probe\r\n\
             Call-ID: probe-{run}-{number}@{caller}\r\n\
             CSeq: 1 OPTIONS\r\n\
             Max-Forwards: 70\r\n\
             X-Left: {}\r\n\
             Content-Length: 0\r\n\r\n",
            self.start.elapsed().as_nanos()
        )
        .into_bytes())
    }

    /// A 200 with the request's own header fields and its own moment of leaving.
    fn reply(&self, request: &[u8]) -> Vec<u8> {
        let mut reply = b"SIP/2.0 200 OK\r\n".to_vec();
        for line in request.split_inclusive(|&byte| byte == b'\n').skip(1) {
            let of_a_request =
                [&b"Route:"[..], b"Max-Forwards:", LEFT].iter().any(|name| line.starts_with(name));
            if line == b"\r\n" {
                reply.extend_from_slice(
                    format!("X-Left: {}\r\n\r\n", self.start.elapsed().as_nanos()).as_bytes(),
                );
            } else if !of_a_request {
                reply.extend_from_slice(line);
            }
        }
        reply
    }
}

/// When a message left.
fn left(message: &[u8]) -> Option<Duration> {
    let line = message.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(LEFT))?;
    std::str::from_utf8(line).ok()?.trim().parse().ok().map(Duration::from_nanos)
}

/// A probing that goes on beside the load until it is asked for.
pub(crate) struct Probing {
    thread: JoinHandle<io::Result<Passages>>,
    ended: Arc<AtomicBool>,
}

impl Probing {
    /// Starts to probe `per_second` times a second.
    pub(crate) fn start(prober: Prober, per_second: u64) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&ended);
        let thread =
            std::thread::spawn(move || prober.probe_until(per_second, |_| over.load(Ordering::Relaxed)));
        Self { thread, ended }
    }

    /// Ends the probing.
    pub(crate) fn finish(self) -> io::Result<Passages> {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| io::Error::other("the prober panicked"))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_through_a_forwarder_are_measured_both_ways() {
        let free =
            || UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
        let (server, caller, answerer) = (free(), free(), free());
        std::thread::spawn(move || crate::forwarder::run(server, answerer, &[]));
        let prober = Prober::new(server, caller, answerer).expect("the ports are free");
        assert!(prober.passes_within(Duration::from_secs(5)).expect("loopback takes datagrams"));
        let passages = prober.probe(10, 500).expect("loopback takes datagrams");
        assert_eq!((passages.sent, passages.delays.len()), (10, 20));
        assert!(passages.quantile(0.5) <= passages.quantile(0.99));
        assert_eq!(passages.quantile(1.0), passages.delays.last().copied());
    }

    #[test]
    fn nothing_measured_has_no_quantile() {
        assert_eq!(Passages::default().quantile(0.5), None);
    }
}
