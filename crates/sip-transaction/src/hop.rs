//! The messages that a client transaction writes itself: the CANCEL of its INVITE (RFC 3261 §9.1) and the ACK of a response
//! other than 2xx (§17.1.1.3).
//!
//! Both go one hop, by the INVITE's own branch. They are made of the INVITE as it was sent, header by header in its order,
//! as Kamailio's `tm` does with `reparse_invite` on. So there is no Max-Forwards in them when the INVITE had none.

use sip_message::{HeaderField, HeaderId, Message};

/// Appends the CANCEL of `request` to `out`. `reason_headers` are header lines of one's own, each with its line end.
///
/// `request` is an INVITE as it was sent. A header that it lacks is lacking in the CANCEL too; for a response nothing is
/// written.
pub fn write_cancel(request: &Message, reason_headers: &[u8], out: &mut Vec<u8>) {
    Copied::NEEDED.write_cancel(request, reason_headers, out);
}

/// Appends the ACK of `reply`, a final response other than 2xx, to `out`: its To is the reply's, the rest `request`'s.
///
/// `request` is the INVITE as it was sent. Without a To in the reply the request's is used; when `request` is a response
/// nothing is written.
pub fn write_ack(request: &Message, reply: &Message, out: &mut Vec<u8>) {
    Copied::NEEDED.write_ack(request, reply, out);
}

/// Which of the INVITE's headers its CANCEL and ACK repeat.
#[derive(Clone, Copy, Debug, Default)]
pub struct Copied<'a> {
    /// Besides those that the RFC wants, the headers whose name starts with this, in any case (Kamailio's `ac_extra_hdrs`);
    /// empty for none. Headers that belong to the INVITE's body, route set or demands are never repeated.
    pub prefix: &'a [u8],
}

impl Copied<'_> {
    /// Only what RFC 3261 wants.
    pub const NEEDED: Self = Self { prefix: b"" };

    /// As [`write_cancel`].
    pub fn write_cancel(&self, request: &Message, reason_headers: &[u8], out: &mut Vec<u8>) {
        self.write(b"CANCEL", request, None, reason_headers, out);
    }

    /// As [`write_ack`].
    pub fn write_ack(&self, request: &Message, reply: &Message, out: &mut Vec<u8>) {
        self.write(b"ACK", request, Some(reply), b"", out);
    }

    /// Appends what is left of an INVITE for its CANCEL and its ACK to be made of, when it will not be sent itself again:
    /// they come out the same as from the whole.
    pub fn write_remainder(&self, request: &Message, out: &mut Vec<u8>) {
        self.write(request.method_text(), request, None, b"", out);
    }

    fn write(
        &self,
        method: &[u8],
        request: &Message,
        reply: Option<&Message>,
        last: &[u8],
        out: &mut Vec<u8>,
    ) {
        let Some(uri) = request.request_uri() else { return };
        out.reserve(request.index().fields_end() + last.len() + NO_BODY.len());
        for part in [method, b" ", uri, b" ", request.version(), b"\r\n"] {
            out.extend_from_slice(part);
        }
        // Of these headers only the first counts.
        let mut written = 0_u128;
        for field in request.headers() {
            let repeated = written >> field.id as u8 & 1 == 1;
            written |= 1 << field.id as u8;
            match field.id {
                HeaderId::Via if !repeated => write_top_via(request, out),
                HeaderId::To if !repeated => write_to(request, field, reply, out),
                HeaderId::CSeq if !repeated => write_cseq(request, field, method, out),
                HeaderId::From | HeaderId::CallId | HeaderId::MaxForwards if !repeated => {
                    copy(request, field, out);
                }
                HeaderId::ContentLength if !repeated => out.extend_from_slice(NO_BODY),
                HeaderId::Route => copy(request, field, out),
                id if self.is_extra(id, request.bytes(field.name)) => copy(request, field, out),
                _ => {}
            }
        }
        if written >> HeaderId::ContentLength as u8 & 1 == 0 {
            out.extend_from_slice(NO_BODY);
        }
        out.extend_from_slice(last);
        out.extend_from_slice(b"\r\n");
    }

    fn is_extra(&self, id: HeaderId, name: &[u8]) -> bool {
        let starts =
            |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        !self.prefix.is_empty() && !NEVER.contains(&id) && starts(self.prefix)
    }
}

const NO_BODY: &[u8] = b"Content-Length: 0\r\n";

/// What the prefix cannot ask for: what is written anyway, and what an ACK or CANCEL must not have (RFC 3261 §9.1, §17.1.1.3,
/// §20, table 2).
const NEVER: &[HeaderId] = &[
    HeaderId::Via,
    HeaderId::From,
    HeaderId::To,
    HeaderId::CallId,
    HeaderId::CSeq,
    HeaderId::MaxForwards,
    HeaderId::Route,
    HeaderId::RecordRoute,
    HeaderId::Contact,
    HeaderId::Require,
    HeaderId::ProxyRequire,
    HeaderId::ContentLength,
    HeaderId::ContentType,
    HeaderId::ContentEncoding,
    HeaderId::ContentLanguage,
    HeaderId::ContentDisposition,
    HeaderId::Malformed,
];

/// The topmost Via alone, which is our own.
fn write_top_via(request: &Message, out: &mut Vec<u8>) {
    let Some(top) = request.via_values().next() else { return };
    for part in [b"Via: ", request.bytes(top.span), b"\r\n"] {
        out.extend_from_slice(part);
    }
}

fn write_to(request: &Message, field: &HeaderField, reply: Option<&Message>, out: &mut Vec<u8>) {
    match reply.and_then(|reply| Some((reply, reply.index().first(HeaderId::To)?))) {
        Some((reply, to)) => copy(reply, to, out),
        None => copy(request, field, out),
    }
}

/// The CSeq as it is written, but for its method.
fn write_cseq(request: &Message, field: &HeaderField, method: &[u8], out: &mut Vec<u8>) {
    let Some(was) = request.cseq().ok().and_then(|cseq| request.span_of(cseq.method_text)) else { return };
    let buffer = request.as_bytes();
    let before = field.whole.start as usize..was.start as usize;
    let after = was.end as usize..field.whole.end as usize;
    for part in [buffer.get(before).unwrap_or_default(), method, buffer.get(after).unwrap_or_default()] {
        out.extend_from_slice(part);
    }
}

fn copy(message: &Message, field: &HeaderField, out: &mut Vec<u8>) {
    let line = message.bytes(field.whole);
    out.extend_from_slice(line);
    if !line.ends_with(b"\n") {
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests;
