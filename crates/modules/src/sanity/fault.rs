//! What a failed check says.

use std::fmt;

use cfg_vm::Str;
use engine::Cx;
use sip_message::Method;

/// The outcome of a check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A reply can tell the sender.
    Reply {
        code: u16,
        reason: &'static str,
        /// An extension that is not known, for Unsupported.
        unsupported: Option<Str>,
    },
    /// The message is so broken that no reply can be made of it, or none is asked for.
    Silent(&'static str),
}

/// What `noreply` holds back.
#[derive(Default)]
pub(super) struct Kept(pub(super) Option<Fault>);

impl Fault {
    pub(super) fn reply_of(code: u16, reason: &'static str) -> Self {
        Self::Reply { code, reason, unsupported: None }
    }

    /// Tells the sender, unless it is a reply or an ACK that failed (RFC 3261 §17: neither is answered).
    pub(super) fn reply(&self, cx: &mut Cx<'_>) {
        let message = &cx.context.message;
        let Self::Reply { code, reason, unsupported } = self else { return };
        if !message.is_request() || message.method() == Method::Ack {
            return;
        }
        let line = unsupported.as_ref().map(|tag| [b"Unsupported: ", &tag[..], b"\r\n"].concat());
        crate::sl::send(cx, *code, reason.as_bytes(), line.as_deref().unwrap_or_default());
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply { code, reason, .. } => write!(f, "{code} {reason}"),
            Self::Silent(what) => f.write_str(what),
        }
    }
}
