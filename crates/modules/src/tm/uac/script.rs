//! `t_uac_send`.

use cfg_vm::Str;
use engine::forward::{self, Lookup};
use engine::module::Resume;
use engine::{Args, Cx, Flow};
use transport::Target;

use super::launch::{self, Ready};
use super::{Request, SendError};

/// `t_uac_send(method, ruri, nexthop, socket, headers, body)`: 1 when it was sent, and, as in Kamailio, when
/// `event_route[tm:local-request]` dropped it.
pub(in crate::tm) fn t_uac_send(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let ready = match prepared(cx, args) {
        Ok(ready) => ready,
        Err(error) => return told(&error),
    };
    let Some(hop) = ready.request.hop() else { return told(&SendError::BadNextHop) };
    match forward::lookup(cx, &hop) {
        Lookup::Known(targets) => leave(cx, ready, targets.first().copied()),
        Lookup::Wait(answer) => Flow::wait(async move {
            let targets = answer.await;
            let resume: Resume = Box::new(move |cx| leave(cx, ready, targets.first().copied()));
            resume
        }),
    }
}

fn leave(cx: &mut Cx<'_>, ready: Ready, target: Option<Target>) -> Flow {
    let sent = match target {
        Some(target) => launch::launch(cx.shard, cx.running, ready, target),
        None => Err(SendError::Unresolvable),
    };
    match sent {
        Ok(_) => Flow::TRUE,
        Err(error) => told(&error),
    }
}

fn told(error: &SendError) -> Flow {
    tracing::error!(target: "tm", "t_uac_send: {error}");
    if matches!(error, SendError::Dropped) { Flow::TRUE } else { Flow::FALSE }
}

fn prepared(cx: &Cx<'_>, args: &Args<'_>) -> Result<Ready, SendError> {
    // Kamailio's RPC writes a dot for nothing.
    let given = |at: usize| Some(args.str(at)).filter(|text| !text.is_empty() && text.as_bytes() != b".");
    let socket = match given(3) {
        Some(name) => Some(crate::core::socket_named(cx, &name).ok_or(SendError::NoSuchSocket)?),
        None => None,
    };
    let request = Request {
        next_hop: given(2),
        socket,
        headers: args.str(4),
        body: given(5).unwrap_or(Str::EMPTY),
        ..Request::new(args.str(0), args.str(1))
    };
    Ready::of(cx.running, request)
}
