//! A message: one shared buffer and its index, with what is asked for read on demand.

use std::sync::Arc;

use crate::cseq::CSeq;
use crate::error::{HeaderError, Rule, ScanError};
use crate::grammar::{Values, decimal};
use crate::header::{HeaderField, HeaderId};
use crate::index::{Index, StartLine};
use crate::limits::Limits;
use crate::method::Method;
use crate::name_addr::NameAddr;
use crate::span::{Span, offset};
use crate::uri::Uri;
use crate::via::Via;

/// One value of a header that may hold several, across all its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderValue {
    /// Which field it stands in: an index into [`Message::headers`].
    pub header: usize,
    /// Where the value stands, without white space around it.
    pub span: Span,
}

/// A SIP message (or an HTTP one, which has the same shape) over one shared buffer.
#[derive(Clone, Debug)]
pub struct Message {
    buffer: Arc<Vec<u8>>,
    index: Index,
}

impl Message {
    /// Indexes a buffer within the default [`Limits`].
    ///
    /// # Errors
    /// As [`Index::scan`].
    pub fn parse(buffer: Arc<Vec<u8>>) -> Result<Self, ScanError> {
        Self::parse_limited(buffer, &Limits::DEFAULT)
    }

    /// Indexes a buffer within `limits`.
    ///
    /// # Errors
    /// As [`Index::scan`].
    pub fn parse_limited(buffer: Arc<Vec<u8>>, limits: &Limits) -> Result<Self, ScanError> {
        let mut index = Index::new();
        index.scan_limited(&buffer, limits)?;
        Ok(Self { buffer, index })
    }

    /// A message from bytes of which it keeps a copy.
    ///
    /// # Errors
    /// As [`Index::scan`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, ScanError> {
        Self::parse(Arc::new(bytes.into()))
    }

    /// Takes another buffer in place of this one, and keeps the index's capacity.
    ///
    /// # Errors
    /// As [`Index::scan`]; the message is then what it was.
    pub fn reparse(&mut self, buffer: Arc<Vec<u8>>) -> Result<(), ScanError> {
        self.reparse_limited(buffer, &Limits::DEFAULT)
    }

    /// As [`Message::reparse`], within `limits`.
    ///
    /// # Errors
    /// As [`Index::scan`]; the message is then what it was.
    pub fn reparse_limited(&mut self, buffer: Arc<Vec<u8>>, limits: &Limits) -> Result<(), ScanError> {
        let result = self.index.scan_limited(&buffer, limits);
        match result {
            Ok(()) => self.buffer = buffer,
            // The old buffer was within the limits of its own parse, so it is read without any.
            Err(_) => self.index.scan_limited(&self.buffer, &UNLIMITED)?,
        }
        result
    }

    /// Gives room of the index back that is not used, for a message that will be kept for long.
    pub fn shrink(&mut self) {
        self.index.shrink();
    }

    /// Takes the message apart into its buffer and its index, so that both can be used again.
    pub fn into_parts(self) -> (Arc<Vec<u8>>, Index) {
        (self.buffer, self.index)
    }

    /// Puts a buffer and a used index together, without allocating.
    ///
    /// # Errors
    /// As [`Index::scan`]; both are then lost.
    pub fn from_parts(buffer: Arc<Vec<u8>>, mut index: Index, limits: &Limits) -> Result<Self, ScanError> {
        index.scan_limited(&buffer, limits)?;
        Ok(Self { buffer, index })
    }

    /// The buffer as it was received.
    pub fn buffer(&self) -> &Arc<Vec<u8>> {
        &self.buffer
    }

    /// The buffer's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// The index over the buffer.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The bytes of a span.
    pub fn bytes(&self, span: Span) -> &[u8] {
        span.of(&self.buffer)
    }

    /// Where a slice that was borrowed from this message stands; `None` for any other.
    pub fn span_of(&self, part: &[u8]) -> Option<Span> {
        Span::locate(&self.buffer, part)
    }

    /// The first line.
    pub fn start_line(&self) -> StartLine {
        self.index.start_line()
    }

    /// Whether this is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.index.start_line(), StartLine::Request { .. })
    }

    /// The method: a request's own, a response's from its CSeq.
    pub fn method(&self) -> Method {
        match self.index.start_line() {
            StartLine::Request { method, .. } => method,
            StartLine::Response { .. } => Method::from_bytes(self.cseq_method()),
        }
    }

    /// The method in CSeq, whatever its number looks like; empty without one.
    fn cseq_method(&self) -> &[u8] {
        let value = self.value(HeaderId::CSeq).unwrap_or_default();
        let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        words.nth(1).unwrap_or_default()
    }

    /// The method as written; empty in a response without a method in CSeq.
    pub fn method_text(&self) -> &[u8] {
        match self.index.start_line() {
            StartLine::Request { method_text, .. } => self.bytes(method_text),
            StartLine::Response { .. } => self.cseq_method(),
        }
    }

    /// The request URI as received; `None` in a response.
    pub fn request_uri(&self) -> Option<&[u8]> {
        match self.index.start_line() {
            StartLine::Request { uri, .. } => Some(self.bytes(uri)),
            StartLine::Response { .. } => None,
        }
    }

    /// The protocol version, as `SIP/2.0`.
    pub fn version(&self) -> &[u8] {
        match self.index.start_line() {
            StartLine::Request { version, .. } | StartLine::Response { version, .. } => self.bytes(version),
        }
    }

    /// A response's status; `None` in a request.
    pub fn status(&self) -> Option<u16> {
        match self.index.start_line() {
            StartLine::Request { .. } => None,
            StartLine::Response { status, .. } => Some(status),
        }
    }

    /// A response's reason phrase, empty in a request.
    pub fn reason(&self) -> &[u8] {
        match self.index.start_line() {
            StartLine::Request { .. } => &[],
            StartLine::Response { reason, .. } => self.bytes(reason),
        }
    }

    /// Every header field, in order.
    pub fn headers(&self) -> &[HeaderField] {
        self.index.headers()
    }

    /// The value of a header's first field.
    pub fn value(&self, id: HeaderId) -> Option<&[u8]> {
        self.index.first(id).map(|field| self.bytes(field.value))
    }

    /// All fields of this name, in order. A compact name and its long one are the same header.
    pub fn header_named<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a HeaderField> + 'a {
        let id = HeaderId::lookup(name);
        self.index.all(id).filter(move |field| {
            id != HeaderId::Other || field.name.of(&self.buffer).eq_ignore_ascii_case(name)
        })
    }

    /// The comma-separated values of all fields of a header, in order.
    pub fn values(&self, id: HeaderId) -> impl Iterator<Item = HeaderValue> + '_ {
        let fields = self.index.headers().iter().enumerate().filter(move |(_, field)| field.id == id);
        fields.flat_map(move |(header, field)| {
            let text = field.value.of(&self.buffer);
            Values::new(text).filter_map(move |value| {
                let within = Span::locate(text, value)?;
                let span =
                    Span { start: field.value.start + within.start, end: field.value.start + within.end };
                Some(HeaderValue { header, span })
            })
        })
    }

    /// Every Via value, the topmost first.
    pub fn via_values(&self) -> impl Iterator<Item = HeaderValue> + '_ {
        self.values(HeaderId::Via)
    }

    /// Every Contact value.
    pub fn contact_values(&self) -> impl Iterator<Item = HeaderValue> + '_ {
        self.values(HeaderId::Contact)
    }

    /// Every Route value, the topmost first.
    pub fn route_values(&self) -> impl Iterator<Item = HeaderValue> + '_ {
        self.values(HeaderId::Route)
    }

    /// Every Record-Route value, the topmost first.
    pub fn record_route_values(&self) -> impl Iterator<Item = HeaderValue> + '_ {
        self.values(HeaderId::RecordRoute)
    }

    /// The Call-ID.
    ///
    /// # Errors
    /// When there is none or it is empty.
    pub fn call_id(&self) -> Result<&[u8], HeaderError> {
        let field = self.required(HeaderId::CallId)?;
        match self.bytes(field.value) {
            [] => Err(HeaderError { rule: Rule::Empty, at: field.value.start }),
            text => Ok(text),
        }
    }

    /// The CSeq.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub fn cseq(&self) -> Result<CSeq<'_>, HeaderError> {
        self.parsed(HeaderId::CSeq, CSeq::parse)
    }

    /// The From address.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub fn from(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.parsed(HeaderId::From, NameAddr::parse)
    }

    /// The To address.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub fn to(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.parsed(HeaderId::To, NameAddr::parse)
    }

    /// The topmost Via.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub fn top_via(&self) -> Result<Via<'_>, HeaderError> {
        self.parsed(HeaderId::Via, |text| Via::parse_first(text).map(|(via, _)| via))
    }

    /// One value as an address, such as [`Message::contact_values`] and [`Message::route_values`] give.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn name_addr(&self, value: HeaderValue) -> Result<NameAddr<'_>, HeaderError> {
        NameAddr::parse(self.bytes(value.span)).map_err(|error| error.shifted(value.span.start))
    }

    /// One value as a Via, such as [`Message::via_values`] gives.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn via(&self, value: HeaderValue) -> Result<Via<'_>, HeaderError> {
        Via::parse(self.bytes(value.span)).map_err(|error| error.shifted(value.span.start))
    }

    /// The request URI, taken apart.
    ///
    /// # Errors
    /// When this is a response or the URI cannot be read.
    pub fn uri(&self) -> Result<Uri<'_>, HeaderError> {
        match self.index.start_line() {
            StartLine::Request { uri, .. } => {
                Uri::parse(self.bytes(uri)).map_err(|error| error.shifted(uri.start))
            }
            StartLine::Response { .. } => Err(HeaderError { rule: Rule::Missing, at: 0 }),
        }
    }

    /// Everything after the empty line, to the end of the buffer.
    pub fn body(&self) -> &[u8] {
        self.bytes(self.index.body())
    }

    /// The Content-Length; `None` when there is no such header.
    pub fn content_length(&self) -> Option<Result<u32, HeaderError>> {
        self.number(HeaderId::ContentLength)
    }

    /// The Max-Forwards; `None` when there is no such header.
    pub fn max_forwards(&self) -> Option<Result<u32, HeaderError>> {
        self.number(HeaderId::MaxForwards)
    }

    /// The Expires header in seconds; `None` when there is no such header.
    pub fn expires(&self) -> Option<Result<u32, HeaderError>> {
        self.number(HeaderId::Expires)
    }

    /// A header that holds one decimal number; `None` when there is no such header.
    pub fn number(&self, id: HeaderId) -> Option<Result<u32, HeaderError>> {
        let field = self.index.first(id)?;
        let text = self.bytes(field.value);
        let rule = if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
            Rule::Number
        } else {
            Rule::NumberRange
        };
        Some(decimal(text).ok_or(HeaderError { rule, at: field.value.start }))
    }

    fn required(&self, id: HeaderId) -> Result<&HeaderField, HeaderError> {
        self.index
            .first(id)
            .ok_or_else(|| HeaderError { rule: Rule::Missing, at: offset(self.index.fields_end()) })
    }

    fn parsed<'a, T>(
        &'a self,
        id: HeaderId,
        parse: impl FnOnce(&'a [u8]) -> Result<T, HeaderError>,
    ) -> Result<T, HeaderError> {
        let field = self.required(id)?;
        parse(self.bytes(field.value)).map_err(|error| error.shifted(field.value.start))
    }
}

const UNLIMITED: Limits =
    Limits { message_size: usize::MAX, header_count: usize::MAX, header_size: usize::MAX };

#[cfg(test)]
mod tests;
