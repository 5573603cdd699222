//! Functions that look at the text of an address only.

use std::net::IpAddr;

use cfg_vm::Value;
use engine::module::Flow;
use engine::{Args, Cx};

use super::address::{self, Written};
use super::kind;
use super::subnet::{self, Subnets};

pub(super) fn is_ip(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    Written::parse(args.text(0)).is_some().into()
}

pub(super) fn is_pure_ip(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    Written::parse(args.text(0)).and_then(Written::pure).is_some().into()
}

pub(super) fn is_ipv4(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    address::v4(args.text(0)).is_some().into()
}

pub(super) fn is_ipv6(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    matches!(Written::parse(args.text(0)), Some(Written::V6(_))).into()
}

pub(super) fn is_ipv6_reference(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    matches!(Written::parse(args.text(0)), Some(Written::Reference(_))).into()
}

pub(super) fn ip_type(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match Written::parse(args.text(0)) {
        Some(Written::V4(_)) => Flow::Done(1),
        Some(Written::V6(_)) => Flow::Done(2),
        Some(Written::Reference(_)) => Flow::Done(3),
        None => Flow::FALSE,
    }
}

pub(super) fn compare_ips(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    address::same(args.text(0), args.text(1)).into()
}

pub(super) fn compare_pure_ips(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    address::same_pure(args.text(0), args.text(1)).into()
}

pub(super) fn is_ip_rfc1918(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    address::begins_private(args.text(0)).into()
}

pub(super) fn is_in_subnet(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    args.parsed::<Subnets>(1).is_some_and(|subnets| subnet::any_has(subnets, args.text(0))).into()
}

pub(super) fn detailed_ip_type(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    tell_kind(cx, args, Written::parse(args.text(0)).map(Written::address))
}

pub(super) fn detailed_ipv4_type(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    tell_kind(cx, args, address::v4(args.text(0)).map(IpAddr::V4))
}

pub(super) fn detailed_ipv6_type(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    tell_kind(cx, args, address::v6_in_brackets(args.text(0)).map(IpAddr::V6))
}

/// Puts the kind of an address into the second argument; without one, it stays as it is.
fn tell_kind(cx: &mut Cx<'_>, args: &Args<'_>, address: Option<IpAddr>) -> Flow {
    let Some(address) = address else {
        tracing::error!(target: "ipops", "\"{}\" is no address of this family", args.text(0).escape_ascii());
        return Flow::FALSE;
    };
    args.pv(1).is_some_and(|pv| cx.write_pv(pv, Value::text(kind::of(address)))).into()
}
