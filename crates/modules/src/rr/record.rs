//! Record-Route lines (RFC 3261 §16.6 step 4): asked for by the script, written when the request leaves and both
//! of its sockets are known.

use std::io::Write as _;

use cfg_vm::Str;
use engine::{Args, Cx, Flow, Listener, ListenerId};
use sip_message::{Scheme, Uri};
use transport::Proto;

use super::{Double, Routing, Rr, direction};

/// What a request is to carry.
#[derive(Clone, Default)]
pub(super) enum Record {
    /// No Record-Route of ours.
    #[default]
    Nothing,
    /// The sockets that it came in and leaves by, with further parameters.
    Sockets(Str),
    /// These addresses, with their parameters.
    Preset(Str, Option<Str>),
    /// This address for all sockets.
    Advertised(Str),
}

pub(super) fn record_route(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    ask_for(cx, Record::Sockets(args.str(0)))
}

pub(super) fn record_route_preset(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let second = (args.len() > 1).then(|| args.str(1));
    if second.is_some() && cx.state::<Rr>().double == Double::Never {
        tracing::error!(target: "rr", "two Record-Routes are asked for while enable_double_rr is 0");
        return Flow::FALSE;
    }
    ask_for(cx, Record::Preset(args.str(0), second))
}

pub(super) fn record_route_advertised_address(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    ask_for(cx, Record::Advertised(args.str(0)))
}

pub(super) fn add_rr_param(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    add_params(cx, args.text(0));
    Flow::TRUE
}

/// Adds parameters, each with its semicolon, to the Record-Route that this request leaves with, if it leaves with one.
pub fn add_params(cx: &mut Cx<'_>, params: &[u8]) {
    cx.data::<Routing>().params.extend_from_slice(params);
}

pub(super) fn remove_record_route(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let routing = cx.data::<Routing>();
    if !matches!(routing.record, Record::Nothing) {
        routing.record = Record::Nothing;
        cx.context.edits.set_record_route(&cx.context.message, b"");
    }
    Flow::TRUE
}

fn ask_for(cx: &mut Cx<'_>, record: Record) -> Flow {
    if !matches!(cx.data::<Routing>().record, Record::Nothing) {
        tracing::error!(target: "rr", "Record-Route was asked for twice");
        return Flow::FALSE;
    }
    let user = user(cx);
    let routing = cx.data::<Routing>();
    routing.record = record;
    routing.user = user;
    // Holds the lines' place among other lines there.
    cx.context.edits.set_record_route(&cx.context.message, b"");
    Flow::TRUE
}

fn user(cx: &mut Cx<'_>) -> Str {
    let rr = cx.state::<Rr>();
    if !rr.add_username {
        return Str::EMPTY;
    }
    if let Some(pv) = &rr.user {
        let value = cx.read_bound(pv).to_str();
        if !value.is_empty() {
            return value;
        }
    }
    let uri = cx.context.request_uri();
    let user = Uri::parse(&uri).ok().and_then(|uri| uri.user).unwrap_or_default();
    cx.context.keep(user)
}

/// The lines as they are being made.
#[derive(Default)]
struct Lines(Vec<u8>);

/// Writes the lines now that the socket is known by which the request leaves.
pub(super) fn write(cx: &mut Cx<'_>, socket: ListenerId) {
    let asked = cx.context.data.get::<Routing>().is_some_and(|own| !matches!(own.record, Record::Nothing));
    if !asked || !cx.context.message.is_request() {
        return;
    }
    let mut lines = std::mem::take(&mut cx.local::<Lines>().0);
    lines.clear();
    write_lines(cx, socket, &mut lines);
    cx.context.edits.set_record_route(&cx.context.message, &lines);
    cx.local::<Lines>().0 = lines;
}

fn write_lines(cx: &Cx<'_>, socket: ListenerId, out: &mut Vec<u8>) {
    let Some(routing) = cx.context.data.get::<Routing>() else { return };
    let rr = cx.state::<Rr>();
    let tag = if rr.append_fromtag { direction::caller_tag(&cx.context.message, routing) } else { None };
    let listeners = cx.listeners();
    let (inside, outside) = (listeners.get(cx.context.received.listener), listeners.get(socket));
    let line = Line { rr, routing, scheme: scheme(cx, rr), tag };
    match &routing.record {
        Record::Nothing => {}
        Record::Sockets(params) if line.is_double(inside.id != outside.id) => {
            line.write_socket(outside, true, params, out);
            line.write_socket(inside, true, params, out);
        }
        Record::Sockets(params) => line.write_socket(inside, false, params, out),
        Record::Preset(first, second) => {
            line.write_preset(first, out);
            if let Some(second) = second {
                line.write_preset(second, out);
            }
        }
        Record::Advertised(address) if line.is_double(inside.proto != outside.proto) => {
            line.write_advertised(address, outside.proto, true, out);
            line.write_advertised(address, inside.proto, true, out);
        }
        Record::Advertised(address) => line.write_advertised(address, inside.proto, false, out),
    }
}

/// RFC 3261 §16.6 step 4: `sips` where the request URI is.
fn scheme(cx: &Cx<'_>, rr: &Rr) -> &'static [u8] {
    let uri = cx.context.request_uri();
    let is_sips = !rr.ignore_sips && Uri::parse(&uri).is_ok_and(|uri| uri.scheme == Scheme::Sips);
    if is_sips { b"sips:" } else { b"sip:" }
}

/// What the lines of one request share.
struct Line<'a> {
    rr: &'a Rr,
    routing: &'a Routing,
    scheme: &'static [u8],
    tag: Option<&'a [u8]>,
}

impl Line<'_> {
    fn is_double(&self, differ: bool) -> bool {
        match self.rr.double {
            Double::Never => false,
            Double::WhereSocketsDiffer => differ,
            Double::Always => true,
        }
    }

    fn write_socket(&self, socket: &Listener, double: bool, params: &[u8], out: &mut Vec<u8>) {
        self.begin(out);
        out.extend_from_slice(socket.public_host());
        if socket.public_port() != Proto::Udp.default_port() {
            // A Vec takes everything.
            let _ = write!(out, ":{}", socket.public_port());
        }
        if socket.proto != Proto::Udp {
            write_transport(socket.proto, out);
        }
        if let Some(name) = socket.name.as_ref().filter(|_| self.rr.socket_names) {
            out.extend_from_slice(b";sn=");
            out.extend_from_slice(name);
        }
        if double {
            out.extend_from_slice(b";r2=on");
        }
        self.write_lr(out);
        self.write_tag(out);
        out.extend_from_slice(params);
        out.extend_from_slice(&self.routing.params);
        out.extend_from_slice(b">\r\n");
    }

    fn write_preset(&self, address: &[u8], out: &mut Vec<u8>) {
        self.begin(out);
        out.extend_from_slice(address);
        self.write_tag(out);
        out.extend_from_slice(&self.routing.params);
        self.write_lr(out);
        out.extend_from_slice(b">\r\n");
    }

    fn write_advertised(&self, address: &[u8], proto: Proto, double: bool, out: &mut Vec<u8>) {
        self.begin(out);
        out.extend_from_slice(address);
        if double || proto != Proto::Udp {
            write_transport(proto, out);
        }
        if double {
            out.extend_from_slice(b";r2=on");
        }
        self.write_tag(out);
        self.write_lr(out);
        out.extend_from_slice(&self.routing.params);
        out.extend_from_slice(b">\r\n");
    }

    fn begin(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Record-Route: <");
        out.extend_from_slice(self.scheme);
        if !self.routing.user.is_empty() {
            out.extend_from_slice(&self.routing.user);
            out.push(b'@');
        }
    }

    fn write_lr(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.rr.full_lr { b";lr=on" } else { b";lr" });
    }

    fn write_tag(&self, out: &mut Vec<u8>) {
        if let Some(tag) = self.tag {
            out.extend_from_slice(b";ftag=");
            out.extend_from_slice(tag);
        }
    }
}

/// WebSocket is `ws` in a URI, secured or not (RFC 7118 §5.2.1 and §5.3).
fn write_transport(proto: Proto, out: &mut Vec<u8>) {
    out.extend_from_slice(b";transport=");
    match proto {
        Proto::Wss => out.extend_from_slice(b"ws"),
        other => {
            // A Vec takes everything.
            let _ = write!(out, "{other}");
        }
    }
}
