//! What a module sees when a configuration is loaded: its parameters, the program, its state before a reload.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cfg_syntax::Span;
use cfg_syntax::ast::RouteKind;
use cfg_vm::Value;
use cfg_vm::bound::{self, BoundPv, BoundTemplate};
use cfg_vm::program::{Program, RouteId};
use cfg_vm::settings::{ModuleParam, Settings};
use transport::ConnId;
use transport::Proto;
use transport::stream::LayerSource;

use crate::context::{Context, Received};
use crate::cx::Cx;
use crate::forward::Departure;
use crate::module::{Next, State};
use crate::running::{Registry, Running};
use crate::server::Server;
use crate::services::Services;
use crate::statistics::Statistics;

/// A module's surroundings while a configuration is loaded.
pub struct Setup<'a> {
    pub(crate) module: &'static str,
    pub(crate) registry: &'a Arc<Registry>,
    pub(crate) settings: &'a Settings,
    pub(crate) program: &'a Arc<Program>,
    pub(crate) before: Option<State>,
    pub(crate) statistics: &'a Arc<Statistics>,
    pub(crate) hooks: &'a mut Hooks,
}

/// Why a module does not start, told at the parameter at fault.
#[derive(Debug)]
pub struct SetupError {
    /// The parameter's place, if one is at fault.
    pub span: Option<Span>,
    /// What is wrong and what to do.
    pub message: String,
}

impl SetupError {
    /// A mistake in no single place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { span: None, message: message.into() }
    }

    /// A mistake in a parameter.
    pub fn at(param: &ModuleParam, message: impl Into<String>) -> Self {
        Self { span: Some(param.span), message: message.into() }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SetupError {}

/// What modules hang into the server's work.
#[derive(Default)]
pub struct Hooks {
    /// Before `request_route` and `reply_route`; `false` ends the message's processing there.
    pub before_script: Vec<fn(&mut Cx<'_>) -> bool>,
    /// After them.
    pub after_script: Vec<fn(&mut Cx<'_>)>,
    /// After every route of any kind, before what follows it.
    pub after_route: Vec<fn(&mut Cx<'_>)>,
    /// A route will not be ended: it panicked, or too much is parked for it to wait. True when the message is seen to;
    /// a request that nobody sees to is answered with 503 in the latter case.
    pub abandoned: Vec<fn(&mut Cx<'_>) -> bool>,
    /// Routes that wait: told when one begins to and when it goes on.
    pub waits: Vec<OnWait>,
    /// Asked in turn about a reply that `reply_route` let pass; the first that answers has taken it. One that nobody
    /// takes is forwarded without state.
    pub replies: Vec<fn(&mut Cx<'_>) -> Option<Next>>,
    /// What modules have in hand when the server is to stop.
    pub in_hand: Vec<InHand>,
    /// What came in, as bytes, before anything is made of it; also what is no message.
    pub received: Vec<OnReceived>,
    /// What went out, as bytes: requests, replies, retransmissions. Not what these hooks send themselves, nor what leaves by
    /// [`Services::send_unseen`].
    pub sent: Vec<OnSent>,
    /// What was given to a stream was lost with it: it could not be opened, or it broke. Told on every shard.
    pub stream_lost: Vec<fn(&mut Services, ConnId)>,
    /// Each shard's deadlines beside the server's own.
    pub clocks: Vec<Clock>,
    /// When it is known which socket a request leaves through, before our Via is added; also for each branch.
    pub before_send: Vec<fn(&mut Cx<'_>, crate::listener::ListenerId)>,
    /// What stands between TCP and messages, by protocol. Read when the server starts; the first source of a protocol
    /// stays through reloads.
    pub layers: Vec<(Proto, Arc<dyn LayerSource>)>,
    /// A request is to leave over an encrypted connection that has to be opened for it; false keeps it here.
    pub before_open: Vec<fn(&mut Cx<'_>) -> bool>,
    /// When a request was routed by a Route of ours, with that Route's parameters, `;` in front.
    pub routed: Vec<fn(&mut Cx<'_>, &[u8])>,
    /// Domains that count as this server with everything below them. Read when the server starts.
    pub own_domains: Vec<crate::listener::OwnDomain>,
    /// Asked in turn about a request of another protocol than SIP/2.0 that came over a stream (HTTP); the first that answers
    /// has taken it. One that nobody takes is refused as what is no SIP.
    pub foreign: Vec<fn(&mut Cx<'_>) -> Option<Next>>,
    /// Routes that run at intervals.
    pub timers: Vec<Timer>,
    /// The configuration comes in force: at the start before the first message is read, and at each reload. Runs on a
    /// thread that may block; what goes on from there goes on by `Server::runtime`. `Module::start` itself connects to
    /// nothing, because `check` tries it too.
    pub begun: Vec<OnConfiguration>,
    /// The server ends: all shards have ended, the runtime has not. Runs on a thread that may block.
    pub ended: Vec<OnConfiguration>,
    /// What modules tell each other that they want to hear of, by type: [`Running::watchers`] gives them.
    pub watchers: Vec<Box<dyn Any + Send + Sync>>,
    /// Before each statement (`debugger`'s cfgtrace); only the machine's steps reach it.
    pub on_step: Option<fn(&mut Cx<'_>, &cfg_vm::host::Step<'_>)>,
}

/// What a module has in hand on a shard: a server that is to stop waits for it within the grace time, and takes no other
/// new requests meanwhile.
#[derive(Clone, Copy)]
pub struct InHand {
    /// Whether there is anything that could still end.
    pub any: fn(&Services) -> bool,
    /// Whether the request belongs to it.
    pub knows: fn(&mut Cx<'_>) -> bool,
}

/// Hears that a configuration comes in force, or ends with the server.
pub type OnConfiguration = fn(&Arc<Server>, &Arc<Running>);

/// What a module does around a route's waits, on the route's message: while it waits, others may need what they share.
#[derive(Clone, Copy)]
pub struct OnWait {
    /// The route begins to wait.
    pub begins: fn(&mut Services, &mut Context),
    /// It goes on, now.
    pub ends: fn(&mut Services, &mut Context),
}

/// Sees what came in.
pub type OnReceived = fn(&mut Services, &Arc<Running>, &Received, &[u8]);
/// Sees what went out.
pub type OnSent = fn(&mut Services, &Arc<Running>, &Departure, &[u8]);

/// Deadlines that a module keeps on each shard, in the shard's data.
#[derive(Clone, Copy)]
pub struct Clock {
    /// When the next one is due, or something earlier.
    pub next: fn(&Services) -> Option<Instant>,
    /// Does what is due; `now` of the services is the time.
    pub run: fn(&mut Services, &Arc<Running>),
}

/// A route that runs at intervals, each time on one shard, on a made-up message.
#[derive(Clone, Copy)]
pub struct Timer {
    /// How often.
    pub interval: Duration,
    /// What runs.
    pub route: RouteId,
    /// Runs on a shard of its own choice rather than in turn with the others; each has its number.
    pub number: u32,
    /// What the route finds in its [`TimerWorker`].
    pub worker: u32,
}

/// In a message's data when a timer runs its route: which of the timer's workers it is, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimerWorker(pub u32);

impl Setup<'_> {
    /// All settings of a parameter, in the order of the file; those given once too.
    pub fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s ModuleParam> {
        self.settings.params.iter().filter(move |p| p.module == self.module && p.name == name)
    }

    /// The last number given for a parameter.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.last(name)?.value.as_int()
    }

    /// The last text given for a parameter.
    pub fn text(&self, name: &str) -> Option<&[u8]> {
        self.last(name)?.value.as_text()
    }

    /// The last value given for a parameter.
    pub fn value(&self, name: &str) -> Value {
        self.last(name).map_or(Value::Null, |param| param.value.clone())
    }

    fn last(&self, name: &str) -> Option<&ModuleParam> {
        self.settings.params.iter().rev().find(|param| param.module == self.module && param.name == name)
    }

    /// Core parameters, listens and the rest.
    pub fn settings(&self) -> &Settings {
        self.settings
    }

    /// The compiled routes.
    pub fn program(&self) -> &Arc<Program> {
        self.program
    }

    /// Whether any route asks for this pseudo-variable.
    pub fn uses_pv(&self, name: &str) -> bool {
        self.registry.catalogue.pv_named(name).is_some_and(|id| self.program.uses_pv(id))
    }

    /// A route by kind and name.
    pub fn route(&self, kind: RouteKind, name: &str) -> Option<RouteId> {
        self.program.route(kind, name.as_bytes())
    }

    /// Binds a text with pseudo-variables that stands in a parameter.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn bind_template(&self, text: &[u8]) -> Result<BoundTemplate, String> {
        bound::bind_template(&self.registry.catalogue, &self.settings.modules, text)
    }

    /// Binds a pseudo-variable that stands in a parameter.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn bind_pv(&self, text: &[u8]) -> Result<BoundPv, String> {
        bound::bind_pv(&self.registry.catalogue, &self.settings.modules, text)
    }

    /// This module's state under the configuration before, to hand over what must outlive a reload.
    pub fn before<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.before.as_ref().and_then(|state| state.downcast_ref())
    }

    /// The server's counters, to make one's own.
    pub fn statistics(&self) -> &Arc<Statistics> {
        self.statistics
    }

    /// Hangs into the server's work.
    pub fn hooks(&mut self) -> &mut Hooks {
        self.hooks
    }

    /// Shorthand: whether a module is loaded.
    pub fn is_loaded(&self, module: &str) -> bool {
        self.settings.modules.iter().any(|m| m == module)
    }
}
