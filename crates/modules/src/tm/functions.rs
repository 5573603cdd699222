//! The functions that make, answer and steer transactions.

use cfg_vm::Str;
use engine::context::RouteContext;
use engine::{Args, Cx, Flow};
use sip_message::Method;

use super::create::{self, Found};
use super::current::{self, Current};
use super::table::Table;
use super::transaction::{Id, Request};
use super::{Tm, answer, choice, machine, relay, response};
use crate::sl::write_contact;

/// `t_newtran()`.
pub(super) fn newtran(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    match create::find_or_create(cx) {
        Found::New(_) => Flow::TRUE,
        Found::Absorbed => Flow::Done(0),
        Found::StrayAck => Flow::TRUE,
        // A mistake in the script, as Kamailio numbers it.
        Found::Own(_) => Flow::Done(-10),
        Found::Unusable => Flow::FALSE,
    }
}

/// `t_relay_cancel()`: relays a CANCEL whose INVITE is known; true when there is none, so that the script goes on.
pub(super) fn relay_cancel(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    if cx.context.message.method() != Method::Cancel || create::invite(cx).is_none() {
        return Flow::TRUE;
    }
    match relay::relay(cx, None) {
        Flow::Done(code) if code > 0 => Flow::Done(0),
        other => other,
    }
}

/// `t_reply(code, reason)`, in a transaction that is there.
pub(super) fn t_reply(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    if current::id(cx).is_none() {
        tracing::error!(target: "tm", "t_reply: the message has no transaction: call t_newtran() before, or t_send_reply()");
        return Flow::FALSE;
    }
    t_send_reply(cx, args)
}

/// `t_send_reply(code, reason)`; the transaction is made if there is none.
pub(super) fn t_send_reply(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(code) =
        args.int(0).and_then(|code| u16::try_from(code).ok()).filter(|code| (100..700).contains(code))
    else {
        tracing::error!(target: "tm", "t_reply: the code is none from 100 to 699");
        return Flow::FALSE;
    };
    match create::find_or_create(cx) {
        Found::New(id) | Found::Own(id) => reply(cx, id, code, args.text(1)).into(),
        Found::Absorbed => Flow::TRUE,
        Found::StrayAck | Found::Unusable => Flow::FALSE,
    }
}

/// `t_reply_error()`.
pub(super) fn t_reply_error(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let params = &cx.state::<Tm>().params;
    let (code, reason) = (params.default_code, params.default_reason.clone());
    match create::find_or_create(cx) {
        Found::New(id) | Found::Own(id) => reply(cx, id, code, &reason).into(),
        _ => Flow::FALSE,
    }
}

/// A reply on the request, also from its reply and failure routes; a final one ends the branches.
pub(crate) fn reply(cx: &mut Cx<'_>, id: Id, code: u16, reason: &[u8]) -> bool {
    if cx.context.message.method() == Method::Ack && cx.context.message.is_request() {
        return false;
    }
    let sent = if cx.context.message.is_request() {
        let mut contact = Vec::new();
        if (300..400).contains(&code) {
            write_contact(cx.context, cx.state::<Tm>().params.rich_redirect, &mut contact);
        }
        answer::local(cx, id, code, reason, &contact)
    } else {
        answer::from_reply_route(cx, id, code, reason)
    };
    if sent && code >= 200 {
        super::cancel::completed(cx, id, code);
    }
    sent
}

/// The transaction that `send_reply` answers in, if the message has one.
pub(crate) fn of_message(cx: &mut Cx<'_>) -> Option<Id> {
    cx.state_of::<Tm>()?;
    current::id(cx)
}

/// `t_lookup_request()`.
pub(super) fn lookup_request(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let id = current::id(cx).or_else(|| create::known(cx));
    id.is_some().into()
}

/// `t_lookup_cancel()`: whether a CANCEL's INVITE is known.
pub(super) fn lookup_cancel(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    (cx.context.message.method() == Method::Cancel && create::invite(cx).is_some()).into()
}

/// `t_check_trans()`.
pub(super) fn check_trans(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    match cx.context.message.method() {
        Method::Cancel => create::invite(cx).is_some().into(),
        Method::Ack => match create::find_or_create(cx) {
            Found::Absorbed => Flow::Done(0),
            _ => Flow::FALSE,
        },
        // As Kamailio: the transaction is there, so that the request seems to come again.
        _ if current::id(cx).is_some() => Flow::Done(0),
        _ => match create::known(cx) {
            Some(id) => {
                create::repeated(cx, id);
                Flow::Done(0)
            }
            None => Flow::FALSE,
        },
    }
}

/// `t_retransmit_reply()`.
pub(super) fn retransmit_reply(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let Some(id) = current::id(cx).or_else(|| create::known(cx)) else { return Flow::FALSE };
    if cx.shard.kept::<Table>().get(id).is_none_or(|transaction| transaction.reply.is_empty()) {
        return Flow::FALSE;
    }
    create::repeated(cx, id);
    Flow::TRUE
}

/// `t_release()`: nobody will answer; the transaction goes.
pub(super) fn release(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let Some(id) = current::id(cx) else { return Flow::FALSE };
    cx.data::<Current>().released = true;
    let is_idle = cx.shard.kept::<Table>().get(id).is_some_and(|t| !t.is_answered() && t.branches.is_empty());
    if is_idle {
        // What comes again is absorbed for a while.
        super::end_silently(cx.shard, id, 500);
    }
    Flow::TRUE
}

/// `t_is_set("failure_route")` and its kin.
pub(super) fn is_set(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let wishes = *current::wishes(cx);
    match args.text(0) {
        b"failure_route" => wishes.on_failure.is_some().into(),
        b"branch_route" => wishes.on_branch.is_some().into(),
        b"onreply_route" => wishes.on_reply.is_some().into(),
        b"branch_failure_route" => wishes.on_branch_failure.is_some().into(),
        _ => Flow::FALSE,
    }
}

/// `t_on_failure(route)`.
pub(super) fn on_failure(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    current::wishes(cx).on_failure = args.route(0);
    Flow::TRUE
}

/// `t_save_lumps()`: failure routes begin with the changes that have been made so far, not with those up to `t_relay`.
pub(super) fn save_lumps(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let mark = cx.context.edits.mark();
    let Some(transaction) = current::transaction(cx) else { return Flow::FALSE };
    transaction.saved = Some(mark);
    Flow::TRUE
}

/// `t_on_branch(route)`.
pub(super) fn on_branch(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    current::wishes(cx).on_branch = args.route(0);
    Flow::TRUE
}

/// `t_on_reply(route)`; in a branch route it is that branch's.
pub(super) fn on_reply(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    if cx.context.route == RouteContext::Branch {
        cx.data::<Current>().branch_routes.on_reply = args.route(0);
    } else {
        current::wishes(cx).on_reply = args.route(0);
    }
    Flow::TRUE
}

/// `t_set_fr(fr_inv_timeout [, fr_timeout])`; 0 leaves a value as it is.
pub(super) fn set_fr(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let timing = &mut current::wishes(cx).timing;
    set(&mut timing.fr_inv, args.int(0));
    set(&mut timing.fr, args.int(1));
    Flow::TRUE
}

/// `t_set_retr(t1, t2)`.
pub(super) fn set_retr(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let timing = &mut current::wishes(cx).timing;
    set(&mut timing.retr_t1, args.int(0));
    set(&mut timing.retr_t2, args.int(1));
    Flow::TRUE
}

/// `t_set_max_lifetime(invite, others)`.
pub(super) fn set_max_lifetime(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let timing = &mut current::wishes(cx).timing;
    set(&mut timing.max_inv_lifetime, args.int(0));
    set(&mut timing.max_noninv_lifetime, args.int(1));
    Flow::TRUE
}

fn set(value: &mut u32, wish: Option<i64>) {
    if let Some(wish) = wish.and_then(|wish| u32::try_from(wish).ok()).filter(|wish| *wish > 0) {
        *value = wish;
    }
}

/// `t_reset_fr()`, `t_reset_retr()`, `t_reset_max_lifetime()`.
pub(super) fn reset_fr(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let defaults = cx.state::<Tm>().params.wishes.timing;
    let timing = &mut current::wishes(cx).timing;
    (timing.fr, timing.fr_inv) = (defaults.fr, defaults.fr_inv);
    Flow::TRUE
}

/// See [`reset_fr`].
pub(super) fn reset_retr(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let defaults = cx.state::<Tm>().params.wishes.timing;
    let timing = &mut current::wishes(cx).timing;
    (timing.retr_t1, timing.retr_t2) = (defaults.retr_t1, defaults.retr_t2);
    Flow::TRUE
}

/// See [`reset_fr`].
pub(super) fn reset_max_lifetime(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let defaults = cx.state::<Tm>().params.wishes.timing;
    let timing = &mut current::wishes(cx).timing;
    timing.max_inv_lifetime = defaults.max_inv_lifetime;
    timing.max_noninv_lifetime = defaults.max_noninv_lifetime;
    Flow::TRUE
}

/// `t_set_auto_inv_100(0|1)`.
pub(super) fn set_auto_inv_100(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    current::wishes(cx).auto_100 = args.int(0) != Some(0);
    Flow::TRUE
}

/// `t_set_disable_6xx(0|1)`.
pub(super) fn set_disable_6xx(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    current::wishes(cx).disable_6xx = args.int(0) != Some(0);
    Flow::TRUE
}

/// `t_set_disable_failover(0|1)`.
pub(super) fn set_disable_failover(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    current::wishes(cx).disable_failover = args.int(0) != Some(0);
    Flow::TRUE
}

/// `t_set_no_e2e_cancel_reason(0|1)`.
pub(super) fn set_no_e2e_cancel_reason(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    current::wishes(cx).no_cancel_reason = args.int(0) != Some(0);
    Flow::TRUE
}

/// `t_set_disable_internal_reply(0|1)`; as in Kamailio, only in a transaction that is there.
pub(super) fn set_disable_internal_reply(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    if let Some(transaction) = current::transaction(cx) {
        transaction.wishes.no_internal_reply = args.int(0) != Some(0);
    }
    Flow::TRUE
}

/// `t_clean()`: what has ended goes by itself, and nothing waits beyond its lifetime.
pub(super) fn clean(_: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    Flow::TRUE
}

/// `t_use_uac_headers()`: CANCEL and ACK are made of the request as it was sent.
pub(super) fn use_uac_headers(_: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    Flow::TRUE
}

/// A route will not be ended. A request that has been relayed or answered goes on without it, as does a reply; a
/// transaction that nothing came of goes.
pub(super) fn abandoned(cx: &mut Cx<'_>) -> bool {
    let Some(id) = current::id(cx) else { return false };
    if !cx.context.message.is_request() {
        if cx.context.route == RouteContext::Reply {
            response::go_on(cx);
        }
        return true;
    }
    let Some(transaction) = cx.shard.kept::<Table>().get_mut(id) else { return false };
    if transaction.is_answered() || transaction.has_pending_branches() {
        choice::bring_home(cx, id);
        return true;
    }
    transaction.request = Request::Spent;
    machine::destroy(cx.shard, id);
    false
}

/// Brings a request home whose route has ended, or answers for a script that could not relay it.
pub(super) fn after_script(cx: &mut Cx<'_>) {
    if !cx.context.message.is_request() || cx.context.route != RouteContext::Request {
        return;
    }
    let Some(id) = current::id(cx) else { return };
    let current = *cx.data::<Current>();
    let transaction = cx.shard.kept::<Table>().get(id);
    let is_idle = transaction.is_some_and(|t| t.status < 200 && t.branches.is_empty());
    let is_canceled = transaction.is_some_and(|t| t.canceled);
    let failed = current.failed.filter(|_| !transaction.is_some_and(|t| t.wishes.no_internal_reply));
    if is_idle && !current.released {
        match failed {
            Some(failed) => {
                let code =
                    u16::try_from(-failed).ok().filter(|code| (400..700).contains(code)).unwrap_or(500);
                let reason = match failed {
                    -10..0 => Str::from(
                        format!("I'm terribly sorry, server error occurred ({}/TM)", -failed).as_bytes(),
                    ),
                    _ => Str::copy(choice::reason_of(code)),
                };
                answer::local(cx, id, code, &reason, b"");
            }
            // The CANCEL came while the route waited.
            None if is_canceled => {
                answer::local(cx, id, 487, choice::reason_of(487), b"");
            }
            None => {
                tracing::warn!(target: "tm", "the script made a transaction and neither answered nor relayed its request");
                machine::destroy(cx.shard, id);
                cx.data::<Current>().id = None;
                return;
            }
        }
    }
    choice::bring_home(cx, id);
}
