//! What a message must have before a script sees it, as Kamailio has it: a clean first line, and headers that can be
//! read until Via, and in requests From, To, Call-ID and CSeq, have been found.

use sip_message::{HeaderField, HeaderId, Message, Method, StartFault, StartLine, Via};
use transport::Proto;

use crate::received::{SINGLE_HEADERS, has_plain_name};

/// Why a message is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The first line is not exactly one.
    StartLine,
    /// A header cannot be read that is needed, or that stands before one that is.
    Header(HeaderId),
    /// A header that must be there is not.
    Missing(HeaderId),
    /// A header that may be there once is there twice before all that is needed was found.
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
    if let StartLine::Response { status_text, reason, .. } = message.start_line()
        && reason.start == status_text.end
    {
        return Err(Refusal::StartLine);
    }
    to_what_is_needed(message)
}

/// Reads headers until everything that a script needs has been seen; what comes later is read when it is asked for.
fn to_what_is_needed(message: &Message) -> Result<(), Refusal> {
    let needed: &[HeaderId] = if message.is_request() {
        &[HeaderId::Via, HeaderId::From, HeaderId::To, HeaderId::CallId, HeaderId::CSeq]
    } else {
        &[HeaderId::Via, HeaderId::CSeq]
    };
    let mut seen = 0_u128;
    let is_seen = |seen: u128, id: HeaderId| seen >> id as u8 & 1 == 1;
    for field in message.headers() {
        if !has_plain_name(message, field) {
            return Err(Refusal::Header(field.id));
        }
        if SINGLE_HEADERS.contains(&field.id) && is_seen(seen, field.id) {
            return Err(Refusal::Twice(field.id));
        }
        if !is_seen(seen, field.id) && !is_readable(message, field) {
            return Err(Refusal::Header(field.id));
        }
        seen |= 1 << field.id as u8;
        if needed.iter().all(|id| is_seen(seen, *id)) {
            return Ok(());
        }
    }
    match needed.iter().find(|id| !is_seen(seen, **id)) {
        Some(missing) => Err(Refusal::Missing(*missing)),
        None => Ok(()),
    }
}

/// Whether a header that is needed, or one that Kamailio reads on its way to those, can be read.
fn is_readable(message: &Message, field: &HeaderField) -> bool {
    match field.id {
        HeaderId::Via => message.top_via().is_ok_and(|via| is_known_via(&via)),
        HeaderId::To => has_closed_quotes(message.bytes(field.value)),
        HeaderId::CSeq => has_cseq_method(message),
        HeaderId::ContentLength | HeaderId::MaxForwards => {
            message.number(field.id).is_some_and(|n| n.is_ok())
        }
        _ => true,
    }
}

/// Whether every quoted string ends.
fn has_closed_quotes(value: &[u8]) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for byte in value {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    !quoted && !value.is_empty()
}

/// SIP/2.0 over a transport that has a name here, with no empty parameter.
fn is_known_via(via: &Via<'_>) -> bool {
    let has_empty = || via.params_text.split(|byte| *byte == b';').any(|part| part.trim_ascii().is_empty());
    via.version == b"2.0"
        && via.protocol.eq_ignore_ascii_case(b"SIP")
        && Proto::from_bytes(via.transport).is_some()
        && (via.params_text.is_empty() || !has_empty())
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
    fn what_stands_before_the_last_needed_header_must_be_readable() {
        assert_eq!(
            verdict(&format!("Content-Length: x\r\nVia: SIP/2.0/UDP h\r\n{REST}")),
            Err(Refusal::Header(HeaderId::ContentLength))
        );
        assert_eq!(verdict(&format!("Via: SIP/2.0/UDP h\r\n{REST}Content-Length: x\r\n")), Ok(()));
        assert_eq!(
            verdict(&format!("Via: SIP/2.0/UDP h\r\nX%: x\r\n{REST}")),
            Err(Refusal::Header(HeaderId::Other))
        );
        assert_eq!(verdict(&format!("Via: SIP/7.0/UDP h\r\n{REST}")), Err(Refusal::Header(HeaderId::Via)));
    }
}
