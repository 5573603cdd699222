//! What is asked of the Via that this server adds.

use engine::module::Flow;
use engine::{Args, Cx};

use super::flag::{ADD_XAVP_PARAMS, USE_XAVP_FIELDS};

/// Adds or takes back `;srvid=`; there is none for server 0.
pub(super) fn via_add_srvid(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let id = cx.running.settings.core.int("server_id");
    let text = format!(";srvid={id}").into_bytes();
    let parameters = &mut cx.context.via.parameters;
    let present = parameters.windows(text.len()).position(|part| part == text);
    match (args.int(0), present) {
        (Some(0), Some(at)) => drop(parameters.drain(at..at + text.len())),
        (Some(1..), None) if id != 0 => parameters.extend_from_slice(&text),
        _ => {}
    }
    Flow::TRUE
}

/// Kamailio heeds this for transactions only: nothing shows in what `forward()` sends.
pub(super) fn via_add_xavp_params(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    wish(cx, args, ADD_XAVP_PARAMS)
}

/// As [`via_add_xavp_params`].
pub(super) fn via_use_xavp_fields(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    wish(cx, args, USE_XAVP_FIELDS)
}

fn wish(cx: &mut Cx<'_>, args: &Args<'_>, mark: u64) -> Flow {
    match args.int(0) {
        Some(0) => cx.context.flags.internal &= !mark,
        _ => cx.context.flags.internal |= mark,
    }
    Flow::TRUE
}
