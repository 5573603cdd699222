//! What a module is: one table, from which everything else is made.
//!
//! A module's `mod.rs` holds one [`Module`] constant. The checker's messages, the native language's calls, the
//! RPC help and the reference pages are all made from it; nothing is declared twice.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cfg_syntax::Diagnostic;
use cfg_syntax::ast::Config;
use cfg_vm::catalogue::{
    ArgKind, FunctionDecl, InnerRule, ParamDecl, ParamKind, ParseFn, PvDecl, PvType, Routes, TransformDecl,
};
use cfg_vm::host::WriteError;
use cfg_vm::machine::End;
use cfg_vm::program::RouteId;
use cfg_vm::settings::Settings;
use cfg_vm::{Index, Inner, Value};

use crate::args::Args;
use crate::context::RouteContext;
use crate::cx::Cx;
use crate::running::Running;
use crate::services::Services;
use crate::setup::{Setup, SetupError};

/// A module, declared once.
pub struct Module {
    /// Name in `loadmodule`.
    pub name: &'static str,
    /// What it is for, in one or two sentences for the reference page.
    pub doc: &'static str,
    /// Parameters.
    pub params: &'static [Param],
    /// Functions.
    pub functions: &'static [Function],
    /// Pseudo-variables.
    pub pvs: &'static [Pv],
    /// Transformations.
    pub transforms: &'static [Transform],
    /// Event routes that it runs.
    pub event_routes: &'static [EventRoute],
    /// RPC commands.
    pub rpc: &'static [Rpc],
    /// Reads the parameters and makes the module's state.
    pub start: fn(&mut Setup<'_>) -> Result<State, SetupError>,
    /// What a configuration that loads this module may expect of it in vain: warnings for the check. It sees the tree, since
    /// what matters is what was written.
    pub surprises: fn(&Config, &Settings) -> Vec<Diagnostic>,
}

impl Module {
    /// A module with nothing in it; fill the rest by struct update.
    pub const EMPTY: Self = Self {
        name: "",
        doc: "",
        params: &[],
        functions: &[],
        pvs: &[],
        transforms: &[],
        event_routes: &[],
        rpc: &[],
        start: no_state,
        surprises: no_surprises,
    };
}

/// A module's state under one configuration: read-only parameters, and handles to what outlives a reload.
/// Functions get at it with [`Cx::state`].
pub type State = Arc<dyn Any + Send + Sync>;

/// For modules that keep nothing.
pub fn no_state(_: &mut Setup<'_>) -> Result<State, SetupError> {
    Ok(Arc::new(()))
}

/// For modules that do what is expected of them.
fn no_surprises(_: &Config, _: &Settings) -> Vec<Diagnostic> {
    Vec::new()
}

/// What a function does.
pub type NativeFn = fn(&mut Cx<'_>, &Args<'_>) -> Flow;

/// What a function answers.
pub enum Flow {
    /// Return code: above 0 true, below 0 false, 0 ends the script.
    Done(i64),
    /// Waits without holding the shard; the route is parked meanwhile.
    Wait(Pending),
    /// Runs this route; its code is the function's.
    Route(RouteId),
    /// Ends the script as `exit` does.
    Exit,
    /// Ends the script as `drop` does.
    Drop,
}

impl Flow {
    /// 1.
    pub const TRUE: Self = Self::Done(1);
    /// -1.
    pub const FALSE: Self = Self::Done(-1);

    /// Waits for `future`, which runs on the async runtime.
    pub fn wait(future: impl Future<Output = Resume> + Send + 'static) -> Self {
        Self::Wait(Box::pin(future))
    }
}

impl From<bool> for Flow {
    /// True is 1, false is -1.
    fn from(truth: bool) -> Self {
        if truth { Self::TRUE } else { Self::FALSE }
    }
}

/// Something to wait for.
pub type Pending = Pin<Box<dyn Future<Output = Resume> + Send>>;

/// What happens on the shard when the waiting is over; its answer is the function's.
pub type Resume = Box<dyn FnOnce(&mut Cx<'_>) -> Flow + Send>;

/// What one thread wants done with another shard's state, under the configuration in force there.
pub type Visit = Box<dyn FnOnce(&mut Services, &Arc<Running>) + Send>;

/// What follows when a route has ended, or when something came that begins none.
pub enum Next {
    /// Nothing; the message's way ends here.
    Done,
    /// Waits without holding the shard. A resumption that answers [`Flow::Wait`] waits again, any other ends the way.
    Wait(Pending),
    /// Runs this route on the message.
    Run(Run),
}

/// A route to be run, and what is to be done then.
#[derive(Clone, Copy)]
pub struct Run {
    /// Which.
    pub route: RouteId,
    /// As what kind of route.
    pub context: RouteContext,
    /// What follows. A route that was cut at the step limit has ended by `drop`.
    pub then: Then,
}

/// What follows a route.
pub type Then = fn(&mut Cx<'_>, End) -> Next;

/// A function of a module.
pub struct Function {
    /// Its declaration.
    pub decl: FunctionDecl,
    /// What it does.
    pub run: NativeFn,
    /// One or two sentences for the reference page.
    pub doc: &'static str,
}

impl Function {
    /// A function that takes exactly `arguments`.
    pub const fn new(
        name: &'static str,
        arguments: &'static [ArgKind],
        routes: Routes,
        run: NativeFn,
        doc: &'static str,
    ) -> Self {
        let decl = FunctionDecl {
            name,
            arguments,
            required: arguments.len(),
            variadic: false,
            routes,
            waits: false,
        };
        Self { decl, run, doc }
    }

    /// Only the first `required` arguments must be given.
    #[must_use]
    pub const fn requires(mut self, required: usize) -> Self {
        self.decl.required = required;
        self
    }

    /// More arguments of the last kind may follow.
    #[must_use]
    pub const fn variadic(mut self) -> Self {
        self.decl.variadic = true;
        self
    }

    /// It may wait.
    #[must_use]
    pub const fn waits(mut self) -> Self {
        self.decl.waits = true;
        self
    }
}

/// What a pseudo-variable's code gets.
#[derive(Debug, Clone, Copy)]
pub struct PvArgs<'a> {
    /// What stands in its parentheses.
    pub inner: Inner<'a>,
    /// What stands in its brackets.
    pub index: Index,
}

impl PvArgs<'_> {
    /// The inner text; empty when there is none or it was parsed at load.
    pub fn name(&self) -> &[u8] {
        if let Inner::Text(text) = self.inner { text.as_bytes() } else { b"" }
    }

    /// What the declaration's parser made of the inner text.
    pub fn parsed<T: 'static>(&self) -> Option<&T> {
        if let Inner::Parsed(parsed) = self.inner { parsed.downcast_ref() } else { None }
    }
}

/// Reads a pseudo-variable.
pub type PvRead = fn(&mut Cx<'_>, &PvArgs<'_>) -> Value;
/// Writes one; [`Value::Null`] deletes.
pub type PvWrite = fn(&mut Cx<'_>, &PvArgs<'_>, Value) -> Result<(), WriteError>;

/// A pseudo-variable of a module.
pub struct Pv {
    /// Its declaration.
    pub decl: PvDecl,
    /// Reads it.
    pub read: PvRead,
    /// Writes it, if it is writable.
    pub write: Option<PvWrite>,
    /// One sentence for the reference page.
    pub doc: &'static str,
}

impl Pv {
    /// A read-only one without parentheses.
    pub const fn new(name: &'static str, ty: PvType, read: PvRead, doc: &'static str) -> Self {
        let decl = PvDecl { name, inner: InnerRule::None, indexed: false, writable: false, ty };
        Self { decl, read, write: None, doc }
    }

    /// Takes something in parentheses.
    #[must_use]
    pub const fn inner(mut self, rule: InnerRule) -> Self {
        self.decl.inner = rule;
        self
    }

    /// Takes an index.
    #[must_use]
    pub const fn indexed(mut self) -> Self {
        self.decl.indexed = true;
        self
    }

    /// May be written.
    #[must_use]
    pub const fn writable(mut self, write: PvWrite) -> Self {
        self.decl.writable = true;
        self.write = Some(write);
        self
    }
}

/// A transformation of a module.
pub struct Transform {
    /// Its declaration, code included.
    pub decl: TransformDecl,
    /// One sentence for the reference page.
    pub doc: &'static str,
}

/// A parameter of a module.
pub struct Param {
    /// Its declaration.
    pub decl: ParamDecl,
    /// One sentence for the reference page.
    pub doc: &'static str,
    /// Whether it is known from Kamailio but means nothing here; accepted, and told so by `check`.
    pub ignored: bool,
}

impl Param {
    /// A number.
    pub const fn int(name: &'static str, default: &'static str, doc: &'static str) -> Self {
        Self::of(name, ParamKind::Int, default, doc)
    }

    /// A number from `least` to `most`.
    pub const fn int_in(
        name: &'static str,
        least: i64,
        most: i64,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self::of(name, ParamKind::IntIn(least, most), default, doc)
    }

    /// Text.
    pub const fn text(name: &'static str, default: &'static str, doc: &'static str) -> Self {
        Self::of(name, ParamKind::Str, default, doc)
    }

    const fn of(name: &'static str, kind: ParamKind, default: &'static str, doc: &'static str) -> Self {
        let decl = ParamDecl { name, kind, repeatable: false, default, check: None };
        Self { decl, doc, ignored: false }
    }

    /// May be given several times.
    #[must_use]
    pub const fn repeatable(mut self) -> Self {
        self.decl.repeatable = true;
        self
    }

    /// Checks a value further at load.
    #[must_use]
    pub const fn check(mut self, check: fn(&Value) -> Result<(), String>) -> Self {
        self.decl.check = Some(check);
        self
    }

    /// Accepted for Kamailio's sake.
    #[must_use]
    pub const fn ignored(mut self) -> Self {
        self.ignored = true;
        self
    }
}

/// An event route that a module runs.
pub struct EventRoute {
    /// `tm:local-request`; a trailing `*` stands for any end.
    pub name: &'static str,
    /// When it runs.
    pub doc: &'static str,
}

/// An RPC command. Results are values of the `control` catalogue's shape.
pub struct Rpc {
    /// `pv.shvGet`.
    pub name: &'static str,
    /// One line of help.
    pub doc: &'static str,
    /// Answers it.
    pub run: crate::rpc::RpcFn,
}

/// Shorthand for a declaration's parser that keeps text as it is.
pub const AS_TEXT: ParseFn = |text| Ok(Arc::new(text.to_vec()));
