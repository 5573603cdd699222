//! The resolver: files, cache, name servers.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant, SystemTime};

use smallvec::SmallVec;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::cache::Cache;
use super::hosts::Hosts;
use super::options::{ResolveOptions, ResolverFiles};
use super::record::{Absence, Answer, Question};
use super::selection::{self, NextHop, ResolveError, Selection, Targets};
use super::system::SystemConfig;
use super::upstream::Upstream;

/// Resolves next hops. Clones are the same resolver; usable from any thread, none of which it ever blocks.
#[derive(Clone)]
pub struct Resolver {
    inner: Arc<Inner>,
}

struct Inner {
    runtime: Handle,
    files: ResolverFiles,
    cache: Cache,
    /// What the files and the configuration say now.
    state: RwLock<Arc<State>>,
    flights: Mutex<HashMap<Question, watch::Receiver<Option<Answer>>>>,
    seed: AtomicU64,
    counters: Counters,
}

struct State {
    options: ResolveOptions,
    hosts: Hosts,
    upstream: Upstream,
    stamps: [Stamp; 2],
}

/// What tells one version of a file from another.
type Stamp = Option<(SystemTime, u64)>;

#[derive(Default)]
struct Counters {
    cached: AtomicU64,
    asked: AtomicU64,
    joined: AtomicU64,
    refused: AtomicU64,
    reread: AtomicU64,
}

/// What was counted since the start, but for the first two, which are of now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResolveCounts {
    /// Answers kept now.
    pub entries: usize,
    /// Bytes that they take.
    pub bytes: usize,
    /// Next hops answered at once.
    pub cached: u64,
    /// Questions put to the name servers.
    pub asked: u64,
    /// Questions that joined one already on its way.
    pub joined: u64,
    /// Questions refused because too many were on their way.
    pub refused: u64,
    /// Times that a changed file was read again.
    pub reread: u64,
}

/// Questions on their way at one time; more are refused as unanswered.
const MAX_FLIGHTS: usize = 4096;
/// Questions that one next hop may need: a domain of SRV records, each with two address families.
const MAX_QUESTIONS: usize = 64;

impl Resolver {
    /// A resolver whose questions travel on `runtime`, which must have its input/output and time drivers on. A file
    /// that cannot be read counts as empty.
    pub fn new(runtime: Handle, options: ResolveOptions, files: ResolverFiles) -> Self {
        let state = RwLock::new(Arc::new(State::read(&runtime, options, &files)));
        let inner = Arc::new(Inner {
            runtime: runtime.clone(),
            files,
            cache: Cache::default(),
            state,
            flights: Mutex::default(),
            seed: AtomicU64::new(std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0)),
            counters: Counters::default(),
        });
        runtime.spawn(watch_files(Arc::downgrade(&inner), inner.files.reread));
        Self { inner }
    }

    /// The targets of a next hop, if no name server has to be asked: an address, a name of the hosts file, or a name
    /// whose records are all in the cache.
    pub fn cached(&self, hop: &NextHop<'_>) -> Option<Result<Targets, ResolveError>> {
        if let Some(answer) = selection::of_address(hop) {
            return Some(answer);
        }
        let state = self.inner.state();
        let now = Instant::now();
        let known = |question: &Question| self.inner.known(&state, question, now);
        let answer = match selection::select(hop, &state.options, self.inner.chance(), &known) {
            Ok(Selection::Missing(_)) => return None,
            Ok(Selection::Targets(targets)) => Ok(targets),
            Err(error) => Err(error),
        };
        self.inner.counters.cached.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }

    /// The targets of a next hop. The future is independent of the arguments, and may be polled on any runtime or none.
    pub fn lookup(
        &self,
        hop: &NextHop<'_>,
    ) -> impl Future<Output = Result<Targets, ResolveError>> + Send + use<> {
        let ready = self.cached(hop);
        let host: Box<str> = hop.host.into();
        let (port, proto, sips) = (hop.port, hop.proto, hop.sips);
        let inner = Arc::clone(&self.inner);
        async move {
            match ready {
                Some(answer) => answer,
                None => inner.lookup(&NextHop { host: &host, port, proto, sips }).await,
            }
        }
    }

    /// The records for one question, if no name server has to be asked.
    pub fn cached_records(&self, question: &Question) -> Option<Answer> {
        self.inner.known(&self.inner.state(), question, Instant::now())
    }

    /// The records for one question, for scripts that look into the domain name system themselves.
    pub fn records(&self, question: &Question) -> impl Future<Output = Answer> + Send + use<> {
        let ready = self.cached_records(question);
        let question = question.clone();
        let inner = Arc::clone(&self.inner);
        async move {
            match ready {
                Some(answer) => answer,
                None => inner.fetch(&question).await,
            }
        }
    }

    /// Changes the parameters from now on.
    pub fn set_options(&self, options: ResolveOptions) {
        self.inner.reload(Some(options));
    }

    /// Reads the hosts file and resolv.conf again if they changed, as is done from time to time anyway. What was learned
    /// under the old ones is forgotten. Returns whether they had changed. Reads files: not for a shard.
    pub fn reread(&self) -> bool {
        self.inner.reread()
    }

    /// Forgets all answers.
    pub fn clear_cache(&self) {
        self.inner.cache.clear();
    }

    /// What was counted.
    pub fn counts(&self) -> ResolveCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (entries, bytes) = self.inner.cache.size();
        let counters = &self.inner.counters;
        ResolveCounts {
            entries,
            bytes,
            cached: read(&counters.cached),
            asked: read(&counters.asked),
            joined: read(&counters.joined),
            refused: read(&counters.refused),
            reread: read(&counters.reread),
        }
    }
}

impl State {
    fn read(runtime: &Handle, options: ResolveOptions, files: &ResolverFiles) -> Self {
        // The stamps first: what changes while it is read is read again.
        let stamps = stamps(files);
        let text = |path: &Path| {
            std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
        };
        let hosts = Hosts::parse(&text(&files.hosts));
        let _context = runtime.enter();
        let upstream =
            Upstream::new(SystemConfig::parse(&text(&files.resolv_conf)), &options, files.server_port);
        Self { options, hosts, upstream, stamps }
    }
}

fn stamps(files: &ResolverFiles) -> [Stamp; 2] {
    [&files.hosts, &files.resolv_conf].map(|path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

impl Inner {
    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A seed for one selection.
    fn chance(&self) -> u64 {
        self.seed.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)
    }

    fn known(&self, state: &State, question: &Question, now: Instant) -> Option<Answer> {
        let listed = state.hosts.answer(question);
        listed.or_else(|| if state.options.use_cache { self.cache.get(question, now) } else { None })
    }

    async fn lookup(self: &Arc<Self>, hop: &NextHop<'_>) -> Result<Targets, ResolveError> {
        let state = self.state();
        let seed = self.chance();
        // What was told during this lookup holds for it, even with a lifetime of zero.
        let mut told: SmallVec<[(Question, Answer); 4]> = SmallVec::new();
        for _ in 0..MAX_QUESTIONS {
            let now = Instant::now();
            let known = |question: &Question| {
                let heard =
                    told.iter().find(|(asked, _)| asked == question).map(|(_, answer)| answer.clone());
                heard.or_else(|| self.known(&state, question, now))
            };
            match selection::select(hop, &state.options, seed, &known)? {
                Selection::Targets(targets) => return Ok(targets),
                Selection::Missing(question) => {
                    let answer = self.fetch(&question).await;
                    told.push((question, answer));
                }
            }
        }
        Err(ResolveError::NoAnswer)
    }

    /// Asks the name servers, once for all who ask the same at the same time.
    async fn fetch(self: &Arc<Self>, question: &Question) -> Answer {
        let Some(mut flight) = self.flight(question) else { return Err(Absence::NoAnswer) };
        match flight.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or(Err(Absence::NoAnswer)),
            // The task ended without an answer: it panicked, or the runtime stops.
            Err(_) => Err(Absence::NoAnswer),
        }
    }

    fn flight(self: &Arc<Self>, question: &Question) -> Option<watch::Receiver<Option<Answer>>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(question).filter(|flight| flight.has_changed().is_ok()) {
            self.counters.joined.fetch_add(1, Ordering::Relaxed);
            return Some(flight.clone());
        }
        if flights.len() >= MAX_FLIGHTS {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        self.counters.asked.fetch_add(1, Ordering::Relaxed);
        let (sender, flight) = watch::channel(None);
        flights.insert(question.clone(), flight.clone());
        let (inner, question) = (Arc::clone(self), question.clone());
        self.runtime.spawn(async move {
            let state = inner.state();
            let told = state.upstream.ask(&question).await;
            inner.keep(&state, &question, &told.answer, told.ttl);
            inner.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&question);
            sender.send_replace(Some(told.answer));
        });
        Some(flight)
    }

    fn keep(&self, state: &Arc<State>, question: &Question, answer: &Answer, ttl: Option<Duration>) {
        let options = &state.options;
        let lifetime = match ttl {
            Some(ttl) => ttl.max(options.min_ttl).min(options.max_ttl.unwrap_or(Duration::MAX)),
            None => options.negative_ttl,
        };
        // What was asked under older files or parameters is not kept under the new ones.
        if !options.use_cache || lifetime.is_zero() || !Arc::ptr_eq(state, &self.state()) {
            return;
        }
        let now = Instant::now();
        let expires = now.checked_add(lifetime).unwrap_or(now + Duration::from_secs(86_400));
        self.cache.put(question, answer.clone(), expires, now, options.cache_bytes);
    }

    fn reread(&self) -> bool {
        let changed = self.state().stamps != stamps(&self.files);
        if changed {
            self.counters.reread.fetch_add(1, Ordering::Relaxed);
            self.reload(None);
        }
        changed
    }

    /// Reads the files, with new parameters or the ones that hold.
    fn reload(&self, options: Option<ResolveOptions>) {
        let options = options.unwrap_or_else(|| self.state().options.clone());
        let state = Arc::new(State::read(&self.runtime, options, &self.files));
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        self.cache.clear();
    }
}

/// Looks after the files for as long as there is a resolver.
async fn watch_files(inner: Weak<Inner>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(inner) = inner.upgrade() else { return };
        inner.reread();
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("counts", &self.counts()).finish()
    }
}
