//! What other modules hear of transactions.
//!
//! A module that wants to puts a [`Watcher`] among its [`Hooks::watchers`](engine::setup::Hooks::watchers). All of it runs on
//! the transaction's request, with what the script made of it and the data that modules keep with it.

use cfg_vm::Str;
use engine::{Context, Cx};

use super::current::Current;
use super::table::Table;
use super::transaction::{Id, Outcome, Request, Transaction};
use super::{Tm, answer, choice, machine};

/// What a module does when something happens to a transaction.
#[derive(Clone, Copy)]
pub struct Watcher {
    /// It has been made.
    pub created: fn(&mut Cx<'_>),
    /// A reply has been sent to the caller, provisional ones too. The request URI is that of the branch that it came from.
    pub replied: fn(&mut Cx<'_>, &Answer<'_>),
    /// All branches have failed; the failure route is next. The reply is the best of them.
    pub failing: fn(&mut Cx<'_>, &Answer<'_>),
    /// The ACK of a 2xx comes by, on the ACK; its INVITE's transaction may be over.
    pub acknowledged: fn(&mut Cx<'_>),
}

/// A reply to the caller.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// Its code.
    pub code: u16,
    /// The reply as it came; none for one that is made here.
    pub reply: Option<&'a Context>,
    /// The To tag of one that is made here.
    pub local_tag: &'a [u8],
}

fn is_watched(cx: &Cx<'_>) -> bool {
    cx.running.watchers::<Watcher>().next().is_some()
}

/// The To tag of replies that are made here to the message's request; empty when it has no transaction.
pub fn local_tag(cx: &mut Cx<'_>) -> Vec<u8> {
    let (index, id) = (cx.shard.index, super::current::id(cx));
    let table: &mut Table = cx.shard.kept();
    id.map(|id| table.tag(index, id).to_vec()).unwrap_or_default()
}

/// Looks at the request of a reply's transaction, with the data that modules keep with it. None when the message has no
/// transaction, or a route runs on its request.
pub fn look_at_request<T>(cx: &mut Cx<'_>, look: impl FnOnce(&Context) -> T) -> Option<T> {
    match &super::current::transaction(cx)?.request {
        Request::Home(request) => Some(look(request)),
        Request::Away | Request::Spent => None,
    }
}

/// Tells that a transaction has been made.
pub(super) fn created(cx: &mut Cx<'_>) {
    for watcher in cx.running.watchers::<Watcher>() {
        (watcher.created)(cx);
    }
}

/// Tells that the ACK of a 2xx comes by.
pub(super) fn acknowledged(cx: &mut Cx<'_>) {
    for watcher in cx.running.watchers::<Watcher>() {
        (watcher.acknowledged)(cx);
    }
}

/// Tells that a reply made here has been sent.
pub(super) fn replied_here(cx: &mut Cx<'_>, code: u16, local_tag: &[u8]) {
    tell(cx, None, &Answer { code, reply: None, local_tag }, |watcher| watcher.replied);
}

/// Calls all watchers, with the request URI of a branch.
fn tell(
    cx: &mut Cx<'_>,
    uri: Option<Str>,
    answer: &Answer<'_>,
    of: fn(&Watcher) -> fn(&mut Cx<'_>, &Answer<'_>),
) {
    let own = uri.map(|uri| cx.context.destination.uri.replace(uri));
    for watcher in cx.running.watchers::<Watcher>() {
        of(watcher)(cx, answer);
    }
    if let Some(own) = own {
        cx.context.destination.uri = own;
    }
}

/// A reply that is being passed on, with what must be kept for the watchers meanwhile.
pub(super) struct Passing {
    /// The request, where the context in hand is the reply.
    request: Option<Box<Context>>,
    /// The request URI of the branch.
    uri: Option<Str>,
}

/// Holds what watchers will need, if there are any; `reply` is given where the context in hand is the request.
pub(super) fn passing(cx: &mut Cx<'_>, id: Id, reply: Option<&Context>) -> Option<Passing> {
    if !is_watched(cx) {
        return None;
    }
    let current = reply.map_or(&cx.context.data, |reply| &reply.data).get::<Current>();
    let number = current.and_then(|current| current.branch);
    let transaction = cx.shard.kept::<Table>().get_mut(id)?;
    let uri = uri_of(transaction, number);
    if reply.is_some() {
        return Some(Passing { request: None, uri });
    }
    match std::mem::replace(&mut transaction.request, Request::Away) {
        Request::Home(request) => Some(Passing { request: Some(request), uri }),
        other => {
            transaction.request = other;
            None
        }
    }
}

fn uri_of(transaction: &Transaction, number: Option<usize>) -> Option<Str> {
    transaction.branches.get(number?)?.destination.uri.clone()
}

impl Passing {
    /// Tells that the reply has been passed on.
    pub(super) fn done(self, cx: &mut Cx<'_>, id: Id, code: u16, reply: Option<&Context>) {
        let Some(mut held) = self.request else {
            return tell(cx, self.uri, &Answer { code, reply, local_tag: b"" }, |watcher| watcher.replied);
        };
        cx.context.swap_message(&mut held);
        tell(cx, self.uri, &Answer { code, reply: Some(&held), local_tag: b"" }, |watcher| watcher.replied);
        cx.context.swap_message(&mut held);
        if let Some(transaction) = cx.shard.kept::<Table>().get_mut(id) {
            transaction.request = Request::Home(held);
        }
        answer::release(cx.shard, id);
        machine::remove_if_over(cx.shard, id);
    }
}

/// Tells that all branches have failed.
pub(super) fn failing(cx: &mut Cx<'_>, id: Id) {
    if !is_watched(cx) {
        return;
    }
    let (local_prio, index) = (cx.state::<Tm>().params.faked_reply_prio, cx.shard.index);
    let table: &mut Table = cx.shard.kept();
    let local_tag = &table.tag(index, id);
    let Some(transaction) = table.get_mut(id) else { return };
    let Some(number) = choice::best(transaction, local_prio) else {
        let code = if transaction.canceled { 487 } else { 500 };
        return tell(cx, None, &Answer { code, reply: None, local_tag }, |watcher| watcher.failing);
    };
    let uri = uri_of(transaction, Some(number));
    let outcome = &mut transaction.branches[number].outcome;
    let code = outcome.code().unwrap_or(500);
    let kept = std::mem::replace(outcome, Outcome::Gone(code));
    let reply = if let Outcome::Reply(reply) = &kept { Some(&**reply) } else { None };
    tell(cx, uri, &Answer { code, reply, local_tag }, |watcher| watcher.failing);
    if let Some(branch) = cx.shard.kept::<Table>().get_mut(id).and_then(|t| t.branches.get_mut(number)) {
        branch.outcome = kept;
    }
}
