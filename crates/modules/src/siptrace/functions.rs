//! What scripts call.

use std::sync::Arc;

use cfg_vm::Value;
use cfg_vm::catalogue::Parsed;
use engine::forward::Hop;
use engine::{Args, Cx, Flow, PvArgs};
use sip_message::Method;
use transport::Proto;

use super::destination::place_of;
use super::follow::{Followed, Scope};
use super::record::{Place, Record, Way};
use super::{Key, Shown, SipTrace, emit};

/// What is traced by one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Message,
    Followed(Scope),
}

impl Mode {
    /// By its first letter, in either case.
    fn of(text: &[u8]) -> Option<Self> {
        match text.first()?.to_ascii_lowercase() {
            b'm' => Some(Self::Message),
            b't' => Some(Self::Followed(Scope::Transaction)),
            b'd' => Some(Self::Followed(Scope::Dialog)),
            _ => None,
        }
    }
}

pub(super) fn parse_mode(text: &[u8]) -> Result<Parsed, String> {
    match Mode::of(text) {
        Some(mode) => Ok(Arc::new(mode)),
        None => {
            Err("what is traced is \"m\", the message, \"t\", its transaction, or \"d\", its dialog"
                .to_owned())
        }
    }
}

/// `sip_trace([uri[, correlation[, mode]]])`
pub(super) fn sip_trace(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let mode = args.parsed::<Mode>(2).copied();
    trace_to(cx, args.text(0), args.text(1), mode)
}

/// `sip_trace_mode(mode)`
pub(super) fn sip_trace_mode(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let mode = Mode::of(args.text(0)).unwrap_or_else(|| {
        tracing::warn!(target: "siptrace", "unexpected tracing mode [{}]: the message is traced", args.text(0).escape_ascii());
        Mode::Message
    });
    trace_to(cx, b"", b"", Some(mode))
}

fn trace_to(cx: &mut Cx<'_>, uri: &[u8], correlation: &[u8], mode: Option<Mode>) -> Flow {
    let trace = cx.state::<SipTrace>();
    if !trace.is_on() {
        return Flow::FALSE;
    }
    let Ok(hop) = hop(trace, uri) else { return Flow::FALSE };
    let is_flagged = trace.flag.is_some_and(|flag| cx.context.flags.message >> flag & 1 == 1);
    let by_flag = if is_flagged { Mode::Followed(Scope::Transaction) } else { Mode::Message };
    let mode = match mode.unwrap_or(by_flag) {
        Mode::Followed(Scope::Dialog) if !trace.knows_dialogs => {
            tracing::warn!(target: "siptrace", "module dialog is not loaded: only this message is traced");
            Mode::Message
        }
        mode => mode,
    };
    if let Mode::Followed(scope) = mode
        && !may_follow(cx, scope)
    {
        return Flow::FALSE;
    }
    let outgoing = outgoing(cx);
    let message = cx.context.message.buffer().clone();
    let whole = &message[..cx.context.message.as_bytes().len()];
    let record = emit::with_local(trace, record(cx, outgoing.as_deref().unwrap_or(whole)));
    if !emit::trace(cx.shard, trace, &record, hop.as_ref(), correlation) {
        return Flow::Done(0);
    }
    if let Mode::Followed(scope) = mode
        && trace.follows
    {
        let now = cx.shard.now;
        if !cx.shard.kept::<Followed>().add(&cx.context.message, scope, hop, now) {
            tracing::warn!(target: "siptrace", "too much is followed already: only this message is traced");
        }
    }
    Flow::TRUE
}

/// Where a duplicate goes; nowhere when there is only the file.
fn hop(trace: &SipTrace, uri: &[u8]) -> Result<Option<Hop>, ()> {
    if uri.is_empty() {
        if trace.duplicate.is_none() && trace.file.is_none() {
            tracing::error!(
                target: "siptrace",
                "nothing says where to trace to: give sip_trace() a URI, or set duplicate_uri or trace_to_file"
            );
            return Err(());
        }
        return Ok(trace.duplicate.clone());
    }
    match Hop::of_uri(uri) {
        Some(hop) => Ok(Some(hop)),
        None => {
            tracing::error!(target: "siptrace", "{} is no SIP URI to send duplicates to", uri.escape_ascii());
            Err(())
        }
    }
}

fn may_follow(cx: &Cx<'_>, scope: Scope) -> bool {
    let message = &cx.context.message;
    let (what, on) = match scope {
        Scope::Transaction if !message.is_request() => ("transaction", "request message"),
        Scope::Dialog if message.method() != Method::Invite || !message.is_request() => {
            ("dialog", "initial INVITE")
        }
        _ => return true,
    };
    tracing::warn!(target: "siptrace", "When tracing a {what} sip_trace() has to be initiated on the {on}");
    false
}

/// In `onsend_route`: the message as it is about to leave.
fn outgoing(cx: &Cx<'_>) -> Option<Vec<u8>> {
    cx.context.sending.map(|_| cx.context.edits.to_vec(&cx.context.message))
}

fn record<'a>(cx: &Cx<'_>, bytes: &'a [u8]) -> Record<'a> {
    let received = &cx.context.received;
    if let Some(sending) = cx.context.sending {
        let proto = sending.target.proto;
        let from = Place { proto, address: cx.listeners().get(sending.socket).address };
        let to = Place { proto, address: sending.target.addr };
        return Record { bytes, from, to, at: cx.shard.clock, way: Way::Out };
    }
    let from = Place { proto: received.proto, address: received.source };
    let to = Place { proto: received.proto, address: received.destination };
    Record { bytes, from, to, at: received.at, way: Way::In }
}

/// `sip_trace_msg(data, source, target, uri, correlation)`
pub(super) fn sip_trace_msg(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let trace = cx.state::<SipTrace>();
    if !trace.is_on() || args.text(0).is_empty() {
        return Flow::FALSE;
    }
    let (Some(from), Some(to)) = (Place::parse(args.text(1)), Place::parse(args.text(2))) else {
        tracing::error!(target: "siptrace", "source and target are written as udp:192.0.2.1:5060");
        return Flow::FALSE;
    };
    let Ok(hop) = hop(trace, args.text(3)) else { return Flow::FALSE };
    let record = Record { bytes: args.text(0), from, to, at: cx.shard.clock, way: Way::In };
    emit::trace(cx.shard, trace, &record, hop.as_ref(), args.text(4)).into()
}

/// `hlog([correlation, ]text)`
pub(super) fn hlog(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let trace = cx.state::<SipTrace>();
    let Some(hop) = &trace.duplicate else {
        tracing::error!(target: "siptrace", "hlog() sends to duplicate_uri; set that parameter");
        return Flow::FALSE;
    };
    let (correlation, text) = match args.len() {
        1 => (cx.context.keep(cx.context.message.call_id().unwrap_or_default()), args.text(0)),
        _ => (args.str(0), args.text(1)),
    };
    let received = &cx.context.received;
    let own = Place { proto: Proto::Udp, address: received.destination };
    let to = place_of(hop).unwrap_or(own);
    let record = Record { bytes: text, from: own, to, at: cx.shard.clock, way: Way::Out };
    emit::log(cx.shard, trace, &record, hop, &correlation);
    Flow::TRUE
}

pub(super) fn parse_key(text: &[u8]) -> Result<Parsed, String> {
    match Key::of(text) {
        Some(key) => Ok(Arc::new(key)),
        None => Err("$siptrace() has src_ and dst_ with addr, proto, host, hostip and port".to_owned()),
    }
}

/// `$siptrace(key)`, in `event_route[siptrace:msg]`.
pub(super) fn shown(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(key) = args.parsed::<Key>() else { return Value::Null };
    let Some(Shown(Some((from, to)))) = cx.context.data.get::<Shown>() else { return Value::Null };
    key.read(*from, *to)
}
