//! Signs that a sender is behind an address translator.

use engine::{Args, Cx, Flow};
use modules::sender::parse;
use sip_message::{Rport, Uri};
use transport::Proto;

use super::contact::chosen;
use super::sdp::{description, media_addresses};
use super::{Nathelper, ranges::Ranges};

/// The signs in the order of their bits.
const SIGNS: [fn(&Cx<'_>, Ranges) -> bool; 10] = [
    contact_is_private,
    via_host_differs,
    via_is_private,
    media_is_private,
    via_port_differs,
    source_is_private,
    came_over_websocket,
    contact_port_differs,
    media_differs,
    target_differs,
];

pub(super) fn nat_uac_test(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let wanted = args.int(0).unwrap_or_default();
    let ranges = cx.state::<Nathelper>().ranges;
    let mut signs = SIGNS.iter().enumerate().filter(|(bit, _)| wanted >> bit & 1 == 1);
    signs.any(|(_, sign)| sign(cx, ranges)).into()
}

fn with_contact(cx: &Cx<'_>, look: impl FnOnce(&Uri<'_>) -> bool) -> bool {
    chosen(&cx.context.message).and_then(|(_, contact)| contact.uri().ok()).is_some_and(|uri| look(&uri))
}

fn contact_is_private(cx: &Cx<'_>, ranges: Ranges) -> bool {
    with_contact(cx, |uri| ranges.contain(uri.host))
}

fn via_host_differs(cx: &Cx<'_>, _: Ranges) -> bool {
    cx.context.message.top_via().is_ok_and(|via| parse(via.host) != Some(cx.context.received.source.ip()))
}

fn via_is_private(cx: &Cx<'_>, ranges: Ranges) -> bool {
    cx.context.message.top_via().is_ok_and(|via| ranges.contain(via.host))
}

fn media_is_private(cx: &Cx<'_>, ranges: Ranges) -> bool {
    description(&cx.context.message).is_some_and(|sdp| media_addresses(&sdp).any(|host| ranges.contain(host)))
}

fn via_port_differs(cx: &Cx<'_>, _: Ranges) -> bool {
    cx.context
        .message
        .top_via()
        .is_ok_and(|via| via.port.unwrap_or(5060) != cx.context.received.source.port())
}

fn source_is_private(cx: &Cx<'_>, ranges: Ranges) -> bool {
    ranges.contain_ip(cx.context.received.source.ip())
}

fn came_over_websocket(cx: &Cx<'_>, _: Ranges) -> bool {
    matches!(cx.context.received.proto, Proto::Ws | Proto::Wss)
}

fn contact_port_differs(cx: &Cx<'_>, _: Ranges) -> bool {
    with_contact(cx, |uri| uri.port_or_default() != cx.context.received.source.port())
}

fn media_differs(cx: &Cx<'_>, _: Ranges) -> bool {
    let source = cx.context.received.source.ip();
    let differs = |host: &[u8]| parse(host).is_some_and(|ip| ip != source && !ip.is_unspecified());
    description(&cx.context.message).is_some_and(|sdp| media_addresses(&sdp).any(differs))
}

/// A request goes elsewhere than its URI says, or a reply elsewhere than its Via says.
fn target_differs(cx: &Cx<'_>, _: Ranges) -> bool {
    let message = &cx.context.message;
    if message.is_request() {
        let Some(hop) = &cx.context.destination.uri_to_send else { return false };
        let target = cx.context.request_uri();
        return match (Uri::parse(hop), Uri::parse(&target)) {
            (Ok(hop), Ok(target)) => {
                let over_websocket = hop.transport().is_some_and(|t| t.eq_ignore_ascii_case(b"ws"));
                over_websocket
                    || !hop.host.eq_ignore_ascii_case(target.host)
                    || hop.port_or_default() != target.port_or_default()
            }
            _ => false,
        };
    }
    let Some(via) = message.via_values().nth(1).and_then(|value| message.via(value).ok()) else {
        return false;
    };
    let over_websocket =
        via.transport.eq_ignore_ascii_case(b"WS") || via.transport.eq_ignore_ascii_case(b"WSS");
    let host_differs = via.received().is_some_and(|host| parse(host) != parse(via.host));
    let port_differs = matches!(via.rport(), Rport::Port(port) if port != via.port_or_default());
    over_websocket || host_differs || port_differs
}
