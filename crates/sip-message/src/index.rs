//! The index: one pass over a buffer finds the start line, every header field and the body.
//!
//! The pass looks for line ends and colons and names the headers; it reads no value. Line ends are CRLF or a bare
//! LF, and a line that begins with white space continues the one before (RFC 3261 §7.3.1).

use memchr::{memchr, memrchr};

use crate::error::ScanError;
use crate::header::{HeaderField, HeaderId};
use crate::limits::Limits;
use crate::method::Method;
use crate::span::{Span, offset};

/// The first line, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine {
    /// `INVITE sip:bob@example.com SIP/2.0`
    Request {
        /// The method.
        method: Method,
        /// The method as written.
        method_text: Span,
        /// The request URI as written.
        uri: Span,
        /// The version, as `SIP/2.0`.
        version: Span,
    },
    /// `SIP/2.0 200 OK`
    Response {
        /// The version, as `SIP/2.0`.
        version: Span,
        /// The status as a number: the digits, at most 65535 (a larger one is that).
        status: u16,
        /// The status as written.
        status_text: Span,
        /// The reason phrase; it may be empty.
        reason: Span,
    },
}

impl Default for StartLine {
    /// A request line without text, as an index holds before its first scan.
    fn default() -> Self {
        let nothing = Span::default();
        Self::Request { method: Method::Other, method_text: nothing, uri: nothing, version: nothing }
    }
}

/// What is loose about a start line that could still be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartFault {
    /// More than one space, or a tab, between the parts (RFC 3261 §7.1: exactly one SP).
    Separator,
    /// White space within the request URI.
    SpaceInUri,
    /// White space after the version of a request.
    TrailingSpace,
    /// The status is not three digits.
    Status,
}

/// Where everything stands in one buffer.
///
/// An index can be used again for another buffer: [`Index::scan`] keeps the capacity, so that in steady state
/// nothing is allocated.
#[derive(Clone, Debug, Default)]
pub struct Index {
    start: StartLine,
    start_span: Span,
    start_fault: Option<StartFault>,
    headers: Vec<HeaderField>,
    seen: u128,
    /// End of the last field, where a new last field goes.
    fields_end: u32,
    body: Span,
    terminated: bool,
}

const _: () = assert!(HeaderId::COUNT <= 128, "`seen` has a bit for each header");

impl Index {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives room back that is not used, for a message that will be kept for long.
    pub fn shrink(&mut self) {
        self.headers.shrink_to_fit();
    }

    /// Indexes `buffer` within the default [`Limits`].
    ///
    /// # Errors
    /// When the first line cannot be taken apart or a limit is passed; the index is then empty. Lines that are no
    /// headers are no error here: they are indexed as [`HeaderId::Malformed`].
    pub fn scan(&mut self, buffer: &[u8]) -> Result<(), ScanError> {
        self.scan_limited(buffer, &Limits::DEFAULT)
    }

    /// Indexes `buffer` within `limits`.
    ///
    /// # Errors
    /// As [`Index::scan`].
    pub fn scan_limited(&mut self, buffer: &[u8], limits: &Limits) -> Result<(), ScanError> {
        self.clear();
        let result = self.fill(buffer, limits);
        if result.is_err() {
            self.clear();
        }
        result
    }

    /// Forgets what was scanned, and keeps the capacity.
    pub fn clear(&mut self) {
        let mut headers = std::mem::take(&mut self.headers);
        headers.clear();
        *self = Self { headers, ..Self::default() };
    }

    fn fill(&mut self, buffer: &[u8], limits: &Limits) -> Result<(), ScanError> {
        if buffer.len() > limits.message_size || u32::try_from(buffer.len()).is_err() {
            return Err(ScanError::MessageTooLong { limit: offset(limits.message_size) });
        }
        let first = buffer.iter().position(|byte| !byte.is_ascii_whitespace()).ok_or(ScanError::Empty)?;
        let mut at = self.first_line(buffer, first)?;
        self.headers.reserve(16);
        self.fields_end = offset(at);
        while at < buffer.len() {
            let body = empty_line(buffer, at);
            if body.unwrap_or(at) - first > limits.header_size {
                return Err(ScanError::HeadersTooLong { limit: offset(limits.header_size) });
            }
            if let Some(body) = body {
                self.terminated = true;
                self.body = Span::new(body, buffer.len());
                return Ok(());
            }
            if self.headers.len() == limits.header_count {
                return Err(ScanError::TooManyHeaders { at: offset(at) });
            }
            let (field, next) = header_field(buffer, at);
            self.seen |= 1 << field.id as u8;
            self.headers.push(field);
            at = next;
            self.fields_end = offset(at);
        }
        self.body = Span::empty(buffer.len());
        Ok(())
    }

    fn first_line(&mut self, buffer: &[u8], first: usize) -> Result<usize, ScanError> {
        let line_end = memchr(b'\n', &buffer[first..])
            .map(|length| first + length)
            .ok_or_else(|| ScanError::StartLine { at: offset(buffer.len()) })?;
        let end = if buffer[line_end - 1] == b'\r' { line_end - 1 } else { line_end };
        self.start_span = Span::new(first, end);
        let line = Line { buffer, start: first, end };
        let (start, fault) = line
            .response()
            .or_else(|| line.request())
            .ok_or_else(|| ScanError::StartLine { at: offset(end) })?;
        self.start = start;
        self.start_fault = fault;
        Ok(line_end + 1)
    }

    /// The first line, taken apart.
    pub fn start_line(&self) -> StartLine {
        self.start
    }

    /// Where the first line stands, without its line end.
    pub fn start_span(&self) -> Span {
        self.start_span
    }

    /// What is loose about the first line. (Kamailio drops a message whose first line has any fault but
    /// [`StartFault::TrailingSpace`].)
    pub fn start_fault(&self) -> Option<StartFault> {
        self.start_fault
    }

    /// Every header field, in order.
    pub fn headers(&self) -> &[HeaderField] {
        &self.headers
    }

    /// Whether any field is of this header.
    pub fn has(&self, id: HeaderId) -> bool {
        self.seen >> id as u8 & 1 == 1
    }

    /// The first field of a header.
    pub fn first(&self, id: HeaderId) -> Option<&HeaderField> {
        if !self.has(id) {
            return None;
        }
        self.headers.iter().find(|field| field.id == id)
    }

    /// All fields of a header, in order.
    pub fn all(&self, id: HeaderId) -> impl Iterator<Item = &HeaderField> + '_ {
        let fields = if self.has(id) { self.headers.as_slice() } else { &[] };
        fields.iter().filter(move |field| field.id == id)
    }

    /// Everything after the empty line, to the buffer's end (Content-Length is not looked at here).
    pub fn body(&self) -> Span {
        self.body
    }

    /// Whether an empty line ended the headers. Without one, the buffer ended among them.
    pub fn is_terminated(&self) -> bool {
        self.terminated
    }

    /// Offset after the last field's line end: where another field may be added.
    pub fn fields_end(&self) -> usize {
        self.fields_end as usize
    }
}

/// Offset after an empty line at `at`, if one is there.
fn empty_line(buffer: &[u8], at: usize) -> Option<usize> {
    match &buffer[at..] {
        [b'\r', b'\n', ..] => Some(at + 2),
        [b'\n', ..] => Some(at + 1),
        _ => None,
    }
}

/// The field that begins at `at`, and the offset after its last line end.
fn header_field(buffer: &[u8], at: usize) -> (HeaderField, usize) {
    let mut search = at;
    let (next, complete) = loop {
        match memchr(b'\n', &buffer[search..]) {
            None => break (buffer.len(), false),
            Some(length) => {
                let after = search + length + 1;
                if !matches!(buffer.get(after), Some(b' ' | b'\t')) {
                    break (after, true);
                }
                search = after;
            }
        }
    };
    let whole = Span::new(at, next);
    let malformed = HeaderField { id: HeaderId::Malformed, name: Span::empty(at), value: whole, whole };
    let Some((name, after_colon)) = header_name(buffer, at, next).filter(|_| complete) else {
        return (malformed, next);
    };
    let id = HeaderId::lookup(name.of(buffer));
    let value = trimmed(buffer, after_colon, next);
    (HeaderField { id, name, value, whole }, next)
}

/// The name before the colon (white space may stand between them), and the offset after the colon.
fn header_name(buffer: &[u8], start: usize, end: usize) -> Option<(Span, usize)> {
    let line = &buffer[start..end];
    let length = line.iter().position(|&byte| !is_name(byte))?;
    let colon = length + line[length..].iter().position(|&byte| !matches!(byte, b' ' | b'\t'))?;
    (length > 0 && line[colon] == b':').then(|| (Span::new(start, start + length), start + colon + 1))
}

/// A token's bytes (RFC 3261 §25.1).
fn is_name(byte: u8) -> bool {
    crate::grammar::is_token(byte)
}

/// The span without white space and line ends at both ends. What is empty then stands at `start`: a value set there
/// stays on the header's first line.
fn trimmed(buffer: &[u8], start: usize, end: usize) -> Span {
    let is_space = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let mut first = start;
    while first < end && is_space(buffer[first]) {
        first += 1;
    }
    if first == end {
        return Span::empty(start);
    }
    let mut last = end;
    while is_space(buffer[last - 1]) {
        last -= 1;
    }
    Span::new(first, last)
}

/// The first line's bytes, and where they stand.
struct Line<'a> {
    buffer: &'a [u8],
    start: usize,
    end: usize,
}

impl Line<'_> {
    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// `SIP/2.0 200 OK`; also HTTP's status lines, for what shares a port with SIP.
    fn response(&self) -> Option<(StartLine, Option<StartFault>)> {
        let line = self.bytes();
        let protocol = memchr(b'/', line)?;
        if !line[..protocol].eq_ignore_ascii_case(b"SIP") && !line[..protocol].eq_ignore_ascii_case(b"HTTP") {
            return None;
        }
        let version_end = memchr(b' ', line)?;
        let digits = version_end + 1;
        let length =
            line[digits..].iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(line.len() - digits);
        let status_end = digits + length;
        let reason = match line.get(status_end) {
            None => status_end,
            Some(b' ') => status_end + 1,
            Some(_) => return None,
        };
        let status = line[digits..status_end]
            .iter()
            .fold(0_u16, |value, digit| value.saturating_mul(10).saturating_add(u16::from(digit - b'0')));
        let fault = (length != 3).then_some(StartFault::Status);
        let start = StartLine::Response {
            version: self.span(0, version_end),
            status,
            status_text: self.span(digits, status_end),
            reason: self.span(reason, line.len()),
        };
        Some((start, fault))
    }

    /// `METHOD SP URI SP VERSION`. The parts are found from both ends, so that a URI with white space in it is
    /// still seen whole.
    fn request(&self) -> Option<(StartLine, Option<StartFault>)> {
        let line = self.bytes();
        let kept = line.trim_ascii_end();
        let method_end = kept.iter().position(u8::is_ascii_whitespace)?;
        let version_start = 1 + memrchr(b' ', kept).max(memrchr(b'\t', kept))?;
        let between = kept.get(method_end..version_start)?;
        let uri = between.trim_ascii();
        let version = &kept[version_start..];
        // Two spaces and nothing between them: an empty URI, which Kamailio takes (nothing can be routed by it).
        let is_bare = between == b"  ";
        if (uri.is_empty() && !is_bare)
            || memchr(b'/', version).is_none()
            || !kept[..method_end].iter().copied().all(is_name)
        {
            return None;
        }
        let is_separated =
            between.len() == uri.len() + 2 && between.starts_with(b" ") && between.ends_with(b" ");
        let fault = if !is_separated {
            Some(StartFault::Separator)
        } else if uri.iter().any(u8::is_ascii_whitespace) {
            Some(StartFault::SpaceInUri)
        } else {
            (kept.len() != line.len()).then_some(StartFault::TrailingSpace)
        };
        let start = StartLine::Request {
            method: Method::from_bytes(&kept[..method_end]),
            method_text: self.span(0, method_end),
            uri: if is_bare {
                self.span(method_end + 1, method_end + 1)
            } else {
                Span::locate(self.buffer, uri)?
            },
            version: self.span(version_start, kept.len()),
        };
        Some((start, fault))
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.start + start, self.start + end)
    }
}

#[cfg(test)]
mod tests;
