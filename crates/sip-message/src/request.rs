//! A new request, written out (RFC 3261 §8.1.1).

use crate::edit::write_decimal;

/// The parts of a new request. Values are written as they are given.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewRequest<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The request URI.
    pub uri: &'a [u8],
    /// Via's value; empty when a Via is put before it later.
    pub via: &'a [u8],
    /// From's value, with its tag.
    pub from: &'a [u8],
    /// To's value.
    pub to: &'a [u8],
    /// The Call-ID.
    pub call_id: &'a [u8],
    /// CSeq's number; its method is the request's.
    pub cseq: u32,
    /// Max-Forwards; 70 is what RFC 3261 §8.1.1.6 asks for.
    pub max_forwards: u8,
    /// Further header lines, each with its line end.
    pub headers: &'a [u8],
    /// The body. Its Content-Type belongs into `headers`.
    pub body: &'a [u8],
}

impl NewRequest<'_> {
    /// Appends the request to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut digits = [0; 20];
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
        put(&[self.method, b" ", self.uri, b" SIP/2.0\r\n"]);
        if !self.via.is_empty() {
            put(&[b"Via: ", self.via, b"\r\n"]);
        }
        put(&[b"Max-Forwards: ", write_decimal(&mut digits, usize::from(self.max_forwards)), b"\r\n"]);
        put(&[b"From: ", self.from, b"\r\nTo: ", self.to, b"\r\nCall-ID: ", self.call_id, b"\r\n"]);
        let number = usize::try_from(self.cseq).unwrap_or(usize::MAX);
        put(&[b"CSeq: ", write_decimal(&mut digits, number), b" ", self.method, b"\r\n", self.headers]);
        put(&[b"Content-Length: ", write_decimal(&mut digits, self.body.len()), b"\r\n\r\n", self.body]);
    }

    /// The request in a buffer of its own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Method};

    #[test]
    fn what_is_written_can_be_read() {
        let request = NewRequest {
            method: b"OPTIONS",
            uri: b"sip:bob@b",
            via: b"SIP/2.0/UDP h;branch=z9hG4bK1",
            from: b"<sip:a@a>;tag=1",
            to: b"<sip:bob@b>",
            call_id: b"c",
            cseq: 10,
            max_forwards: 70,
            headers: b"Content-Type: text/plain\r\n",
            body: b"hi",
        };
        let message = Message::from_bytes(request.to_vec()).expect("a message");
        assert_eq!(message.method(), Method::Options);
        assert_eq!(message.cseq().map(|cseq| (cseq.number, cseq.method)), Ok((10, Method::Options)));
        assert_eq!(message.max_forwards(), Some(Ok(70)));
        assert_eq!(message.body(), b"hi");
        assert_eq!(crate::conformance::verdict(&message), []);
    }
}
