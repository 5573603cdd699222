//! What a message must have before a script sees it, as Kamailio has it: a clean first line, headers up to the first
//! Via that can be read, and in requests From, To, Call-ID and CSeq.

use sip_message::{HeaderField, HeaderId, Message, Method, StartFault};

use crate::received::SINGLE_HEADERS;

/// Why a message is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The first line is not exactly one.
    StartLine,
    /// A header before or at the first Via cannot be read.
    Header(HeaderId),
    /// A header that must be there is not.
    Missing(HeaderId),
    /// A header that may be there once is there twice before the first Via.
    Twice(HeaderId),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::StartLine => f.write_str("the first line is malformed"),
            Self::Header(id) => write!(f, "its {id:?} header cannot be read"),
            Self::Missing(id) => write!(f, "it has no {id:?} header"),
            Self::Twice(id) => write!(f, "it has two {id:?} headers"),
        }
    }
}

/// Whether scripts get to see the message.
pub(crate) fn check(message: &Message) -> Result<(), Refusal> {
    let is_clean = matches!(message.index().start_fault(), None | Some(StartFault::TrailingSpace));
    if !is_clean || !message.version().eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(Refusal::StartLine);
    }
    to_first_via(message)?;
    let required = [HeaderId::From, HeaderId::To, HeaderId::CallId, HeaderId::CSeq];
    if message.is_request() {
        for id in required {
            if !message.index().has(id) {
                return Err(Refusal::Missing(id));
            }
        }
        if !has_cseq_method(message) {
            return Err(Refusal::Header(HeaderId::CSeq));
        }
    }
    Ok(())
}

fn to_first_via(message: &Message) -> Result<(), Refusal> {
    let mut seen = 0_u128;
    for field in message.headers() {
        if field.id == HeaderId::Malformed {
            return Err(Refusal::Header(field.id));
        }
        if SINGLE_HEADERS.contains(&field.id) {
            if seen >> field.id as u8 & 1 == 1 {
                return Err(Refusal::Twice(field.id));
            }
            seen |= 1 << field.id as u8;
        }
        if !is_readable(message, field) {
            return Err(Refusal::Header(field.id));
        }
        if field.id == HeaderId::Via {
            return Ok(());
        }
    }
    Err(Refusal::Missing(HeaderId::Via))
}

/// Headers that are read when they come before the first Via.
fn is_readable(message: &Message, field: &HeaderField) -> bool {
    match field.id {
        HeaderId::Via => message.top_via().is_ok_and(|via| via.version == b"2.0" && via.protocol.eq_ignore_ascii_case(b"SIP")),
        HeaderId::To => message.to().is_ok(),
        HeaderId::CSeq => has_cseq_method(message),
        HeaderId::ContentLength | HeaderId::MaxForwards => message.number(field.id).is_some_and(|n| n.is_ok()),
        _ => true,
    }
}

/// Whether CSeq's first line holds a number (of any look) and a method.
fn has_cseq_method(message: &Message) -> bool {
    let value = message.value(HeaderId::CSeq).unwrap_or_default();
    let line = value.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count() >= 2
}

/// Whether nothing but a keep-alive was sent.
pub(crate) fn is_keepalive(bytes: &[u8]) -> bool {
    bytes.len() < 16 && bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0))
}

/// Whether a request may overtake one of its call that is parked.
pub(crate) fn passes(method: Method) -> bool {
    matches!(method, Method::Ack | Method::Cancel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(headers: &str) -> Result<(), Refusal> {
        check(&Message::from_bytes(format!("OPTIONS sip:a@b SIP/2.0\r\n{headers}\r\n")).unwrap())
    }

    const REST: &str = "From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n";

    #[test]
    fn a_request_needs_what_every_reply_needs() {
        assert_eq!(verdict(&format!("Via: SIP/2.0/UDP h\r\n{REST}")), Ok(()));
        assert_eq!(verdict(REST), Err(Refusal::Missing(HeaderId::Via)));
        let no_to = format!("Via: SIP/2.0/UDP h\r\n{}", REST.replace("To: <sip:b@b>\r\n", ""));
        assert_eq!(verdict(&no_to), Err(Refusal::Missing(HeaderId::To)));
    }

    #[test]
    fn what_stands_before_the_first_via_must_be_readable() {
        assert_eq!(
            verdict(&format!("Content-Length: x\r\nVia: SIP/2.0/UDP h\r\n{REST}")),
            Err(Refusal::Header(HeaderId::ContentLength))
        );
        assert_eq!(verdict(&format!("Via: SIP/2.0/UDP h\r\nContent-Length: x\r\n{REST}")), Ok(()));
        assert_eq!(verdict(&format!("Via: SIP/7.0/UDP h\r\n{REST}")), Err(Refusal::Header(HeaderId::Via)));
    }
}
