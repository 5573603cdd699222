//! Module `nathelper`: senders behind address translators — found out, and made reachable.
//!
//! [`pings`] keeps the translators open, for the contacts of `usrloc`.

mod alias;
mod contact;
mod pings;
mod ranges;
mod received;
mod request;
mod sdp;
mod suspicion;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cfg_vm::bound::BoundPv;
use cfg_vm::catalogue::{ArgKind, PvType, Routes};
use cfg_vm::{Str, Value};
use engine::module::{Rpc, State};
use engine::rpc::{RpcCall, RpcError, RpcValue};
use engine::{Args, Cx, Flow, Function, Module, Param, Pv, PvArgs, Setup, SetupError};

use pings::{Plan, Shared};
use ranges::Ranges;

/// The module's table.
pub const MODULE: Module = Module {
    name: "nathelper",
    doc: "Finds senders behind address translators and makes them reachable.",
    params: &[
        Param::int_in("natping_interval", 0, 86_400, "0", "Seconds between pings of one contact; 0 pings nobody."),
        Param::int("ping_nated_only", "0", "Pings only contacts behind translators."),
        Param::text("nortpproxy_str", "a=nortpproxy:yes", "The line that `fix_nated_sdp` adds with flag 4; none when empty."),
        Param::text("received_avp", "", "Variable that `fix_nated_register` fills."),
        Param::text("force_socket", "", "Socket that pings leave from."),
        Param::text("sipping_from", "", "From of SIP pings."),
        Param::text("sipping_method", "OPTIONS", "Method of SIP pings."),
        Param::int("sipping_bflag", "-1", "Branch flag of contacts that are pinged by SIP."),
        Param::int("natping_disable_bflag", "-1", "Branch flag of contacts that are not pinged."),
        Param::int("natping_processes", "1", "Pings never run on a shard.").ignored(),
        Param::text("natping_socket", "", "Address that pings are made to come from; they come from where they leave.").ignored(),
        Param::int("keepalive_timeout", "0", "Seconds after which a silent contact is removed."),
        Param::int("udpping_from_path", "0", "Pings go to the contact's Path anyway.").ignored(),
        Param::int("ignore_path", "0", "Pings contacts with Path directly."),
        Param::int_in("append_sdp_oldmediaip", 0, 1, "1", "Keeps replaced addresses in `a=oldmediaip` lines."),
        Param::int("filter_server_id", "0", "Pings only contacts of this server."),
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
    rpc: &[Rpc {
        name: "nathelper.enable_ping",
        doc: "Pings (1), or pauses pinging (0).",
        run: enable_ping,
    }],
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
    /// Who is pinged, if anybody is.
    plan: Option<Plan>,
    shared: Arc<Shared>,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let received = match setup.values("received_avp").last() {
        Some(param) => {
            let text = param.value.as_text().unwrap_or_default();
            Some(setup.bind_pv(text).map_err(|why| SetupError::at(param, why))?)
        }
        None => None,
    };
    let shared = setup.before::<Nathelper>().map_or_else(
        || Arc::new(Shared::new(RandomState::new().hash_one(0))),
        |before| Arc::clone(&before.shared),
    );
    let plan = plan(setup)?;
    if plan.is_some() {
        setup.hooks().begun.push(pings::begun);
        setup.hooks().replies.push(pings::take_reply);
    }
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
        plan,
        shared,
    }))
}

/// Who is pinged; none when `natping_interval` is 0.
fn plan(setup: &Setup<'_>) -> Result<Option<Plan>, SetupError> {
    let interval = setup.int("natping_interval").and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0);
    if interval == 0 {
        return Ok(None);
    }
    if let Some(param) = setup.values("natping_interval").last().filter(|_| !setup.is_loaded("usrloc")) {
        return Err(SetupError::at(
            param,
            "contacts are pinged as usrloc has them; load usrloc or set this to 0",
        ));
    }
    let flag = |name: &str| {
        let bit = setup.int(name).and_then(|bit| u32::try_from(bit).ok());
        bit.filter(|bit| *bit < 32).map_or(0, |bit| 1 << bit)
    };
    let is_on = |name: &str| setup.int(name).is_some_and(|value| value != 0);
    let text = |name: &str| setup.text(name).filter(|text| !text.is_empty()).map(Str::copy);
    let own = i32::try_from(setup.settings().core.int("server_id")).unwrap_or_default();
    Ok(Some(Plan {
        interval,
        nated_only: is_on("ping_nated_only"),
        request_flag: flag("sipping_bflag"),
        exempt_flag: flag("natping_disable_bflag"),
        from: text("sipping_from"),
        method: text("sipping_method").unwrap_or_else(|| Str::copy(b"OPTIONS")),
        socket: text("force_socket"),
        keepalive: setup.int("keepalive_timeout").unwrap_or(0),
        ignores_path: is_on("ignore_path"),
        only_server: is_on("filter_server_id").then_some(own),
    }))
}

fn enable_ping(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    let running = call.server.running();
    let Some(nathelper) = running.state::<Nathelper>().filter(|nathelper| nathelper.plan.is_some()) else {
        return Err(RpcError::new(500, "NATping disabled"));
    };
    let enabled = call.int(0).map_err(|_| RpcError::new(500, "No parameter"))? != 0;
    nathelper.shared.enabled.store(enabled, Ordering::Release);
    Ok(Vec::new())
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
