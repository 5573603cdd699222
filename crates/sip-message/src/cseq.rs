//! The CSeq header (RFC 3261 §20.16).

use crate::error::{HeaderError, Rule};
use crate::grammar::{decimal, is_lws, offset_in, trim_start};
use crate::method::Method;

/// A CSeq: a number and a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The number. RFC 3261 asks for less than 2³¹; a larger one that fits 32 bits is read.
    pub number: u32,
    /// The number's digits as written.
    pub number_text: &'a [u8],
    /// The method.
    pub method: Method,
    /// The method as written.
    pub method_text: &'a [u8],
}

impl<'a> CSeq<'a> {
    /// Takes a CSeq's value apart.
    ///
    /// # Errors
    /// When the number is none or does not fit 32 bits, or the method is missing. Positions count from the start of
    /// `raw`.
    pub fn parse(raw: &'a [u8]) -> Result<Self, HeaderError> {
        let start = offset_in(raw, trim_start(raw));
        let length = raw[start..].iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(raw.len() - start);
        let number_text = &raw[start..start + length];
        if length == 0 {
            return Err(HeaderError::new(Rule::Number, start));
        }
        let number = decimal(number_text).ok_or_else(|| HeaderError::new(Rule::NumberRange, start))?;
        let after = start + length;
        let method_text = crate::grammar::trim(&raw[after..]);
        let separated = raw.get(after).copied().is_some_and(is_lws);
        if method_text.is_empty() || !separated || method_text.iter().copied().any(is_lws) {
            return Err(HeaderError::new(Rule::CSeqMethod, after));
        }
        Ok(Self { number, number_text, method: Method::from_bytes(method_text), method_text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_method_are_told_apart() {
        let cseq = CSeq::parse(b"0009\r\n  INVITE").expect("a CSeq");
        assert_eq!((cseq.number, cseq.number_text, cseq.method), (9, &b"0009"[..], Method::Invite));
        let cseq = CSeq::parse(b"1 NEWMETHOD").expect("a CSeq");
        assert_eq!((cseq.method, cseq.method_text), (Method::Other, &b"NEWMETHOD"[..]));
    }

    #[test]
    fn errors_say_where() {
        let error = |text: &[u8]| CSeq::parse(text).expect_err("no CSeq");
        assert_eq!(error(b"x INVITE"), HeaderError::new(Rule::Number, 0));
        assert_eq!(error(b"36893488147419103232 REGISTER"), HeaderError::new(Rule::NumberRange, 0));
        assert_eq!(error(b"8"), HeaderError::new(Rule::CSeqMethod, 1));
        assert_eq!(error(b"8INVITE"), HeaderError::new(Rule::CSeqMethod, 1));
        assert_eq!(error(b"8 INVITE x"), HeaderError::new(Rule::CSeqMethod, 1));
    }
}
