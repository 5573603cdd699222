//! Pseudo-variables: of a transaction, its branches, its request and the reply that a route is about.

use std::sync::{Arc, OnceLock};

use cfg_vm::bound::BoundPv;
use cfg_vm::catalogue::Parsed;
use cfg_vm::{Str, Value};
use engine::context::RouteContext;
use engine::module::PvArgs;
use engine::{Context, Cx};
use sip_message::{Method, StartLine};

use crate::tm::current::{self, Current};
use crate::tm::table::Table;
use crate::tm::transaction::{Branch, Id, Outcome, Request};
use crate::tm::{Tm, choice, create, status};

/// `$T_branch_idx`.
pub(super) fn branch_index(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    status::branch_index(cx)
}

/// `$T_reply_code`.
pub(super) fn reply_code(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    status::reply_code(cx)
}

/// `$T_reply_reason`.
pub(super) fn reply_reason(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    if matches!(cx.context.route, RouteContext::Reply | RouteContext::CoreReply) {
        return reason(cx.context);
    }
    match chosen(cx).map(|branch| &branch.outcome) {
        Some(Outcome::Reply(reply)) => reason(reply),
        Some(Outcome::Local(code)) => Value::Str(Str::copy(choice::reason_of(*code))),
        _ => Value::Null,
    }
}

fn reason(context: &Context) -> Value {
    match context.message.start_line() {
        StartLine::Response { reason, .. } => Value::Str(context.slice(reason)),
        StartLine::Request { .. } => Value::Null,
    }
}

/// `$T_reply_last`.
pub(super) fn reply_last(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    if let (RouteContext::Reply | RouteContext::CoreReply, Some(status)) =
        (cx.context.route, cx.context.message.status())
    {
        return Value::Int(i64::from(status));
    }
    // A reply that is made here is not one that came last.
    match chosen(cx) {
        Some(branch) if matches!(branch.outcome, Outcome::Local(_)) => Value::Str(Str::EMPTY),
        branch => Value::Int(branch.map_or(0, |branch| i64::from(branch.status))),
    }
}

/// `$T_reply_ruid`.
pub(super) fn reply_ruid(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    chosen(cx).and_then(|branch| branch.destination.ruid.clone()).map_or(Value::Null, Value::Str)
}

/// The branch that a route is about: the reply's, the one that failed, or the best of a failure route's.
fn chosen<'a>(cx: &'a mut Cx<'_>) -> Option<&'a Branch> {
    let number = cx.data::<Current>().branch;
    let is_choice = cx.context.route == RouteContext::Failure;
    let faked_prio = cx.state_of::<Tm>()?.params.faked_reply_prio;
    let transaction = current::transaction(cx)?;
    let number = if is_choice { choice::best(transaction, faked_prio) } else { number };
    transaction.branches.get(number?)
}

/// A pseudo-variable in the parentheses of another; bound when it is first read, since its module may come later.
pub(super) struct Of {
    text: Vec<u8>,
    bound: OnceLock<Option<BoundPv>>,
}

/// What stands in the parentheses of `$T_req(…)` and its kin.
pub(super) fn parse_inner(text: &[u8]) -> Result<Parsed, String> {
    if !text.starts_with(b"$") {
        return Err("it takes a pseudo-variable, such as $ru".into());
    }
    Ok(Arc::new(Of { text: text.to_vec(), bound: OnceLock::new() }))
}

fn read(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(of) = args.parsed::<Of>() else { return Value::Null };
    let bound = of.bound.get_or_init(|| {
        let bound = cx.running.bind_pv(&of.text);
        bound.map_err(|error| tracing::error!(target: "tmx", "{}: {error}", of.text.escape_ascii())).ok()
    });
    bound.as_ref().map_or(Value::Null, |pv| cx.read_bound(pv))
}

/// `$T_inv(pv)`: nothing but for a CANCEL.
pub(super) fn of_invite(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    if cx.context.message.method() != Method::Cancel || !cx.context.message.is_request() {
        return Value::Null;
    }
    match create::invite(cx) {
        Some(id) => read_on_request(cx, id, args),
        None => Value::Null,
    }
}

/// `$T_req(pv)`.
pub(super) fn of_request(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    match current::id(cx) {
        Some(_) if cx.context.message.is_request() => read(cx, args),
        Some(id) => read_on_request(cx, id, args),
        None => Value::Null,
    }
}

fn read_on_request(cx: &mut Cx<'_>, id: Id, args: &PvArgs<'_>) -> Value {
    let Some(transaction) = cx.shard.kept::<Table>().get_mut(id) else { return Value::Null };
    let mut request = match std::mem::replace(&mut transaction.request, Request::Away) {
        Request::Home(request) => request,
        other => {
            transaction.request = other;
            return Value::Null;
        }
    };
    // As Kamailio: the request as it came, not where it was sent.
    let uri = request.destination.uri.take();
    let (value, mut request) = read_on(cx, request, args);
    request.destination.uri = uri;
    if let Some(transaction) = cx.shard.kept::<Table>().get_mut(id) {
        transaction.request = Request::Home(request);
    }
    value
}

fn read_on(cx: &mut Cx<'_>, mut other: Box<Context>, args: &PvArgs<'_>) -> (Value, Box<Context>) {
    cx.context.swap_message(&mut other);
    let value = read(cx, args);
    cx.context.swap_message(&mut other);
    (value, other)
}

/// `$T_rpl(pv)`: of the chosen reply in a failure route, of the branch's in a branch failure route; nothing where a timeout
/// was chosen.
pub(super) fn of_reply(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    if !matches!(cx.context.route, RouteContext::Failure | RouteContext::BranchFailure) {
        return Value::Null;
    }
    let faked_prio = cx.state_of::<Tm>().map_or(0, |tm| tm.params.faked_reply_prio);
    let Current { id: Some(id), branch, .. } = *cx.data::<Current>() else { return Value::Null };
    let is_choice = cx.context.route == RouteContext::Failure;
    let Some(transaction) = cx.shard.kept::<Table>().get_mut(id) else { return Value::Null };
    let number = if is_choice { choice::best(transaction, faked_prio) } else { branch };
    let Some(number) = number else { return Value::Null };
    let Some(outcome) = transaction.branches.get_mut(number).map(|branch| &mut branch.outcome) else {
        return Value::Null;
    };
    let code = outcome.code().unwrap_or_default();
    let reply = match std::mem::replace(outcome, Outcome::Gone(code)) {
        Outcome::Reply(reply) => reply,
        other => {
            *outcome = other;
            return Value::Null;
        }
    };
    let (value, reply) = read_on(cx, reply, args);
    let branch = cx.shard.kept::<Table>().get_mut(id).and_then(|t| t.branches.get_mut(number));
    if let Some(branch) = branch {
        branch.outcome = Outcome::Reply(reply);
    }
    value
}

/// What `$T(…)` is asked for.
#[derive(Clone, Copy)]
enum Fact {
    Index,
    Label,
    ReplyCode,
    ReplyReason,
    ReplyType,
    BranchIndex,
    Ruid,
}

/// What stands in the parentheses of `$T(…)`.
pub(super) fn parse_fact(text: &[u8]) -> Result<Parsed, String> {
    let fact = match text {
        b"id_index" => Fact::Index,
        b"id_label" => Fact::Label,
        b"reply_code" => Fact::ReplyCode,
        b"reply_reason" => Fact::ReplyReason,
        b"reply_type" => Fact::ReplyType,
        b"branch_index" => Fact::BranchIndex,
        b"ruid" => Fact::Ruid,
        _ => {
            return Err("it is one of id_index, id_label, reply_code, reply_reason, reply_type, \
                        branch_index, ruid"
                .into());
        }
    };
    Ok(Arc::new(fact))
}

/// `$T(fact)`.
pub(super) fn of_transaction(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(fact) = args.parsed::<Fact>().copied() else { return Value::Null };
    match fact {
        Fact::Index | Fact::Label => {
            let Some(id) = current::id(cx) else { return Value::Null };
            let (index, label) = id.public(cx.shard.index, cx.server().shards());
            Value::Int(if matches!(fact, Fact::Index) { index } else { label })
        }
        Fact::ReplyCode => status::reply_code(cx),
        Fact::ReplyReason => reply_reason(cx, args),
        Fact::ReplyType => {
            let is_local = chosen(cx).is_some_and(|branch| matches!(branch.outcome, Outcome::Local(_)));
            Value::Int(i64::from(is_local))
        }
        Fact::BranchIndex => status::branch_index(cx),
        Fact::Ruid => reply_ruid(cx, args),
    }
}

/// What `$T_branch(…)` is asked for.
#[derive(Clone, Copy)]
enum BranchFact {
    Flags,
    Uri,
}

/// What stands in the parentheses of `$T_branch(…)`.
pub(super) fn parse_branch_fact(text: &[u8]) -> Result<Parsed, String> {
    match text {
        b"flags" => Ok(Arc::new(BranchFact::Flags)),
        b"uri" => Ok(Arc::new(BranchFact::Uri)),
        _ => Err("it is flags or uri".into()),
    }
}

/// `$T_branch(fact)`: in reply and branch failure routes.
pub(super) fn of_branch(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(fact) = args.parsed::<BranchFact>().copied() else { return Value::Null };
    if !matches!(cx.context.route, RouteContext::Reply | RouteContext::BranchFailure) {
        return Value::Null;
    }
    let Some(branch) = chosen(cx) else { return Value::Null };
    match fact {
        BranchFact::Flags => Value::Int(i64::from(branch.flags)),
        BranchFact::Uri => branch.destination.uri.clone().map_or(Value::Null, Value::Str),
    }
}
