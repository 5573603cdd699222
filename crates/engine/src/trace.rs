//! Step tracing: for each message, every statement with file and line, the values read, and what it changed.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use cfg_vm::Value;
use cfg_vm::host::Step;
use cfg_vm::program::Program;

use crate::context::Context;
use crate::cx::Cx;

/// Which messages are traced; asked once a message.
#[derive(Default)]
pub struct TraceSwitch {
    on: AtomicBool,
    sources: RwLock<Sources>,
}

/// What to trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sources {
    /// Nothing.
    #[default]
    None,
    /// Every message.
    All,
    /// Messages from these addresses.
    Addresses(Vec<IpAddr>),
}

impl TraceSwitch {
    /// Sets what is traced from now on.
    pub fn set(&self, sources: Sources) {
        self.on.store(sources != Sources::None, Ordering::Release);
        *self.sources.write().unwrap_or_else(PoisonError::into_inner) = sources;
    }

    /// What is traced.
    pub fn get(&self) -> Sources {
        self.sources.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a message from this address is traced.
    pub(crate) fn wants(&self, source: IpAddr) -> bool {
        self.on.load(Ordering::Acquire)
            && match &*self.sources.read().unwrap_or_else(PoisonError::into_inner) {
                Sources::None => false,
                Sources::All => true,
                Sources::Addresses(addresses) => addresses.contains(&source),
            }
    }
}

/// The steps of one message so far, as text.
#[derive(Default)]
pub(crate) struct Trace {
    text: String,
    depth: usize,
    line_open: bool,
    changes: u32,
}

impl Trace {
    /// Begins with what came in.
    pub(crate) fn begin(context: &Context) -> Box<Self> {
        let mut trace = Self::default();
        let message = &context.message;
        let first = message.bytes(message.index().start_span());
        let received = &context.received;
        let _ = writeln!(
            trace.text,
            "{} from {}:{} to {}",
            String::from_utf8_lossy(first),
            received.proto,
            received.source,
            received.destination
        );
        Box::new(trace)
    }

    /// The whole text.
    pub(crate) fn finish(mut self) -> String {
        self.close();
        self.text
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.line_open) {
            self.text.push('\n');
        }
    }

    fn indent(&mut self) {
        self.close();
        for _ in 0..=self.depth {
            self.text.push_str("  ");
        }
    }

    fn step(&mut self, program: &Program, step: &Step<'_>) {
        let sources = program.source();
        match step {
            Step::Statement { span, .. } => {
                self.indent();
                let file = sources.file(span.file).path.file_name().unwrap_or_default().to_string_lossy();
                let text = String::from_utf8_lossy(sources.text(*span)).into_owned();
                let text = text.split(['\n', '{']).next().unwrap_or_default().trim_end();
                let _ = write!(self.text, "{file}:{} {text}", sources.position(*span).line);
                self.line_open = true;
            }
            Step::Read { span, value } => {
                let name = String::from_utf8_lossy(sources.text(*span)).into_owned();
                let _ = write!(self.text, "  [{name} = {}]", Shown(value));
            }
            Step::Wrote { value, .. } => {
                let _ = write!(self.text, "  := {}", Shown(value));
            }
            Step::Returned { code } => {
                if self.line_open {
                    self.text.push_str("  ");
                } else {
                    self.indent();
                    self.line_open = true;
                }
                let _ = write!(self.text, "-> {code}");
            }
            Step::Enter(route) => {
                let info = program.info(*route);
                let head = String::from_utf8_lossy(sources.text(info.head)).into_owned();
                self.indent();
                let _ = writeln!(self.text, "{}", head.trim_end_matches(['{', ' ', '\n']));
                self.depth += 1;
            }
            Step::Leave(_) => {
                self.close();
                self.depth = self.depth.saturating_sub(1);
            }
            _ => {}
        }
    }
}

struct Shown<'a>(&'a Value);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Value::Null => f.write_str("<null>"),
            Value::Int(number) => number.fmt(f),
            Value::Str(text) => write!(f, "\"{}\"", text.as_bytes().escape_ascii()),
        }
    }
}

/// Notes a step of the running script, and what the step before changed in the message.
pub(crate) fn step(cx: &mut Cx<'_>, step: &Step<'_>) {
    if let Some(hook) = cx.running.hooks.on_step {
        hook(cx, step);
    }
    let Some(mut trace) = cx.context.trace.take() else { return };
    if matches!(step, Step::Statement { .. } | Step::Leave(_)) {
        note_changes(cx.context, &mut trace);
    }
    trace.step(&cx.running.program, step);
    cx.context.trace = Some(trace);
}

/// Shows the edits made since the last look.
pub(crate) fn note_changes(context: &Context, trace: &mut Trace) {
    let count = context.edits.made();
    if count == trace.changes {
        return;
    }
    for change in context.edits.changes_since(trace.changes) {
        let removed = context.message.bytes(change.removed);
        trace.indent();
        trace.text.push_str("  message:");
        for (sign, bytes) in [('-', removed), ('+', change.text)] {
            if !bytes.is_empty() {
                let _ = write!(
                    trace.text,
                    " {sign} {}",
                    String::from_utf8_lossy(bytes.trim_ascii_end()).escape_debug()
                );
            }
        }
        if removed.is_empty() && change.text.is_empty() {
            trace.text.push_str(" + a line that is known when the message leaves");
        }
        trace.text.push('\n');
    }
    trace.changes = count;
}
