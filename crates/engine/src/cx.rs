//! What a module's function sees: the message, the shard it runs on, and the configuration it belongs to.

use std::any::TypeId;
use std::sync::Arc;

use cfg_syntax::Span;
use cfg_syntax::ast::Keyword;
use cfg_vm::catalogue::{FunctionId, PvId};
use cfg_vm::host::{AddressPattern, Notice, Step, WriteError};
use cfg_vm::program::{Program, PvRef, RouteId};
use cfg_vm::{ArgValue, Call, Host, Index, Inner, Str, Value, bound, machine};

use crate::args::Args;
use crate::context::Context;
use crate::listener::Listeners;
use crate::module::{Flow, Pending, PvArgs};
use crate::running::Running;
use crate::server::Server;
use crate::services::Services;

/// One message being worked on, on one shard.
///
/// It is made for each stretch of work and borrows everything: nothing of the shard is held by a parked route.
pub struct Cx<'a> {
    /// The message and what belongs to its route.
    pub context: &'a mut Context,
    /// The shard.
    pub shard: &'a mut Services,
    /// The configuration that the route began with.
    pub running: &'a Arc<Running>,
    /// Where the script stands: route and statement.
    pub place: Option<(RouteId, Span)>,
    /// What a function that answered "wait" waits for.
    pub(crate) pending: Option<Pending>,
}

impl<'a> Cx<'a> {
    /// Puts the three together.
    pub fn new(context: &'a mut Context, shard: &'a mut Services, running: &'a Arc<Running>) -> Self {
        Self { context, shard, running, place: None, pending: None }
    }

    /// A module's state under this configuration.
    ///
    /// # Panics
    /// When no loaded module has a state of this type: a module asks for its own only.
    pub fn state<T: 'static + Send + Sync>(&self) -> &'a T {
        self.running.state::<T>().expect("a loaded module's own state")
    }

    /// Another module's state, if it is loaded.
    pub fn state_of<T: 'static + Send + Sync>(&self) -> Option<&'a T> {
        self.running.state::<T>()
    }

    /// The compiled routes.
    pub fn program(&self) -> &'a Arc<Program> {
        &self.running.program
    }

    /// The server.
    pub fn server(&self) -> &Arc<Server> {
        &self.shard.server
    }

    /// The sockets we listen on.
    pub fn listeners(&self) -> &Listeners {
        &self.shard.server.listeners
    }

    /// Per-process data of a module (`$var` and its kin).
    pub fn local<T: std::any::Any + Default + Send>(&mut self) -> &mut T {
        self.context.locals.of()
    }

    /// Data of a module that lives as long as the message.
    pub fn data<T: std::any::Any + Default + Send>(&mut self) -> &mut T {
        self.context.data.of()
    }

    /// Reads a variable that was given as an argument.
    pub fn read_pv(&mut self, pv: PvRef) -> Value {
        let program = self.program();
        machine::read(self, program, pv)
    }

    /// Writes a variable that was given as an argument. A failure is logged with the place.
    pub fn write_pv(&mut self, pv: PvRef, value: Value) -> bool {
        let program = self.program();
        match machine::write(self, program, pv, value) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(target: "script", "a variable could not be filled: {error:?}");
                false
            }
        }
    }

    /// The text of a `Template` argument, evaluated now; of a constant as well.
    pub fn argument_text(&mut self, args: &Args<'_>, at: usize) -> Str {
        let Some(ArgValue::Template(template)) = args.0.get(at) else { return args.str(at) };
        let program = self.program();
        let trace = self.context.is_traced() || self.running.hooks.on_step.is_some();
        machine::evaluate(self, program, *template, trace)
    }

    /// Reads a pseudo-variable that was bound at load.
    pub fn read_bound(&mut self, pv: &bound::BoundPv) -> Value {
        bound::read_bound(self, pv)
    }

    /// Writes a pseudo-variable that was bound at load.
    pub fn write_bound(&mut self, pv: &bound::BoundPv, value: Value) -> Result<(), WriteError> {
        bound::write_bound(self, pv, value)
    }

    /// Evaluates a text that was bound at load.
    pub fn evaluate(&mut self, template: &bound::BoundTemplate) -> Str {
        bound::evaluate_bound(self, template)
    }

    /// Tells the modules that hung into [`routed`](crate::setup::Hooks::routed) that a Route of ours led the request here.
    pub fn tell_routed(&mut self, params: &[u8]) {
        for hook in &self.running.hooks.routed {
            hook(self, params);
        }
    }

    /// Whether a function is the core's; the registry has `core` first.
    fn is_of_core(&self, function: FunctionId) -> bool {
        self.running.registry.modules.first().is_some_and(|core| (function.0 as usize) < core.functions.len())
    }

    /// Binds a text with pseudo-variables that is only known now.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn bind(&self, text: &[u8]) -> Result<bound::BoundTemplate, String> {
        self.running.bind_template(text)
    }

    /// Source file and line of the statement that runs.
    pub fn file_and_line(&self) -> Option<(&'a std::path::Path, u32)> {
        let (_, span) = self.place?;
        let sources = self.running.program.source();
        Some((&sources.file(span.file).path, sources.position(span).line))
    }
}

impl Host for Cx<'_> {
    fn read(&mut self, pv: PvId, inner: Inner<'_>, index: Index) -> Value {
        let read = self.running.pvs[pv.0 as usize].0;
        read(self, &PvArgs { inner, index })
    }

    fn write(&mut self, pv: PvId, inner: Inner<'_>, index: Index, value: Value) -> Result<(), WriteError> {
        match self.running.pvs[pv.0 as usize].1 {
            Some(write) => write(self, &PvArgs { inner, index }, value),
            None => Err(WriteError::NotHere),
        }
    }

    fn call(&mut self, function: FunctionId, arguments: &[ArgValue]) -> Call {
        let run = self.running.functions[function.0 as usize];
        match run(self, &Args(arguments)) {
            Flow::Done(code) if self.is_of_core(function) => Call::Kept(code),
            Flow::Done(code) => Call::Done(code),
            Flow::Route(route) => Call::Route(route),
            Flow::Exit => Call::Exit,
            Flow::Drop => Call::Drop,
            Flow::Wait(pending) => {
                self.pending = Some(pending);
                Call::Wait
            }
        }
    }

    fn keyword(&mut self, keyword: Keyword) -> Value {
        crate::keyword::read(self, keyword)
    }

    fn is_myself(&mut self, keyword: Keyword) -> bool {
        crate::keyword::is_myself(self, keyword)
    }

    fn address_matches(&mut self, keyword: Keyword, pattern: &AddressPattern) -> bool {
        crate::keyword::address_matches(self, keyword, pattern)
    }

    fn select(&mut self, path: &str) -> Value {
        crate::keyword::select(self, path)
    }

    fn return_code(&self) -> i64 {
        self.context.return_code
    }

    fn set_return_code(&mut self, code: i64) {
        self.context.return_code = code;
    }

    fn at(&mut self, route: RouteId, span: Span) {
        self.place = Some((route, span));
    }

    fn notice(&mut self, span: Span, notice: Notice<'_>) {
        crate::log::notice(self.running.program.source(), span, &notice);
    }

    fn step(&mut self, step: Step<'_>) {
        crate::trace::step(self, &step);
    }
}

/// States of modules by their type.
#[derive(Default)]
pub(crate) struct States(Vec<(TypeId, crate::module::State)>);

impl States {
    pub(crate) fn add(&mut self, state: crate::module::State) {
        self.0.push((state.as_ref().type_id(), state));
    }

    pub(crate) fn of<T: 'static + Send + Sync>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        self.0.iter().find(|(known, _)| *known == id).and_then(|(_, state)| state.downcast_ref())
    }

    pub(crate) fn at(&self, module: usize) -> Option<&crate::module::State> {
        self.0.get(module).map(|(_, state)| state)
    }
}
