//! One question to one node over UDP: a cookie before it tells its answer from others, late ones among them.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;

use crate::nodes::Endpoint;

/// The largest datagram.
const DATAGRAM: usize = 65_535;

/// How long and how often a node is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For an answer to one sending.
    pub timeout: Duration,
    /// Sendings after the first.
    pub retries: u32,
    /// The local address to ask from; any when none.
    pub from: Option<IpAddr>,
}

/// Why a node gave no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// Its name has no address of the kind that is asked for.
    NoAddress,
    /// The system said no; a closed port is told so.
    Io(io::Error),
    /// It was silent each time.
    Silent,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("its name has no address"),
            Self::Io(error) => write!(f, "it cannot be reached: {error}"),
            Self::Silent => f.write_str("it does not answer in time"),
        }
    }
}

impl std::error::Error for NoAnswer {}

impl From<io::Error> for NoAnswer {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A cookie that peers cannot foresee.
fn cookie() -> String {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}_{number}", KEY.hash_one(number))
}

/// Sends `question` behind a cookie, again if nothing comes, and gives the answer without its cookie.
///
/// # Errors
/// The node cannot be reached, or is silent.
pub async fn ask(endpoint: &Endpoint, question: &[u8], patience: Patience) -> Result<Vec<u8>, NoAnswer> {
    let to = address(endpoint).await?;
    let any = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let from = patience.from.filter(|from| from.is_ipv4() == to.is_ipv4()).unwrap_or(any);
    // A socket for each question: a closed port is told to it at once, and nobody can guess where answers are expected.
    let socket = UdpSocket::bind((from, 0)).await?;
    socket.connect(to).await?;
    let cookie = cookie();
    let datagram = [cookie.as_bytes(), b" ", question].concat();
    let mut buffer = vec![0; DATAGRAM];
    for _ in 0..=patience.retries {
        socket.send(&datagram).await?;
        if let Ok(answer) = timeout(patience.timeout, answer(&socket, &cookie, &mut buffer)).await {
            return Ok(answer?);
        }
    }
    Err(NoAnswer::Silent)
}

async fn answer(socket: &UdpSocket, cookie: &str, buffer: &mut [u8]) -> io::Result<Vec<u8>> {
    loop {
        let length = socket.recv(buffer).await?;
        if let Some(answer) = buffer[..length].strip_prefix(cookie.as_bytes()) {
            return Ok(answer.strip_prefix(b" ").unwrap_or(answer).to_vec());
        }
    }
}

async fn address(endpoint: &Endpoint) -> Result<SocketAddr, NoAnswer> {
    if let Ok(address) = endpoint.host.parse::<IpAddr>() {
        return Ok((address, endpoint.port).into());
    }
    let mut found = lookup_host((endpoint.host.as_str(), endpoint.port)).await?;
    found.find(|address| address.is_ipv6() == endpoint.v6).ok_or(NoAnswer::NoAddress)
}
