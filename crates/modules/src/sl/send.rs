//! Sending replies and passing replies on, without a transaction.

use engine::reply::{self, Reply};
use engine::{Args, Context, Cx, Flow, event};
use sip_message::Method;

use super::Sl;
use super::redirect::write_contact;
use crate::tm;

/// Replies to the request being worked on, with To tag, counters and event route; `headers` are lines with their
/// CRLFs. False when nothing was sent; why is in the log.
pub(crate) fn send(cx: &mut Cx<'_>, code: u16, reason: &[u8], headers: &[u8]) -> bool {
    let sl = cx.state::<Sl>();
    if cx.context.message.method() == Method::Ack {
        tracing::debug!(target: "sl", "an ACK is not answered");
        return false;
    }
    let tag = sl.tag.of(&cx.context.message);
    let sent = if (300..400).contains(&code) {
        let mut lines = Vec::new();
        write_contact(cx.context, sl.rich_redirect, &mut lines);
        lines.extend_from_slice(headers);
        reply::send(cx, &Reply { code, reason, tag: &tag, headers: &lines })
    } else {
        reply::send(cx, &Reply { code, reason, tag: &tag, headers })
    };
    match sent {
        Ok(()) => {
            sl.counts.sent(cx, code);
            tell(cx, code, reason, &tag);
            true
        }
        Err(error) => {
            sl.counts.failed(cx);
            tracing::error!(target: "sl", "no reply was sent: {error}");
            false
        }
    }
}

/// Runs `event_route[sl:local-response]` on the reply that was sent.
fn tell(cx: &mut Cx<'_>, code: u16, reason: &[u8], tag: &[u8]) {
    let Some(route) = cx.state::<Sl>().local_response else { return };
    let parts =
        sip_message::Reply { status: code, reason, to_tag: Some(tag), ..sip_message::Reply::default() };
    match Context::of_message(parts.to_vec(&cx.context.message), cx.context.received) {
        Ok(mut reply) => event::run_on(cx, route, &mut reply),
        Err(error) => tracing::error!(target: "sl", "the reply is not shown to sl:local-response: {error}"),
    }
}

/// `sl_send_reply(code, reason)` and its other names.
pub(super) fn send_reply(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match code(args) {
        Some(code) => send(cx, code, args.text(1), b"").into(),
        None => Flow::FALSE,
    }
}

/// `send_reply(code, reason)`: in the message's transaction if it has one.
pub(super) fn send_reply_in_transaction(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match (code(args), cx.state::<Sl>().uses_transactions.then(|| tm::of_message(cx)).flatten()) {
        (Some(code), Some(id)) => tm::reply(cx, id, code, args.text(1)).into(),
        _ => send_reply(cx, args),
    }
}

/// Answers the request for another module, within its transaction if it has one, with the lines that were collected for its
/// replies; false when nothing was sent.
pub fn answer(cx: &mut Cx<'_>, code: u16, reason: &[u8]) -> bool {
    match cx.state::<Sl>().uses_transactions.then(|| tm::of_message(cx)).flatten() {
        Some(id) => tm::reply(cx, id, code, reason),
        None => send(cx, code, reason, b""),
    }
}

/// `send_reply_mode(code, reason, mode)`: 1 opens no connection for it, 2 closes the connection after it.
pub(super) fn send_reply_mode(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let mode = args.int(2).unwrap_or_default();
    let before = cx.context.stream;
    cx.context.stream.reply_no_connect |= mode & 1 != 0;
    cx.context.stream.reply_close |= mode & 2 != 0;
    let flow = send_reply(cx, args);
    cx.context.stream = before;
    flow
}

fn code(args: &Args<'_>) -> Option<u16> {
    let number = args.int(0).unwrap_or_default();
    let code = u16::try_from(number).ok().filter(|code| *code < 1000);
    if code.is_none() {
        tracing::error!(target: "sl", "{number} is no reply code; give one of three digits");
    }
    code
}

/// `sl_reply_error()`: tells of the forwarding that failed last.
pub(super) fn reply_error(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    // The longest text with its code is below 80 bytes.
    let mut text = [0; 80];
    let (code, length) = describe(cx.context.failure.take(), &mut text);
    let sent = send(cx, code, &text[..length], b"");
    if sent {
        cx.state::<Sl>().counts.sent_error(cx);
    }
    sent.into()
}

/// Code and reason of an error reply, as Kamailio words them.
fn describe(failure: Option<i64>, text: &mut [u8; 80]) -> (u16, usize) {
    use std::io::Write as _;
    let mut rest = &mut text[..];
    // The texts fit, so the writes cannot fail.
    let code = match failure {
        Some(-478) => write!(rest, "Unresolvable destination (478/SL)").map(|()| 478),
        Some(-477) => {
            write!(rest, "Unfortunately error on sending to next hop occurred (477/SL)").map(|()| 477)
        }
        other => {
            let number = other.map_or(1, i64::unsigned_abs);
            write!(rest, "I'm terribly sorry, server error occurred ({number}/SL)").map(|()| 500)
        }
    };
    let left = rest.len();
    (code.unwrap_or(500), 80 - left)
}

/// `send_reply_error()`: the reply that the parameters give.
pub(super) fn send_default_error(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let sl = cx.state::<Sl>();
    send(cx, sl.default_code, &sl.default_reason, b"").into()
}

/// `sl_forward_reply([code, [reason]])`: another code of the same class, if wanted.
pub(super) fn forward_reply(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(status) = cx.context.message.status() else {
        tracing::error!(target: "sl", "only replies can be forwarded as replies");
        return Flow::FALSE;
    };
    let mark = cx.context.edits.mark();
    if !args.is_empty() {
        let Some(code) = code(args) else { return Flow::FALSE };
        if code / 100 != status / 100 {
            tracing::error!(target: "sl", "the code {code} is of another class than the reply's {status}");
            return Flow::FALSE;
        }
        let Context { message, edits, .. } = &mut *cx.context;
        let reason = if args.len() > 1 { args.text(1) } else { message.reason() };
        edits.set_status(message, code, reason);
    }
    let flow = reply::forward(cx);
    if !matches!(flow, Flow::Wait(_)) {
        // The reply goes on as it was received when the script does not drop it.
        cx.context.edits.rollback(mark);
    }
    flow
}

/// Swallows an ACK to a reply of ours.
pub(super) fn filter_ack(cx: &mut Cx<'_>) -> bool {
    if !is_own_ack(cx) {
        return true;
    }
    let sl = cx.state::<Sl>();
    sl.counts.ack(cx);
    if let Some(route) = sl.filtered_ack {
        event::run(cx, route);
    }
    false
}

/// Whether the message is the ACK of a stateless reply of ours.
pub(crate) fn is_own_ack(cx: &Cx<'_>) -> bool {
    let message = &cx.context.message;
    let is_ack = message.is_request() && message.method() == Method::Ack;
    is_ack && cx.state::<Sl>().tag.is_ours(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_worded_as_kamailio_does() {
        let told = |failure| {
            let mut text = [0; 80];
            let (code, length) = describe(failure, &mut text);
            format!("{code} {}", String::from_utf8_lossy(&text[..length]))
        };
        assert_eq!(told(Some(-478)), "478 Unresolvable destination (478/SL)");
        assert_eq!(told(None), "500 I'm terribly sorry, server error occurred (1/SL)");
        assert_eq!(told(Some(-7)), "500 I'm terribly sorry, server error occurred (7/SL)");
    }
}
