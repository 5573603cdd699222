//! The server: what all shards share, starting it, reloading its routes, stopping it.

use std::fmt;
use std::hash::RandomState;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use sip_message::{Limits, MissingLength};
use tokio::runtime::{Handle, Runtime};
use transport::address::{ListenError, SystemSurroundings};
use transport::udp::{UdpOptions, UdpSocket};
use transport::{InboxSender, Proto, Resolver, SocketName, StreamHub};

use crate::listener::Listeners;
use crate::module::Visit;
use crate::running::{Checked, Registry, Running};
use crate::shard::{self, Event, Seed, Steering};
use crate::statistics::{Counter, Statistics};
use crate::trace::TraceSwitch;
use crate::{options, sink};

pub use crate::trace::Sources as TraceSources;

/// What is asked of a server beside its configuration.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Number of shards; none takes as many as the configuration's `children` and the machine's cores allow.
    pub shards: Option<usize>,
    /// Message size, header count and header size that are accepted.
    pub limits: Limits,
    /// Parked routes a shard; beyond that callers get a 503.
    pub parked: usize,
    /// Bytes of parked messages a shard.
    pub parked_bytes: usize,
    /// Requests of one call that wait for an earlier one.
    pub queued_per_call: usize,
    /// How long they wait at most.
    pub queued_for: Duration,
    /// What is traced from the start.
    pub trace: TraceSources,
    /// `listen` values from the command line, before the file's.
    pub listens: Vec<transport::address::ListenSpec>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            shards: None,
            limits: Limits::DEFAULT,
            parked: 10_000,
            parked_bytes: 64 << 20,
            queued_per_call: 16,
            queued_for: Duration::from_secs(32),
            trace: TraceSources::None,
            listens: Vec::new(),
        }
    }
}

/// Why a server does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A `listen` value names nothing of this machine.
    Listen(Vec<ListenError>),
    /// A socket cannot be bound.
    Bind(SocketName, io::Error),
    /// No thread, poll or runtime could be had.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(errors) => {
                for (at, error) in errors.iter().enumerate() {
                    write!(f, "{}listen: {error}", if at > 0 { "\n" } else { "" })?;
                }
                Ok(())
            }
            Self::Bind(name, error) if error.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "{name} is taken by another program; stop that, or change `listen` (`ss -lnup` and `ss -lntp` show who)"
            ),
            Self::Bind(name, error) if error.kind() == io::ErrorKind::PermissionDenied => {
                write!(f, "not allowed to bind {name}; ports below 1024 need root")
            }
            Self::Bind(name, error) => write!(f, "cannot bind {name}: {error}"),
            Self::System(error) => write!(f, "the system refused a thread or descriptor: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Why a reload left everything as it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReloadError {
    /// The file does not check, or a module does not take its parameters.
    Refused(Box<Checked>),
    /// These changed and need a restart.
    NeedsRestart(Vec<String>),
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").field("file", &self.path).field("diagnostics", &self.diagnostics).finish()
    }
}

/// Counters of the message path.
pub struct Counts {
    /// Messages received, by the shard that worked on them.
    pub handled: Counter,
    /// Messages that another shard's socket received.
    pub handed_over: Counter,
    /// Messages that were no SIP or lacked what every message needs.
    pub dropped: Counter,
    /// Messages sent.
    pub sent: Counter,
    /// Datagrams that the system or a full socket lost.
    pub unsent: Counter,
    /// Routes that panicked: our mistakes.
    pub panics: Counter,
    /// Routes that were cut at the step limit.
    pub cut: Counter,
    /// Requests that got a 503 because too much is parked.
    pub overload: Counter,
    /// Requests that waited for an earlier one of their call.
    pub queued: Counter,
    /// Retransmissions of requests whose route is parked.
    pub absorbed: Counter,
}

impl Counts {
    fn new(statistics: &Statistics) -> Self {
        let counter = |name| statistics.counter("shard", name);
        Self {
            handled: counter("handled"),
            handed_over: counter("handed_over"),
            dropped: counter("dropped"),
            sent: counter("sent"),
            unsent: counter("unsent"),
            panics: counter("panics"),
            cut: counter("cut"),
            overload: counter("overload"),
            queued: counter("queued"),
            absorbed: counter("absorbed"),
        }
    }
}

/// What all shards share.
pub struct Server {
    /// The binary's modules.
    pub registry: Arc<Registry>,
    /// The sockets.
    pub listeners: Listeners,
    /// Stream connections.
    pub hub: StreamHub,
    /// RFC 3263.
    pub resolver: Resolver,
    /// Where futures run.
    pub runtime: Handle,
    /// Counters.
    pub statistics: Arc<Statistics>,
    /// The message path's counters.
    pub counts: Counts,
    /// What is traced.
    pub trace: TraceSwitch,
    /// When it started.
    pub started: SystemTime,
    /// What was asked for.
    pub options: ServerOptions,
    /// The program around the server, once it has told that it is there.
    pub keeper: OnceLock<Box<dyn crate::rpc::Keeper>>,
    pub(crate) branch_key: RandomState,
    pub(crate) steering: Steering,
    current: RwLock<Arc<Running>>,
    generation: AtomicU64,
    stopping: AtomicBool,
    reloading: Mutex<()>,
    pub(crate) inboxes: OnceLock<Vec<InboxSender<Event>>>,
    pub(crate) message_number: AtomicU64,
}

impl Server {
    /// The configuration in force.
    pub fn running(&self) -> Arc<Running> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Grows by one with each reload.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether it has been asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.inboxes.get().map_or(1, Vec::len)
    }

    /// Has something done with a shard's state, soon and on a thread that may.
    ///
    /// # Errors
    /// There is no such shard, or its inbox is full.
    pub fn visit(&self, shard: usize, visit: Visit) -> Result<(), Visit> {
        let Some(inbox) = self.inboxes.get().and_then(|inboxes| inboxes.get(shard)) else {
            return Err(visit);
        };
        inbox.send(Event::Visit(visit)).map_err(|event| match event {
            Event::Visit(visit) => visit,
            // What comes back is what was sent.
            _ => unreachable!("an inbox gives back what it did not take"),
        })
    }

    /// Puts another configuration in force, between two messages of each shard. Routes that have begun stay with
    /// theirs.
    ///
    /// # Errors
    /// Nothing has changed: the file does not check, or asks for what needs a restart.
    pub fn reload(self: &Arc<Self>, checked: Checked) -> Result<(), ReloadError> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.running();
        if !checked.has_errors() {
            let changed = options::restart_reasons(&before.settings, &checked.settings);
            if !changed.is_empty() {
                return Err(ReloadError::NeedsRestart(changed));
            }
        }
        let after =
            self.registry.start(checked, &self.statistics, Some(&before)).map_err(ReloadError::Refused)?;
        crate::log::set_threshold(after.settings.core.int("debug"));
        self.resolver.set_options(options::resolve(&after.settings));
        let after = Arc::new(after);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&after);
        self.generation.fetch_add(1, Ordering::Release);
        for inbox in self.inboxes.get().into_iter().flatten() {
            inbox.wake();
        }
        self.begin(&after);
        Ok(())
    }

    /// Tells the modules that their configuration is in force.
    fn begin(self: &Arc<Self>, running: &Arc<Running>) {
        for begun in &running.hooks.begun {
            begun(self, running);
        }
    }

    /// Asks every shard to finish what it has in hand and to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        for inbox in self.inboxes.get().into_iter().flatten() {
            inbox.wake();
        }
    }
}

/// A started server, with its threads.
pub struct Started {
    /// What they share.
    pub server: Arc<Server>,
    threads: Vec<JoinHandle<()>>,
    runtime: Runtime,
}

impl Started {
    /// Waits until all shards have ended, then ends the connections.
    pub fn join(self) {
        for thread in self.threads {
            // A shard catches the panics of its messages; one that ended by a panic has been logged by the hook.
            let _ = thread.join();
        }
        let running = self.server.running();
        for ended in &running.hooks.ended {
            ended(&self.server, &running);
        }
        self.server.hub.shutdown();
        self.runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

/// Binds the sockets and starts the shards.
///
/// # Errors
/// A socket cannot be bound, or the system has no room.
pub fn start(
    running: Running,
    statistics: Arc<Statistics>,
    options: ServerOptions,
) -> Result<Started, StartError> {
    let shards = statistics.shards();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("async")
        .enable_all()
        .build()
        .map_err(StartError::System)?;
    let settings = &running.settings;
    let mut sockets = options::listen_sockets(settings, &options.listens, &SystemSurroundings)
        .map_err(StartError::Listen)?;
    let udp = bind_udp(&mut sockets, &options::udp(settings), shards)?;
    let mut listeners = Listeners::new(&sockets);
    options::add_aliases(settings, &mut listeners);
    for domain in &running.hooks.own_domains {
        listeners.add_own_domain(domain.clone());
    }
    crate::log::set_threshold(settings.core.int("debug"));

    let sink = Arc::new(sink::Sink::default());
    let missing = if settings.core.int("tcp_accept_no_cl") != 0 {
        MissingLength::NoBody
    } else {
        MissingLength::Refuse
    };
    let framing = sink::framing(options.limits, missing);
    let hub = StreamHub::new(
        runtime.handle().clone(),
        options::stream(settings, &options.limits),
        framing,
        Arc::clone(&sink) as Arc<dyn transport::stream::StreamSink>,
    );
    for (proto, source) in &running.hooks.layers {
        hub.set_layer(*proto, Arc::clone(source));
    }
    for socket in sockets.iter().filter(|socket| socket.proto != Proto::Udp) {
        let name = SocketName { proto: socket.proto, addr: socket.addr };
        hub.listen(name).map_err(|error| StartError::Bind(name, error))?;
    }
    let resolver = Resolver::new(
        runtime.handle().clone(),
        options::resolve(settings),
        transport::resolve::ResolverFiles::default(),
    );
    let trace = TraceSwitch::default();
    trace.set(options.trace.clone());
    let server = Arc::new(Server {
        registry: Arc::clone(&running.registry),
        listeners,
        hub,
        resolver,
        runtime: runtime.handle().clone(),
        counts: Counts::new(&statistics),
        statistics,
        trace,
        started: SystemTime::now(),
        options,
        keeper: OnceLock::new(),
        branch_key: RandomState::new(),
        steering: Steering::new(shards),
        current: RwLock::new(Arc::new(running)),
        generation: AtomicU64::new(0),
        stopping: AtomicBool::new(false),
        reloading: Mutex::new(()),
        inboxes: OnceLock::new(),
        message_number: AtomicU64::new(0),
    });
    let seeds = udp
        .into_iter()
        .enumerate()
        .map(|(index, sockets)| Seed::new(index, sockets))
        .collect::<io::Result<Vec<_>>>()
        .map_err(StartError::System)?;
    let inboxes = seeds.iter().map(Seed::inbox).collect();
    // Set here for the first and only time.
    let _ = server.inboxes.set(inboxes);
    sink.connect(&server);
    server.begin(&server.running());
    let threads = shard::spawn(seeds, &server).map_err(StartError::System)?;
    Ok(Started { server, threads, runtime })
}

/// The sockets that a configuration would listen on, for `kamailio -c`.
///
/// # Errors
/// Values that name nothing of this machine.
pub fn planned_sockets(
    settings: &cfg_vm::settings::Settings,
    first: &[transport::address::ListenSpec],
) -> Result<Vec<transport::address::ListenSocket>, StartError> {
    options::listen_sockets(settings, first, &SystemSurroundings).map_err(StartError::Listen)
}

/// Opens each UDP listener once a shard; the result is by shard, then by listener number.
fn bind_udp(
    sockets: &mut [transport::address::ListenSocket],
    options: &UdpOptions,
    shards: usize,
) -> Result<Vec<Vec<UdpSocket>>, StartError> {
    let mut by_shard: Vec<Vec<UdpSocket>> = (0..shards).map(|_| Vec::new()).collect();
    for socket in sockets.iter_mut().filter(|socket| socket.proto == Proto::Udp) {
        let name = SocketName { proto: Proto::Udp, addr: socket.addr };
        let group = UdpSocket::bind_group(socket.addr, options, shards)
            .map_err(|error| StartError::Bind(name, error))?;
        socket.addr = group.first().map_or(socket.addr, UdpSocket::local_addr);
        for (shard, bound) in by_shard.iter_mut().zip(group) {
            shard.push(bound);
        }
    }
    Ok(by_shard)
}

/// The addresses that a server listens on, for people.
pub fn addresses(listeners: &Listeners) -> Vec<(Proto, SocketAddr)> {
    listeners.all().iter().map(|listener| (listener.proto, listener.address)).collect()
}
