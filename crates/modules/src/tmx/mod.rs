//! Module `tmx`: what routes can ask of transactions beyond `tm`: which kind of route runs, values of the request and the
//! replies from any of its routes, single branches, and transactions that wait.

mod park;
mod steer;
mod values;

use std::sync::Arc;

use cfg_syntax::ast::RouteKind;
use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use engine::module::State;
use engine::{Function, Module, Param, Pv, Setup, SetupError};

use crate::tm::calls;

/// The module's table.
pub const MODULE: Module = Module {
    name: "tmx",
    doc: "More about transactions: values of the request and its replies, single branches, waiting.",
    params: &[Param::int_in("precheck_trans", 0, 1, "1", "Whether `t_precheck_trans` looks.").ignored()],
    functions: FUNCTIONS,
    pvs: PVS,
    start,
    ..Module::EMPTY
};

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    if !setup.is_loaded("tm") {
        return Err(SetupError::new("tmx needs tm: write loadmodule \"tm.so\" before it"));
    }
    Ok(Arc::new(()))
}

const FUNCTIONS: &[Function] = &[
    Function::new(
        "t_is_failure_route",
        &[],
        Routes::ANY,
        steer::is_failure_route,
        "Whether a failure route runs.",
    ),
    Function::new(
        "t_is_branch_route",
        &[],
        Routes::ANY,
        steer::is_branch_route,
        "Whether a branch route runs.",
    ),
    Function::new(
        "t_is_reply_route",
        &[],
        Routes::ANY,
        steer::is_reply_route,
        "Whether a reply route runs, a transaction's or the core's.",
    ),
    Function::new(
        "t_is_request_route",
        &[],
        Routes::ANY,
        steer::is_request_route,
        "Whether the request route runs.",
    ),
    Function::new(
        "t_flush_flags",
        &[],
        Routes::ANY,
        steer::flush_flags,
        "Puts the message's flags into the transaction's request.",
    ),
    Function::new(
        "t_flush_xflags",
        &[],
        Routes::ANY,
        steer::flush_xflags,
        "The same with the extended flags.",
    ),
    Function::new(
        "t_cancel_branches",
        &[ArgKind::Text],
        Routes::TM_REPLY,
        steer::cancel_branches,
        "Cancels the branches without a final reply: `all`, all `others`, or `this` one.",
    ),
    Function::new(
        "t_cancel_callid",
        &[ArgKind::Format, ArgKind::Format, ArgKind::Int, ArgKind::Int],
        Routes::ANY,
        calls::t_cancel_callid,
        "Cancels the INVITE of a Call-ID and CSeq and sets a flag on it; a code is the CANCEL's reason.",
    )
    .requires(3)
    .waits(),
    Function::new(
        "t_reply_callid",
        &[ArgKind::Format, ArgKind::Format, ArgKind::Int, ArgKind::Format],
        Routes::ANY,
        calls::t_reply_callid,
        "Replies to the request of a Call-ID and CSeq.",
    )
    .waits(),
    Function::new(
        "t_precheck_trans",
        &[],
        Routes::REQUEST.or(Routes::EVENT),
        steer::precheck_trans,
        "Whether the same request is in its route elsewhere: never, since repetitions of a request whose route waits are absorbed.",
    ),
    Function::new(
        "t_drop",
        &[ArgKind::Int],
        Routes::ANY,
        steer::drop,
        "Ends the transaction with a code that is not sent; its branches are cancelled.",
    )
    .requires(0),
    Function::new(
        "t_suspend",
        &[],
        Routes::REQUEST.or(Routes::FAILURE).or(Routes::EVENT),
        park::suspend,
        "Lets the transaction wait for `t_continue`; it is made if there is none.",
    ),
    Function::new(
        "t_continue",
        &[ArgKind::Int, ArgKind::Int, ArgKind::Route(RouteKind::Named)],
        Routes::ANY,
        park::go_on,
        "Runs a route on the request of a waiting transaction, named by `$T(id_index)` and `$T(id_label)`.",
    )
    .waits(),
];

const PVS: &[Pv] = &[
    Pv::new(
        "T_branch_idx",
        PvType::Int,
        values::branch_index,
        "Number of the branch that the route is about.",
    ),
    Pv::new("T_reply_code", PvType::Int, values::reply_code, "Code of the reply that the route is about."),
    Pv::new("T_reply_reason", PvType::Str, values::reply_reason, "Its reason phrase."),
    Pv::new(
        "T_reply_last",
        PvType::Int,
        values::reply_last,
        "The last code that the branch has received, also where a timeout was chosen.",
    ),
    Pv::new(
        "T_reply_ruid",
        PvType::Str,
        values::reply_ruid,
        "The ruid of the branch that the route is about.",
    ),
    Pv::new("T_inv", PvType::Any, values::of_invite, "A variable of the INVITE that a CANCEL is about.")
        .inner(InnerRule::Raw(values::parse_inner)),
    Pv::new("T_req", PvType::Any, values::of_request, "A variable of the transaction's request.")
        .inner(InnerRule::Raw(values::parse_inner)),
    Pv::new("T_rpl", PvType::Any, values::of_reply, "A variable of the reply that a failure route is about.")
        .inner(InnerRule::Raw(values::parse_inner)),
    Pv::new(
        "T",
        PvType::Any,
        values::of_transaction,
        "Of the transaction: id_index, id_label, reply_code, reply_reason, reply_type, branch_index, ruid.",
    )
    .inner(InnerRule::Parsed(values::parse_fact)),
    Pv::new(
        "T_branch",
        PvType::Any,
        values::of_branch,
        "Of the branch that the route is about: flags or uri.",
    )
    .inner(InnerRule::Parsed(values::parse_branch_fact)),
];
