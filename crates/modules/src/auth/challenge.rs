//! Challenges: the header, and the replies that carry it.

use cfg_vm::Value;
use engine::{Args, Cx, Flow};
use sip_message::digest::Algorithm;

use super::offer::{Kind, bound_parts};
use super::{Auth, seconds};
use crate::{sl, tm};

/// What a challenge says beside realm and nonce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extras {
    /// `qop`.
    pub qop: Option<&'static str>,
    /// `stale=true`.
    pub stale: bool,
}

impl Extras {
    /// Of the flags of `auth_challenge` and its kin.
    fn of_flags(flags: i64) -> Self {
        let qop = match flags & 3 {
            0 => None,
            1 => Some("auth"),
            _ => Some("auth-int"),
        };
        Self { qop, stale: flags & 16 != 0 }
    }
}

/// Do not answer with 500 where no challenge can be made.
const SILENT: i64 = 4;

/// The header with its name and line end.
pub(super) fn line(cx: &Cx<'_>, kind: Kind, realm: &[u8], extras: Extras) -> Vec<u8> {
    let auth = cx.state::<Auth>();
    let nonce = auth.nonces.make(seconds(cx), &bound_parts(cx.context, auth));
    let header = match kind {
        Kind::User => &auth.www_header,
        Kind::Proxy => &auth.proxy_header,
    };
    let algorithm = auth.named_algorithm(cx.context);
    write(header, realm, nonce.as_bytes(), extras, algorithm)
}

fn write(header: &[u8], realm: &[u8], nonce: &[u8], extras: Extras, algorithm: Option<Algorithm>) -> Vec<u8> {
    let mut text = [header, b": Digest realm=\""].concat();
    for &byte in realm.iter().filter(|byte| !byte.is_ascii_control()) {
        if matches!(byte, b'"' | b'\\') {
            text.push(b'\\');
        }
        text.push(byte);
    }
    text.extend_from_slice(&[b"\", nonce=\"", nonce, b"\""].concat());
    if let Some(qop) = extras.qop {
        text.extend_from_slice(&[b", qop=\"", qop.as_bytes(), b"\""].concat());
    }
    if extras.stale {
        text.extend_from_slice(b", stale=true");
    }
    if let Some(algorithm) = algorithm {
        text.extend_from_slice(&[b", algorithm=", algorithm.name().as_bytes()].concat());
    }
    text.extend_from_slice(b"\r\n");
    text
}

/// `www_challenge(realm, flags)`
pub(super) fn www_challenge(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    challenge(cx, args, Kind::User)
}

/// `proxy_challenge(realm, flags)`
pub(super) fn proxy_challenge(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    challenge(cx, args, Kind::Proxy)
}

/// `auth_challenge(realm, flags)`
pub(super) fn auth_challenge(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let kind = Kind::of(&cx.context.message);
    challenge(cx, args, kind)
}

fn challenge(cx: &mut Cx<'_>, args: &Args<'_>, kind: Kind) -> Flow {
    let (realm, flags) = (args.text(0), args.int(1));
    let Some(flags) = flags.filter(|_| !realm.is_empty()) else {
        tracing::error!(target: "auth", "a challenge needs a realm and flags");
        if flags.unwrap_or_default() & SILENT == 0 {
            reply(cx, 500, b"Internal Server Error");
        }
        return Flow::FALSE;
    };
    let line = line(cx, kind, realm, Extras::of_flags(flags));
    cx.context.reply.headers.extend_from_slice(&line);
    let sent = match kind {
        Kind::User => reply(cx, 401, b"Unauthorized"),
        Kind::Proxy => reply(cx, 407, b"Proxy Authentication Required"),
    };
    // As with Kamailio's, a challenge to an ACK is no failure, though nothing leaves.
    Flow::from(sent || cx.context.message.method() == sip_message::Method::Ack)
}

/// Replies in the request's transaction if it has one and may be used.
fn reply(cx: &mut Cx<'_>, code: u16, reason: &[u8]) -> bool {
    let stateless = cx.state::<Auth>().stateless_replies;
    match if stateless { None } else { tm::of_message(cx) } {
        Some(id) => tm::reply(cx, id, code, reason),
        None => sl::send(cx, code, reason, b""),
    }
}

/// `auth_get_www_authenticate(realm, flags, variable)`
pub(super) fn get_www_authenticate(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (realm, Some(flags), Some(variable)) = (args.text(0), args.int(1), args.pv(2)) else {
        tracing::error!(target: "auth", "auth_get_www_authenticate: the flags are no number");
        return Flow::FALSE;
    };
    if realm.is_empty() {
        tracing::error!(target: "auth", "auth_get_www_authenticate: the realm is empty");
        return Flow::FALSE;
    }
    let line = line(cx, Kind::User, realm, Extras::of_flags(flags));
    cx.write_pv(variable, Value::from(line)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(realm: &str, extras: Extras, algorithm: Option<&str>) -> String {
        let algorithm = algorithm.and_then(|name| Algorithm::parse(name.as_bytes()));
        let text = write(b"WWW-Authenticate", realm.as_bytes(), b"N", extras, algorithm);
        String::from_utf8(text).expect("text")
    }

    #[test]
    fn a_challenge_reads_as_kamailios() {
        assert_eq!(
            written("a", Extras::default(), None),
            "WWW-Authenticate: Digest realm=\"a\", nonce=\"N\"\r\n"
        );
        assert_eq!(
            written("a", Extras::of_flags(17), Some("sha-256")),
            "WWW-Authenticate: Digest realm=\"a\", nonce=\"N\", qop=\"auth\", stale=true, algorithm=SHA-256\r\n"
        );
        assert_eq!(Extras::of_flags(3).qop, Some("auth-int"));
    }

    #[test]
    fn a_realm_cannot_leave_its_quotes_or_its_line() {
        let text = written("a\"b\r\nX: y\\", Extras::default(), None);
        assert_eq!(text, "WWW-Authenticate: Digest realm=\"a\\\"bX: y\\\\\", nonce=\"N\"\r\n");
    }
}
