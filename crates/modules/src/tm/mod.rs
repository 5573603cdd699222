//! Module `tm`: transactions (RFC 3261 §16 and §17).
//!
//! A request's transaction is made by [`create`], its branches by [`relay`]; what comes back goes through [`response`], and
//! when all branches have failed [`choice`] runs the failure route or picks the reply. [`machine`] drives the tables of
//! `sip-transaction`, [`clock`] its timers; [`table`] keeps all of a shard's transactions.

pub(crate) mod answer;
pub mod callbacks;
pub(crate) mod calls;
pub(crate) mod cancel;
pub(crate) mod choice;
mod clock;
mod contacts;
mod counts;
pub(crate) mod create;
pub(crate) mod current;
mod events;
mod functions;
mod machine;
mod merged;
mod params;
pub(crate) mod parked;
mod places;
mod relay;
mod response;
mod rounds;
mod rpc;
mod shards;
mod shared;
pub(crate) mod status;
mod streams;
mod surprises;
pub(crate) mod table;
pub(crate) mod transaction;
pub mod uac;

use std::sync::Arc;

use cfg_syntax::ast::RouteKind;
use cfg_vm::catalogue::{ArgKind, Parsed, Routes};
use cfg_vm::regex::{Flags, Regex};
use engine::module::State;
use engine::setup::{Clock, InHand, OnWait};
use engine::{Function, Module, Setup, SetupError};

pub(crate) use functions::{of_message, reply};
use params::Params;

/// The module's table.
pub const MODULE: Module = Module {
    name: "tm",
    doc: "Transactions: relaying with retransmission, forking, failure routes, CANCEL.",
    params: params::PARAMS,
    functions: FUNCTIONS,
    event_routes: events::ROUTES,
    rpc: rpc::COMMANDS,
    start,
    surprises: surprises::find,
    ..Module::EMPTY
};

/// Ends a transaction with a final reply that nobody is told; its branches are cancelled.
pub(crate) fn end_silently(services: &mut engine::services::Services, id: transaction::Id, code: u16) {
    parked::end_wait(services, id);
    cancel::pending(services, id);
    if let Some(transaction) = services.kept::<table::Table>().get_mut(id) {
        let is_first = !transaction.is_answered();
        transaction.status = code;
        transaction.reply.clear();
        if is_first {
            counts::note(services, |counts, shard| counts.ended(shard, code));
        }
    }
    let event = match code {
        ..300 => sip_transaction::server::Event::Success,
        _ => sip_transaction::server::Event::Failure,
    };
    machine::server_event(services, id, event);
}

/// The module under one configuration.
pub(crate) struct Tm {
    pub(crate) params: Params,
    counts: Arc<counts::Counts>,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let params = Params::of(setup);
    // They are tmx's statistics, where that is loaded.
    let group = if setup.is_loaded("tmx") { "tmx" } else { "tm" };
    let counts = Arc::new(counts::Counts::new(setup.statistics(), group));
    let hooks = setup.hooks();
    hooks.after_script.push(functions::after_script);
    hooks.abandoned.push(functions::abandoned);
    hooks.replies.push(response::take);
    hooks.in_hand.push(InHand { any: clock::has_unanswered, knows: create::is_known });
    hooks.waits.push(OnWait { begins: shared::begins_to_wait, ends: shared::goes_on });
    hooks.stream_lost.push(streams::lost);
    hooks.clocks.push(Clock { next: clock::next, run: clock::run });
    Ok(Arc::new(Tm { params, counts }))
}

const REQUEST: Routes = Routes::REQUEST.or(Routes::EVENT);
const RELAY: Routes = REQUEST.or(Routes::FAILURE);
const STEER: Routes = Routes::REQUEST
    .or(Routes::EVENT)
    .or(Routes::FAILURE)
    .or(Routes::TM_REPLY)
    .or(Routes::BRANCH)
    .or(Routes::BRANCH_FAILURE);
const HOST_PORT: &[ArgKind] = &[ArgKind::Format, ArgKind::Int];
const PROXY: &[ArgKind] = &[ArgKind::Format, ArgKind::Format];
const REPLY: &[ArgKind] = &[ArgKind::Int, ArgKind::Format];

fn code_pattern(text: &[u8]) -> Result<Parsed, String> {
    Regex::posix(text, Flags::default()).map(|regex| Arc::new(regex) as Parsed).map_err(|error| error.0)
}

const FUNCTIONS: &[Function] = &[
    Function::new(
        "t_newtran",
        &[],
        REQUEST,
        functions::newtran,
        "Makes the request's transaction; 0, which ends the script, when it came before.",
    ),
    Function::new(
        "t_relay",
        HOST_PORT,
        RELAY,
        places::t_relay,
        "Relays the request in its transaction, to all its branches.",
    )
    .requires(0)
    .waits(),
    Function::new(
        "t_relay_to_udp",
        HOST_PORT,
        RELAY,
        places::t_relay_to_udp,
        "The same over UDP, to an address if one is given.",
    )
    .requires(0)
    .waits(),
    Function::new("t_relay_to_tcp", HOST_PORT, RELAY, places::t_relay_to_tcp, "The same over TCP.")
        .requires(0)
        .waits(),
    Function::new("t_relay_to_tls", HOST_PORT, RELAY, places::t_relay_to_tls, "The same over TLS.")
        .requires(0)
        .waits(),
    Function::new(
        "t_relay_to",
        PROXY,
        RELAY,
        places::t_relay_to,
        "Relays to a proxy, `[proto:]host[:port]`; flags: 1 no 100, 4 no further addresses.",
    )
    .requires(0)
    .waits(),
    Function::new(
        "t_forward_nonack",
        HOST_PORT,
        REQUEST,
        places::forward_nonack,
        "As `t_relay`, in a transaction that is there, and without a 100.",
    )
    .requires(0)
    .waits(),
    Function::new(
        "t_forward_nonack_uri",
        &[],
        REQUEST,
        places::forward_nonack_uri,
        "The same to the request URI.",
    )
    .waits(),
    Function::new(
        "t_forward_nonack_udp",
        HOST_PORT,
        REQUEST,
        places::forward_nonack_udp,
        "The same over UDP.",
    )
    .waits(),
    Function::new(
        "t_forward_nonack_tcp",
        HOST_PORT,
        REQUEST,
        places::forward_nonack_tcp,
        "The same over TCP.",
    )
    .waits(),
    Function::new(
        "t_forward_nonack_tls",
        HOST_PORT,
        REQUEST,
        places::forward_nonack_tls,
        "The same over TLS.",
    )
    .waits(),
    Function::new("t_forward_nonack_to", PROXY, REQUEST, places::forward_nonack_to, "The same to a proxy.")
        .waits(),
    Function::new(
        "t_replicate",
        HOST_PORT,
        REQUEST,
        places::replicate,
        "Sends a copy to a URI or a host and port; nobody gets its replies.",
    )
    .requires(1)
    .waits(),
    Function::new("t_replicate_udp", HOST_PORT, REQUEST, places::replicate_udp, "The same over UDP.").waits(),
    Function::new("t_replicate_tcp", HOST_PORT, REQUEST, places::replicate_tcp, "The same over TCP.").waits(),
    Function::new("t_replicate_tls", HOST_PORT, REQUEST, places::replicate_tls, "The same over TLS.").waits(),
    Function::new("t_replicate_to", PROXY, REQUEST, places::replicate_to, "The same to a proxy.").waits(),
    Function::new(
        "t_relay_cancel",
        &[],
        REQUEST,
        functions::relay_cancel,
        "Relays a CANCEL whose INVITE is known and ends the script; true otherwise.",
    ),
    Function::new(
        "t_reply",
        REPLY,
        RELAY.or(Routes::TM_REPLY),
        functions::t_reply,
        "Replies in the transaction.",
    ),
    Function::new(
        "t_send_reply",
        REPLY,
        RELAY.or(Routes::TM_REPLY),
        functions::t_send_reply,
        "The same; the transaction is made if there is none.",
    ),
    Function::new(
        "t_reply_error",
        &[],
        RELAY.or(Routes::TM_REPLY),
        functions::t_reply_error,
        "Replies with `default_code` and `default_reason`.",
    ),
    Function::new(
        "t_lookup_request",
        &[],
        REQUEST,
        functions::lookup_request,
        "Whether the request has a transaction.",
    ),
    Function::new(
        "t_lookup_cancel",
        &[ArgKind::Int],
        REQUEST,
        functions::lookup_cancel,
        "Whether the INVITE of a CANCEL is known.",
    )
    .requires(0),
    Function::new(
        "t_check_trans",
        &[],
        REQUEST.or(Routes::REPLY).or(Routes::BRANCH),
        functions::check_trans,
        "Absorbs what came before, ending the script; true for a CANCEL whose INVITE is known.",
    ),
    Function::new(
        "t_retransmit_reply",
        &[],
        REQUEST,
        functions::retransmit_reply,
        "Sends the last reply again.",
    ),
    Function::new(
        "t_release",
        &[],
        REQUEST,
        functions::release,
        "Lets a transaction go that is neither answered nor relayed.",
    ),
    Function::new(
        "t_exists",
        &[],
        Routes::ANY,
        functions::lookup_request,
        "Whether the message has a transaction.",
    ),
    Function::new(
        "t_is_set",
        &[ArgKind::Text],
        Routes::ANY,
        functions::is_set,
        "Whether a route of a kind is set for the transaction.",
    ),
    Function::new(
        "t_on_failure",
        &[ArgKind::Route(RouteKind::Failure)],
        STEER,
        functions::on_failure,
        "The route that runs when all branches have failed.",
    ),
    Function::new(
        "t_on_branch_failure",
        &[ArgKind::Format],
        STEER,
        rounds::on_branch_failure,
        "The `event_route[tm:branch-failure:NAME]` that runs when one branch has failed.",
    ),
    Function::new(
        "t_drop_replies",
        &[ArgKind::Text],
        Routes::FAILURE,
        rounds::drop_replies,
        "Which earlier replies are out of the choice once there is a new branch: n, l or a.",
    )
    .requires(0),
    Function::new(
        "t_save_lumps",
        &[],
        REQUEST,
        functions::save_lumps,
        "Failure routes begin with the changes made so far, not with those up to `t_relay`.",
    ),
    Function::new(
        "t_on_branch",
        &[ArgKind::Route(RouteKind::Branch)],
        RELAY,
        functions::on_branch,
        "The route that runs for each branch before it is sent.",
    ),
    Function::new(
        "t_on_reply",
        &[ArgKind::Route(RouteKind::Reply)],
        STEER,
        functions::on_reply,
        "The route that runs for each reply; in a branch route, of that branch.",
    ),
    Function::new(
        "t_check_status",
        &[ArgKind::ParsedFormat(code_pattern)],
        RELAY.or(Routes::REPLY),
        status::check_status,
        "Whether the code that the route is about matches.",
    ),
    Function::new(
        "t_grep_status",
        &[ArgKind::Int],
        STEER,
        status::grep_status,
        "Whether any branch has this code.",
    ),
    Function::new(
        "t_get_status_code",
        &[],
        Routes::ANY,
        status::get_status_code,
        "The code that the route is about.",
    ),
    Function::new(
        "t_any_timeout",
        &[],
        STEER,
        status::any_timeout,
        "Whether any branch was silent for too long.",
    ),
    Function::new("t_any_replied", &[], STEER, status::any_replied, "Whether any branch has replied."),
    Function::new(
        "t_branch_timeout",
        &[],
        Routes::FAILURE.or(Routes::EVENT).or(Routes::BRANCH_FAILURE),
        status::branch_timeout,
        "Whether the branch that failed was silent for too long.",
    ),
    Function::new(
        "t_branch_replied",
        &[],
        Routes::FAILURE.or(Routes::EVENT).or(Routes::BRANCH_FAILURE),
        status::branch_replied,
        "Whether the branch that failed has replied.",
    ),
    Function::new("t_is_canceled", &[], STEER, status::is_canceled, "Whether the caller has cancelled."),
    Function::new(
        "t_is_expired",
        &[],
        STEER,
        status::is_expired,
        "Whether the transaction's lifetime is over.",
    ),
    Function::new(
        "t_set_fr",
        &[ArgKind::Int, ArgKind::Int],
        STEER,
        functions::set_fr,
        "Sets `fr_inv_timer` and `fr_timer` for this transaction, in milliseconds.",
    )
    .requires(1),
    Function::new("t_reset_fr", &[], STEER, functions::reset_fr, "Sets them back."),
    Function::new(
        "t_set_retr",
        &[ArgKind::Int, ArgKind::Int],
        STEER,
        functions::set_retr,
        "Sets the retransmission intervals for this transaction.",
    ),
    Function::new("t_reset_retr", &[], STEER, functions::reset_retr, "Sets them back."),
    Function::new(
        "t_set_max_lifetime",
        &[ArgKind::Int, ArgKind::Int],
        STEER,
        functions::set_max_lifetime,
        "Sets the lifetimes for this transaction.",
    ),
    Function::new("t_reset_max_lifetime", &[], STEER, functions::reset_max_lifetime, "Sets them back."),
    Function::new(
        "t_set_auto_inv_100",
        &[ArgKind::Int],
        REQUEST,
        functions::set_auto_inv_100,
        "Whether this INVITE is answered with 100 by itself.",
    ),
    Function::new(
        "t_set_disable_6xx",
        &[ArgKind::Int],
        STEER,
        functions::set_disable_6xx,
        "Whether a 6xx leaves the other branches going on.",
    ),
    Function::new(
        "t_set_disable_failover",
        &[ArgKind::Int],
        STEER,
        functions::set_disable_failover,
        "Whether only the first address of a name is tried.",
    ),
    Function::new(
        "t_set_no_e2e_cancel_reason",
        &[ArgKind::Int],
        STEER,
        functions::set_no_e2e_cancel_reason,
        "Whether the Reason headers of a CANCEL stay here.",
    ),
    Function::new(
        "t_disable_e2e_cancel_reason",
        &[ArgKind::Int],
        STEER,
        functions::set_no_e2e_cancel_reason,
        "Another name of `t_set_no_e2e_cancel_reason`.",
    ),
    Function::new(
        "t_load_contacts",
        &[ArgKind::Int],
        RELAY,
        contacts::load,
        "Puts the branches in the order of their q, for `t_next_contacts`.",
    )
    .requires(0),
    Function::new(
        "t_next_contacts",
        &[],
        RELAY,
        contacts::next,
        "Makes the next branches of the same q the destinations; -2 when none is left.",
    ),
    Function::new(
        "t_set_disable_internal_reply",
        &[ArgKind::Int],
        STEER,
        functions::set_disable_internal_reply,
        "Whether a request that could not be relayed is left to the script to answer.",
    ),
    Function::new(
        "t_clean",
        &[],
        Routes::ANY,
        functions::clean,
        "True: transactions that have ended go by themselves.",
    ),
    Function::new(
        "t_use_uac_headers",
        &[],
        Routes::ANY,
        functions::use_uac_headers,
        "True: a CANCEL or ACK made here has the From and To of the request as it was sent, in any case.",
    ),
    Function::new(
        "t_uac_send",
        &[ArgKind::Format, ArgKind::Format, ArgKind::Format, ArgKind::Format, ArgKind::Format, ArgKind::Format],
        Routes::ANY,
        uac::t_uac_send,
        "Sends a request of our own: method, URI, next hop, socket, headers and body; the latter may be empty.",
    )
    .waits(),
    Function::new(
        "t_next_contact_flow",
        &[],
        REQUEST.or(Routes::BRANCH_FAILURE),
        contacts::next_flow,
        "Makes another flow of the instance whose branch failed the destination; -2 when none is left.",
    ),
];
