//! Routes that run on no message, with a text.

use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use cfg_vm::program::RouteId;
use cfg_vm::{Str, Value};
use engine::context::RouteContext;
use engine::module::{Next, PvArgs, Run};
use engine::{Args, Context, Cx, Flow};

/// Goes with the made-up message of a task.
#[derive(Default)]
struct Task {
    route: Option<RouteId>,
    data: Option<Str>,
}

/// `async_task_data(route, data)`.
pub(super) fn hand_over(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    begin(cx, args, 1)
}

/// `async_task_group_data(route, group, data)`.
pub(super) fn hand_over_to_group(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    begin(cx, args, 2)
}

fn begin(cx: &mut Cx<'_>, args: &Args<'_>, data: usize) -> Flow {
    let Some(route) = args.route(0) else { return Flow::FALSE };
    let mut context = Box::<Context>::default();
    context.made_up = true;
    *context.data.of() = Task { route: Some(route), data: Some(args.str(data)) };
    cx.shard.begin(context, cx.running, run);
    Flow::TRUE
}

fn run(cx: &mut Cx<'_>) -> Next {
    let Some(route) = cx.data::<Task>().route else { return Next::Done };
    Next::Run(Run { route, context: RouteContext::Event, then: |_, _| Next::Done })
}

/// What stands in the parentheses of `$async(…)`.
pub(super) fn parse_name(text: &[u8]) -> Result<Parsed, String> {
    match text {
        b"data" => Ok(Arc::new(())),
        _ => Err("it is data".into()),
    }
}

/// `$async(data)`.
pub(super) fn data(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    cx.data::<Task>().data.clone().map_or(Value::Null, Value::Str)
}
