//! Which server transaction a request belongs to (RFC 3261 §17.2.3), as hashed keys.
//!
//! With RFC 3261's branch, the key is made of the branch, the sent-by and the method, an ACK counting as its INVITE; without
//! it, of what RFC 2543 has: Request-URI, From tag, Call-ID, CSeq and the topmost Via. The To tag is left out, because the
//! ACK's is the reply's, which the INVITE had not. Call-ID and CSeq number are always part: the ACK and CANCEL of a request
//! repeat them, and a sender that uses a branch again for another call is told apart, as Kamailio does.

use std::hash::{BuildHasher, Hasher};

use sip_message::{Message, Method, Via};

/// The key of a server transaction, under the caller's keyed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerKey(pub u64);

/// What two copies of one request have in common that came by different ways (RFC 3261 §8.2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MergeKey(pub u64);

/// The key of a request's own transaction; for an ACK that of its INVITE, as long as the INVITE was not answered by a 2xx.
/// A CANCEL has a transaction of its own.
///
/// `None` for a response, and for a request whose topmost Via, Call-ID or CSeq cannot be read.
pub fn request_key(hasher: &impl BuildHasher, message: &Message) -> Option<ServerKey> {
    let method = match message.method() {
        Method::Ack => Method::Invite.as_bytes(),
        _ => message.method_text(),
    };
    key(hasher, message, method)
}

/// The key of the INVITE that an ACK or a CANCEL is about; an INVITE's own.
///
/// `None` for other requests, and as [`request_key`].
pub fn invite_key(hasher: &impl BuildHasher, message: &Message) -> Option<ServerKey> {
    match message.method() {
        Method::Ack | Method::Cancel | Method::Invite => key(hasher, message, Method::Invite.as_bytes()),
        _ => None,
    }
}

/// The key under which a request outside a dialog meets its copies: From tag, Call-ID and CSeq.
///
/// `None` with a To tag, for a response, for ACK and CANCEL, which follow their request's ways, and for a request whose
/// From, To, Call-ID or CSeq cannot be read.
pub fn merge_key(hasher: &impl BuildHasher, message: &Message) -> Option<MergeKey> {
    if !message.is_request() || matches!(message.method(), Method::Ack | Method::Cancel) {
        return None;
    }
    if message.to().ok()?.tag().is_some_and(|tag| !tag.is_empty()) {
        return None;
    }
    let mut parts = Parts(hasher.build_hasher());
    parts.put(message.from().ok()?.tag().unwrap_or_default());
    parts.put(message.call_id().ok()?);
    parts.number(message.cseq().ok()?.number);
    parts.put(message.method_text());
    Some(MergeKey(parts.0.finish()))
}

fn key(hasher: &impl BuildHasher, message: &Message, method: &[u8]) -> Option<ServerKey> {
    if !message.is_request() {
        return None;
    }
    let via = message.top_via().ok()?;
    let mut parts = Parts(hasher.build_hasher());
    parts.put(message.call_id().ok()?);
    parts.number(message.cseq().ok()?.number);
    parts.put(method);
    match unique_branch(&via) {
        Some(branch) => {
            parts.put(branch);
            parts.put_caseless(via.host);
            parts.number(u32::from(via.port_or_default()));
        }
        None => {
            parts.put(message.request_uri()?);
            parts.put(message.from().ok()?.tag().unwrap_or_default());
            parts.put(via.raw);
        }
    }
    Some(ServerKey(parts.0.finish()))
}

/// A branch that RFC 3261 §8.1.1.7 makes unique: the cookie, and something after it.
fn unique_branch<'a>(via: &Via<'a>) -> Option<&'a [u8]> {
    via.branch().filter(|branch| branch.strip_prefix(b"z9hG4bK").is_some_and(|rest| !rest.is_empty()))
}

/// Feeds texts to a hash so that none runs into the next.
struct Parts<H>(H);

impl<H: Hasher> Parts<H> {
    fn put(&mut self, part: &[u8]) {
        self.0.write_usize(part.len());
        self.0.write(part);
    }

    /// A text in which case does not matter.
    fn put_caseless(&mut self, part: &[u8]) {
        self.0.write_usize(part.len());
        for piece in part.chunks(64) {
            let mut lower = [0; 64];
            let lower = &mut lower[..piece.len()];
            lower.copy_from_slice(piece);
            lower.make_ascii_lowercase();
            self.0.write(lower);
        }
    }

    fn number(&mut self, number: u32) {
        self.0.write_u32(number);
    }
}

#[cfg(test)]
mod tests;
