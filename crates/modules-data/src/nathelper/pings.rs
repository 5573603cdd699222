//! Pings that keep address translators open: every contact once an interval, a part of them each second.
//!
//! A datagram of four zero bytes does for most; contacts with the branch flag of `sipping_bflag` get a request, which their
//! phones answer. As in Kamailio only contacts over UDP are pinged: streams keep themselves open.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cfg_vm::Str;
use engine::forward::{Departure, Hop, Stream};
use engine::listener::{Listener, ListenerId};
use engine::module::Next;
use engine::services::Services;
use engine::{Cx, Running, Server};
use sip_message::NameAddr;
use tokio::time::MissedTickBehavior;
use transport::{NextHop, Proto, Target};

use crate::usrloc::{Contact, Draft, Facts, Field, Table, Usrloc};

use super::Nathelper;
use super::request::{Ping, ZEROS};

/// Who is pinged and how, under one configuration.
pub(super) struct Plan {
    /// Seconds between two pings of one contact.
    pub(super) interval: u64,
    /// Only contacts behind translators.
    pub(super) nated_only: bool,
    /// The branch flag of contacts that get requests, as a mask; 0 for none.
    pub(super) request_flag: u32,
    /// The branch flag of contacts that get nothing.
    pub(super) exempt_flag: u32,
    /// From of requests; without it nobody gets one.
    pub(super) from: Option<Str>,
    /// Their method.
    pub(super) method: Str,
    /// The socket that datagrams leave from, where it is not the one that the contact came through.
    pub(super) socket: Option<Str>,
    /// Seconds after which a silent contact is given up; 0 for never.
    pub(super) keepalive: i64,
    /// Contacts with a Path are pinged directly.
    pub(super) ignores_path: bool,
    /// Only contacts that this server took, by its `server_id`.
    pub(super) only_server: Option<i32>,
}

/// What outlives a reload.
pub(super) struct Shared {
    /// `nathelper.enable_ping`
    pub(super) enabled: AtomicBool,
    is_running: AtomicBool,
    /// When contacts answered last, by their identifier: seconds since 1970.
    heard: Mutex<HashMap<Box<[u8]>, i64>>,
    /// Begins the Call-ID of our requests.
    mark: u64,
    sent: AtomicU64,
}

impl Shared {
    pub(super) fn new(mark: u64) -> Self {
        Self {
            enabled: AtomicBool::new(true),
            is_running: AtomicBool::new(false),
            heard: Mutex::default(),
            mark,
            sent: AtomicU64::new(0),
        }
    }

    fn heard(&self) -> MutexGuard<'_, HashMap<Box<[u8]>, i64>> {
        // Whole between any two of its changes.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unix_time() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// The configuration comes in force: the rounds begin, if it has any and they have not begun.
pub(super) fn begun(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(nathelper) = running.state::<Nathelper>().filter(|nathelper| nathelper.plan.is_some()) else {
        return;
    };
    let shared = Arc::clone(&nathelper.shared);
    if shared.is_running.swap(true, Ordering::AcqRel) {
        return;
    }
    let server = Arc::clone(server);
    server.runtime.clone().spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        // A late tick must not be followed by a burst.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in 0.. {
            ticks.tick().await;
            if !second(&server, tick).await {
                break;
            }
        }
        shared.is_running.store(false, Ordering::Release);
    });
}

/// One second's part; false when the configuration in force pings nobody.
async fn second(server: &Arc<Server>, tick: u64) -> bool {
    let running = server.running();
    let (Some(nathelper), Some(usrloc)) = (running.state::<Nathelper>(), running.state::<Usrloc>()) else {
        return false;
    };
    let Some(plan) = &nathelper.plan else { return false };
    if !nathelper.shared.enabled.load(Ordering::Acquire) {
        return true;
    }
    let round = Round { server, usrloc, plan, shared: &nathelper.shared, now: unix_time() };
    let part = tick % plan.interval;
    if part == 0 && plan.keepalive > 0 {
        nathelper.shared.heard().retain(|_, at| *at + plan.keepalive >= round.now);
    }
    for table in usrloc.tables() {
        match usrloc.database_only() {
            Some(_) if part > 0 => {}
            Some(_) => round.database(&table).await,
            None => round.stripes(&table, part).await,
        }
    }
    true
}

struct Round<'a> {
    server: &'a Arc<Server>,
    usrloc: &'a Usrloc,
    plan: &'a Plan,
    shared: &'a Arc<Shared>,
    now: i64,
}

/// A ping that is ready to leave.
type Ready = (Departure, Vec<u8>);

/// How many pings are given to a shard at once.
const AT_ONCE: usize = 256;

impl Round<'_> {
    /// This second's stripes of a table.
    async fn stripes(&self, table: &Table, part: u64) {
        // Intervals beyond every number of stripes leave seconds without one.
        let first = usize::try_from(part).unwrap_or(usize::MAX);
        let step = usize::try_from(self.plan.interval).unwrap_or(usize::MAX);
        let mut ready = Vec::new();
        for stripe in (first..table.stripes()).step_by(step) {
            for contact in table.contacts_of_stripe(stripe) {
                if self.is_silent(&contact) {
                    self.give_up(table, &contact);
                } else if self.wants(&contact) {
                    ready.extend(self.ready(&contact).await);
                }
                self.send_when(&mut ready, AT_ONCE);
            }
            // Others of the runtime come to work between two stripes.
            tokio::task::yield_now().await;
        }
        self.send_when(&mut ready, 1);
    }

    /// All contacts of a table that stands in the database only.
    async fn database(&self, table: &Table) {
        let Some(backing) = self.usrloc.database_only() else { return };
        let (mut after, mut ready) = (None, Vec::new());
        loop {
            // What went wrong is in usrloc's log; the next interval tries again.
            let Ok(page) = backing.page(&table.name, after.as_deref(), 1000).await else { return };
            for contact in page.contacts.iter().filter(|contact| self.wants(contact)) {
                ready.extend(self.ready(contact).await);
                self.send_when(&mut ready, AT_ONCE);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        self.send_when(&mut ready, 1);
    }

    fn wants(&self, contact: &Contact) -> bool {
        let flags = contact.facts.branch_flags;
        contact.is_valid(self.now)
            && flags & self.plan.exempt_flag == 0
            && (!self.plan.nated_only || flags & self.usrloc.nat_flag != 0)
            && self.plan.only_server.is_none_or(|own| contact.facts.server_id == own)
    }

    fn is_silent(&self, contact: &Contact) -> bool {
        if self.plan.keepalive <= 0 || !self.wants(contact) {
            return false;
        }
        let heard = self.shared.heard().get(contact.text(Field::Ruid)).copied().unwrap_or_default();
        contact.facts.modified.max(heard) + self.plan.keepalive < self.now
    }

    /// Lets a contact expire; usrloc's next round takes it away, with all that follows from it.
    fn give_up(&self, table: &Table, contact: &Contact) {
        let facts = Facts { expires: self.now - 1, ..contact.facts };
        let over = Arc::new(Contact::new(Draft { facts, ..contact.draft() }, contact.standing()));
        let ruid = contact.text(Field::Ruid);
        table.change(contact.text(Field::Aor), |record| {
            let same = |known: &Arc<Contact>| known.text(Field::Ruid) == ruid && known.facts == contact.facts;
            // A contact that was renewed meanwhile stays.
            if let Some(at) = record.contacts().iter().position(same) {
                record.update(at, over, self.usrloc.order);
            }
        });
        self.shared.heard().remove(ruid);
    }

    async fn ready(&self, contact: &Contact) -> Option<Ready> {
        let target = self.target(contact).await?;
        let request =
            self.plan.from.as_ref().filter(|_| contact.facts.branch_flags & self.plan.request_flag != 0);
        let forced = self.plan.socket.as_deref().filter(|_| request.is_none());
        let listener = self.listener(forced.unwrap_or_else(|| contact.text(Field::Socket)), target)?;
        let bytes = match request {
            None => ZEROS.to_vec(),
            Some(from) => {
                let number = self.shared.sent.fetch_add(1, Ordering::Relaxed);
                let path = Some(contact.text(Field::Path))
                    .filter(|path| !path.is_empty() && !self.plan.ignores_path);
                let ping =
                    Ping { contact, from, method: &self.plan.method, path, mark: self.shared.mark, number };
                ping.written(listener)
            }
        };
        let departure = Departure { socket: listener.id, target, stream: Stream::default() };
        Some((departure, bytes))
    }

    /// Where a contact's pings go: the first hop of its Path, what it came from, or what it says.
    async fn target(&self, contact: &Contact) -> Option<Target> {
        let path = contact.text_of(Field::Path).filter(|_| !self.plan.ignores_path);
        let uri = match path {
            Some(path) => NameAddr::parse_first(path).ok()?.0.uri_text,
            None => contact.text_of(Field::Received).unwrap_or_else(|| contact.text(Field::Address)),
        };
        let hop = Hop::of_uri(uri)?;
        if hop.proto.is_some_and(|proto| proto != Proto::Udp) {
            return None;
        }
        let host = std::str::from_utf8(&hop.host).ok()?;
        let question = NextHop { host, port: hop.port, proto: Some(Proto::Udp), sips: false };
        let targets = match self.server.resolver.cached(&question) {
            Some(answer) => answer,
            None => self.server.resolver.lookup(&question).await,
        };
        // Names without an address are tried again in the next round.
        targets.ok()?.first().copied()
    }

    /// The socket with this name or address, or the first that fits.
    fn listener(&self, name: &[u8], target: Target) -> Option<&Listener> {
        let listeners = &self.server.listeners;
        let fits = |listener: &&Listener| {
            listener.proto == Proto::Udp && listener.address.is_ipv4() == target.addr.is_ipv4()
        };
        let text = name.strip_prefix(b"udp:").unwrap_or(name);
        let same = |listener: &&Listener| {
            listener.text().as_bytes() == name
                || (listener.proto == Proto::Udp && listener.address.to_string().as_bytes() == text)
        };
        let named = listeners.all().iter().find(same).filter(fits);
        let first =
            || listeners.first(Proto::Udp, target.addr.is_ipv4()).map(|id: ListenerId| listeners.get(id));
        named.or_else(first)
    }

    /// Gives pings to a shard once there are so many.
    fn send_when(&self, ready: &mut Vec<Ready>, enough: usize) {
        if ready.len() < enough {
            return;
        }
        let pings = std::mem::take(ready);
        // Shards in turn.
        let shard = self.shared.sent.fetch_add(1, Ordering::Relaxed) as usize % self.server.shards();
        let visit = move |services: &mut Services, _: &Arc<Running>| {
            for (departure, bytes) in pings {
                if let Err(error) = services.send_with(departure, |out| out.extend_from_slice(&bytes)) {
                    tracing::debug!(target: "nathelper", "a ping did not leave: {error}");
                }
            }
        };
        if self.server.visit(shard, Box::new(visit)).is_err() {
            tracing::warn!(target: "nathelper", "pings are left out: the shard has too much to do");
        }
    }
}

/// Takes the answers to our requests, so that they go no further.
pub(super) fn take_reply(cx: &mut Cx<'_>) -> Option<Next> {
    let nathelper = cx.state_of::<Nathelper>()?;
    let plan = nathelper.plan.as_ref()?;
    let message = &cx.context.message;
    if message.method_text() != plan.method.as_bytes()
        || !Ping::is_ours(message.call_id().ok()?, nathelper.shared.mark)
    {
        return None;
    }
    if plan.keepalive > 0
        && let Some(ruid) = message.from().ok().and_then(|from| Ping::ruid(from.tag()?))
    {
        nathelper.shared.heard().insert(ruid.into(), cx.shard.unix_time());
    }
    Some(Next::Done)
}
