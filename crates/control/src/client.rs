//! The client's end: binrpc over any of the four kinds of sockets.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::address::resolve;
use crate::{Address, Value, binrpc, json};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer that is taken, in bytes.
const LONGEST: usize = 256 << 20;
/// Longest datagram that is taken, in bytes.
const DATAGRAM: usize = 1 << 20;

/// A connection to a running server.
pub struct Client {
    socket: Socket,
    cookie: u32,
}

enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
    Udp(UdpSocket),
    /// With the file that the answers come to.
    Datagram(UnixDatagram, PathBuf),
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Self::Datagram(_, own) = self {
            // Only we know of it.
            let _ = std::fs::remove_file(own);
        }
    }
}

/// Why a command gave no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The socket cannot be used.
    Io(io::Error),
    /// The server's answer is no binrpc.
    Protocol(binrpc::Malformed),
    /// The server's answer is no JSON-RPC.
    NotJson(json::NotJson),
    /// The server's answer is one to another command.
    OutOfStep,
    /// The server refused.
    Refused {
        /// Kamailio's code.
        code: i64,
        /// What the server said.
        reason: String,
    },
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the server does not answer: {error}"),
            Self::Protocol(what) => write!(f, "the server's answer makes no sense: {what}"),
            Self::NotJson(what) => write!(f, "the server's answer makes no sense: {what}"),
            Self::OutOfStep => f.write_str("the server answered another command"),
            Self::Refused { code, reason } => write!(f, "{code} {reason}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<binrpc::Malformed> for ClientError {
    fn from(what: binrpc::Malformed) -> Self {
        Self::Protocol(what)
    }
}

impl Client {
    /// Connects to a server. Answers of a unix datagram socket come to a file in `folder`.
    ///
    /// # Errors
    /// Nobody listens there, or this user may not.
    pub fn connect(address: &Address, folder: &Path) -> io::Result<Self> {
        let socket = match address {
            Address::UnixStream(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Socket::Unix(stream)
            }
            Address::Tcp(host, port) => {
                let stream = TcpStream::connect_timeout(&resolve(host, *port)?, PATIENCE)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Socket::Tcp(stream)
            }
            Address::Udp(host, port) => {
                let to = resolve(host, *port)?;
                let socket = UdpSocket::bind(if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
                socket.connect(to)?;
                socket.set_read_timeout(Some(PATIENCE))?;
                Socket::Udp(socket)
            }
            Address::UnixDatagram(path) => {
                let own = folder.join(format!("tandem-ctl-{}-{:x}", std::process::id(), moment()));
                let socket = Socket::Datagram(UnixDatagram::bind(&own)?, own);
                if let Socket::Datagram(socket, _) = &socket {
                    socket.connect(path)?;
                    socket.set_read_timeout(Some(PATIENCE))?;
                }
                socket
            }
        };
        Ok(Self { socket, cookie: moment() })
    }

    /// Sends a command and waits for its results.
    ///
    /// # Errors
    /// No answer came, or the server refused.
    pub fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Vec<Value>, ClientError> {
        self.cookie = self.cookie.wrapping_add(1);
        let cookie = self.cookie.to_be_bytes();
        self.send(&binrpc::request(&cookie, name, arguments))?;
        let answer = self.receive()?;
        // `receive` gives whole packets only.
        let header = binrpc::header(&answer)?.ok_or(binrpc::Malformed::Short)?;
        let body = answer.get(header.length..).ok_or(binrpc::Malformed::Short)?;
        if header.cookie != cookie && header.cookie != [0] {
            return Err(ClientError::OutOfStep);
        }
        let values = binrpc::values(body)?;
        match header.kind {
            binrpc::Kind::Reply => Ok(values),
            binrpc::Kind::Request => Err(binrpc::Malformed::Packet.into()),
            binrpc::Kind::Fault => match values.as_slice() {
                [Value::Int(code), Value::Str(reason), ..] => {
                    Err(ClientError::Refused { code: *code, reason: reason.clone() })
                }
                _ => Err(binrpc::Malformed::Record.into()),
            },
        }
    }

    /// The same in JSON-RPC, which keeps the shape of the result; a server that is not Tandem may not speak it.
    ///
    /// # Errors
    /// No answer came, or the server refused.
    pub fn call_json(&mut self, name: &str, arguments: &[Value]) -> Result<Value, ClientError> {
        let request = Value::Struct(vec![
            ("jsonrpc".to_owned(), "2.0".into()),
            ("method".to_owned(), name.into()),
            ("params".to_owned(), Value::List(arguments.to_vec())),
            ("id".to_owned(), Value::Int(1)),
        ]);
        self.send(format!("{}\n", json::write(&request, json::Layout::Plain)).as_bytes())?;
        let text = match &mut self.socket {
            Socket::Unix(stream) => read_line(stream)?,
            Socket::Tcp(stream) => read_line(stream)?,
            Socket::Udp(_) | Socket::Datagram(..) => self.receive()?,
        };
        let mut answer = json::parse(&text).map_err(ClientError::NotJson)?;
        if let Some(error) = answer.take("error") {
            return Err(refused(error));
        }
        answer.take("result").ok_or(ClientError::OutOfStep)
    }

    fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Socket::Unix(stream) => stream.write_all(packet),
            Socket::Tcp(stream) => stream.write_all(packet),
            Socket::Udp(socket) => socket.send(packet).map(drop),
            Socket::Datagram(socket, _) => socket.send(packet).map(drop),
        }
    }

    fn receive(&mut self) -> Result<Vec<u8>, ClientError> {
        let mut buffer = vec![0; DATAGRAM];
        let length = match &mut self.socket {
            Socket::Unix(stream) => return read_packet(stream),
            Socket::Tcp(stream) => return read_packet(stream),
            Socket::Udp(socket) => socket.recv(&mut buffer)?,
            Socket::Datagram(socket, _) => socket.recv(&mut buffer)?,
        };
        buffer.truncate(length);
        Ok(buffer)
    }
}

/// What the server's error says.
fn refused(mut error: Value) -> ClientError {
    let code = if let Some(Value::Int(code)) = error.take("code") { code } else { 500 };
    match error.take("message") {
        Some(Value::Str(reason)) => ClientError::Refused { code, reason },
        _ => ClientError::OutOfStep,
    }
}

/// Reads a line from a stream.
fn read_line(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(LONGEST as u64)).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// Reads one packet from a stream.
fn read_packet(stream: &mut impl Read) -> Result<Vec<u8>, ClientError> {
    let mut packet = Vec::new();
    let header = loop {
        if let Some(header) = binrpc::header(&packet)? {
            break header;
        }
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        packet.push(byte[0]);
    };
    if header.body > LONGEST {
        return Err(binrpc::Malformed::Packet.into());
    }
    let missing = header.body as u64;
    if stream.take(missing).read_to_end(&mut packet)? as u64 == missing {
        Ok(packet)
    } else {
        Err(binrpc::Malformed::Short.into())
    }
}

/// A number that differs from call to call.
fn moment() -> u32 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(1, |since| since.subsec_nanos() ^ since.as_secs() as u32)
}
