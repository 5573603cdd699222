//! Subscriptions (RFC 6665), and `handle_subscribe`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cfg_vm::Str;
use engine::listener::ListenerId;
use engine::module::Resume;
use engine::{Args, Cx, Flow};
use modules::tm::callbacks;
use sip_message::{HeaderId, NameAddr, Uri};

use super::notify::{self, Occasion};
use super::package::{ALLOW_EVENTS, Package};
use super::{Presence, Refusal, answer, header, refuse, rows};

/// A watcher's dialog. What changes stands in [`Standing`].
pub(super) struct Subscription {
    /// Who is watched.
    pub(super) presentity: String,
    /// What is watched.
    pub(super) package: Package,
    /// `id` of Event; empty for none.
    pub(super) event_id: String,
    /// Who watches.
    pub(super) watcher: String,
    /// The URI in the SUBSCRIBE's To.
    pub(super) to: String,
    /// Our tag.
    pub(super) to_tag: String,
    /// The watcher's tag.
    pub(super) from_tag: String,
    /// Call-ID.
    pub(super) call_id: String,
    /// Record-Route of the SUBSCRIBE, in its order; empty for none.
    pub(super) routes: String,
    /// Our Contact URI.
    pub(super) local_contact: String,
    /// The socket that the SUBSCRIBE came to.
    pub(super) socket: Option<ListenerId>,
    /// Its name, as the database has it.
    pub(super) socket_name: String,
    pub(super) standing: Mutex<Standing>,
}

/// What changes with each SUBSCRIBE and NOTIFY.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Seconds since 1970.
    pub(super) expires: i64,
    /// CSeq of our last NOTIFY.
    pub(super) local_cseq: u32,
    /// CSeq of the last SUBSCRIBE.
    pub(super) remote_cseq: u32,
    /// Where NOTIFY goes.
    pub(super) contact: String,
    /// Of the next list of watchers.
    pub(super) version: u32,
}

impl Subscription {
    /// What changes.
    pub(super) fn standing(&self) -> MutexGuard<'_, Standing> {
        // Whole between any two of its changes.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a SUBSCRIBE asks for.
struct Asked {
    package: Package,
    event_id: String,
    expires: i64,
    contact: String,
    cseq: u32,
    call_id: String,
    from_tag: String,
    /// The To tag of one within a dialog.
    to_tag: Option<String>,
    watcher: String,
    to: String,
}

/// `handle_subscribe([watcher])`
pub(super) fn handle(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let given = args.text(0).to_vec();
    let asked = match read(cx, &given) {
        Ok(asked) => asked,
        Err(refusal) => return refuse(cx, refusal),
    };
    match &asked.to_tag {
        Some(_) => renew(cx, &asked),
        None => begin(cx, asked),
    }
}

/// A text of the message, as far as it is one.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `sip:user@host` of a URI.
pub(super) fn plain(uri: &[u8]) -> Option<String> {
    let uri = Uri::parse(uri).ok()?;
    let host = text(uri.host).to_ascii_lowercase();
    Some(uri.user.map_or_else(|| format!("sip:{host}"), |user| format!("sip:{}@{host}", text(user))))
}

fn read(cx: &Cx<'_>, given: &[u8]) -> Result<Asked, Refusal> {
    let presence = cx.state::<Presence>();
    let message = &cx.context.message;
    let (package, id) = header(message, b"Event").and_then(Package::of).ok_or(Refusal::BadEvent)?;
    let expires = match message.expires() {
        None => presence.max_expires,
        Some(seconds) => i64::from(seconds.map_err(|_| Refusal::BadRequest)?).min(presence.max_expires),
    };
    if expires > 0 && expires < presence.min_expires {
        return Err(Refusal::TooBrief);
    }
    let contact = message.contact_values().next().ok_or(Refusal::BadRequest)?;
    let contact = message.name_addr(contact).map_err(|_| Refusal::BadRequest)?;
    let from = message.from().map_err(|_| Refusal::BadRequest)?;
    let to = message.to().map_err(|_| Refusal::BadRequest)?;
    let watcher = if given.is_empty() { from.uri_text } else { given };
    Ok(Asked {
        package,
        event_id: text(id),
        expires,
        contact: text(contact.uri_text),
        cseq: message.cseq().map_err(|_| Refusal::BadRequest)?.number,
        call_id: text(message.call_id().map_err(|_| Refusal::BadRequest)?),
        from_tag: text(from.tag().ok_or(Refusal::BadRequest)?),
        to_tag: to.tag().map(text),
        watcher: plain(watcher).ok_or(Refusal::BadRequest)?,
        to: plain(to.uri_text).ok_or(Refusal::BadRequest)?,
    })
}

/// A new dialog; one that ends at once only fetches.
fn begin(cx: &mut Cx<'_>, asked: Asked) -> Flow {
    let presence = cx.state::<Presence>();
    let to_tag = callbacks::local_tag(cx);
    if to_tag.is_empty() {
        tracing::error!(target: "presence", "handle_subscribe needs a transaction: call t_newtran() first");
        return Flow::FALSE;
    }
    let Some(presentity) = plain(&cx.context.request_uri()) else { return refuse(cx, Refusal::BadRequest) };
    let message = &cx.context.message;
    let routes: Vec<String> =
        message.values(HeaderId::RecordRoute).map(|value| text(message.bytes(value.span))).collect();
    let standing = Standing {
        expires: cx.shard.unix_time() + asked.expires,
        local_cseq: u32::from(asked.expires > 0),
        remote_cseq: asked.cseq,
        contact: asked.contact,
        version: 0,
    };
    let subscription = Subscription {
        presentity,
        package: asked.package,
        event_id: asked.event_id,
        watcher: asked.watcher,
        to: asked.to,
        to_tag: text(&to_tag),
        from_tag: asked.from_tag,
        call_id: asked.call_id,
        routes: routes.join(", "),
        local_contact: local_contact(cx),
        socket: Some(cx.context.received.listener),
        socket_name: cx.listeners().get(cx.context.received.listener).text(),
        standing: Mutex::new(standing),
    };
    let subscription = Arc::new(subscription);
    if asked.expires == 0 {
        return accept(cx, &subscription, 0, Occasion::Ended);
    }
    presence.shared.table.subscribe(&subscription);
    let mut changes = vec![rows::active(presence, &subscription)];
    if subscription.package == Package::Presence {
        changes.push(rows::watcher(presence, &subscription, cx.shard.unix_time()));
    }
    write(cx, changes, move |cx| accept(cx, &subscription, asked.expires, Occasion::Begun))
}

/// The URI that the peer finds us at.
fn local_contact(cx: &Cx<'_>) -> String {
    let presence = cx.state::<Presence>();
    if let Some(address) = &presence.server_address {
        return address.to_lossy().into_owned();
    }
    let listener = cx.listeners().get(cx.context.received.listener);
    let (host, port, proto) = (listener.public_host().to_lossy(), listener.public_port(), listener.proto);
    format!("sip:{host}:{port};transport={proto}")
}

/// A SUBSCRIBE within a dialog.
fn renew(cx: &mut Cx<'_>, asked: &Asked) -> Flow {
    let presence = cx.state::<Presence>();
    let Some(subscription) = find(presence, asked) else { return refuse(cx, Refusal::NoSubscription) };
    let now = cx.shard.unix_time();
    {
        let mut standing = subscription.standing();
        if standing.remote_cseq >= asked.cseq {
            drop(standing);
            return refuse(cx, Refusal::Failed);
        }
        standing.remote_cseq = asked.cseq;
        standing.expires = now + asked.expires;
        standing.contact.clone_from(&asked.contact);
    }
    let expires = asked.expires;
    if expires == 0 {
        forget(presence, &subscription);
        let change = rows::inactive(presence, &subscription);
        return write(cx, vec![change], move |cx| accept(cx, &subscription, 0, Occasion::Ended));
    }
    let change = rows::active(presence, &subscription);
    write(cx, vec![change], move |cx| accept(cx, &subscription, expires, Occasion::Renewed))
}

/// The subscription whose dialog it is.
fn find(presence: &Presence, asked: &Asked) -> Option<Arc<Subscription>> {
    let is_it = |known: &&Arc<Subscription>| {
        known.call_id == asked.call_id
            && known.from_tag == asked.from_tag
            && Some(&known.to_tag) == asked.to_tag.as_ref()
            && known.package == asked.package
            && known.event_id == asked.event_id
    };
    let table = &presence.shared.table;
    // To may have another name of the presentity than the request that began the dialog.
    let presentity = table.presentity_of(&asked.call_id)?;
    table.with(&presentity, |known| known.subscriptions.iter().find(is_it).cloned())
}

/// Takes a subscription out of memory.
pub(super) fn forget(presence: &Presence, subscription: &Arc<Subscription>) {
    presence.shared.table.unsubscribe(subscription);
}

/// Writes to the database, if there is one, and goes on. What could not be written is in the log; memory serves on.
pub(super) fn write(
    cx: &Cx<'_>,
    changes: Vec<store::Change>,
    then: impl FnOnce(&mut Cx<'_>) -> Flow + Send + 'static,
) -> Flow {
    let database = cx.state::<Presence>().database.clone();
    Flow::wait(async move {
        if let Some(database) = database {
            rows::write(&database, &changes).await;
        }
        Box::new(then) as Resume
    })
}

/// 200, and then NOTIFY to the watcher and to who watches the watchers.
fn accept(cx: &mut Cx<'_>, subscription: &Arc<Subscription>, expires: i64, occasion: Occasion) -> Flow {
    let lines = format!("Expires: {expires}\r\nContact: <{}>\r\n", subscription.local_contact);
    if !answer(cx, 200, b"OK", lines.as_bytes()) {
        return Flow::FALSE;
    }
    let presence = cx.state::<Presence>();
    let running = Arc::clone(cx.running);
    let changes_list = subscription.package == Package::Presence && occasion != Occasion::Renewed;
    notify::tell(cx.shard, &running, subscription, occasion);
    if changes_list {
        let watching =
            presence.shared.table.with(&subscription.presentity, |known| known.watchers(Package::Watchers));
        for watcher in &watching {
            notify::tell(cx.shard, &running, watcher, Occasion::Changed);
        }
    }
    Flow::TRUE
}

/// The first route of a list, as the next hop.
pub(super) fn first_route(routes: &str) -> Option<Str> {
    let (first, _) = NameAddr::parse_first(routes.as_bytes()).ok()?;
    Some(Str::copy(first.uri_text))
}

/// What a refusal of an event must tell.
pub(super) fn refusal_lines(refusal: Refusal, min_expires: i64) -> Vec<u8> {
    match refusal {
        Refusal::BadEvent => ALLOW_EVENTS.to_vec(),
        Refusal::TooBrief => format!("Min-Expires: {min_expires}\r\n").into_bytes(),
        _ => Vec::new(),
    }
}
