//! One message's way through its script, from the bytes to what leaves.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use cfg_syntax::ast::RouteKind;
use cfg_vm::Call;
use cfg_vm::machine::{End, Ended, Execution};
use cfg_vm::program::RouteId;
use sip_message::{HeaderId, Message, ScanError};
use transport::Packet;

use super::intake;
use super::order::{CallKey, RequestKey, Turn, Waiting};
use super::{Event, Shard};
use crate::context::{Context, MADE_UP, Received, RouteContext, TypeMap};
use crate::cx::Cx;
use crate::module::{Flow, Next, Pending, Resume, Run, Then};
use crate::reply::{self, Reply};
use crate::running::Running;
use crate::setup::TimerWorker;
use crate::trace::{self, Trace};

/// How much idle work is kept for reuse.
const IDLE: usize = 64;
/// How long a resumed route waits when its shard's inbox is full before it tries again.
const RETRY: Duration = Duration::from_millis(1);

/// A message and its running route: what Kamailio's process would hold.
pub(crate) struct Work {
    pub(crate) context: Box<Context>,
    execution: Execution,
    running: Arc<Running>,
    /// What follows the route that runs or is parked; nothing while no route is begun.
    then: Option<Then>,
    /// Set while the route is parked and later requests of its call wait for it.
    turn: Option<(CallKey, RequestKey)>,
}

/// What came of a stretch of work.
enum Stretch {
    /// All done.
    Done,
    /// To be resumed.
    Wait(Pending),
}

impl Shard {
    /// Works on a message that is this shard's.
    pub(super) fn receive(&mut self, data: Packet, received: Received) {
        if intake::is_keepalive(&data) {
            return;
        }
        self.show(&data, &received);
        let Some(mut work) = self.admit(&data, received) else { return };
        if work.context.message.is_request() && !self.order.is_empty() {
            match self.turn(&work.context, &data) {
                Turn::Now => {}
                Turn::Queued => {
                    self.services.server.counts.queued.add(self.services.index);
                    return self.rest(work);
                }
                Turn::Retransmission => {
                    self.services.server.counts.absorbed.add(self.services.index);
                    return self.rest(work);
                }
                Turn::Full => {
                    self.overload(&mut work);
                    return self.rest(work);
                }
            }
        }
        self.run_script(work);
    }

    /// A message that scripts may see, ready to be worked on.
    fn admit(&mut self, data: &Packet, received: Received) -> Option<Box<Work>> {
        let work = match self.begin(data, received) {
            Ok(work) => work,
            Err(error) => {
                self.refuse(&received, &error);
                return None;
            }
        };
        if let Err(refusal) = intake::check(&work.context.message) {
            if self.is_foreign(&work.context) {
                self.run_foreign(work);
                return None;
            }
            self.refuse(&received, &refusal);
            self.rest(work);
            return None;
        }
        Some(work)
    }

    /// Whether a module may want the message although it is no SIP.
    fn is_foreign(&self, context: &Context) -> bool {
        !self.running.hooks.foreign.is_empty()
            && context.received.connection.is_some()
            && context.message.is_request()
            && !context.message.version().starts_with(b"SIP/")
    }

    /// Offers a request of another protocol to the modules.
    fn run_foreign(&mut self, mut work: Box<Work>) {
        work.context.number = self.next_number();
        work.context.route = RouteContext::Event;
        self.services.server.counts.handled.add(self.services.index);
        self.stretch(work, |cx, execution, then| {
            match cx.running.hooks.foreign.iter().find_map(|hook| hook(cx)) {
                Some(next) => go_on(cx, execution, then, next),
                None => {
                    tracing::error!(target: "core", "a request that is no SIP, from {}", cx.context.received.source);
                    Stretch::Done
                }
            }
        });
    }

    /// Whether a request is to be worked on although the server is to stop: it belongs to what is in hand, or to a call
    /// that is there.
    fn is_wanted(&mut self, work: &mut Work) -> bool {
        let message = &work.context.message;
        if !message.is_request() || message.to().is_ok_and(|to| to.tag().is_some()) {
            return true;
        }
        let running = Arc::clone(&work.running);
        let mut cx = Cx::new(&mut work.context, &mut self.services, &running);
        running.hooks.in_hand.iter().any(|hook| (hook.knows)(&mut cx))
    }

    fn run_script(&mut self, mut work: Box<Work>) {
        if self.services.server.is_stopping() && !self.is_wanted(&mut work) {
            self.services.server.counts.dropped.add(self.services.index);
            return self.rest(work);
        }
        work.context.number = self.next_number();
        self.services.server.counts.handled.add(self.services.index);
        if self.services.server.trace.wants(work.context.received.source.ip()) {
            work.context.trace = Some(Trace::begin(&work.context));
        }
        self.stretch(work, start);
    }

    fn begin(&mut self, data: &Packet, received: Received) -> Result<Box<Work>, ScanError> {
        let limits = self.services.server.options.limits;
        let mut work = match self.idle.pop() {
            Some(mut work) => {
                if let Err(error) = work.context.begin(Packet::clone(data), received, &limits) {
                    self.rest(work);
                    return Err(error);
                }
                work
            }
            None => Box::new(Work {
                context: Box::new(Context::around(
                    Message::parse_limited(Packet::clone(data), &limits)?,
                    received,
                )),
                execution: Execution::new(),
                running: Arc::clone(&self.running),
                then: None,
                turn: None,
            }),
        };
        if !Arc::ptr_eq(&work.running, &self.running) {
            work.running = Arc::clone(&self.running);
        }
        work.then = None;
        work.turn = None;
        Ok(work)
    }

    /// Does what modules have begun meanwhile: failure routes and their like.
    pub(super) fn run_jobs(&mut self) {
        while let Some(job) = self.services.jobs.pop_front() {
            let mut work = self.idle.pop().unwrap_or_else(|| {
                Box::new(Work {
                    context: Box::default(),
                    execution: Execution::new(),
                    running: Arc::clone(&job.running),
                    then: None,
                    turn: None,
                })
            });
            let before = std::mem::replace(&mut work.context, job.context);
            work.context.locals = before.locals;
            work.context.return_code = before.return_code;
            work.running = job.running;
            work.then = None;
            work.turn = None;
            let start = job.start;
            self.stretch(work, |cx, execution, then| {
                let next = start(cx);
                go_on(cx, execution, then, next)
            });
        }
    }

    /// Shows what came in to the modules that want to see it.
    fn show(&mut self, data: &[u8], received: &Received) {
        if self.running.hooks.received.is_empty() {
            return;
        }
        let running = Arc::clone(&self.running);
        for hook in &running.hooks.received {
            if catch_unwind(AssertUnwindSafe(|| hook(&mut self.services, &running, received, data))).is_err()
            {
                self.services.server.counts.panics.add(self.services.index);
            }
        }
    }

    fn refuse(&self, received: &Received, why: &dyn std::fmt::Display) {
        self.services.server.counts.dropped.add(self.services.index);
        tracing::error!(
            target: "core",
            "core parsing of SIP message failed ({}:{}): {why}",
            received.source.ip(),
            received.source.port()
        );
    }

    fn turn(&mut self, context: &Context, data: &Packet) -> Turn {
        let (call, key) = keys(&self.services.server.steering, &context.message);
        let passes = intake::passes(context.message.method());
        self.order.turn(call, key, passes, data, &context.received, self.services.now)
    }

    /// Lets a message go that cannot be worked on now: a request gets a 503.
    fn overload(&mut self, work: &mut Work) {
        self.services.server.counts.overload.add(self.services.index);
        let running = Arc::clone(&work.running);
        let tag = format!("{:016x}", self.services.random());
        let mut cx = Cx::new(&mut work.context, &mut self.services, &running);
        let reply = Reply {
            code: 503,
            reason: b"Service Unavailable",
            tag: tag.as_bytes(),
            headers: b"Retry-After: 5\r\n",
        };
        if let Err(error) = reply::send(&mut cx, &reply) {
            tracing::debug!(target: "core", "overload: {error}");
        }
    }

    /// Runs a stretch of work; what panics loses its message, is counted, and the shard goes on.
    fn stretch(
        &mut self,
        mut work: Box<Work>,
        run: impl FnOnce(&mut Cx<'_>, &mut Execution, &mut Option<Then>) -> Stretch,
    ) {
        let running = Arc::clone(&work.running);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let Work { context, execution, then, .. } = &mut *work;
            let mut cx = Cx::new(context, &mut self.services, &running);
            let Some(prefix) = &running.core.log_prefix else { return run(&mut cx, execution, then) };
            // Once a message as Kamailio has it would be enough, but a thread takes turns between messages.
            let prefix = cx.evaluate(prefix);
            crate::log::set_prefix(&prefix);
            let stretch = run(&mut cx, execution, then);
            crate::log::set_prefix(b"");
            stretch
        }));
        match result {
            Ok(Stretch::Done) => self.finish(work),
            Ok(Stretch::Wait(pending)) => self.park(work, pending),
            Err(_) => {
                self.services.server.counts.panics.add(self.services.index);
                tracing::error!(
                    target: "core",
                    "a route panicked (see the line before); the message of {} is lost",
                    work.context.received.source
                );
                self.abandon(&mut work);
                self.release(work.turn);
            }
        }
    }

    /// Tells the modules that a route will not be ended, so that nothing waits for it; whether one sees to the message.
    fn abandon(&mut self, work: &mut Work) -> bool {
        let running = Arc::clone(&work.running);
        let told = catch_unwind(AssertUnwindSafe(|| {
            let mut cx = Cx::new(&mut work.context, &mut self.services, &running);
            running.hooks.abandoned.iter().any(|hook| hook(&mut cx))
        }));
        told.unwrap_or_else(|_| {
            self.services.server.counts.panics.add(self.services.index);
            false
        })
    }

    fn park(&mut self, mut work: Box<Work>, pending: Pending) {
        let options = &self.services.server.options;
        let size = work.context.message.as_bytes().len();
        let is_new = work.turn.is_none();
        if is_new
            && (self.parked.len() >= options.parked || self.parked.bytes() + size > options.parked_bytes)
        {
            if !self.abandon(&mut work) && work.context.message.is_request() {
                self.overload(&mut work);
            }
            // Its script never ends, so nothing else lets go what it holds.
            work.context.data = TypeMap::default();
            return self.finish(work);
        }
        let settled = work.context.settled;
        match work.turn {
            None if work.context.message.is_request() && work.context.route == RouteContext::Request => {
                let (call, key) = keys(&self.services.server.steering, &work.context.message);
                work.turn = Some((call, key));
                self.order.park(call, key, settled);
            }
            Some((call, key)) if settled => {
                let next = self.order.settle(call, key);
                self.work_on_waiting(call, next);
            }
            _ => {}
        }
        for hook in &work.running.hooks.waits {
            (hook.begins)(&mut self.services, &mut work.context);
        }
        let ticket = self.parked.keep(work);
        let runtime = self.services.server.runtime.clone();
        let inbox =
            self.services.server.inboxes.get().and_then(|inboxes| inboxes.get(self.services.index)).cloned();
        let waiting = runtime.spawn(pending);
        runtime.spawn(async move {
            let resume: Resume = match waiting.await {
                Ok(resume) => resume,
                Err(error) => {
                    tracing::error!(target: "core", "what a route waited for failed: {error}");
                    Box::new(|_| Flow::FALSE)
                }
            };
            let Some(inbox) = inbox else { return };
            let mut event = Event::Resume(ticket, resume);
            while let Err(refused) = inbox.send(event) {
                event = refused;
                tokio::time::sleep(RETRY).await;
            }
        });
    }

    /// Goes on with a parked route.
    pub(super) fn resume(&mut self, ticket: u64, resume: Resume) {
        let Some(mut work) = self.parked.take(ticket) else { return };
        for hook in &work.running.hooks.waits {
            (hook.ends)(&mut self.services, &mut work.context);
        }
        self.stretch(work, |cx, execution, then| {
            let call = match resume(cx) {
                Flow::Wait(pending) => return Stretch::Wait(pending),
                // Nothing of a script waited.
                _ if then.is_none() => return Stretch::Done,
                Flow::Done(code) => Call::Done(code),
                Flow::Route(route) => Call::Route(route),
                Flow::Exit => Call::Exit,
                Flow::Drop => Call::Drop,
            };
            let ended = execution.resume(call, cx);
            match after(cx, ended, then) {
                Ok(next) => go_on(cx, execution, then, next),
                Err(pending) => Stretch::Wait(pending),
            }
        });
    }

    fn finish(&mut self, mut work: Box<Work>) {
        if let Some(mut collected) = work.context.trace.take() {
            trace::note_changes(&work.context, &mut collected);
            tracing::info!(target: "trace", text = collected.finish());
        }
        let turn = work.turn.take();
        self.rest(work);
        self.release(turn);
    }

    /// Works on the requests that waited for this one, until one of them parks.
    fn release(&mut self, turn: Option<(CallKey, RequestKey)>) {
        let Some((call, key)) = turn else { return };
        let next = self.order.release(call, key);
        self.work_on_waiting(call, next);
    }

    fn work_on_waiting(&mut self, call: CallKey, mut next: Option<Waiting>) {
        while let Some(waiting) = next {
            // It is its turn: it must not be queued behind those that wait after it.
            if let Some(work) = self.admit(&waiting.data, waiting.received) {
                self.run_script(work);
            }
            next = self.order.follow(call);
        }
    }

    fn rest(&mut self, mut work: Box<Work>) {
        if self.idle.len() < IDLE {
            work.context.data.clear();
            self.idle.push(work);
        }
    }

    /// Runs the timers that are due, and drops requests that waited too long.
    pub(super) fn run_timers(&mut self) {
        let expired = self.order.expire(self.services.now);
        if expired > 0 {
            self.services.server.counts.dropped.add_many(self.services.index, expired as u64);
        }
        while let Some(timer) = self.timers.take_due(self.services.now) {
            self.run_route(timer.route, Some(TimerWorker(timer.worker)));
        }
        for at in 0..self.running.hooks.clocks.len() {
            let running = Arc::clone(&self.running);
            let clock = running.hooks.clocks[at];
            (clock.run)(&mut self.services, &running);
        }
        self.run_jobs();
    }

    /// Runs what is to run once, when the server starts.
    pub(super) fn start_routes(&mut self) {
        if self.services.index != 0 {
            return;
        }
        if let Some(route) = self.running.program.route(RouteKind::Event, b"core:worker-one-init") {
            self.run_route(route, None);
        }
    }

    /// Runs a route on a made-up message.
    fn run_route(&mut self, route: RouteId, worker: Option<TimerWorker>) {
        let address = self.services.server.listeners.all().first().map(|listener| listener.address);
        let Some(address) = address else { return };
        let received = Received {
            proto: transport::Proto::Udp,
            source: address,
            destination: address,
            listener: crate::listener::ListenerId(0),
            connection: None,
            at: self.services.clock,
        };
        let Ok(mut work) = self.begin(&Packet::new(MADE_UP.to_vec()), received) else { return };
        work.context.number = self.next_number();
        work.context.route = RouteContext::Event;
        work.context.made_up = true;
        if let Some(worker) = worker {
            *work.context.data.of() = worker;
        }
        let next = Next::Run(Run { route, context: RouteContext::Event, then: |_, _| Next::Done });
        self.stretch(work, |cx, execution, then| go_on(cx, execution, then, next));
    }
}

fn keys(steering: &super::Steering, message: &Message) -> (CallKey, RequestKey) {
    let call = steering.call_hash(message.call_id().unwrap_or_default());
    let branch = message.top_via().ok().and_then(|via| via.branch()).unwrap_or_default();
    let cseq = message.value(HeaderId::CSeq).unwrap_or_default();
    let request = steering.call_hash(branch) ^ steering.call_hash(cseq).rotate_left(1);
    (CallKey(call), RequestKey(request))
}

/// Begins the script of a message that was received.
fn start(cx: &mut Cx<'_>, execution: &mut Execution, then: &mut Option<Then>) -> Stretch {
    let is_request = cx.context.message.is_request();
    for hook in &cx.running.hooks.before_script {
        if !hook(cx) {
            return Stretch::Done;
        }
    }
    let run = if is_request {
        cx.running.request_route.map(|route| Run {
            route,
            context: RouteContext::Request,
            then: after_request,
        })
    } else {
        cx.running.reply_route.map(|route| Run { route, context: RouteContext::CoreReply, then: after_reply })
    };
    let next = match run {
        Some(run) => Next::Run(run),
        None if is_request => {
            tracing::error!(target: "core", "the configuration has no request_route; the request is dropped");
            Next::Done
        }
        None => {
            cx.context.route = RouteContext::CoreReply;
            after_reply(cx, End { code: 1, drop: false, exit: false })
        }
    };
    go_on(cx, execution, then, next)
}

/// Goes from route to route until nothing follows or something waits.
fn go_on(cx: &mut Cx<'_>, execution: &mut Execution, then: &mut Option<Then>, mut next: Next) -> Stretch {
    loop {
        *then = None;
        match next {
            Next::Done => return Stretch::Done,
            Next::Wait(pending) => return Stretch::Wait(pending),
            Next::Run(run) => {
                *then = Some(run.then);
                cx.context.route = run.context;
                let trace = cx.context.is_traced() || cx.running.hooks.on_step.is_some();
                execution.start(&cx.running.program, run.route, cx.running.limits, trace);
                let ended = execution.run(cx);
                match after(cx, ended, then) {
                    Ok(following) => next = following,
                    Err(pending) => return Stretch::Wait(pending),
                }
            }
        }
    }
}

/// What follows when the machine has stopped; what it waits for, if it waits.
fn after(cx: &mut Cx<'_>, ended: Ended, then: &mut Option<Then>) -> Result<Next, Pending> {
    let end = match ended {
        // The machine parks only when a function answered "wait", and that set it.
        Ended::Parked => return cx.pending.take().map_or(Ok(Next::Done), Err),
        Ended::Cut(_) => {
            cx.shard.server.counts.cut.add(cx.shard.index);
            End { code: 0, drop: true, exit: true }
        }
        Ended::Finished(end) => end,
    };
    for hook in &cx.running.hooks.after_route {
        hook(cx);
    }
    Ok(then.take().map_or(Next::Done, |then| then(cx, end)))
}

fn after_request(cx: &mut Cx<'_>, _: End) -> Next {
    after_script(cx);
    Next::Done
}

fn after_script(cx: &mut Cx<'_>) {
    for hook in &cx.running.hooks.after_script {
        hook(cx);
    }
}

/// Unless its script discarded it (kamailio.md 1.5), a reply goes to whom it belongs, or is forwarded without state.
fn after_reply(cx: &mut Cx<'_>, end: End) -> Next {
    after_script(cx);
    if end.drop || end.code <= 0 {
        if end.code < 0 && !end.drop {
            tracing::warn!(target: "core", "error while running the reply route: it ended with {}; the reply is discarded", end.code);
        }
        return Next::Done;
    }
    for taker in &cx.running.hooks.replies {
        if let Some(next) = taker(cx) {
            return next;
        }
    }
    match reply::forward(cx) {
        Flow::Wait(pending) => Next::Wait(pending),
        _ => Next::Done,
    }
}
