//! The Reason header (RFC 3326).

use std::borrow::Cow;

use crate::error::{HeaderError, Rule};
use crate::grammar::{decimal, is_token, trim, unquote};
use crate::params::Params;

/// One Reason value.
#[derive(Clone, Copy, Debug)]
pub struct Reason<'a> {
    /// The protocol: `SIP`, `Q.850`, …
    pub protocol: &'a [u8],
    /// The parameters as written, without the first semicolon.
    pub params_text: &'a [u8],
}

impl<'a> Reason<'a> {
    /// Takes one value apart; `raw` is one value, not a list.
    ///
    /// # Errors
    /// When the protocol is no token.
    pub fn parse(raw: &'a [u8]) -> Result<Self, HeaderError> {
        let end = memchr::memchr(b';', raw).unwrap_or(raw.len());
        let protocol = trim(&raw[..end]);
        if protocol.is_empty() || !protocol.iter().copied().all(is_token) {
            return Err(HeaderError::new(Rule::ReasonProtocol, 0));
        }
        Ok(Self { protocol, params_text: raw.get(end + 1..).unwrap_or_default() })
    }

    /// The parameters.
    pub fn params(&self) -> Params<'a> {
        Params::of_header(self.params_text)
    }

    /// The `cause`: a SIP status or a Q.850 cause.
    pub fn cause(&self) -> Option<u32> {
        decimal(self.params().value(b"cause")?)
    }

    /// The `text` without quotes.
    pub fn text(&self) -> Option<Cow<'a, [u8]>> {
        self.params().value(b"text").map(unquote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_and_text_are_read() {
        let reason = Reason::parse(b"Q.850 ;cause=16 ;text=\"Terminated; normally\"").expect("a reason");
        assert_eq!((reason.protocol, reason.cause()), (&b"Q.850"[..], Some(16)));
        assert_eq!(reason.text().as_deref(), Some(&b"Terminated; normally"[..]));
        assert!(Reason::parse(b";cause=1").is_err());
    }
}
