//! Module `rtimer`: routes that run at intervals.

mod schedule;

use std::sync::Arc;

use cfg_syntax::ast::RouteKind;
use cfg_vm::Value;
use cfg_vm::catalogue::PvType;
use engine::module::State;
use engine::setup::{Timer, TimerWorker};
use engine::{Cx, Module, Param, Pv, PvArgs, Setup, SetupError};

use schedule::{Definition, Execution, Schedule};

/// The module's table.
pub const MODULE: Module = Module {
    name: "rtimer",
    doc: "Runs routes at intervals, each on a made-up request.",
    params: &[
        Param::int_in(
            "default_interval",
            1,
            i32::MAX as i64,
            "120",
            "Seconds between the runs of the timers that follow and name no interval.",
        )
        .repeatable(),
        Param::text(
            "timer",
            "",
            "A timer, `name=…;interval=…;mode=…`: seconds, or microseconds with a `u` at the end; mode is the \
             number of its workers.",
        )
        .repeatable()
        .check(is_timer),
        Param::text("exec", "", "A route that a timer runs, `timer=…;route=…`; the timer's own line stands before.")
            .repeatable()
            .check(is_exec),
    ],
    pvs: &[Pv::new(
        "rtimer_worker",
        PvType::Int,
        worker,
        "Number of the worker of its timer that runs the route, from 0; null elsewhere.",
    )],
    start,
    ..Module::EMPTY
};

fn is_timer(value: &Value) -> Result<(), String> {
    Definition::parse(&value.to_str().to_lossy()).map(drop)
}

fn is_exec(value: &Value) -> Result<(), String> {
    Execution::parse(&value.to_str().to_lossy()).map(drop)
}

/// Reads the parameters in the file's order: each speaks of those before it.
fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let mut schedule = Schedule::default();
    let mut timers = Vec::new();
    for param in setup.settings().params.iter().filter(|param| param.module == MODULE.name) {
        let text = param.value.to_str();
        let text = text.to_lossy();
        let told = |why: String| SetupError::at(param, why);
        match param.name {
            "default_interval" => schedule.set_default_interval(param.value.as_int().unwrap_or_default()),
            "timer" => schedule.add(Definition::parse(&text).map_err(told)?).map_err(told)?,
            "exec" => {
                let execution = Execution::parse(&text).map_err(told)?;
                let (interval, workers) = schedule.find(&execution.timer).map_err(told)?;
                let route = setup.route(RouteKind::Named, &execution.route).ok_or_else(|| {
                    SetupError::at(
                        param,
                        format!("there is no route[{}] for the timer to run", execution.route),
                    )
                })?;
                timers.extend(workers.map(|(number, worker)| Timer { interval, route, number, worker }));
            }
            _ => {}
        }
    }
    setup.hooks().timers.extend(timers);
    Ok(Arc::new(()))
}

/// `$rtimer_worker`
fn worker(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    cx.context.data.get::<TimerWorker>().map_or(Value::Null, |worker| Value::Int(worker.0.into()))
}
