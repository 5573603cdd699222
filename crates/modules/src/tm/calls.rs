//! Transactions named by their Call-ID and CSeq, from a message or a command that is not of them.

use std::sync::Arc;

use cfg_vm::Str;
use engine::module::Resume;
use engine::reply::Reply;
use engine::server::Server;
use engine::services::Services;
use engine::{Args, Context, Cx, Flow};
use sip_message::Method;

use super::table::Table;
use super::transaction::{Branch, Id, Request};
use super::{answer, cancel, machine, shards};

/// Which transaction is meant.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: Str,
    pub(crate) cseq: u32,
}

/// What a CANCEL from outside says and leaves behind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    /// The flag to be set on the request.
    pub(crate) flag: Option<u32>,
    /// The cause in its Reason header.
    pub(crate) cause: Option<u16>,
}

/// What became of a CANCEL from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancelled {
    /// All branches had ended before.
    Over,
    /// Some have still to end.
    Waiting,
}

/// A reply from outside.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) reason: Str,
    /// The To tag; empty for the one that the transaction has.
    pub(crate) tag: Str,
    /// Header lines.
    pub(crate) headers: Str,
    /// The type of the body and the body.
    pub(crate) body: Option<(Str, Str)>,
}

/// Cancels the branches of an INVITE of this shard; nothing when it has no such one.
pub(crate) fn cancel(services: &mut Services, call: &Call, wish: Wish) -> Option<Cancelled> {
    let table: &mut Table = services.kept();
    let id = table.find_call(&call.id, call.cseq)?;
    let transaction = table.get_mut(id).filter(|transaction| transaction.method == Method::Invite)?;
    if let (Some(flag), Request::Home(request)) = (wish.flag, &mut transaction.request) {
        request.flags.message |= 1 << flag;
    }
    if let Some(cause) = wish.cause {
        transaction.cancel_reason = format!("Reason: SIP;cause={cause}\r\n").into_bytes();
    }
    if !transaction.branches.iter().any(Branch::is_pending) {
        return Some(Cancelled::Over);
    }
    cancel::pending(services, id);
    Some(Cancelled::Waiting)
}

/// Replies in a transaction of this shard that rests; whether a reply was sent. Nothing when it is not there.
pub(crate) fn reply(services: &mut Services, id: Id, answer: &Answer) -> Option<bool> {
    let table: &mut Table = services.kept();
    let transaction = table.get_mut(id)?;
    if transaction.local.is_some() || transaction.is_answered() {
        return Some(false);
    }
    let running = Arc::clone(&transaction.running);
    let own_body = match &mut transaction.request {
        Request::Home(request) => {
            std::mem::replace(&mut request.reply.body, answer.body.clone().map(Box::new))
        }
        Request::Away | Request::Spent => return Some(false),
    };
    let mut nobody = Context::default();
    let mut cx = Cx::new(&mut nobody, services, &running);
    let text =
        Reply { code: answer.code, reason: &answer.reason, tag: &answer.tag, headers: &answer.headers };
    let sent = answer::on_resting(&mut cx, id, &text);
    if sent && answer.code >= 200 {
        cancel::completed(&mut cx, id, answer.code);
    }
    if let Some(Request::Home(request)) =
        services.kept::<Table>().get_mut(id).map(|transaction| &mut transaction.request)
    {
        request.reply.body = own_body;
    }
    machine::remove_if_over(services, id);
    Some(sent)
}

/// The same for one that is named by its call.
pub(crate) fn reply_to_call(services: &mut Services, call: &Call, answer: &Answer) -> Option<bool> {
    let id = services.kept::<Table>().find_call(&call.id, call.cseq)?;
    reply(services, id, answer)
}

/// The call that two arguments name.
fn call(args: &Args<'_>) -> Option<Call> {
    let cseq = std::str::from_utf8(args.text(1)).ok()?.trim().parse().ok()?;
    Some(Call { id: args.str(0), cseq })
}

/// `t_cancel_callid(callid, cseq, flag [, code])`: cancels an INVITE's branches and sets a flag on it.
pub(crate) fn t_cancel_callid(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(call) = call(args) else { return Flow::FALSE };
    let flag = args.int(2).and_then(|flag| u32::try_from(flag).ok()).filter(|flag| *flag < 32);
    let cause =
        args.int(3).and_then(|code| u16::try_from(code).ok()).filter(|code| (100..700).contains(code));
    let wish = Wish { flag, cause };
    anywhere(cx, move |services| {
        cancel(services, &call, wish).map(|cancelled| cancelled == Cancelled::Waiting)
    })
}

/// `t_reply_callid(callid, cseq, code, reason)`.
pub(crate) fn t_reply_callid(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let code = args.int(2).and_then(|code| u16::try_from(code).ok()).filter(|code| (100..700).contains(code));
    let (Some(call), Some(code)) = (call(args), code) else {
        tracing::error!(target: "tmx", "t_reply_callid: the CSeq is a number, the code one from 100 to 699");
        return Flow::FALSE;
    };
    let answer = Answer { code, reason: args.str(3), tag: Str::EMPTY, headers: Str::EMPTY, body: None };
    anywhere(cx, move |services| reply_to_call(services, &call, &answer))
}

/// Does it on the shard that has the transaction: this one without a wait, another after one. False when none has it.
fn anywhere(
    cx: &mut Cx<'_>,
    question: impl FnOnce(&mut Services) -> Option<bool> + Clone + Send + 'static,
) -> Flow {
    if let Some(done) = question.clone()(cx.shard) {
        return done.into();
    }
    if cx.server().shards() == 1 {
        return Flow::FALSE;
    }
    let server: Arc<Server> = Arc::clone(cx.server());
    Flow::wait(async move {
        let done = shards::first(&server, question).await.unwrap_or(false);
        let resume: Resume = Box::new(move |_| done.into());
        resume
    })
}
