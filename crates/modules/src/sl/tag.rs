//! The tag that stateless replies put into To, by which their ACKs are known again.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use sip_message::{HeaderId, Message};

/// Bytes of a tag: 32 digits, a dot, 8 digits.
const LENGTH: usize = 41;

/// A tag on the stack.
pub(crate) type TagText = [u8; LENGTH];

/// Makes tags. It outlives a reload, so that an ACK meets the tag that its reply had.
///
/// RFC 3261 §8.2.7: retransmissions of a request must get the same tag. What follows the dot is a keyed hash of
/// what a request, its retransmissions and its ACK share; nobody without the key can make an ACK that is swallowed.
#[derive(Debug)]
pub(crate) struct Tag {
    prefix: [u8; 32],
    key: RandomState,
}

impl Tag {
    pub(crate) fn new() -> Self {
        let key = RandomState::new();
        let mut prefix = [0; 32];
        write_hex(key.hash_one(0_u8), &mut prefix[..16]);
        write_hex(key.hash_one(1_u8), &mut prefix[16..]);
        Self { prefix, key }
    }

    /// The tag of replies to a request, and of the request's ACK.
    pub(crate) fn of(&self, request: &Message) -> TagText {
        let mut hasher = self.key.build_hasher();
        request.value(HeaderId::CallId).hash(&mut hasher);
        request.from().ok().and_then(|from| from.tag()).hash(&mut hasher);
        request.cseq().ok().map(|cseq| cseq.number_text).hash(&mut hasher);
        let mut text = [b'.'; LENGTH];
        text[..32].copy_from_slice(&self.prefix);
        write_hex(hasher.finish() << 32, &mut text[33..]);
        text
    }

    /// Whether an ACK answers a reply of ours.
    pub(crate) fn is_ours(&self, ack: &Message) -> bool {
        let tag = ack.to().ok().and_then(|to| to.tag()).filter(|tag| tag.starts_with(&self.prefix));
        tag.is_some_and(|tag| tag == self.of(ack))
    }
}

/// The highest digits of a number, as many as fit.
fn write_hex(number: u64, out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (at, digit) in out.iter_mut().enumerate() {
        *digit = DIGITS[(number >> (60 - 4 * at)) as usize & 15];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, branch: &str, to_tag: &str) -> Message {
        let text = format!(
            "{method} sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{branch}\r\n\
             From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>{to_tag}\r\nCall-ID: c1\r\n\
             CSeq: 7 {method}\r\n\r\n"
        );
        Message::from_bytes(text).expect("a request")
    }

    #[test]
    fn an_ack_to_a_reply_of_ours_is_known_again() {
        let tag = Tag::new();
        let text = tag.of(&request("INVITE", "1", ""));
        let to_tag = format!(";tag={}", String::from_utf8_lossy(&text));
        assert!(tag.is_ours(&request("ACK", "1", &to_tag)));
        assert!(tag.is_ours(&request("ACK", "of-its-own", &to_tag)));
        assert!(!Tag::new().is_ours(&request("ACK", "1", &to_tag)));
        assert!(!tag.is_ours(&request("ACK", "1", "")));
    }

    #[test]
    fn a_tag_has_kamailios_shape() {
        let text = Tag::new().of(&request("INVITE", "1", ""));
        assert_eq!(text[32], b'.');
        assert!(text.iter().enumerate().all(|(at, byte)| at == 32 || byte.is_ascii_hexdigit()));
    }
}
