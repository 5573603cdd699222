//! Relaying a request: a branch for each place that it is to go to.

use cfg_vm::program::RouteId;
use engine::context::{Branch as Further, Destination, RouteContext};
use engine::forward::{self, Departure, Hop, Lookup};
use engine::module::{Flow, Resume};
use engine::{Cx, event};
use sip_message::{Mark, Method};
use sip_transaction::{Kind, client};
use transport::ConnId;

use super::create::{self, Found};
use super::current::Current;
use super::machine;
use super::rounds::Earlier;
use super::table::Table;
use super::transaction::{Branch, Cancel, Id, Outcome, Timers, Wishes};
use super::{Tm, answer, cancel, choice, current};

/// Codes of the functions, as Kamailio has them.
const UNRESOLVABLE: i64 = -478;
const NOT_SENT: i64 = -477;
const BAD_URI: i64 = -479;
const ERROR: i64 = -1;
/// A branch route dropped its branch.
const DROPPED: i64 = -6;

/// One place to go to.
struct Plan {
    destination: Destination,
    flags: u32,
    hop: Option<Hop>,
    /// Nobody gets its replies.
    is_replica: bool,
}

/// Relays the request in its transaction, which is made if there is none; to `forced` if that is given, else to
/// `$du` or `$ru`, and to the further branches in any case.
pub(super) fn relay(cx: &mut Cx<'_>, forced: Option<Hop>) -> Flow {
    let id = match create::find_or_create(cx) {
        Found::New(id) | Found::Own(id) => id,
        Found::Absorbed => return Flow::TRUE,
        Found::StrayAck => return without_state(cx, forced),
        Found::Unusable => return Flow::Done(ERROR),
    };
    if cx.context.message.method() == Method::Cancel
        && let Some(invite) = create::invite(cx)
    {
        return cancel::end_to_end(cx, id, invite);
    }
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get(id) else { return Flow::Done(ERROR) };
    if transaction.canceled {
        tracing::debug!(target: "tm", "the caller has cancelled the request: it is not relayed");
        return Flow::Done(ERROR);
    }
    let wants_100 =
        transaction.kind == Kind::Invite && transaction.status == 0 && transaction.wishes.auto_100;
    if wants_100 {
        let reason = cx.state::<Tm>().params.auto_100_reason.clone();
        answer::local(cx, id, 100, &reason, b"");
    }
    let plans = plans(cx, forced);
    branch_out(cx, id, plans.into_iter(), Progress::default())
}

/// Sends the request in its transaction, which must be there, without a 100.
pub(super) fn forward(cx: &mut Cx<'_>, forced: Option<Hop>) -> Flow {
    let Some(id) = current::id(cx) else {
        tracing::error!(target: "tm", "the request has no transaction: call t_newtran() before");
        return Flow::Done(ERROR);
    };
    let plans = plans(cx, forced);
    branch_out(cx, id, plans.into_iter(), Progress::default())
}

/// Sends a copy of the request, whose replies are not passed on.
pub(super) fn replicate(cx: &mut Cx<'_>, hop: Hop) -> Flow {
    let id = match create::find_or_create(cx) {
        Found::New(id) | Found::Own(id) => id,
        Found::Absorbed => return Flow::TRUE,
        Found::StrayAck => return without_state(cx, Some(hop)),
        Found::Unusable => return Flow::Done(ERROR),
    };
    let plan = Plan {
        destination: cx.context.destination.clone(),
        flags: cx.context.flags.branch,
        hop: Some(hop),
        is_replica: true,
    };
    branch_out(cx, id, vec![plan].into_iter(), Progress::default())
}

/// An ACK of a 2xx has no transaction here (RFC 3261 §16.11).
fn without_state(cx: &mut Cx<'_>, forced: Option<Hop>) -> Flow {
    match forced.or_else(|| forward::next_hop(cx.context)) {
        Some(hop) => forward::to_hop(cx, &hop),
        None => Flow::Done(BAD_URI),
    }
}

/// The first branch and the further ones, which are taken away.
fn plans(cx: &mut Cx<'_>, forced: Option<Hop>) -> Vec<Plan> {
    let is_new = forced.is_some() || is_new(cx);
    let context = &mut *cx.context;
    let mut plans = Vec::with_capacity(1 + context.branches.len());
    if is_new {
        plans.push(Plan {
            destination: context.destination.clone(),
            flags: context.flags.branch,
            hop: forced.clone().or_else(|| forward::next_hop(context)),
            is_replica: false,
        });
    }
    for further in context.branches.drain(..) {
        let hop =
            forced.clone().or_else(|| Hop::of_uri(further.uri_to_send.as_ref().unwrap_or(&further.uri)));
        plans.push(Plan {
            flags: further.flags,
            destination: destination_of(further),
            hop,
            is_replica: false,
        });
    }
    plans
}

/// Whether the first branch is to be tried: in a failure route not while it is what the route began with, the first that
/// was tried.
fn is_new(cx: &mut Cx<'_>) -> bool {
    if cx.context.route != RouteContext::Failure {
        return true;
    }
    let (uri, via) = (cx.context.request_uri(), cx.context.destination.uri_to_send.clone());
    let original = cx.context.original_uri();
    current::transaction(cx).is_none_or(|transaction| {
        !transaction.branches.first().is_some_and(|branch| {
            branch.destination.uri.as_ref().unwrap_or(&original) == &uri
                && branch.destination.uri_to_send == via
        })
    })
}

fn destination_of(further: Further) -> Destination {
    Destination {
        uri: Some(further.uri),
        uri_to_send: further.uri_to_send,
        path: further.path,
        socket: further.socket,
        q: further.q,
        ruid: further.ruid,
        location_ua: further.location_ua,
        instance: further.instance,
    }
}

/// How far the branching has come.
#[derive(Clone, Copy, Default)]
struct Progress {
    sent: usize,
    error: Option<i64>,
}

/// Sends the plans' branches one after the other, waiting where a name has to be looked up or a branch route waits.
fn branch_out(cx: &mut Cx<'_>, id: Id, mut plans: std::vec::IntoIter<Plan>, mut progress: Progress) -> Flow {
    while let Some(plan) = plans.next() {
        let Some(hop) = plan.hop.clone() else {
            progress.error = Some(UNRESOLVABLE);
            continue;
        };
        let targets = match forward::lookup(cx, &hop) {
            Lookup::Known(targets) => targets,
            Lookup::Wait(answer) => {
                return Flow::wait(async move {
                    let targets = answer.await;
                    let resume: Resume = Box::new(move |cx| begin(cx, id, plan, &targets, plans, progress));
                    resume
                });
            }
        };
        let begun = match Begun::of(cx, id, plan, &targets) {
            Ok(begun) => begun,
            Err(code) => {
                note(&mut progress, Err(code));
                continue;
            }
        };
        if let Some(route) = begun.route {
            return with_route(cx, id, route, begun, plans, progress);
        }
        note(&mut progress, begun.send(cx, id, true));
    }
    ended(cx, id, progress)
}

/// Goes on with a plan whose targets have become known, then with the others.
fn begin(
    cx: &mut Cx<'_>,
    id: Id,
    plan: Plan,
    targets: &[transport::Target],
    plans: std::vec::IntoIter<Plan>,
    mut progress: Progress,
) -> Flow {
    let begun = match Begun::of(cx, id, plan, targets) {
        Ok(begun) => begun,
        Err(code) => {
            note(&mut progress, Err(code));
            return branch_out(cx, id, plans, progress);
        }
    };
    if let Some(route) = begun.route {
        return with_route(cx, id, route, begun, plans, progress);
    }
    note(&mut progress, begun.send(cx, id, true));
    branch_out(cx, id, plans, progress)
}

/// Runs a branch's route, sends the branch, and goes on with the others.
fn with_route(
    cx: &mut Cx<'_>,
    id: Id,
    route: RouteId,
    begun: Begun,
    plans: std::vec::IntoIter<Plan>,
    mut progress: Progress,
) -> Flow {
    let then: event::Follow = Box::new(move |cx, passes| {
        note(&mut progress, begun.send(cx, id, passes));
        branch_out(cx, id, plans, progress)
    });
    event::run_then(cx, route, RouteContext::Branch, then)
}

fn note(progress: &mut Progress, result: Result<(), i64>) {
    match result {
        Ok(()) => progress.sent += 1,
        Err(code) => progress.error = Some(code),
    }
}

fn ended(cx: &mut Cx<'_>, id: Id, progress: Progress) -> Flow {
    if progress.sent > 0 {
        return Flow::TRUE;
    }
    let code = progress.error.unwrap_or(ERROR);
    if code == UNRESOLVABLE && cx.state::<Tm>().params.unresolved_as_failure {
        return unresolved_as_failure(cx, id);
    }
    cx.context.failure = Some(code);
    cx.data::<Current>().failed = Some(code);
    // As Kamailio: a failure route is told no more than that.
    Flow::Done(if cx.context.route == RouteContext::Failure { ERROR } else { code })
}

/// Ours (`unresolved_as_failure`): a branch that could not be resolved has failed, as one whose peer is silent.
fn unresolved_as_failure(cx: &mut Cx<'_>, id: Id) -> Flow {
    let departure = current::transaction(cx).map(|transaction| transaction.departure);
    let Some(departure) = departure else { return Flow::Done(ERROR) };
    let branch = Branch {
        state: client::State::Terminated,
        outcome: Outcome::Local(478),
        ..begun(departure, Vec::new(), cx.context.destination.clone(), cx.context.flags.branch)
    };
    push(cx, id, branch);
    choice::choose(cx.shard, id);
    Flow::TRUE
}

/// A branch that is about to be sent: the message stands as the branch has it, and what it had before is kept here.
struct Begun {
    number: usize,
    target: transport::Target,
    /// Further targets.
    next: Vec<transport::Target>,
    is_replica: bool,
    /// The branch route, if one is set.
    route: Option<RouteId>,
    on_branch_failure: Option<RouteId>,
    on_failure: Option<RouteId>,
    before: Before,
}

/// What the message had before a branch began.
struct Before {
    destination: Destination,
    flags: u32,
    mark: Mark,
    current: Current,
}

impl Begun {
    /// Makes the message ready for a branch to the first of its targets.
    fn of(cx: &mut Cx<'_>, id: Id, plan: Plan, targets: &[transport::Target]) -> Result<Self, i64> {
        let Some((target, next)) = targets.split_first() else {
            tracing::error!(target: "tm", "the destination cannot be resolved");
            return Err(UNRESOLVABLE);
        };
        let most = cx.state::<Tm>().params.most_branches;
        let mark = cx.context.edits.mark();
        let table: &mut Table = cx.shard.kept();
        let Some(transaction) = table.get_mut(id) else { return Err(ERROR) };
        let number = transaction.branches.len();
        if number >= most {
            tracing::error!(target: "tm", "the transaction has {most} branches, as many as max_branches allows");
            return Err(ERROR);
        }
        transaction.saved.get_or_insert(mark);
        let Wishes { on_branch: route, on_branch_failure, on_failure, .. } = transaction.wishes;
        let current = *cx.data::<Current>();
        cx.data::<Current>().branch = Some(number);
        let before = Before {
            destination: std::mem::replace(&mut cx.context.destination, plan.destination),
            flags: std::mem::replace(&mut cx.context.flags.branch, plan.flags),
            mark,
            current,
        };
        let next = next.to_vec();
        Ok(Self {
            number,
            target: *target,
            next,
            is_replica: plan.is_replica,
            route,
            on_branch_failure,
            on_failure,
            before,
        })
    }

    /// Sends it, unless its route kept it, and gives the message back what it had.
    fn send(self, cx: &mut Cx<'_>, id: Id, passes: bool) -> Result<(), i64> {
        let Before { destination, flags, mark, current: before } = self.before;
        let routes = cx.data::<Current>().branch_routes;
        let current = cx.data::<Current>();
        (current.branch, current.branch_routes) = (before.branch, before.branch_routes);
        let result = if passes { transmit(cx, id, self.number, self.target) } else { Err(DROPPED) };
        let result = result.map(|(departure, connection, bytes)| {
            let branch = Branch {
                connection,
                next: self.next,
                is_replica: self.is_replica,
                on_reply: routes.on_reply,
                on_branch_failure: routes.on_branch_failure.or(self.on_branch_failure),
                on_failure: self.on_failure,
                ..begun(departure, bytes, cx.context.destination.clone(), cx.context.flags.branch)
            };
            push(cx, id, branch);
            let table: &mut Table = cx.shard.kept();
            if let Some(connection) = connection {
                table.streams.note(connection, id, self.number);
            }
            machine::begin_branch(cx.shard, id, self.number);
        });
        cx.context.edits.rollback(mark);
        cx.context.destination = destination;
        cx.context.flags.branch = flags;
        result
    }
}

/// Writes the request as it stands and sends it: how it left, over which connection, and its bytes.
fn transmit(
    cx: &mut Cx<'_>,
    id: Id,
    number: usize,
    target: transport::Target,
) -> Result<(Departure, Option<ConnId>, Vec<u8>), i64> {
    let index = cx.shard.index;
    let name = cx.shard.kept::<Table>().branch_name(index, id, number);
    let departure = match forward::prepare(cx, target, Some(&name)) {
        Ok(Some(departure)) => departure,
        Ok(None) => return Err(ERROR),
        Err(error) => {
            tracing::error!(target: "tm", "relay: {error}");
            return Err(NOT_SENT);
        }
    };
    let mut buffer = std::mem::take(&mut cx.shard.kept::<Table>().buffer);
    buffer.clear();
    cx.context.edits.write(&cx.context.message, &mut buffer);
    let sent = cx.shard.send_with(departure, |out| out.extend_from_slice(&buffer));
    // It may be kept for minutes: no more room than it needs.
    let bytes = buffer.to_vec();
    cx.shard.kept::<Table>().buffer = buffer;
    match sent {
        Ok(connection) => Ok((departure, connection, bytes)),
        Err(error) => {
            tracing::error!(target: "tm", "the request was not sent: {error}");
            Err(NOT_SENT)
        }
    }
}

/// A branch that nothing is sent for, which stands for a wait.
pub(super) fn push_waiting(cx: &mut Cx<'_>, id: Id) {
    let departure = current::transaction(cx).map(|transaction| transaction.departure);
    let Some(departure) = departure else { return };
    let branch = Branch {
        state: client::State::Proceeding,
        ..begun(departure, Vec::new(), cx.context.destination.clone(), cx.context.flags.branch)
    };
    push(cx, id, branch);
}

pub(super) fn begun(departure: Departure, request: Vec<u8>, destination: Destination, flags: u32) -> Branch {
    Branch {
        state: client::State::Calling,
        departure,
        connection: None,
        request,
        destination,
        flags,
        on_reply: None,
        on_branch_failure: None,
        on_failure: None,
        timers: Timers::default(),
        status: 0,
        replied: false,
        before: None,
        is_replica: false,
        outcome: Outcome::Pending,
        cancel: Cancel::None,
        next: Vec::new(),
    }
}

/// Keeps a branch. The first one of a failure route begins a new round: with `failure_reply_mode` 3 the replies from
/// before are out of the choice.
fn push(cx: &mut Cx<'_>, id: Id, branch: Branch) {
    let is_again = cx.context.route == RouteContext::Failure;
    let drops = cx.state::<Tm>().params.failure_reply_mode == 3;
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    let drops = transaction.earlier.map_or(drops, |earlier| earlier == Earlier::Dropped);
    if is_again && transaction.earlier.take() == Some(Earlier::LastDropped) {
        for branch in &mut transaction.branches[transaction.first_of_round..] {
            if let Some(code) = branch.outcome.code() {
                branch.outcome = Outcome::Gone(code);
            }
        }
    }
    if is_again && drops && !transaction.branches[transaction.first_of_round..].iter().any(Branch::is_pending)
    {
        transaction.first_of_round = transaction.branches.len();
    }
    transaction.branches.push(branch);
}

/// Tries the next address of a branch that failed (RFC 3263 §4.3); it becomes another branch.
pub(super) fn try_next(cx: &mut Cx<'_>, id: Id, number: usize) -> bool {
    let table: &mut Table = cx.shard.kept();
    let Some(branch) = table.get_mut(id).and_then(|t| t.branches.get_mut(number)) else { return false };
    let targets = std::mem::take(&mut branch.next);
    let plan = Plan {
        destination: branch.destination.clone(),
        flags: branch.flags,
        hop: None,
        is_replica: branch.is_replica,
    };
    if targets.is_empty() {
        return false;
    }
    let Ok(begun) = Begun::of(cx, id, plan, &targets) else { return false };
    // Nobody could wait for the route here.
    let passes = begun.route.is_none_or(|route| event::run_as(cx, route, RouteContext::Branch));
    begun.send(cx, id, passes).is_ok()
}
