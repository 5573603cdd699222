//! Sending the message as it came, or any text.

use cfg_vm::Str;
use engine::context::Context;
use engine::forward::{self, Departure, Hop, Stream};
use engine::listener::ListenerId;
use engine::module::{Flow, Resume};
use engine::{Args, Cx};
use transport::{Proto, Target};

/// A text on its way, while its destination is looked up.
#[derive(Default)]
struct Unsent {
    text: Str,
    socket: Option<ListenerId>,
}

pub(super) fn send_udp(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    send_message(cx, args, Proto::Udp)
}

pub(super) fn send_tcp(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    send_message(cx, args, Proto::Tcp)
}

/// Sends the message as it was received, without a Via of ours.
fn send_message(cx: &mut Cx<'_>, args: &Args<'_>, proto: Proto) -> Flow {
    let hop = match args.text(0) {
        [] => forward::next_hop(cx.context),
        text => host_and_port(text),
    };
    let Some(hop) = hop else {
        tracing::error!(target: "corex", "there is no address to send to: neither the argument nor $du nor $ru is one");
        return Flow::FALSE;
    };
    let message = &cx.context.message;
    let text = Str::slice(message.buffer(), 0, message.as_bytes().len());
    send_to(cx, &Hop { proto: Some(proto), ..hop }, text, None)
}

/// `host`, `host:port`, `[2001:db8::1]:port`.
fn host_and_port(text: &[u8]) -> Option<Hop> {
    let after_bracket = text.iter().rposition(|&byte| byte == b']').map_or(0, |at| at + 1);
    let colon = text[after_bracket..].iter().position(|&byte| byte == b':').map(|at| after_bracket + at);
    let (host, port) = match colon {
        Some(colon) => {
            let port = std::str::from_utf8(&text[colon + 1..]).ok()?.parse().ok()?;
            (&text[..colon], Some(port))
        }
        None => (text, None),
    };
    (!host.is_empty()).then(|| Hop { host: host.into(), port, proto: None, sips: false })
}

pub(super) fn send_data(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match destination(args) {
        Some(hop) => send_to(cx, &hop, args.str(1), None),
        None => Flow::FALSE,
    }
}

/// A socket that is not ours is told of, and another taken, as in Kamailio.
pub(super) fn sendx(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(hop) = destination(args) else { return Flow::FALSE };
    let socket = crate::core::socket_named(cx, args.text(1));
    if socket.is_none() {
        tracing::warn!(target: "corex", "sendx: there is no listening socket {}", args.text(1).escape_ascii());
    }
    send_to(cx, &hop, args.str(2), socket)
}

fn destination(args: &Args<'_>) -> Option<Hop> {
    let hop = Hop::of_uri(args.text(0));
    if hop.is_none() {
        tracing::error!(target: "corex", "\"{}\" is no SIP URI to send to", args.text(0).escape_ascii());
    }
    hop
}

fn send_to(cx: &mut Cx<'_>, hop: &Hop, text: Str, socket: Option<ListenerId>) -> Flow {
    *cx.data::<Unsent>() = Unsent { text, socket };
    let failure = cx.context.failure;
    match forward::resolved(cx, hop, send_unsent) {
        Flow::Wait(pending) => Flow::wait(async move {
            let resume = pending.await;
            let settle: Resume = Box::new(move |cx| {
                let flow = resume(cx);
                settled(cx, flow, failure)
            });
            settle
        }),
        flow => settled(cx, flow, failure),
    }
}

/// The request itself has not failed to leave, so what is known of that stays as it was.
fn settled(cx: &mut Cx<'_>, flow: Flow, failure: Option<i64>) -> Flow {
    match flow {
        Flow::Done(code) if code < 0 => {
            cx.context.failure = failure;
            Flow::FALSE
        }
        flow => flow,
    }
}

fn send_unsent(cx: &mut Cx<'_>, target: Target) -> Flow {
    let Unsent { text, socket } = std::mem::take(cx.data::<Unsent>());
    let fits = |id: &ListenerId| {
        let listener = cx.listeners().get(*id);
        listener.proto == target.proto && listener.address.is_ipv4() == target.addr.is_ipv4()
    };
    let Some(chosen) = socket.filter(fits).or_else(|| forward::socket_for(cx, target)) else {
        tracing::error!(target: "corex", "no listening socket can send to {}:{}", target.proto, target.addr);
        return Flow::FALSE;
    };
    let stream = Stream { bound: socket.is_some(), ..Stream::default() };
    match cx.shard.send_with(Departure { socket: chosen, target, stream }, |out| out.extend_from_slice(&text))
    {
        Ok(_) => Flow::TRUE,
        Err(error) => {
            tracing::error!(target: "corex", "{error}");
            Flow::FALSE
        }
    }
}

pub(super) fn forward_reply(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let mark = cx.context.edits.mark();
    let flow = engine::reply::forward(cx);
    if matches!(flow, Flow::Done(_)) {
        // The Via that went is still there for what the script does next.
        let Context { edits, .. } = &mut *cx.context;
        edits.rollback(mark);
    }
    flow
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port() {
        let hop = |text: &str| {
            host_and_port(text.as_bytes()).map(|hop| (hop.host.to_lossy().into_owned(), hop.port))
        };
        assert_eq!(hop("10.0.0.1:5070"), Some(("10.0.0.1".into(), Some(5070))));
        assert_eq!(hop("sip.example.com"), Some(("sip.example.com".into(), None)));
        assert_eq!(hop("[2001:db8::1]:5070"), Some(("[2001:db8::1]".into(), Some(5070))));
        assert_eq!(hop("[2001:db8::1]"), Some(("[2001:db8::1]".into(), None)));
        assert_eq!((hop(""), hop("a:x"), hop(":5060")), (None, None, None));
    }
}
