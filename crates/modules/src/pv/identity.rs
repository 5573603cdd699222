//! Who a message says it is from or for beside From and To: asserted and preferred identities, Remote-Party-ID,
//! Diversion, Refer-To.

use cfg_vm::Value;
use engine::{Cx, PvArgs};
use sip_message::{HeaderId, NameAddr, Values};

use super::uri;

/// Reads something of a header's first address.
fn read(cx: &Cx<'_>, id: HeaderId, pick: impl for<'a> FnOnce(&NameAddr<'a>) -> Option<&'a [u8]>) -> Value {
    let first = cx.context.message.value(id).and_then(|text| Values::new(text).next());
    let addr = first.and_then(|text| NameAddr::parse(text).ok());
    addr.and_then(|addr| pick(&addr)).map(|part| cx.context.keep(part)).into()
}

fn uri_text<'a>(addr: &NameAddr<'a>) -> Option<&'a [u8]> {
    Some(addr.uri_text)
}

pub(super) fn asserted(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    read(cx, HeaderId::PAssertedIdentity, uri_text)
}

pub(super) fn preferred(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    read(cx, HeaderId::PPreferredIdentity, uri_text)
}

pub(super) fn preferred_user(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    read(cx, HeaderId::PPreferredIdentity, |addr| uri::parse(addr.uri_text).and_then(|uri| uri::user(&uri)))
}

pub(super) fn preferred_host(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    read(cx, HeaderId::PPreferredIdentity, |addr| uri::parse(addr.uri_text).and_then(|uri| uri::host(&uri)))
}

pub(super) fn preferred_name(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    read(cx, HeaderId::PPreferredIdentity, |addr| Some(addr.display).filter(|name| !name.is_empty()))
}

pub(super) fn remote_party(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    read(cx, HeaderId::RemotePartyId, uri_text)
}

pub(super) fn refer_to(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    read(cx, HeaderId::ReferTo, uri_text)
}

pub(super) fn diversion(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    read(cx, HeaderId::Diversion, uri_text)
}

pub(super) fn diversion_counter(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    read(cx, HeaderId::Diversion, |addr| addr.params().value(b"counter"))
}

pub(super) fn diversion_privacy(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    read(cx, HeaderId::Diversion, |addr| addr.params().value(b"privacy"))
}

pub(super) fn diversion_reason(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    read(cx, HeaderId::Diversion, |addr| addr.params().value(b"reason"))
}
