//! Module `nathelper`: senders behind address translators — found out, and made reachable.
//!
//! Keeping translators open by pings needs the contacts of `usrloc`; that part comes with it.

pub(crate) mod address;
pub(crate) mod alias;
mod contact;
pub(crate) mod received;
mod sdp;
mod suspicion;

use std::sync::Arc;

use cfg_vm::Value;
use cfg_vm::bound::BoundPv;
use cfg_vm::catalogue::{ArgKind, PvType, Routes};
use engine::module::State;
use engine::{Args, Cx, Flow, Function, Module, Param, Pv, PvArgs, Setup, SetupError};

use address::Ranges;

/// The module's table.
pub const MODULE: Module = Module {
    name: "nathelper",
    doc: "Finds senders behind address translators and makes them reachable.",
    params: &[
        Param::int("natping_interval", "0", "Seconds between pings of one contact; 0 pings nobody."),
        Param::int("ping_nated_only", "0", "Pings only contacts behind translators.").ignored(),
        Param::text("nortpproxy_str", "a=nortpproxy:yes", "The line that `fix_nated_sdp` adds with flag 4; none when empty."),
        Param::text("received_avp", "", "Variable that `fix_nated_register` fills."),
        Param::text("force_socket", "", "Socket that pings leave from.").ignored(),
        Param::text("sipping_from", "", "From of SIP pings.").ignored(),
        Param::text("sipping_method", "OPTIONS", "Method of SIP pings.").ignored(),
        Param::int("sipping_bflag", "-1", "Branch flag of contacts that are pinged by SIP.").ignored(),
        Param::int("natping_disable_bflag", "-1", "Branch flag of contacts that are not pinged.").ignored(),
        Param::int("natping_processes", "1", "Processes that ping.").ignored(),
        Param::text("natping_socket", "", "Raw socket that pings leave from.").ignored(),
        Param::int("keepalive_timeout", "0", "Seconds after which a silent contact is removed.").ignored(),
        Param::int("udpping_from_path", "0", "Pings the host of the contact's Path.").ignored(),
        Param::int("ignore_path", "0", "Pings contacts with Path directly.").ignored(),
        Param::int_in("append_sdp_oldmediaip", 0, 1, "1", "Keeps replaced addresses in `a=oldmediaip` lines."),
        Param::int("filter_server_id", "0", "Pings only contacts of this server.").ignored(),
        Param::int_in("nat_addr_mode", 0, 1, "1", "1 counts all of 192.0.0.0/24 as private, 0 its first eight addresses."),
        Param::text("alias_name", "alias", "Name of the Contact URI's parameter that carries the sender's address."),
    ],
    functions: &[
        Function::new("fix_nated_contact", &[], CONTACT, contact::fix, "Puts the sender's address and port into Contact."),
        Function::new("add_contact_alias", &[], CONTACT, alias::add, "Adds the sender's address to Contact's URI as first \
             parameter."),
        Function::new(
            "add_contact_alias",
            &[ArgKind::Format, ArgKind::Format, ArgKind::Format],
            CONTACT.or(Routes::FAILURE),
            alias::add_given,
            "Adds this address, port and transport to Contact's URI.",
        ),
        Function::new(
            "set_contact_alias",
            &[ArgKind::Int],
            CONTACT,
            alias::set,
            "Adds the sender's address to Contact's URI as last parameter; 1 replaces one that is there.",
        )
        .requires(0),
        Function::new(
            "handle_ruri_alias",
            &[ArgKind::Int],
            Routes::REQUEST.or(Routes::BRANCH).or(Routes::LOCAL),
            alias::handle,
            "Takes the address out of the request URI into `$du` (1); 2 when there is none. Mode 1 takes the last one.",
        )
        .requires(0),
        Function::new(
            "set_alias_to_pv",
            &[ArgKind::PvWrite],
            Routes::ANY,
            alias::set_to_variable,
            "Puts the address in Contact's URI into a variable, as a SIP URI.",
        ),
        Function::new(
            "fix_nated_sdp",
            &[ArgKind::Int, ArgKind::Format],
            TESTED,
            sdp::fix,
            "Edits the session description: 1 direction lines, 2 media addresses, 4 a mark for proxies, 8 the origin's \
             address.",
        )
        .requires(1),
        Function::new(
            "nat_uac_test",
            &[ArgKind::Int],
            TESTED,
            suspicion::nat_uac_test,
            "Whether one of these signs of an address translator is there.",
        ),
        Function::new(
            "fix_nated_register",
            &[],
            Routes::REQUEST,
            received::fix_register,
            "Puts the sender's address as a URI into the variable of `received_avp`.",
        ),
        Function::new(
            "add_rcv_param",
            &[ArgKind::Int],
            Routes::REQUEST,
            received::add_param,
            "Adds `received` with the sender's address to Contacts; 1 adds it to their URIs.",
        )
        .requires(0),
        Function::new(
            "is_rfc1918",
            &[ArgKind::Format],
            Routes::ANY,
            is_rfc1918,
            "Whether a text is a private IPv4 address.",
        ),
    ],
    pvs: &[
        Pv::new("rr_count", PvType::Int, rr_count, "How many Record-Routes there are."),
        Pv::new("rr_top_count", PvType::Int, rr_top_count, "How many of them the topmost server added: 0, 1 or 2."),
    ],
    start,
    ..Module::EMPTY
};

const CONTACT: Routes = Routes::REQUEST.or(Routes::REPLY).or(Routes::BRANCH).or(Routes::LOCAL);
const TESTED: Routes = CONTACT.or(Routes::FAILURE);

/// The module under one configuration.
struct Nathelper {
    ranges: Ranges,
    received: Option<BoundPv>,
    no_proxy_line: Vec<u8>,
    keeps_old_addresses: bool,
    alias: Vec<u8>,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    if let Some(param) = setup.values("natping_interval").last()
        && param.value.as_int().is_some_and(|seconds| seconds > 0)
        && !setup.is_loaded("usrloc")
    {
        return Err(SetupError::at(
            param,
            "contacts are pinged as usrloc has them; load usrloc or set this to 0",
        ));
    }
    let received = match setup.values("received_avp").last() {
        Some(param) => {
            let text = param.value.as_text().unwrap_or_default();
            Some(setup.bind_pv(text).map_err(|why| SetupError::at(param, why))?)
        }
        None => None,
    };
    let alias = setup.text("alias_name").filter(|name| !name.is_empty()).unwrap_or(b"alias");
    Ok(Arc::new(Nathelper {
        ranges: if setup.int("nat_addr_mode") == Some(0) {
            Ranges::Private
        } else {
            Ranges::PrivateAndReserved
        },
        received,
        no_proxy_line: setup.text("nortpproxy_str").unwrap_or(b"a=nortpproxy:yes").trim_ascii_end().to_vec(),
        keeps_old_addresses: setup.int("append_sdp_oldmediaip") != Some(0),
        alias: alias.to_vec(),
    }))
}

fn is_rfc1918(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.state::<Nathelper>().ranges.contain(args.text(0)).into()
}

fn rr_count(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let count = cx.context.message.record_route_values().count();
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn rr_top_count(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let message = &cx.context.message;
    let Some(top) = message.record_route_values().next() else { return Value::Int(0) };
    let uri = message.name_addr(top).ok().and_then(|addr| addr.uri().ok());
    Value::Int(if uri.is_some_and(|uri| uri.params().has(b"r2")) { 2 } else { 1 })
}
