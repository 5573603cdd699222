//! What scripts ask of a connection, and what they ask for one that is to be opened.

use std::sync::Arc;

use engine::context::Connect;
use engine::variables::{Case, XavpValue};
use engine::{Args, Cx, Flow, ListenerId, event};
use transport::tls::Check;

use super::{TlsModule, variables};

pub(super) fn is_peer_verified(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    match variables::facts(cx) {
        Some(facts) => (facts.check_peer() == Check::Good).into(),
        None => Flow::FALSE,
    }
}

/// Holds for the next connection that this message opens.
pub(super) fn set_connect_server_id(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let id = String::from_utf8_lossy(args.text(0)).into_owned();
    let server_id = Some(id).filter(|id| !id.is_empty());
    let before = cx.context.connect.take();
    let server_name = before.and_then(|connect| connect.server_name.clone());
    if server_id.is_some() || server_name.is_some() {
        cx.context.connect = Some(Arc::new(Connect { server_name, server_id }));
    }
    Flow::TRUE
}

/// Before a request is sent: takes what the extended AVP of `xavp_cfg` asks for, where no function has asked.
pub(super) fn take_wishes(cx: &mut Cx<'_>, socket: ListenerId) {
    let Some(name) = &cx.state::<TlsModule>().xavp else { return };
    if cx.context.connect.is_some() || !cx.listeners().get(socket).proto.is_secure() {
        return;
    }
    let Some(XavpValue::List(fields)) = cx.context.variables.xavps.get(name, 0, Case::Exact) else { return };
    let field = |name: &[u8]| match fields.get(name, 0, Case::Exact) {
        Some(XavpValue::Str(text)) => Some(text.to_lossy().into_owned()).filter(|text| !text.is_empty()),
        _ => None,
    };
    let connect = Connect { server_name: field(b"server_name"), server_id: field(b"server_id") };
    if connect != Connect::default() {
        cx.context.connect = Some(Arc::new(connect));
    }
}

/// Runs `event_route[tls:connection-out]`; one that drops keeps the message here.
pub(super) fn connection_out(cx: &mut Cx<'_>) -> bool {
    match cx.state::<TlsModule>().connection_out {
        Some(route) => event::run(cx, route),
        None => true,
    }
}
