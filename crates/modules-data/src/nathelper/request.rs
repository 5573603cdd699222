//! What pings are made of, as Kamailio writes them.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::Write as _;

use engine::listener::Listener;

use crate::usrloc::{Contact, Field};

/// The short ping: enough for a translator, nothing to a phone.
pub(super) const ZEROS: &[u8; 4] = &[0; 4];

/// A SIP ping. It carries the contact's identifier in its From tag, so that its answer needs no memory.
pub(super) struct Ping<'a> {
    /// Who is pinged.
    pub(super) contact: &'a Contact,
    /// URI of From.
    pub(super) from: &'a [u8],
    /// Method.
    pub(super) method: &'a [u8],
    /// Goes into Route.
    pub(super) path: Option<&'a [u8]>,
    /// Begins the Call-ID of all of them.
    pub(super) mark: u64,
    /// Tells them apart.
    pub(super) number: u64,
}

impl Ping<'_> {
    /// The whole request, from a listener.
    pub(super) fn written(&self, listener: &Listener) -> Vec<u8> {
        let Self { contact, mark, number, .. } = self;
        let uri = contact.text(Field::Address);
        let (host, port) = (listener.public_host().to_lossy(), listener.public_port());
        let method = self.method.escape_ascii();
        // Spread over what a predictable branch would be.
        let branch = BuildHasherDefault::<DefaultHasher>::default().hash_one((mark, number));
        let mut out = Vec::with_capacity(512);
        // A Vec takes everything.
        let _ = (|| {
            out.extend_from_slice(self.method);
            out.push(b' ');
            out.extend_from_slice(uri);
            write!(out, " SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{branch:x}\r\n")?;
            if let Some(path) = self.path {
                out.extend_from_slice(&[b"Route: ", path, b"\r\n"].concat());
            }
            out.extend_from_slice(&[b"From: ", self.from, b";tag=", contact.text(Field::Ruid)].concat());
            write!(out, "-{number:x}\r\nTo: ")?;
            out.extend_from_slice(uri);
            write!(
                out,
                "\r\nCall-ID: {mark:x}-{number:x}@{host}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
            )
        })();
        out
    }

    /// Whether a Call-ID is one of ours.
    pub(super) fn is_ours(call_id: &[u8], mark: u64) -> bool {
        call_id.starts_with(format!("{mark:x}-").as_bytes())
    }

    /// The contact's identifier in a From tag of ours.
    pub(super) fn ruid(tag: &[u8]) -> Option<&[u8]> {
        let end = tag.iter().rposition(|&byte| byte == b'-')?;
        Some(&tag[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usrloc::{Draft, Standing};
    use engine::listener::Listeners;
    use sip_message::Message;
    use transport::Proto;
    use transport::address::ListenSocket;

    #[test]
    fn an_answer_to_a_ping_tells_whose_it_is() {
        let draft =
            Draft { aor: b"al", address: b"sip:al@192.0.2.1:5080", ruid: b"uloc-1-2-3", ..Draft::default() };
        let contact = Contact::new(draft, Standing::New);
        let listeners = Listeners::new(&[ListenSocket {
            proto: Proto::Udp,
            addr: "192.0.2.9:5060".parse().expect("an address"),
            host: "192.0.2.9".to_owned(),
            advertise: None,
            name: None,
            is_virtual: false,
        }]);
        let ping = Ping {
            contact: &contact,
            from: b"sip:pinger@example.com",
            method: b"OPTIONS",
            path: Some(b"<sip:192.0.2.7;lr>"),
            mark: 0xabc,
            number: 7,
        };
        let message = Message::from_bytes(ping.written(&listeners.all()[0])).expect("a message");
        assert_eq!(message.request_uri(), Some(&b"sip:al@192.0.2.1:5080"[..]));
        assert_eq!(message.route_values().count(), 1);
        assert_eq!(message.cseq().expect("CSeq").number, 1);
        assert!(Ping::is_ours(message.call_id().expect("Call-ID"), 0xabc));
        assert!(!Ping::is_ours(message.call_id().expect("Call-ID"), 0xab));
        let from = message.from().expect("From");
        assert_eq!(from.tag().and_then(Ping::ruid), Some(&b"uloc-1-2-3"[..]));
    }
}
