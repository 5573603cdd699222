//! The functions of the script.

use std::sync::{Arc, PoisonError};

use cfg_vm::{Str, Value};
use engine::{Args, Cx, Flow};

use super::trusted::{Peer, is_proto, peers};
use super::{Permissions, Trusted};
use crate::source;

/// The group that is meant where none is named.
const GROUP: i64 = 1;

/// `allow_source_address([group])`
pub(super) fn allow_source_address(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let group = if args.is_empty() { Some(GROUP) } else { args.int(0) };
    let Some(group) = group else { return no_number("allow_source_address") };
    let source = cx.context.received.source;
    let addresses = cx.state::<Permissions>().addresses();
    let Some(found) = addresses.find_ip(source.ip(), source.port(), Some(group)) else { return Flow::FALSE };
    tell_tag(cx, found.tag.as_ref());
    Flow::TRUE
}

/// `allow_source_address_group()`
pub(super) fn allow_source_address_group(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let source = cx.context.received.source;
    let addresses = cx.state::<Permissions>().addresses();
    let Some(found) = addresses.find_ip(source.ip(), source.port(), None) else { return Flow::FALSE };
    tell_tag(cx, found.tag.as_ref());
    Flow::Done(found.group)
}

/// `allow_address(group, address, port)`
pub(super) fn allow_address(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let port = args.int(2).and_then(|port| u16::try_from(port).ok());
    let (Some(group), Some(port)) = (args.int(0), port) else { return no_number("allow_address") };
    let addresses = cx.state::<Permissions>().addresses();
    let Some(found) = addresses.find(args.text(1), port, Some(group)) else { return Flow::FALSE };
    tell_tag(cx, found.tag.as_ref());
    Flow::TRUE
}

/// `allow_address_group(address, port)`
pub(super) fn allow_address_group(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(port) = args.int(1).and_then(|port| u16::try_from(port).ok()) else {
        return no_number("allow_address_group");
    };
    let addresses = cx.state::<Permissions>().addresses();
    let Some(found) = addresses.find(args.text(0), port, None) else { return Flow::FALSE };
    tell_tag(cx, found.tag.as_ref());
    Flow::Done(found.group)
}

fn no_number(function: &str) -> Flow {
    tracing::error!(target: "permissions", "{function}: the group or the port is no number that it can be");
    Flow::FALSE
}

fn tell_tag(cx: &mut Cx<'_>, tag: Option<&Str>) {
    let state = cx.state::<Permissions>();
    let (Some(variable), Some(tag)) = (&state.peer_tag, tag) else { return };
    if let Err(error) = cx.write_bound(variable, Value::Str(tag.clone())) {
        tracing::error!(target: "permissions", "peer_tag_avp could not be filled: {error:?}");
    }
}

/// Who asks to be trusted.
struct Sender {
    source: Vec<u8>,
    proto: Vec<u8>,
    from: Vec<u8>,
    ruri: Str,
}

/// `allow_trusted([source, transport [, from]])`
pub(super) fn allow_trusted(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(sender) = sender(cx, args) else { return Flow::FALSE };
    match &cx.state::<Permissions>().trusted {
        Trusted::None => Flow::FALSE,
        Trusted::Kept(_, _, kept) => {
            let kept = Arc::clone(&kept.read().unwrap_or_else(PoisonError::into_inner));
            judge(cx, &sender, &kept)
        }
        Trusted::Asked(database, columns) => {
            let mut query = columns.query();
            query.keys.push(store::Key::eq(&columns.columns[0], &sender.source[..]));
            source::ask("permissions", database, query, move |cx, rows| match rows {
                Some(rows) => judge(cx, &sender, &peers(&rows)),
                None => Flow::FALSE,
            })
        }
    }
}

fn sender(cx: &Cx<'_>, args: &Args<'_>) -> Option<Sender> {
    let received = &cx.context.received;
    let from = || Some(cx.context.message.from().ok()?.uri_text.to_vec());
    let sender = if args.is_empty() {
        Sender {
            source: received.source.ip().to_string().into_bytes(),
            proto: received.proto.name().to_ascii_lowercase().into_bytes(),
            from: from()?,
            ruri: cx.context.request_uri(),
        }
    } else {
        Sender {
            source: args.text(0).to_vec(),
            proto: args.text(1).to_vec(),
            from: if args.len() > 2 { args.text(2).to_vec() } else { from()? },
            ruri: cx.context.request_uri(),
        }
    };
    if !is_proto(&sender.proto) {
        tracing::error!(target: "permissions", "allow_trusted: `{}` is no transport", sender.proto.escape_ascii());
        return None;
    }
    Some(sender)
}

/// 1 if one of the peers is the sender; with all tags wanted, how many are.
fn judge(cx: &mut Cx<'_>, sender: &Sender, peers: &[Peer]) -> Flow {
    let all = cx.state::<Permissions>().all_tags;
    let is = |peer: &&Peer| peer.is(&sender.source, &sender.proto, &sender.from, &sender.ruri);
    let mut count = 0;
    for peer in peers.iter().filter(is).take(if all { usize::MAX } else { 1 }) {
        tell_tag(cx, peer.tag.as_ref());
        count += 1;
    }
    if count == 0 { Flow::FALSE } else { Flow::Done(count) }
}
