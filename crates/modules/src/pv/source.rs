//! Where a message came from, which socket took it, and which sends: `$si`, `$Ri`, `$fs`, `$snd(…)`, `$rcv(…)`.

use std::net::{IpAddr, SocketAddr};

use cfg_vm::host::WriteError;
use cfg_vm::{Str, Value};
use engine::context::RouteContext;
use engine::listener::{host_texts, ip_text};
use engine::{Cx, Listener, ListenerId, PvArgs};
use transport::Proto;

use crate::core::socket_named;

fn socket(cx: &Cx<'_>) -> ListenerId {
    cx.context.received.listener
}

fn received_by<'a>(cx: &'a Cx<'_>) -> &'a Listener {
    cx.listeners().get(socket(cx))
}

/// The address that a socket on every address took the message at, or its own.
fn local_ip(cx: &Cx<'_>) -> IpAddr {
    let bound = received_by(cx).address.ip();
    if bound.is_unspecified() { cx.context.received.destination.ip() } else { bound }
}

/// `sip:host:port`, with `;transport=` where it is asked for.
fn sip_uri(host: &[u8], port: u16, transport: Option<Proto>) -> Value {
    let mut text = [b"sip:", host, b":", Str::decimal(port.into()).as_bytes()].concat();
    if let Some(proto) = transport {
        text.extend_from_slice(b";transport=");
        text.extend_from_slice(proto.name().as_bytes());
    }
    Value::Str(text.into())
}

/// A transport to be named in a URI: any but UDP.
fn unusual(proto: Proto) -> Option<Proto> {
    (proto != Proto::Udp).then_some(proto)
}

fn socket_text(proto: Proto, host: &[u8], port: u16) -> Value {
    let port = Str::decimal(port.into());
    Value::Str([proto.name().as_bytes(), b":", host, b":", port.as_bytes()].concat().into())
}

pub(super) fn ip(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Str(ip_text(cx.context.received.source.ip()))
}

pub(super) fn ip_bracketed(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Str(host_texts(cx.context.received.source.ip()).0)
}

pub(super) fn port(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(cx.context.received.source.port().into())
}

pub(super) fn proto(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::text(cx.context.received.proto.name())
}

pub(super) fn proto_number(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(cx.context.received.proto.number().into())
}

pub(super) fn uri(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let received = &cx.context.received;
    sip_uri(&host_texts(received.source.ip()).0, received.source.port(), unusual(received.proto))
}

pub(super) fn uri_with_transport(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let received = &cx.context.received;
    sip_uri(&host_texts(received.source.ip()).0, received.source.port(), Some(received.proto))
}

pub(super) fn address(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let received = &cx.context.received;
    socket_text(received.proto, &host_texts(received.source.ip()).0, received.source.port())
}

pub(super) fn local_address(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Str(ip_text(local_ip(cx)))
}

pub(super) fn local_port(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(received_by(cx).address.port().into())
}

pub(super) fn local_uri(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let listener = received_by(cx);
    sip_uri(&host_texts(local_ip(cx)).0, listener.address.port(), unusual(listener.proto))
}

pub(super) fn local_uri_with_transport(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let listener = received_by(cx);
    sip_uri(&host_texts(local_ip(cx)).0, listener.address.port(), Some(listener.proto))
}

pub(super) fn local_socket(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let listener = received_by(cx);
    socket_text(listener.proto, &listener.host, listener.address.port())
}

pub(super) fn local_name(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    received_by(cx).name.clone().into()
}

pub(super) fn advertised_address(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let listener = received_by(cx);
    Value::Str(listener.advertised_host.clone().unwrap_or_else(|| ip_text(local_ip(cx))))
}

pub(super) fn advertised_port(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(received_by(cx).public_port().into())
}

pub(super) fn advertised_uri(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let listener = received_by(cx);
    sip_uri(&public_host(cx), listener.public_port(), unusual(listener.proto))
}

pub(super) fn advertised_uri_with_transport(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let listener = received_by(cx);
    sip_uri(&public_host(cx), listener.public_port(), Some(listener.proto))
}

fn public_host(cx: &Cx<'_>) -> Str {
    received_by(cx).advertised_host.clone().unwrap_or_else(|| host_texts(local_ip(cx)).0)
}

/// `$rsi`: the number of the receiving socket.
pub(super) fn local_number(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(socket(cx).0.into())
}

pub(super) fn connection(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    cx.context.received.connection.map(|connection| i64::from(connection.0)).into()
}

fn forced<'a>(cx: &'a Cx<'_>) -> Option<&'a Listener> {
    cx.context.destination.socket.map(|id| cx.listeners().get(id))
}

pub(super) fn forced_socket(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    forced(cx).map_or(Value::Null, |l| socket_text(l.proto, &l.host, l.address.port()))
}

pub(super) fn forced_name(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    forced(cx).and_then(|l| l.name.clone()).into()
}

pub(super) fn forced_port(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(forced(cx).map_or(0, |l| l.address.port()).into())
}

/// `$fs = "udp:192.0.2.1:5060"`: a socket that is not ours changes nothing but the log.
pub(super) fn set_forced_socket(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    if value.is_null() {
        cx.context.destination.socket = None;
        return Ok(());
    }
    let text = super::uri::text_of(value, "the sending socket")?;
    match socket_named(cx, &text) {
        Some(id) => cx.context.destination.socket = Some(id),
        None => tracing::warn!(target: "pv", "no socket found to match [{}]", text.to_lossy()),
    }
    Ok(())
}

/// `$fsn = "name"`
pub(super) fn set_forced_name(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    if value.is_null() {
        cx.context.destination.socket = None;
        return Ok(());
    }
    let text = super::uri::text_of(value, "the sending socket's name")?;
    match cx.listeners().named(&text) {
        Some(id) => cx.context.destination.socket = Some(id),
        None => tracing::warn!(target: "pv", "no socket found to match name [{}]", text.to_lossy()),
    }
    Ok(())
}

/// What `$rcv(…)` and `$snd(…)` ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    SourceIp,
    SourcePort,
    LocalIp,
    LocalPort,
    Ip,
    Port,
    Proto,
    ProtoName,
    Family,
    Buffer,
    Length,
}

/// Names in `$rcv(…)`.
pub(super) const RECEIVED_PARTS: &[(&str, Flow)] = &[
    ("srcip", Flow::SourceIp),
    ("srcport", Flow::SourcePort),
    ("rcvip", Flow::LocalIp),
    ("rcvport", Flow::LocalPort),
    ("proto", Flow::Proto),
    ("sproto", Flow::ProtoName),
    ("af", Flow::Family),
    ("buf", Flow::Buffer),
    ("len", Flow::Length),
];

/// Names in `$snd(…)`, `$sndto(…)`, `$sndfrom(…)`.
pub(super) const SENT_PARTS: &[(&str, Flow)] = &[
    ("ip", Flow::Ip),
    ("port", Flow::Port),
    ("proto", Flow::Proto),
    ("sproto", Flow::ProtoName),
    ("af", Flow::Family),
    ("buf", Flow::Buffer),
    ("len", Flow::Length),
];

/// Kamailio's number of an address family.
fn family(ip: IpAddr) -> Value {
    Value::Int(if ip.is_ipv4() { 2 } else { 10 })
}

/// `$rcv(…)`: what came in; undefined but in event routes, as in Kamailio.
pub(super) fn received_part(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(part) = args.parsed::<Flow>() else { return Value::Null };
    if cx.context.route != RouteContext::Event {
        return Value::Null;
    }
    let received = &cx.context.received;
    let buffer = cx.context.message.buffer();
    match part {
        Flow::SourceIp => Value::Str(ip_text(received.source.ip())),
        Flow::SourcePort => Value::Int(received.source.port().into()),
        Flow::LocalIp => Value::Str(ip_text(local_ip(cx))),
        Flow::LocalPort => Value::Int(received.destination.port().into()),
        Flow::Family => family(received.source.ip()),
        Flow::Buffer => Value::Str(Str::slice(buffer, 0, buffer.len())),
        Flow::Length => Value::Int(buffer.len() as i64),
        Flow::Ip | Flow::Port | Flow::Proto | Flow::ProtoName => {
            of_end(*part, received.source, received.proto)
        }
    }
}

/// `$rcv(buf) = …` in `core:msg-received`: other bytes are read in place of what came.
pub(super) fn set_received_part(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    if args.parsed::<Flow>() != Some(&Flow::Buffer) {
        return Err(WriteError::Unfit("only $rcv(buf) can be set".to_owned()));
    }
    if cx.context.route != RouteContext::Event {
        return Err(WriteError::NotHere);
    }
    let text = super::uri::text_of(value, "what was received")?;
    cx.replace_message(text.to_vec()).map_err(|error| WriteError::Unfit(error.to_string()))
}

fn of_end(part: Flow, end: SocketAddr, proto: Proto) -> Value {
    match part {
        Flow::Ip => Value::Str(ip_text(end.ip())),
        Flow::Port => Value::Int(end.port().into()),
        Flow::Proto => Value::Int(proto.number().into()),
        Flow::ProtoName => Value::text(proto.name()),
        Flow::Family => family(end.ip()),
        _ => Value::Null,
    }
}

/// `$snd(…)`, `$sndto(…)`: where the message of an `onsend_route` goes, and its bytes.
pub(super) fn sent_to(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let (Some(part), Some(sending)) = (args.parsed::<Flow>(), cx.context.sending) else { return Value::Null };
    match part {
        Flow::Buffer => Value::Str(super::message::written(cx.context).into()),
        Flow::Length => Value::Int(super::message::written(cx.context).len() as i64),
        part => of_end(*part, sending.target.addr, sending.target.proto),
    }
}

/// `$sndfrom(…)`: our side of it.
pub(super) fn sent_from(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let (Some(part), Some(sending)) = (args.parsed::<Flow>(), cx.context.sending) else { return Value::Null };
    match part {
        Flow::Buffer => Value::Str(super::message::written(cx.context).into()),
        Flow::Length => Value::Int(super::message::written(cx.context).len() as i64),
        part => {
            let listener = cx.listeners().get(sending.socket);
            of_end(*part, listener.address, listener.proto)
        }
    }
}
