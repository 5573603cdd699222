//! The text of a request that is made here (RFC 3261 §8.1.1), with its headers in Kamailio's order.

use std::fmt;
use std::io::Write as _;

use sip_message::{HeaderId, Message, NameAddr};

/// What is wrong with the headers that were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderFault {
    /// A line is no header, has no line end, or there are none at all.
    Invalid,
    /// There is no To.
    NoTo,
    /// There is no From.
    NoFrom,
    /// There is a body and no Content-Type.
    NoContentType,
    /// The CSeq is none.
    BadCSeq,
    /// The CSeq's method is not the request's.
    CSeqMethod,
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "Invalid headers",
            Self::NoTo => "To missing",
            Self::NoFrom => "From missing",
            Self::NoContentType => "Content-Type missing",
            Self::BadCSeq => "Error while parsing CSeq",
            Self::CSeqMethod => "CSeq method mismatch",
        })
    }
}

impl std::error::Error for HeaderFault {}

/// Headers that were asked for, read and checked.
#[derive(Debug)]
pub(super) struct Headers {
    /// A message that holds them, with a made-up start line.
    holder: Message,
}

/// What the sender adds of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own<'a> {
    /// The Via line, with its end.
    pub(super) via: &'a [u8],
    /// The tag for From, where the headers bring none.
    pub(super) tag: &'a [u8],
    /// The Call-ID, where they bring none.
    pub(super) call_id: &'a [u8],
    /// The User-Agent line, without its end; empty for none.
    pub(super) user_agent: &'a [u8],
}

/// CSeq's number where the headers bring none, as Kamailio has it.
const FIRST_CSEQ: u32 = 10;

impl Headers {
    /// Reads header lines, each with its line end, for a request of this method.
    pub(super) fn read(lines: &[u8], method: &[u8], has_body: bool) -> Result<Self, HeaderFault> {
        if lines.is_empty() || !lines.ends_with(b"\n") {
            return Err(HeaderFault::Invalid);
        }
        let mut text = b"OPTIONS sip:- SIP/2.0\r\n".to_vec();
        text.extend_from_slice(lines);
        text.extend_from_slice(b"\r\n");
        let holder = Message::from_bytes(text).map_err(|_| HeaderFault::Invalid)?;
        let whole = holder.headers().last().map(|field| field.whole.end as usize);
        let is_broken = holder.headers().iter().any(|field| field.id == HeaderId::Malformed);
        // An empty line in the midst would have ended the headers and smuggled a body in.
        if is_broken || whole != Some(holder.as_bytes().len() - 2) {
            return Err(HeaderFault::Invalid);
        }
        let has = |id| holder.index().has(id);
        if has_body && !has(HeaderId::ContentType) {
            return Err(HeaderFault::NoContentType);
        }
        if !has(HeaderId::To) {
            return Err(HeaderFault::NoTo);
        }
        if !has(HeaderId::From) {
            return Err(HeaderFault::NoFrom);
        }
        if holder.to().is_err() || holder.from().is_err() {
            return Err(HeaderFault::Invalid);
        }
        if has(HeaderId::CSeq) {
            let cseq = holder.cseq().map_err(|_| HeaderFault::BadCSeq)?;
            if cseq.method_text != method {
                return Err(HeaderFault::CSeqMethod);
            }
        }
        Ok(Self { holder })
    }

    /// Appends the request. Display names and parameters but the tags are left out of From and To, as in Kamailio.
    pub(super) fn write(&self, method: &[u8], uri: &[u8], body: &[u8], own: &Own<'_>, out: &mut Vec<u8>) {
        let holder = &self.holder;
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
        put(&[method, b" ", uri, b" SIP/2.0\r\n", own.via]);
        for (name, party, tag) in
            [(&b"To: <"[..], holder.to(), &b""[..]), (b"From: <", holder.from(), own.tag)]
        {
            // `read` has seen that both are there.
            let Ok(NameAddr { uri_text, .. }) = party else { continue };
            put(&[name, uri_text, b">"]);
            let tag = party.ok().and_then(|party| party.tag()).unwrap_or(tag);
            if !tag.is_empty() {
                put(&[b";tag=", tag]);
            }
            put(&[b"\r\n"]);
        }
        let number = holder.cseq().map_or(FIRST_CSEQ, |cseq| cseq.number).to_string();
        let call_id = holder.call_id().ok().filter(|_| holder.index().has(HeaderId::CallId));
        put(&[b"CSeq: ", number.as_bytes(), b" ", method, b"\r\n"]);
        put(&[b"Call-ID: ", call_id.unwrap_or(own.call_id), b"\r\n"]);
        if !holder.index().has(HeaderId::MaxForwards) {
            put(&[b"Max-Forwards: 70\r\n"]);
        }
        // A Vec takes everything.
        let _ = write!(out, "Content-Length: {}\r\n", body.len());
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
        if !own.user_agent.is_empty() {
            put(&[own.user_agent, b"\r\n"]);
        }
        for field in holder.headers().iter().filter(|field| !WRITTEN.contains(&field.id)) {
            put(&[holder.bytes(field.whole)]);
        }
        put(&[b"\r\n", body]);
    }
}

/// Headers that are written in any case.
const WRITTEN: &[HeaderId] =
    &[HeaderId::To, HeaderId::From, HeaderId::CSeq, HeaderId::CallId, HeaderId::ContentLength];

#[cfg(test)]
mod tests {
    use super::*;

    fn written(lines: &str, body: &str) -> String {
        let headers = Headers::read(lines.as_bytes(), b"OPTIONS", !body.is_empty()).unwrap();
        let own = Own { via: b"Via: V\r\n", tag: b"t", call_id: b"c@h", user_agent: b"User-Agent: x" };
        let mut out = Vec::new();
        headers.write(b"OPTIONS", b"sip:b@h", body.as_bytes(), &own, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn fault(lines: &str, body: bool) -> Option<HeaderFault> {
        Headers::read(lines.as_bytes(), b"OPTIONS", body).err()
    }

    #[test]
    fn what_the_headers_do_not_bring_is_added() {
        assert_eq!(
            written("From: <sip:a@h>\r\nTo: sip:b@h\r\nX-A: 1\r\n", ""),
            "OPTIONS sip:b@h SIP/2.0\r\nVia: V\r\nTo: <sip:b@h>\r\nFrom: <sip:a@h>;tag=t\r\nCSeq: 10 OPTIONS\r\n\
             Call-ID: c@h\r\nMax-Forwards: 70\r\nContent-Length: 0\r\nUser-Agent: x\r\nX-A: 1\r\n\r\n"
        );
    }

    #[test]
    fn what_the_headers_bring_is_kept() {
        let lines = "From: \"U\" <sip:a@h>;tag=1;x=y\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: mine\r\nCSeq: 33 OPTIONS\r\n\
                     Max-Forwards: 5\r\nContent-Length: 77\r\nContent-Type: text/plain\r\n";
        assert_eq!(
            written(lines, "hi"),
            "OPTIONS sip:b@h SIP/2.0\r\nVia: V\r\nTo: <sip:b@h>;tag=2\r\nFrom: <sip:a@h>;tag=1\r\nCSeq: 33 OPTIONS\r\n\
             Call-ID: mine\r\nContent-Length: 2\r\nUser-Agent: x\r\nMax-Forwards: 5\r\nContent-Type: text/plain\r\n\r\nhi"
        );
    }

    #[test]
    fn headers_that_cannot_be_sent_are_refused_with_a_reason() {
        let both = "From: <sip:a@h>\r\nTo: <sip:b@h>\r\n";
        assert_eq!(fault(both, false), None);
        assert_eq!(fault(both, true), Some(HeaderFault::NoContentType));
        assert_eq!(fault("From: <sip:a@h>\r\n", false), Some(HeaderFault::NoTo));
        assert_eq!(fault("To: <sip:a@h>\r\n", false), Some(HeaderFault::NoFrom));
        assert_eq!(fault(&format!("{both}CSeq: 5 BYE\r\n"), false), Some(HeaderFault::CSeqMethod));
        assert_eq!(fault(&format!("{both}CSeq: x\r\n"), false), Some(HeaderFault::BadCSeq));
        for broken in
            ["", "From", &both[..both.len() - 2], &format!("{both}\r\nX: y\r\n"), &format!("{both}junk\r\n")]
        {
            assert_eq!(fault(broken, false), Some(HeaderFault::Invalid), "{broken:?}");
        }
    }
}
