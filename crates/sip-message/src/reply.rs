//! A response to a request (RFC 3261 §8.2.6), with the headers and in the order that Kamailio's stateless replies
//! have them.

use crate::edit::write_decimal;
use crate::grammar::find_outside;
use crate::header::{HeaderField, HeaderId};
use crate::message::Message;
use crate::name_addr::NameAddr;

/// What a response says; [`Reply::write`] takes the rest from the request.
///
/// All Via, the first From, To, Call-ID and CSeq, and for 180 to 299 all Record-Route fields are copied as they were
/// written (names, folds and line ends), in the request's order; then come `headers`, `server` and Content-Length.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reply<'a> {
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: &'a [u8],
    /// The tag that To gets when it has none and the status is 180 or more ([`Reply::takes_tag`]).
    pub to_tag: Option<&'a [u8]>,
    /// The address for the first Via's `received`, when it is to be added (RFC 3261 §18.2.1).
    pub received: Option<&'a [u8]>,
    /// The port for the first Via's `rport`: set where the parameter stands, else added (RFC 3581 §4).
    pub rport: Option<u16>,
    /// Header lines of one's own, each with its line end.
    pub headers: &'a [u8],
    /// The Server line without its line end; empty for none.
    pub server: &'a [u8],
    /// The body. Its Content-Type belongs into `headers`.
    pub body: &'a [u8],
}

impl Reply<'_> {
    /// Whether a response of this status gets a To tag when the request had none: 180 and above.
    pub fn takes_tag(status: u16) -> bool {
        status >= 180
    }

    /// Whether a response of this status repeats the request's Record-Route: 180 to 299 (RFC 3261 §12.1.1).
    pub fn repeats_record_route(status: u16) -> bool {
        (180..300).contains(&status)
    }

    /// Appends the response to `out`.
    pub fn write(&self, request: &Message, out: &mut Vec<u8>) {
        out.reserve(
            request.index().fields_end() + self.headers.len() + self.server.len() + self.body.len() + 128,
        );
        let mut digits = [0; 20];
        // As written in the request: RFC 3261 §7.1 has it compare without case. With another protocol's nobody would see a
        // response in it.
        let version = request.version();
        let is_known =
            |name: &[u8]| version.get(..name.len()).is_some_and(|own| own.eq_ignore_ascii_case(name));
        out.extend_from_slice(if is_known(b"SIP/") || is_known(b"HTTP/") { version } else { b"SIP/2.0" });
        out.push(b' ');
        let status = write_decimal(&mut digits, usize::from(self.status));
        // A status has three digits (RFC 3261 §7.2).
        out.extend_from_slice(&b"00"[status.len().min(3) - 1..]);
        out.extend_from_slice(status);
        out.push(b' ');
        out.extend_from_slice(self.reason);
        out.extend_from_slice(b"\r\n");
        let mut copied = 0_u128;
        for field in request.headers() {
            let repeated = copied >> field.id as u8 & 1 == 1;
            copied |= 1 << field.id as u8;
            match field.id {
                HeaderId::Via if !repeated => self.write_first_via(request, field, out),
                HeaderId::To if !repeated => self.write_to(request, field, out),
                HeaderId::From | HeaderId::CallId | HeaderId::CSeq if !repeated => copy(request, field, out),
                HeaderId::Via => copy(request, field, out),
                HeaderId::RecordRoute if Self::repeats_record_route(self.status) => copy(request, field, out),
                _ => {}
            }
        }
        out.extend_from_slice(self.headers);
        if !self.server.is_empty() {
            out.extend_from_slice(self.server);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"Content-Length: ");
        out.extend_from_slice(write_decimal(&mut digits, self.body.len()));
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(self.body);
    }

    /// The response in a buffer of its own.
    pub fn to_vec(&self, request: &Message) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(request, &mut out);
        out
    }

    fn write_to(&self, request: &Message, field: &HeaderField, out: &mut Vec<u8>) {
        let tag =
            self.to_tag.filter(|_| Self::takes_tag(self.status) && lacks_tag(request.bytes(field.value)));
        let Some(tag) = tag else { return copy(request, field, out) };
        let (line, line_end) = split_line_end(request.bytes(field.whole));
        out.extend_from_slice(line);
        out.extend_from_slice(b";tag=");
        out.extend_from_slice(tag);
        out.extend_from_slice(line_end);
    }

    /// The first Via line: `rport` where it stands in the first value, `received` at the line's end.
    fn write_first_via(&self, request: &Message, field: &HeaderField, out: &mut Vec<u8>) {
        if self.rport.is_none() && self.received.is_none() {
            return copy(request, field, out);
        }
        let (line, _) = split_line_end(request.bytes(field.whole));
        match self.rport {
            None => out.extend_from_slice(line),
            Some(port) => write_rport(line, port, out),
        }
        if let Some(address) = self.received {
            out.extend_from_slice(b";received=");
            out.extend_from_slice(address);
        }
        // A line that is changed ends as RFC 3261 has it, however it came.
        out.extend_from_slice(b"\r\n");
    }
}

fn copy(request: &Message, field: &HeaderField, out: &mut Vec<u8>) {
    out.extend_from_slice(request.bytes(field.whole));
}

/// Whether a To can take a tag: it is an address and has none, or an empty one.
fn lacks_tag(value: &[u8]) -> bool {
    NameAddr::parse(value).is_ok_and(|to| to.tag().unwrap_or_default().is_empty())
}

/// A field without its last line end, and that.
fn split_line_end(whole: &[u8]) -> (&[u8], &[u8]) {
    let end = whole.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    whole.split_at(end)
}

/// Copies a Via line with `;rport=PORT` in the place of the first value's `rport` parameter, or after its other
/// parameters.
fn write_rport(line: &[u8], port: u16, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let value_end = find_outside(line, b',').unwrap_or(line.len());
    let (start, end) = rport_range(&line[..value_end]).unwrap_or((value_end, value_end));
    out.extend_from_slice(&line[..start]);
    out.extend_from_slice(b";rport=");
    out.extend_from_slice(write_decimal(&mut digits, usize::from(port)));
    out.extend_from_slice(&line[end..]);
}

/// Where the `rport` parameter stands, from its semicolon to the next parameter's.
fn rport_range(value: &[u8]) -> Option<(usize, usize)> {
    let mut start = find_outside(value, b';')?;
    loop {
        let rest = &value[start + 1..];
        let next = find_outside(rest, b';').map(|length| start + 1 + length);
        let end = next.unwrap_or(value.len());
        let name = value[start + 1..end].split(|&byte| byte == b'=').next().unwrap_or_default();
        if name.trim_ascii().eq_ignore_ascii_case(b"rport") {
            return Some((start, end));
        }
        start = next?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Kamailio 5.6.3 answered it, but for the tag and the port.
    #[test]
    fn headers_are_copied_as_written_in_the_requests_order() {
        let request = Message::from_bytes(
            &b"INVITE sip:bob@example.com SIP/2.0\r\n\
            v: SIP/2.0/UDP 127.0.0.1:5099 ;branch=z9hG4bKabc;rport, SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKdef\r\n\
            f:  Alice <sip:a@x>;tag=1\r\n\
            Via: SIP/2.0/TCP h2\r\n\
            TO : \r\n <sip:b@y>\r\n\
            i: cid1\r\n\
            cSeq:   1   INVITE\r\n\
            record-route:   <sip:p2;lr>,\r\n <sip:p3;lr>\r\n\
            Max-Forwards: 70\r\n\
            l: 0\r\n\r\n"[..],
        )
        .expect("a request");
        let mut reply = Reply {
            status: 200,
            reason: b"OK",
            to_tag: Some(b"T"),
            received: Some(b"127.0.0.1"),
            rport: Some(39592),
            headers: b"X-Reply: yes\r\n",
            server: b"Server: s",
            body: b"",
        };
        let common = "v: SIP/2.0/UDP 127.0.0.1:5099 ;branch=z9hG4bKabc;rport=39592, \
            SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKdef;received=127.0.0.1\r\n\
            f:  Alice <sip:a@x>;tag=1\r\n\
            Via: SIP/2.0/TCP h2\r\n";
        let text = |reply: &Reply<'_>| String::from_utf8(reply.to_vec(&request)).expect("text");
        assert_eq!(
            text(&reply),
            format!(
                "SIP/2.0 200 OK\r\n{common}TO : \r\n <sip:b@y>;tag=T\r\ni: cid1\r\ncSeq:   1   INVITE\r\n\
                record-route:   <sip:p2;lr>,\r\n <sip:p3;lr>\r\nX-Reply: yes\r\nServer: s\r\n\
                Content-Length: 0\r\n\r\n"
            )
        );
        (reply.status, reply.reason, reply.headers, reply.body) = (100, b"Trying", b"", b"hi");
        assert_eq!(
            text(&reply),
            format!(
                "SIP/2.0 100 Trying\r\n{common}TO : \r\n <sip:b@y>\r\ni: cid1\r\ncSeq:   1   INVITE\r\n\
                Server: s\r\nContent-Length: 2\r\n\r\nhi"
            )
        );
    }

    #[test]
    fn rport_is_set_where_it_stands() {
        let written = |line: &str| {
            let mut out = Vec::new();
            write_rport(line.as_bytes(), 7, &mut out);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(
            written("Via: SIP/2.0/UDP h:9  ; rport ; branch=x  "),
            "Via: SIP/2.0/UDP h:9  ;rport=7; branch=x  "
        );
        assert_eq!(written("Via: SIP/2.0/UDP h;rport=1;branch=x"), "Via: SIP/2.0/UDP h;rport=7;branch=x");
        assert_eq!(
            written("Via: SIP/2.0/UDP h;branch=x, x;rport"),
            "Via: SIP/2.0/UDP h;branch=x;rport=7, x;rport"
        );
    }

    #[test]
    fn a_tag_in_place_stays() {
        assert!(!lacks_tag(b"<sip:b@y>;TAG=x"));
        assert!(lacks_tag(b"<sip:b@y>;tag="));
        assert!(lacks_tag(b"sip:b@y;x=tag"));
        assert!(!lacks_tag(b"\"unclosed <sip:b@y>"));
    }
}
