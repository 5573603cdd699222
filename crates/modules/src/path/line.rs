//! Path lines (RFC 3327 §5.2): asked for by the script, completed when the request leaves and its socket is known.

use std::io::Write as _;

use cfg_vm::Str;
use engine::{Args, Context, Cx, Flow, Listener, ListenerId};
use sip_message::{Class, HeaderId, Slot};
use transport::Proto;

use super::{Format, Path};
use crate::sender::{self, escaped, write_uri};

/// The lines that one message is to carry.
#[derive(Default)]
struct Asked(Vec<Line>);

/// One line, but for the address.
struct Line {
    slot: Slot,
    side: Side,
    user: Str,
    /// In place of a socket's.
    address: Option<Str>,
    /// What stands behind `;lr`.
    params: Str,
}

/// Whose address a line carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// The socket that the request leaves by.
    Out,
    /// The socket that it came in.
    In,
}

/// Whether the sender's address goes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Told,
    Untold,
}

pub(super) fn add_path(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    add(cx, None, args.str(0), args.text(1), Sender::Untold)
}

pub(super) fn add_path_received(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    add(cx, None, args.str(0), args.text(1), Sender::Told)
}

pub(super) fn add_path_advertised(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    add(cx, Some(args.str(0)), args.str(1), args.text(2), Sender::Untold)
}

pub(super) fn add_path_received_advertised(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    add(cx, Some(args.str(0)), args.str(1), args.text(2), Sender::Told)
}

fn add(cx: &mut Cx<'_>, address: Option<Str>, user: Str, given: &[u8], sender: Sender) -> Flow {
    if address.as_ref().is_some_and(|address| address.is_empty()) {
        tracing::error!(target: "path", "a Path needs an address, and the one given is empty");
        return Flow::FALSE;
    }
    let path = cx.state::<Path>();
    let params = params(path, cx.context, given, sender);
    add_line(cx, Side::Out, address.clone(), user.clone(), params.clone());
    if path.double {
        add_line(cx, Side::In, address, user, params);
    }
    Flow::TRUE
}

/// What follows `;lr`.
fn params(path: &Path, context: &Context, given: &[u8], sender: Sender) -> Str {
    let mut text = Vec::new();
    if sender == Sender::Told {
        let (source, proto) = (context.received.source, context.received.proto);
        text = match path.format {
            Format::Alias => sender::alias(&path.received_name, source, proto),
            Format::Uri => {
                let mut uri = Vec::new();
                write_uri(source, proto, &mut uri);
                escaped(&path.received_name, &uri)
            }
        };
    }
    if !given.is_empty() {
        text.push(b';');
        text.extend_from_slice(given);
    }
    if path.double {
        text.extend_from_slice(b";r2=on");
    }
    text.into()
}

/// Takes the line's place: before the first Path, or after all headers. Its address is left out until it is known.
fn add_line(cx: &mut Cx<'_>, side: Side, address: Option<Str>, user: Str, params: Str) {
    let Context { message, edits, .. } = &mut *cx.context;
    let first = message.index().first(HeaderId::Path);
    let at = first.map_or_else(|| message.index().fields_end(), |field| field.whole.start as usize);
    let mut text = Vec::new();
    write_line(&user, |_| {}, &params, &mut text);
    let slot = edits.insert_slot(at, Class::Text, &text);
    cx.data::<Asked>().0.push(Line { slot, side, user, address, params });
}

/// Completes the lines now that the socket is known by which the request leaves.
pub(super) fn write(cx: &mut Cx<'_>, socket: ListenerId) {
    let Context { message, edits, received, data, .. } = &mut *cx.context;
    let Some(Asked(lines)) = data.get::<Asked>().filter(|_| message.is_request()) else { return };
    let names = cx.running.state::<Path>().is_some_and(|path| path.socket_names);
    let mut text = Vec::new();
    for line in lines {
        text.clear();
        let id = if line.side == Side::Out { socket } else { received.listener };
        let listener = cx.shard.server.listeners.get(id);
        let address = |out: &mut Vec<u8>| write_address(listener, line.address.as_deref(), names, out);
        write_line(&line.user, address, &line.params, &mut text);
        edits.fill(line.slot, &text);
    }
}

fn write_line(user: &[u8], address: impl Fn(&mut Vec<u8>), params: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"Path: <sip:");
    if !user.is_empty() {
        out.extend_from_slice(user);
        out.push(b'@');
    }
    address(out);
    out.extend_from_slice(b";lr");
    out.extend_from_slice(params);
    out.extend_from_slice(b">\r\n");
}

/// Host, port and transport of a socket, the last two only where they are not the usual ones; its name if asked for.
fn write_address(listener: &Listener, given: Option<&[u8]>, names: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(given.unwrap_or_else(|| listener.public_host()));
    // A Vec takes everything.
    if given.is_none() && listener.public_port() != Proto::Udp.default_port() {
        let _ = write!(out, ":{}", listener.public_port());
    }
    match listener.proto {
        Proto::Udp => {}
        // RFC 7118 §5.2.1: secured or not.
        Proto::Wss => out.extend_from_slice(b";transport=ws"),
        proto => {
            let _ = write!(out, ";transport={proto}");
        }
    }
    if let Some(name) = listener.name.as_ref().filter(|_| names) {
        out.extend_from_slice(b";sn=");
        out.extend_from_slice(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(format: Format, double: bool) -> Path {
        Path { received_name: Str::from("received"), format, double, socket_names: false }
    }

    fn context(proto: Proto) -> Context {
        let mut context = Context::default();
        context.received.source = "192.0.2.4:5070".parse().expect("an address");
        context.received.proto = proto;
        context
    }

    fn written(format: Format, double: bool, given: &str, sender: Sender) -> String {
        params(&path(format, double), &context(Proto::Tcp), given.as_bytes(), sender).to_lossy().into_owned()
    }

    #[test]
    fn the_senders_address_stands_before_what_the_script_adds() {
        assert_eq!(written(Format::Uri, false, "", Sender::Untold), "");
        assert_eq!(written(Format::Uri, false, "ob;a=1", Sender::Untold), ";ob;a=1");
        assert_eq!(
            written(Format::Uri, true, "ob", Sender::Told),
            ";received=sip:192.0.2.4:5070%3Btransport%3Dtcp;ob;r2=on"
        );
        assert_eq!(written(Format::Alias, false, "ob", Sender::Told), ";received=192.0.2.4~5070~2;ob");
    }

    #[test]
    fn a_line_without_its_address_is_what_a_script_sees_that_applies_its_changes_too_early() {
        let mut out = Vec::new();
        write_line(b"edge", |_| {}, b";ob", &mut out);
        assert_eq!(out, b"Path: <sip:edge@;lr;ob>\r\n");
    }
}
