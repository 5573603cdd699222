//! The client's end.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::LONGEST_LINE;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a running server.
pub struct Client {
    stream: BufReader<UnixStream>,
    requests: u64,
}

/// Why a command gave no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The socket cannot be used.
    Io(io::Error),
    /// The server's answer is no JSON-RPC.
    Protocol(String),
    /// The server refused.
    Refused {
        /// Kamailio's code.
        code: i64,
        /// What the server said.
        message: String,
    },
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the server does not answer: {error}"),
            Self::Protocol(what) => write!(f, "the server's answer makes no sense: {what}"),
            Self::Refused { code, message } => write!(f, "{code} {message}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Client {
    /// Connects to a server's socket.
    ///
    /// # Errors
    /// Nobody listens there, or this user may not.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), requests: 0 })
    }

    /// Sends a command and waits for its result.
    ///
    /// # Errors
    /// No answer came, or the server refused.
    pub fn call(&mut self, method: &str, parameters: &[Value]) -> Result<Value, ClientError> {
        self.requests += 1;
        let request = json!({"jsonrpc": "2.0", "method": method, "params": parameters, "id": self.requests});
        self.stream.get_mut().write_all(format!("{request}\n").as_bytes())?;
        let mut line = Vec::new();
        self.stream.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        let mut answer: Value =
            serde_json::from_slice(&line).map_err(|error| ClientError::Protocol(error.to_string()))?;
        if let Some(error) = answer.get("error") {
            let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
            let message =
                error.get("message").and_then(Value::as_str).unwrap_or("no reason given").to_owned();
            return Err(ClientError::Refused { code, message });
        }
        answer
            .get_mut("result")
            .map(Value::take)
            .ok_or_else(|| ClientError::Protocol("neither result nor error".to_owned()))
    }
}
