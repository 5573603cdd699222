//! Whose message is it? (DESIGN: our branch carries the shard's number; a request belongs to the shard that a keyed
//! hash of its Call-ID names, a KDMQ to that of its sender.)

use std::hash::{BuildHasher, RandomState};

use crate::branch;

/// What a glance at a message tells of its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glance<'a> {
    /// A reply to a request of ours: the topmost Via's branch.
    Reply(&'a [u8]),
    /// A request of this call.
    Request(&'a [u8]),
    /// Something else, or nothing that names a shard.
    Unknown,
}

/// Looks for the header that decides, without indexing the message.
pub(crate) fn peek(message: &[u8]) -> Glance<'_> {
    let is_reply = message.len() > 8 && message[..8].eq_ignore_ascii_case(b"SIP/2.0 ");
    let (long, short): (&[u8], u8) = if is_reply { (b"via", b'v') } else { (b"call-id", b'i') };
    let mut rest = message;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        rest = &rest[end + 1..];
        if matches!(rest.first(), None | Some(b'\r' | b'\n')) {
            break;
        }
        let Some(value) = header_value(rest, long, short) else { continue };
        if !is_reply {
            return Glance::Request(value);
        }
        return match memchr::memmem::find(value, b"branch=") {
            Some(at) => Glance::Reply(&value[at + b"branch=".len()..]),
            None => Glance::Unknown,
        };
    }
    Glance::Unknown
}

/// The trimmed value of the line, if it is this header's.
fn header_value<'a>(line: &'a [u8], long: &[u8], short: u8) -> Option<&'a [u8]> {
    let after = match line.first()?.to_ascii_lowercase() {
        first
            if first == long[0]
                && line.len() > long.len()
                && line[..long.len()].eq_ignore_ascii_case(long) =>
        {
            &line[long.len()..]
        }
        first if first == short => &line[1..],
        _ => return None,
    };
    let colon =
        after.iter().position(|byte| !matches!(byte, b' ' | b'\t')).filter(|at| after[*at] == b':')?;
    let value = &after[colon + 1..];
    let end = memchr::memchr(b'\n', value).unwrap_or(value.len());
    Some(value[..end].trim_ascii())
}

/// Chooses shards.
pub(crate) struct Steering {
    shards: usize,
    key: RandomState,
}

impl Steering {
    pub(crate) fn new(shards: usize) -> Self {
        Self { shards, key: RandomState::new() }
    }

    /// The shard that a message belongs to; `None` where any will do.
    pub(crate) fn shard_of(&self, glance: &Glance<'_>) -> Option<usize> {
        if self.shards == 1 {
            return Some(0);
        }
        match glance {
            Glance::Reply(branch) => branch::shard_of(branch).map(|shard| shard % self.shards),
            Glance::Request(call_id) => Some(self.call_hash(call_id) as usize % self.shards),
            Glance::Unknown => None,
        }
    }

    /// Whether there is a choice at all.
    pub(crate) fn is_single(&self) -> bool {
        self.shards == 1
    }

    /// A keyed hash of a Call-ID: peers choose Call-IDs, so they must not be able to aim at a shard.
    pub(crate) fn call_hash(&self, call_id: &[u8]) -> u64 {
        self.key.hash_one(call_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_by_its_call_id_in_either_form() {
        let request = b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\nCall-ID:  abc@h \r\n\r\n";
        assert_eq!(peek(request), Glance::Request(b"abc@h"));
        assert_eq!(peek(b"OPTIONS sip:a SIP/2.0\r\nInfo: x\r\ni : abc\n\n"), Glance::Request(b"abc"));
        assert_eq!(peek(b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\nCall-ID: no\r\n"), Glance::Unknown);
    }

    #[test]
    fn a_reply_is_known_by_its_branch() {
        let reply = b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP h;branch=z9hG4bK0102.x\r\nCall-ID: abc\r\n\r\n";
        let steering = Steering::new(2);
        assert_eq!(steering.shard_of(&peek(reply)), Some(1));
        assert_eq!(steering.shard_of(&peek(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\n\r\n")), None);
    }

    #[test]
    fn rubbish_names_no_shard() {
        for bytes in [&b""[..], b"\n", b"\r\n\r\n", b"SIP/2.0 ", b"i", b"x\ni", b"x\ncall-id", b"x\n:"] {
            assert_eq!(peek(bytes), Glance::Unknown, "{}", bytes.escape_ascii());
        }
    }
}
