//! The Via that we add (RFC 3261 §8.1.1.7, §16.6 step 8), and the branch in it that names the shard.
//!
//! A stateless proxy's branch must be the same for every retransmission and for the CANCEL of an INVITE
//! (§16.11), so it is a keyed hash of what stays the same in them. Its shape is Kamailio's:
//! `z9hG4bK` and four hexadecimal digits (the first two are the shard), a dot, 32 digits, a dot, the branch's
//! number.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::io::Write as _;

use sip_message::{Class, HeaderId, Message};
use transport::Proto;

use crate::cx::Cx;
use crate::listener::ListenerId;

/// What every branch of ours begins with: RFC 3261's cookie.
pub const COOKIE: &[u8] = b"z9hG4bK";

/// Puts our Via before the first one.
pub(crate) fn add_via(cx: &mut Cx<'_>, socket: ListenerId, proto: Proto, branch: Option<&[u8]>) {
    let Some(field) = cx.context.message.index().first(HeaderId::Via) else { return };
    let at = field.whole.start as usize;
    let mut text = std::mem::take(&mut cx.shard.scratch);
    text.clear();
    write_via(cx, socket, proto, branch, &mut text);
    cx.context.edits.insert(at, Class::Via, &text);
    cx.shard.scratch = text;
}

/// Appends the Via line that a request of ours has when it leaves through a socket, with what the script asked of it.
pub fn write_via(cx: &Cx<'_>, socket: ListenerId, proto: Proto, branch: Option<&[u8]>, out: &mut Vec<u8>) {
    let listener = cx.listeners().get(socket);
    let wishes = &cx.context.via;
    out.extend_from_slice(b"Via: SIP/2.0/");
    out.extend_from_slice(proto.via_name().as_bytes());
    out.push(b' ');
    let core = &cx.running.core;
    let address = wishes.advertised_address.as_ref().or(core.advertised_address.as_ref());
    out.extend_from_slice(address.unwrap_or_else(|| listener.public_host()));
    let port = wishes.advertised_port.or(core.advertised_port).unwrap_or_else(|| listener.public_port());
    // A Vec takes everything.
    if port != Proto::Udp.default_port() {
        let _ = write!(out, ":{port}");
    }
    out.extend_from_slice(b";branch=");
    match branch {
        Some(branch) => out.extend_from_slice(branch),
        None => write_branch(&cx.shard.server.branch_key, &cx.context.message, cx.shard.index, out),
    }
    if wishes.local_rport {
        out.extend_from_slice(b";rport");
    }
    if let Some(connection) = cx.context.received.connection {
        let _ = write!(out, ";i={:x}", connection.0);
    }
    out.extend_from_slice(&wishes.parameters);
    out.extend_from_slice(b"\r\n");
}

fn write_branch(key: &RandomState, message: &Message, shard: usize, out: &mut Vec<u8>) {
    let mut hasher = key.build_hasher();
    match message.top_via().ok().and_then(|via| via.branch()).filter(|branch| branch.starts_with(COOKIE)) {
        Some(branch) => branch.hash(&mut hasher),
        // RFC 2543 peers have no branch of their own for each transaction (§16.11).
        None => message.value(HeaderId::Via).hash(&mut hasher),
    }
    message.value(HeaderId::From).hash(&mut hasher);
    message.request_uri().hash(&mut hasher);
    message.value(HeaderId::CallId).hash(&mut hasher);
    message.cseq().ok().map(|cseq| cseq.number).hash(&mut hasher);
    let high = hasher.finish();
    let low = key.hash_one(high);
    out.extend_from_slice(COOKIE);
    out.extend_from_slice(&hex_digits::<2>(shard as u64));
    out.extend_from_slice(&hex_digits::<2>(high >> 56));
    out.push(b'.');
    out.extend_from_slice(&hex_digits::<16>(high));
    out.extend_from_slice(&hex_digits::<16>(low));
    out.extend_from_slice(b".0");
}

/// The last `N` hexadecimal digits of a number.
pub fn hex_digits<const N: usize>(number: u64) -> [u8; N] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|at| DIGITS[(number >> (4 * (N - 1 - at))) as usize & 15])
}

/// The shard that a branch of ours names.
pub(crate) fn shard_of(branch: &[u8]) -> Option<usize> {
    let digits = branch.strip_prefix(COOKIE)?.get(..2)?;
    usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, branch: &str, cseq: u32) -> Message {
        let text = format!(
            "{method} sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch={branch}\r\n\
             From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: c1\r\nCSeq: {cseq} {method}\r\n\r\n"
        );
        Message::from_bytes(text).unwrap()
    }

    fn branch_of(message: &Message, key: &RandomState) -> Vec<u8> {
        let mut out = Vec::new();
        write_branch(key, message, 3, &mut out);
        out
    }

    #[test]
    fn a_cancel_and_a_retransmission_have_the_branch_of_their_invite() {
        let key = RandomState::new();
        let invite = branch_of(&request("INVITE", "z9hG4bK1", 7), &key);
        assert_eq!(invite, branch_of(&request("INVITE", "z9hG4bK1", 7), &key));
        assert_eq!(invite, branch_of(&request("CANCEL", "z9hG4bK1", 7), &key));
        assert_ne!(invite, branch_of(&request("INVITE", "z9hG4bK2", 7), &key));
        assert_ne!(invite, branch_of(&request("INVITE", "1", 7), &key));
    }

    #[test]
    fn a_branch_names_its_shard() {
        let branch = branch_of(&request("INVITE", "z9hG4bK1", 7), &RandomState::new());
        assert_eq!(branch.len(), 7 + 4 + 1 + 32 + 2);
        assert_eq!(shard_of(&branch), Some(3));
        assert_eq!(shard_of(b"z9hG4bK"), None);
        assert_eq!(shard_of(b"z9hG4bKzz12"), None);
    }
}
