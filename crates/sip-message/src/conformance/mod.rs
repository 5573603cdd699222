//! What RFC 3261 says of a message: every rule it breaks, where, and the status that answers it.
//!
//! Reading a message asks for little (Kamailio forwards much that is wrong, and so do we); this module asks for all. It
//! judges what a parser can judge: grammar, required and single headers, numbers in their ranges, what one field says
//! of another. Whether a body's type, a scheme's registrar or a Max-Forwards of 0 is acceptable is the element's.

mod fields;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;

use crate::header::HeaderId;
use crate::index::{StartFault, StartLine};
use crate::message::Message;
use crate::span::Span;
use crate::uri::{Scheme, Uri};

macro_rules! clauses {
    ($($variant:ident $status:literal $text:literal,)*) => {
        /// A rule that a message can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Clause {
            $(#[doc = $text] $variant,)*
        }

        impl Clause {
            /// The rule in words, with its source.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The status that answers a request that breaks it.
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$variant => $status,)*
                }
            }
        }
    };
}

clauses! {
    StartLine 400 "the first line's parts are separated by single spaces, with none elsewhere (RFC 3261 §7.1)",
    StatusCode 400 "a status code is three digits from 100 to 699 (RFC 3261 §7.2)",
    Version 505 "the version is SIP/2.0 (RFC 3261 §7.1)",
    EndOfHeaders 400 "an empty line ends the headers (RFC 3261 §7)",
    HeaderLine 400 "a header line is a name, a colon and a value (RFC 3261 §7.3.1)",
    RequiredHeader 400 "To, From, CSeq, Call-ID and Via are in every message (RFC 3261 §8.1.1)",
    SingleHeader 400 "this header stands once (RFC 3261 §7.3.1)",
    RequestUriScheme 416 "the request URI's scheme is one that is understood (RFC 3261 §8.2.2.1)",
    RequestUri 400 "the request URI is a URI without brackets and without headers (RFC 3261 §19.1.1)",
    Uri 400 "a URI's bytes are those its grammar allows; others are escaped (RFC 3261 §19.1.2)",
    Host 400 "a host is a name, an IPv4 address, or an IPv6 address in brackets (RFC 3261 §25.1)",
    Address 400 "an address is a URI, or a name and a URI in brackets (RFC 3261 §20.10)",
    DisplayName 400 "a display name is tokens or one quoted string (RFC 3261 §25.1)",
    Parameters 400 "parameters are names with or without a value, between semicolons (RFC 3261 §25.1)",
    ListSeparator 400 "something stands between two commas (RFC 3261 §7.3.1)",
    Via 400 "a Via is protocol, version, transport, sender and parameters (RFC 3261 §20.42)",
    Branch 400 "a branch is more than its magic cookie (RFC 3261 §8.1.1.7)",
    CallId 400 "a Call-ID is one word, or two around an @ (RFC 3261 §25.1)",
    CSeqNumber 400 "CSeq's number is below 2^31 (RFC 3261 §8.1.1.5)",
    CSeqMethod 400 "CSeq names the request's method (RFC 3261 §8.1.1.5)",
    MaxForwards 400 "Max-Forwards is a number from 0 to 255 (RFC 3261 §20.22)",
    Number 400 "this header is a number below 2^32 (RFC 3261 §20)",
    ContentLength 400 "Content-Length is a number (RFC 3261 §20.14)",
    BodyLength 400 "the body is at least as long as Content-Length says (RFC 3261 §18.3)",
    ContentType 400 "a media type is type/subtype (RFC 3261 §20.15)",
    Date 400 "a date has RFC 1123's form, in GMT (RFC 3261 §20.17)",
    Credentials 400 "digest credentials are a list of name=value (RFC 3261 §25.1)",
    Require 420 "every option in Require is understood (RFC 3261 §8.2.2.3)",
    ProxyRequire 420 "every option in Proxy-Require is understood (RFC 3261 §16.3)",
}

/// One broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub clause: Clause,
    /// The bytes that break it; empty at the end of the headers for what is missing.
    pub span: Span,
    /// The status to answer a request with; `None` for a response, which is dropped (RFC 3261 §18.1.2).
    pub status: Option<u16>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (bytes {} to {})", self.clause.text(), self.span.start, self.span.end)
    }
}

/// What the judging element understands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Element<'a> {
    /// The option tags that may stand in Require and Proxy-Require.
    pub options: &'a [&'a [u8]],
    /// Whether `tel` and `urn` request URIs are understood besides `sip` and `sips`.
    pub other_schemes: OtherSchemes,
}

/// Whether an element understands request URIs that are not SIP's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtherSchemes {
    /// `tel` and `urn` are understood.
    #[default]
    TelAndUrn,
    /// Only `sip` and `sips` are.
    None,
}

/// Every rule that a message breaks, in the order they are looked at: the first one's status is the one to answer with.
/// The judge is an element without extensions: any Require is too much for it.
pub fn verdict(message: &Message) -> Vec<Violation> {
    verdict_for(message, &Element::default())
}

/// As [`verdict`], by an element that understands more.
pub fn verdict_for(message: &Message, element: &Element<'_>) -> Vec<Violation> {
    let mut judge = Judge { message, found: Vec::new() };
    judge.start_line(element);
    judge.header_lines();
    judge.counts();
    judge.fields();
    judge.body_length();
    judge.options(element);
    judge.found
}

/// The message and what was found so far.
struct Judge<'m> {
    message: &'m Message,
    found: Vec<Violation>,
}

/// Headers that a message must have.
const REQUIRED: [HeaderId; 5] =
    [HeaderId::Via, HeaderId::From, HeaderId::To, HeaderId::CallId, HeaderId::CSeq];

/// Headers whose value is no list: they stand once.
const SINGLE: [HeaderId; 16] = [
    HeaderId::From,
    HeaderId::To,
    HeaderId::CallId,
    HeaderId::CSeq,
    HeaderId::MaxForwards,
    HeaderId::ContentLength,
    HeaderId::ContentType,
    HeaderId::ContentDisposition,
    HeaderId::Date,
    HeaderId::Expires,
    HeaderId::MinExpires,
    HeaderId::Event,
    HeaderId::ReferTo,
    HeaderId::Timestamp,
    HeaderId::RetryAfter,
    HeaderId::Subject,
];

impl Judge<'_> {
    fn note(&mut self, clause: Clause, span: Span) {
        let status = self.message.is_request().then(|| clause.status());
        self.found.push(Violation { clause, span, status });
    }

    /// Notes a rule broken by a part of the message's own bytes.
    fn note_part(&mut self, clause: Clause, part: &[u8]) {
        self.note(clause, self.message.span_of(part).unwrap_or_default());
    }

    fn start_line(&mut self, element: &Element<'_>) {
        let index = self.message.index();
        if let Some(fault) = index.start_fault().filter(|fault| *fault != StartFault::Status) {
            let clause = if fault == StartFault::SpaceInUri { Clause::RequestUri } else { Clause::StartLine };
            self.note(clause, index.start_span());
        }
        let (StartLine::Request { version, .. } | StartLine::Response { version, .. }) = index.start_line();
        if !self.message.bytes(version).eq_ignore_ascii_case(b"SIP/2.0") {
            self.note(Clause::Version, version);
        }
        match index.start_line() {
            StartLine::Request { uri, .. } => self.request_uri(uri, element),
            StartLine::Response { status, status_text, .. } => {
                if !(100..700).contains(&status) || status_text.len() != 3 {
                    self.note(Clause::StatusCode, status_text);
                }
            }
        }
    }

    fn request_uri(&mut self, span: Span, element: &Element<'_>) {
        if self.message.index().start_fault() == Some(StartFault::SpaceInUri) {
            return;
        }
        let Ok(uri) = Uri::parse(self.message.bytes(span)) else {
            return self.note(Clause::RequestUri, span);
        };
        let understood = match uri.scheme {
            Scheme::Sip | Scheme::Sips => true,
            Scheme::Tel | Scheme::Urn => element.other_schemes == OtherSchemes::TelAndUrn,
            Scheme::Other => false,
        };
        if !understood {
            self.note(Clause::RequestUriScheme, span);
        }
        if uri.headers_text.is_some() {
            self.note(Clause::RequestUri, span);
        }
        self.uri(&uri);
    }

    fn uri(&mut self, uri: &Uri<'_>) {
        if let Some((clause, part)) = text::uri_fault(uri) {
            self.note_part(clause, part);
        }
    }

    fn header_lines(&mut self) {
        let index = self.message.index();
        for field in index.all(HeaderId::Malformed) {
            self.note(Clause::HeaderLine, field.whole);
        }
    }

    fn counts(&mut self) {
        let index = self.message.index();
        for id in REQUIRED {
            if !index.has(id) {
                self.note(Clause::RequiredHeader, Span::empty(index.fields_end()));
            }
        }
        for id in SINGLE {
            if let Some(second) = index.all(id).nth(1) {
                self.note(Clause::SingleHeader, second.whole);
            }
        }
    }

    fn body_length(&mut self) {
        if !self.message.index().is_terminated() {
            self.note(Clause::EndOfHeaders, Span::empty(self.message.index().fields_end()));
        }
        let Some(Ok(length)) = self.message.content_length() else { return };
        let body = self.message.index().body();
        if usize::try_from(length).map_or(true, |length| length > body.len()) {
            self.note(Clause::BodyLength, body);
        }
    }

    fn options(&mut self, element: &Element<'_>) {
        if !self.message.is_request() {
            return;
        }
        let message = self.message;
        for tag in message.unknown_option_tags(HeaderId::ProxyRequire, element.options) {
            self.note_part(Clause::ProxyRequire, tag);
        }
        for tag in message.unknown_option_tags(HeaderId::Require, element.options) {
            self.note_part(Clause::Require, tag);
        }
    }
}
