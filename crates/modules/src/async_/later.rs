//! Transactions that wait for a time, and routes that do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cfg_vm::program::RouteId;
use engine::module::Resume;
use engine::services::Services;
use engine::{Args, Cx, Flow, Running};

use super::Async;
use crate::tm::parked;
use crate::tm::transaction::Id;

const MOST_SECONDS: i64 = 100;
const MOST_MILLISECONDS: i64 = 30_000;

/// What a shard is to go on with.
#[derive(Default)]
struct Later(BinaryHeap<Reverse<Due>>);

struct Due {
    at: Instant,
    id: Id,
    route: RouteId,
    of: Arc<Running>,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

/// When the first is due.
pub(super) fn next(services: &Services) -> Option<Instant> {
    services.kept_if_any::<Later>()?.0.peek().map(|Reverse(due)| due.at)
}

/// Goes on with what is due.
pub(super) fn run(services: &mut Services, _: &Arc<Running>) {
    let now = services.now;
    loop {
        let Later(waiting) = services.kept();
        if waiting.peek().is_none_or(|Reverse(due)| due.at > now) {
            return;
        }
        let Some(Reverse(due)) = waiting.pop() else { return };
        // It may have been cancelled meanwhile, or have waited too long.
        parked::go_on(services, due.id, due.route, &due.of);
    }
}

/// `async_route(route, seconds)`.
pub(super) fn route(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    go_on_after(cx, args, seconds(args, 1))
}

/// `async_ms_route(route, milliseconds)`.
pub(super) fn route_ms(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let duration = milliseconds(cx, args, 1);
    go_on_after(cx, args, duration)
}

/// `async_task_route(route)`.
pub(super) fn task_route(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    go_on_after(cx, args, Some(Duration::ZERO))
}

/// `async_sleep(seconds)`.
pub(super) fn sleep(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    rest(cx, seconds(args, 0))
}

/// `async_ms_sleep(milliseconds)`.
pub(super) fn sleep_ms(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let duration = milliseconds(cx, args, 0);
    rest(cx, duration)
}

fn seconds(args: &Args<'_>, at: usize) -> Option<Duration> {
    let seconds = args.int(at).filter(|seconds| (0..=MOST_SECONDS).contains(seconds));
    if seconds.is_none() {
        tracing::error!(target: "async", "the time is none from 0 to {MOST_SECONDS} seconds");
    }
    seconds.map(|seconds| Duration::from_secs(seconds as u64))
}

fn milliseconds(cx: &Cx<'_>, args: &Args<'_>, at: usize) -> Option<Duration> {
    if !cx.state::<Async>().has_milliseconds {
        tracing::error!(target: "async", "milliseconds need the parameter ms_timer to be set");
        return None;
    }
    let milliseconds = args.int(at).filter(|number| (0..=MOST_MILLISECONDS).contains(number));
    if milliseconds.is_none() {
        tracing::error!(target: "async", "the time is none from 0 to {MOST_MILLISECONDS} milliseconds");
    }
    milliseconds.map(|number| Duration::from_millis(number as u64))
}

fn go_on_after(cx: &mut Cx<'_>, args: &Args<'_>, duration: Option<Duration>) -> Flow {
    let (Some(route), Some(duration)) = (args.route(0), duration) else { return Flow::FALSE };
    let Some(id) = parked::suspend(cx) else { return Flow::FALSE };
    let of = Arc::clone(cx.running);
    if duration.is_zero() {
        // The request is here: the route begins when this one has ended.
        parked::go_on(cx.shard, id, route, &of);
    } else {
        let at = cx.shard.now + duration;
        cx.shard.kept::<Later>().0.push(Reverse(Due { at, id, route, of }));
    }
    Flow::Done(cx.state::<Async>().returns)
}

fn rest(cx: &mut Cx<'_>, duration: Option<Duration>) -> Flow {
    let Some(duration) = duration else { return Flow::FALSE };
    if !parked::hold(cx) {
        return Flow::FALSE;
    }
    Flow::wait(async move {
        tokio::time::sleep(duration).await;
        let resume: Resume = Box::new(|_| Flow::TRUE);
        resume
    })
}
