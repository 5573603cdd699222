//! Waiting, Kamailio's debugging aids, and routes that may not exist.

use std::time::Duration;

use cfg_syntax::ast::RouteKind;
use engine::module::{Flow, Resume};
use engine::{Args, Cx};

pub(super) fn sleep(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    wait(args.int(0), Duration::from_secs)
}

pub(super) fn usleep(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    wait(args.int(0), Duration::from_micros)
}

/// Waits without holding the shard; not at all for no time.
fn wait(count: Option<i64>, unit: fn(u64) -> Duration) -> Flow {
    match count.map(u64::try_from) {
        Some(Ok(count @ 1..)) => {
            let time = unit(count);
            Flow::wait(async move {
                tokio::time::sleep(time).await;
                Box::new(|_: &mut Cx<'_>| Flow::TRUE) as Resume
            })
        }
        Some(_) => Flow::TRUE,
        None => Flow::FALSE,
    }
}

/// Ends the script, not the server: one message must not take everybody's calls away.
pub(super) fn abort(_: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    tracing::error!(target: "cfgutils", "abort() was called: it ends this message's script, not the server");
    Flow::Exit
}

/// There are no pools of memory here; what can be told is what the system knows.
pub(super) fn log_memory(_: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    match resident_pages() {
        Some(pages) => tracing::info!(target: "cfgutils", "resident memory: {pages} pages"),
        None => tracing::warn!(target: "cfgutils", "the system does not tell how much memory the server has"),
    }
    Flow::TRUE
}

fn resident_pages() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

pub(super) fn check_route_exists(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.program().route(RouteKind::Named, args.text(0)).is_some().into()
}

pub(super) fn route_if_exists(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.program().route(RouteKind::Named, args.text(0)).map_or(Flow::FALSE, Flow::Route)
}
