//! Messages in a byte stream (RFC 3261 §18.3), and the keep-alives between them (RFC 5626 §3.5.1, §4.4.1).
//!
//! The caller owns the received bytes. It calls [`Framer::next`] with all that are not consumed yet, takes what the
//! frame covers off the front, and calls again until [`Frame::Incomplete`].

use std::fmt;

use memchr::memchr;

use crate::grammar::{decimal, trim};
use crate::header::HeaderId;
use crate::limits::Limits;

/// What stands at the front of the received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Nothing whole yet: more bytes are needed. The first `skip` bytes are white space and can be dropped.
    Incomplete {
        /// Bytes to take off.
        skip: usize,
    },
    /// A double CRLF: the peer's keep-alive, to be answered with [`PONG`].
    Ping {
        /// Bytes to take off.
        consumed: usize,
    },
    /// A single CRLF: the answer to our keep-alive, or white space before a message.
    Pong {
        /// Bytes to take off.
        consumed: usize,
    },
    /// A whole message.
    Message {
        /// Offset of its first byte.
        start: usize,
        /// Offset after its last byte: how many bytes to take off.
        end: usize,
    },
}

/// What answers a [`Frame::Ping`] (RFC 5626 §4.4.1).
pub const PONG: &[u8] = b"\r\n";

/// What a message without Content-Length means on a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingLength {
    /// The peer's fault (RFC 3261 §18.3).
    #[default]
    Refuse,
    /// No body (Kamailio's `tcp_accept_no_cl`; HTTP requests without one).
    NoBody,
}

/// Why a stream cannot be read on: where the next message begins is unknown, so the connection must be closed.
///
/// The `headers` of a variant are the offsets of the header part at fault, so that a response can be written first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The message would be longer than [`Limits::message_size`].
    MessageTooLong {
        /// How long it would be.
        length: usize,
    },
    /// The headers do not end within [`Limits::header_size`].
    HeadersTooLong,
    /// No Content-Length, and [`MissingLength::Refuse`].
    NoContentLength {
        /// Where the headers start and end.
        headers: (usize, usize),
    },
    /// A Content-Length that is no number, or two that differ.
    BadContentLength {
        /// Where the headers start and end.
        headers: (usize, usize),
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessageTooLong { length } => write!(f, "a message of {length} bytes is over the limit"),
            Self::HeadersTooLong => f.write_str("the headers do not end within the limit"),
            Self::NoContentLength { .. } => {
                f.write_str("a message on a stream must have a Content-Length (RFC 3261 §18.3)")
            }
            Self::BadContentLength { .. } => f.write_str("the Content-Length is not one number"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Finds the messages in one stream. It remembers how far it has looked, so that a message that comes in small pieces
/// is searched once.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    limits: Limits,
    missing: MissingLength,
    /// Where to look for the next line end, from the message's start.
    searched: usize,
    /// The length of the message that is being received, once its headers are read.
    length: Option<usize>,
    /// Whether a CRLF was just given out as a [`Frame::Pong`]: another one makes the pair a ping.
    half_ping: bool,
}

impl Framer {
    /// A framer at the start of a stream.
    pub fn new(limits: Limits, missing: MissingLength) -> Self {
        Self { limits, missing, ..Self::default() }
    }

    /// What stands at the front of `received`: all bytes that the stream has brought and the caller has not taken off.
    ///
    /// # Errors
    /// When the stream cannot be read on; every later call on the same bytes says the same.
    pub fn next(&mut self, received: &[u8]) -> Result<Frame, FrameError> {
        if let Some(frame) = self.keep_alive(received) {
            return Ok(frame);
        }
        let start = received.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(received.len());
        if start == received.len() {
            return Ok(Frame::Incomplete { skip: start });
        }
        self.half_ping = false;
        let message = &received[start..];
        let length = match self.length {
            Some(length) => length,
            None => {
                let Some(headers) = self.end_of_headers(message)? else {
                    return Ok(Frame::Incomplete { skip: start });
                };
                self.whole_length(message, headers, start)?
            }
        };
        if message.len() < length {
            self.length = Some(length);
            return Ok(Frame::Incomplete { skip: start });
        }
        self.length = None;
        self.searched = 0;
        Ok(Frame::Message { start, end: start + length })
    }

    fn keep_alive(&mut self, received: &[u8]) -> Option<Frame> {
        match received {
            [b'\r', b'\n', b'\r', b'\n', ..] => {
                self.half_ping = false;
                Some(Frame::Ping { consumed: 4 })
            }
            [b'\r', b'\n'] if !self.half_ping => {
                self.half_ping = true;
                Some(Frame::Pong { consumed: 2 })
            }
            [b'\r', b'\n', ..] if self.half_ping => {
                self.half_ping = false;
                Some(Frame::Ping { consumed: 2 })
            }
            _ => None,
        }
    }

    /// Length of the header part with its empty line, once that is there.
    fn end_of_headers(&mut self, message: &[u8]) -> Result<Option<usize>, FrameError> {
        while let Some(length) = message.get(self.searched..).and_then(|rest| memchr(b'\n', rest)) {
            let newline = self.searched + length;
            let next = newline + 1;
            let headers = match &message[next..] {
                [b'\n', ..] => next + 1,
                [b'\r', b'\n', ..] => next + 2,
                [] | [b'\r'] => {
                    // Whether this line is the last shows with the next bytes.
                    self.searched = newline;
                    return self.within_limit(message.len(), None);
                }
                _ => {
                    self.searched = next;
                    continue;
                }
            };
            return self.within_limit(headers, Some(headers));
        }
        self.searched = message.len();
        self.within_limit(message.len(), None)
    }

    fn within_limit(&self, length: usize, headers: Option<usize>) -> Result<Option<usize>, FrameError> {
        if length > self.limits.header_size { Err(FrameError::HeadersTooLong) } else { Ok(headers) }
    }

    fn whole_length(&self, message: &[u8], headers: usize, start: usize) -> Result<usize, FrameError> {
        let place = (start, start + headers);
        let body = match content_length(&message[..headers]) {
            Length::Is(length) => length,
            Length::Missing if self.missing == MissingLength::NoBody => 0,
            Length::Missing => return Err(FrameError::NoContentLength { headers: place }),
            Length::Bad => return Err(FrameError::BadContentLength { headers: place }),
        };
        let length = headers.saturating_add(body);
        if length > self.limits.message_size {
            return Err(FrameError::MessageTooLong { length });
        }
        Ok(length)
    }
}

enum Length {
    Is(usize),
    Missing,
    Bad,
}

/// The Content-Length among header lines; all of them must agree.
fn content_length(headers: &[u8]) -> Length {
    let mut found = Length::Missing;
    let mut at = memchr(b'\n', headers).map_or(headers.len(), |end| end + 1);
    while at < headers.len() {
        let end = field_end(headers, at);
        let field = &headers[at..end];
        at = end;
        let Some(value) = length_value(field) else { continue };
        let value = decimal(trim(value)).and_then(|value| usize::try_from(value).ok());
        found = match (found, value) {
            (Length::Missing, Some(value)) => Length::Is(value),
            (Length::Is(before), Some(value)) if before == value => Length::Is(value),
            _ => return Length::Bad,
        };
    }
    found
}

/// Offset after the field that begins at `at`, its continued lines included.
fn field_end(headers: &[u8], at: usize) -> usize {
    let mut next = at;
    loop {
        next = match memchr(b'\n', &headers[next..]) {
            Some(length) => next + length + 1,
            None => return headers.len(),
        };
        if !matches!(headers.get(next), Some(b' ' | b'\t')) {
            return next;
        }
    }
}

/// The value of a field that is a Content-Length.
fn length_value(field: &[u8]) -> Option<&[u8]> {
    if !matches!(field.first(), Some(b'C' | b'c' | b'L' | b'l')) {
        return None;
    }
    let colon = memchr(b':', field)?;
    let name = field[..colon].trim_ascii_end();
    (HeaderId::lookup(name) == HeaderId::ContentLength).then(|| &field[colon + 1..])
}

#[cfg(test)]
mod tests;
