//! The trace: a line for each statement, as it begins.

use std::sync::atomic::{AtomicBool, Ordering};

use cfg_syntax::Span;
use cfg_syntax::ast::RouteKind;
use cfg_vm::Value;
use cfg_vm::host::Step;
use cfg_vm::program::Program;
use engine::Cx;

use super::action;

/// What is traced, and how it looks.
pub(super) struct Trace {
    /// A line for each statement; changed at run time.
    pub(super) on: AtomicBool,
    /// A line for each assignment, at L_DBG.
    pub(super) assignments: bool,
    /// Leave the file's path out.
    pub(super) short: bool,
    pub(super) level: i64,
    pub(super) facility: Option<&'static str>,
    pub(super) prefix: Vec<u8>,
}

/// Level of the assignments.
const DEBUG: i64 = 3;

/// Shows a step of the running script.
pub(super) fn step(cx: &mut Cx<'_>, step: &Step<'_>) {
    let trace = &cx.state::<super::Debugger>().trace;
    match step {
        Step::Statement { span, what }
            if trace.on.load(Ordering::Relaxed) && engine::log::enabled(trace.level) =>
        {
            let line = trace.line(cx, *span, what);
            engine::log::script(trace.level, trace.facility, &trace.prefix, line.as_bytes());
        }
        Step::Wrote { span, value } if trace.assignments && engine::log::enabled(DEBUG) => {
            let name = String::from_utf8_lossy(cx.program().source().text(*span));
            tracing::debug!(target: "debugger", "{}:{}", name.trim_end(), Shown(value));
        }
        _ => {}
    }
}

impl Trace {
    fn line(&self, cx: &Cx<'_>, span: Span, what: &str) -> String {
        let program = cx.program();
        let sources = program.source();
        let action = action::of(what, sources.text(span));
        // A statement of several lines is told at its last, as in Kamailio.
        let last = Span { start: span.end.saturating_sub(1).max(span.start), ..span };
        let file = if self.short {
            String::new()
        } else {
            format!("c=[{}] ", sources.file(span.file).path.display())
        };
        format!(
            "dbg_cfg_trace(): {} {file}l={} a={} n={}\n",
            route(cx, program),
            sources.position(last).line,
            action.number,
            action.word
        )
    }
}

/// `request_route=[NAME]`: the kind that runs, and the route that the statement stands in.
fn route(cx: &Cx<'_>, program: &Program) -> String {
    let Some((route, _)) = cx.place else { return "request_route=[]".to_owned() };
    let info = program.info(route);
    let (kind, unnamed) = match info.kind {
        RouteKind::CoreReply => ("onreply_route", "DEFAULT_ONREPLY"),
        RouteKind::Reply => ("onreply_route", ""),
        RouteKind::Failure => ("failure_route", ""),
        RouteKind::Branch => ("branch_route", ""),
        RouteKind::OnSend => ("onsend_route", "DEFAULT_SEND"),
        RouteKind::Event => ("local_route", ""),
        RouteKind::Request => ("request_route", "DEFAULT_ROUTE"),
        RouteKind::Named if cx.context.message.status().is_some() => ("onreply_route", ""),
        RouteKind::Named => ("request_route", ""),
    };
    let name = if info.name.is_empty() { unnamed.into() } else { String::from_utf8_lossy(info.name) };
    format!("{kind}=[{name}]")
}

/// A value as Kamailio shows it: text in quotes.
struct Shown<'a>(&'a Value);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Value::Null => f.write_str("$null"),
            Value::Int(number) => number.fmt(f),
            Value::Str(text) => write!(f, "\"{}\"", text.to_lossy()),
        }
    }
}
