//! Remote-Party-ID from a variable (draft-ietf-sip-privacy-04).

use cfg_vm::Str;
use cfg_vm::bound::BoundPv;
use engine::{Args, Cx, Flow, Setup, SetupError};
use sip_message::NameAddr;

use super::{Siputils, number};

/// Default of `rpid_suffix`.
pub(super) const SUFFIX: &str = ";party=calling;id-type=subscriber;screen=yes";

/// Binds `rpid_avp`; an empty text switches the functions off.
pub(super) fn bind(setup: &Setup<'_>) -> Result<Option<BoundPv>, SetupError> {
    match setup.values("rpid_avp").last() {
        Some(param) => match param.value.as_text().unwrap_or_default() {
            b"" => Ok(None),
            text => setup.bind_pv(text).map(Some).map_err(|why| SetupError::at(param, why)),
        },
        // Where no loaded module has AVPs, nothing can be saved in one.
        None => Ok(setup.bind_pv(b"$avp(s:rpid)").ok()),
    }
}

pub(super) fn append(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let siputils = cx.state::<Siputils>();
    append_between(cx, &siputils.rpid_prefix, &siputils.rpid_suffix)
}

pub(super) fn append_with(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    append_between(cx, args.text(0), args.text(1))
}

fn append_between(cx: &mut Cx<'_>, prefix: &[u8], suffix: &[u8]) -> Flow {
    let Some(value) = saved(cx) else { return Flow::FALSE };
    let line = [b"Remote-Party-ID: ", prefix, &value, suffix, b"\r\n"].concat();
    cx.context.edits.append_header(&cx.context.message, &line);
    Flow::TRUE
}

pub(super) fn is_user_e164(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let Some(value) = saved(cx) else { return Flow::FALSE };
    let longest = cx.state::<Siputils>().longest_number;
    let user = NameAddr::parse(&value).ok().and_then(|addr| addr.uri().ok()).and_then(|uri| uri.user);
    user.is_some_and(|user| number::is_international(user, longest)).into()
}

/// The saved URI, if there is one.
fn saved(cx: &mut Cx<'_>) -> Option<Str> {
    let pv = cx.state::<Siputils>().rpid.as_ref()?;
    Some(cx.read_bound(pv).to_str()).filter(|value| !value.is_empty())
}
