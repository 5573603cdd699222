//! What can be wrong with a message. Every error is the peer's bytes' fault and says where and by which rule.

use std::fmt;

/// Why a buffer could not be indexed as a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScanError {
    /// No bytes, or only white space.
    Empty,
    /// The first line, ending before `at`, is neither a request line nor a status line (RFC 3261 §7.1, §7.2).
    StartLine {
        /// Offset where the line stops making sense.
        at: u32,
    },
    /// The header part does not end with an empty line (RFC 3261 §7).
    NoEndOfHeaders {
        /// The buffer's length.
        at: u32,
    },
    /// The message is longer than [`Limits::message_size`](crate::Limits::message_size).
    MessageTooLong {
        /// The limit.
        limit: u32,
    },
    /// The header part is longer than [`Limits::header_size`](crate::Limits::header_size).
    HeadersTooLong {
        /// The limit.
        limit: u32,
    },
    /// There are more fields than [`Limits::header_count`](crate::Limits::header_count).
    TooManyHeaders {
        /// Offset of the first field beyond the limit.
        at: u32,
    },
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the message is empty"),
            Self::StartLine { at } => {
                write!(f, "the first line is no request line and no status line (byte {at}, RFC 3261 §7.1)")
            }
            Self::NoEndOfHeaders { at } => {
                write!(f, "no empty line ends the headers (byte {at}, RFC 3261 §7)")
            }
            Self::MessageTooLong { limit } => write!(f, "the message is longer than {limit} bytes"),
            Self::HeadersTooLong { limit } => write!(f, "the headers are longer than {limit} bytes"),
            Self::TooManyHeaders { at } => write!(f, "too many header fields (byte {at})"),
        }
    }
}

impl std::error::Error for ScanError {}

macro_rules! rules {
    ($($variant:ident $text:literal,)*) => {
        /// The rule that a header's or URI's text breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $text] $variant,)*
        }

        impl Rule {
            /// The rule in words, with its source.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

rules! {
    Missing "the header must be present (RFC 3261 §8.1.1)",
    Empty "a value must stand here",
    Scheme "a URI starts with a scheme and a colon (RFC 3261 §19.1.1)",
    Userinfo "a user part is not empty, a password has no ; or ?, and one @ follows them (RFC 3261 §19.1.1)",
    Host "a SIP URI names a host (RFC 3261 §19.1.1)",
    Ipv6Reference "an IPv6 address stands in square brackets (RFC 3261 §25.1)",
    Port "a port is a number below 65536 (RFC 3261 §25.1)",
    Bracket "a URI opened with < is closed with > (RFC 3261 §20.10)",
    AfterBracket "only parameters follow a URI in brackets (RFC 3261 §20.10)",
    Quote "a quoted string is closed (RFC 3261 §25.1)",
    DisplayName "a display name stands before a URI in brackets (RFC 3261 §20.10)",
    SentProtocol "a Via starts with protocol, version and transport (RFC 3261 §20.42)",
    SentBy "a Via names its sender after the transport (RFC 3261 §20.42)",
    Number "a decimal number stands here",
    NumberRange "the number is out of its range",
    CSeqMethod "a CSeq names the method after the number (RFC 3261 §20.16)",
    AuthScheme "credentials start with a scheme (RFC 3261 §20.7)",
    AuthParam "credentials are a list of name=value (RFC 3261 §25.1)",
    DateForm "a date has RFC 1123's form, in GMT (RFC 3261 §20.17)",
    MediaType "a media type is type/subtype (RFC 3261 §20.15)",
    Boundary "a multipart body names its boundary (RFC 2046 §5.1)",
    ReasonProtocol "a Reason starts with its protocol (RFC 3326 §2)",
    SdpLine "an SDP line is a letter, an equals sign and a value (RFC 8866 §5)",
}

/// Why a header's value or a URI could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderError {
    /// The rule that is broken.
    pub rule: Rule,
    /// Where: an offset from the first byte of the text that was parsed. Accessors of
    /// [`Message`](crate::Message) count from the message's first byte.
    pub at: u32,
}

impl HeaderError {
    pub(crate) fn new(rule: Rule, at: usize) -> Self {
        Self { rule, at: crate::span::offset(at) }
    }

    /// The same error when the parsed text began `by` bytes later.
    pub fn shifted(self, by: u32) -> Self {
        Self { at: self.at.saturating_add(by), ..self }
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.rule.text(), self.at)
    }
}

impl std::error::Error for HeaderError {}
