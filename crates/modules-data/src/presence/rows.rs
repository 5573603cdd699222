//! Publications and subscriptions as rows of Kamailio's tables.

use std::sync::{Arc, Mutex};

use engine::listener::Listeners;
use store::{Cell, Change, Database, Error, Key, Query, Row, Value};

use super::package::Package;
use super::subscription::{Standing, Subscription};
use super::table::Publication;
use super::{Presence, subscription};

/// User and host of a `sip:` URI as [`subscription::plain`] writes it.
fn parts(uri: &str) -> (&str, &str) {
    let rest = uri.strip_prefix("sip:").unwrap_or(uri);
    rest.rsplit_once('@').unwrap_or(("", rest))
}

fn cells<const N: usize>(cells: [(&str, Value); N]) -> Vec<Cell> {
    cells.into_iter().map(|(column, value)| Cell::new(column, value)).collect()
}

/// A row of `presentity`.
pub(super) fn published(presence: &Presence, uri: &str, publication: &Publication, sender: &str) -> Change {
    let (user, host) = parts(uri);
    let cells = cells([
        ("username", user.into()),
        ("domain", host.into()),
        ("event", Package::Presence.name().into()),
        ("etag", publication.etag.as_str().into()),
        ("expires", publication.expires.into()),
        ("received_time", publication.received.into()),
        ("body", Value::Blob(publication.body.clone())),
        ("sender", sender.into()),
        ("priority", publication.received.into()),
    ]);
    Change::Insert { table: presence.tables.presentity.clone(), cells }
}

/// It is gone.
pub(super) fn unpublished(presence: &Presence, uri: &str, etag: &str) -> Change {
    let (user, host) = parts(uri);
    let keys = vec![
        Key::eq("username", user),
        Key::eq("domain", host),
        Key::eq("event", Package::Presence.name()),
        Key::eq("etag", etag),
    ];
    Change::Delete { table: presence.tables.presentity.clone(), keys }
}

/// A row of `active_watchers`.
pub(super) fn active(presence: &Presence, subscription: &Subscription) -> Change {
    let standing = subscription.standing().clone();
    let (watcher, to) = (parts(&subscription.watcher), parts(&subscription.to));
    let cells = cells([
        ("presentity_uri", subscription.presentity.as_str().into()),
        ("watcher_username", watcher.0.into()),
        ("watcher_domain", watcher.1.into()),
        ("to_user", to.0.into()),
        ("to_domain", to.1.into()),
        ("event", subscription.package.name().into()),
        ("event_id", subscription.event_id.as_str().into()),
        ("to_tag", subscription.to_tag.as_str().into()),
        ("from_tag", subscription.from_tag.as_str().into()),
        ("callid", subscription.call_id.as_str().into()),
        ("local_cseq", i64::from(standing.local_cseq).into()),
        ("remote_cseq", i64::from(standing.remote_cseq).into()),
        ("contact", standing.contact.as_str().into()),
        ("record_route", subscription.routes.as_str().into()),
        ("expires", standing.expires.into()),
        ("status", ACTIVE.into()),
        ("reason", "".into()),
        ("version", i64::from(standing.version).into()),
        ("socket_info", subscription.socket_name.as_str().into()),
        ("local_contact", subscription.local_contact.as_str().into()),
        ("from_user", watcher.0.into()),
        ("from_domain", watcher.1.into()),
        ("updated", (-1).into()),
        ("updated_winfo", (-1).into()),
    ]);
    let unique = ["callid", "to_tag", "from_tag"].map(str::to_owned).into();
    Change::Replace { table: presence.tables.active.clone(), cells, unique }
}

/// It is over.
pub(super) fn inactive(presence: &Presence, subscription: &Subscription) -> Change {
    let keys = vec![
        Key::eq("callid", subscription.call_id.as_str()),
        Key::eq("to_tag", subscription.to_tag.as_str()),
        Key::eq("from_tag", subscription.from_tag.as_str()),
    ];
    Change::Delete { table: presence.tables.active.clone(), keys }
}

/// A row of `watchers`: that somebody may watch.
pub(super) fn watcher(presence: &Presence, subscription: &Subscription, now: i64) -> Change {
    let (user, host) = parts(&subscription.watcher);
    let cells = cells([
        ("presentity_uri", subscription.presentity.as_str().into()),
        ("watcher_username", user.into()),
        ("watcher_domain", host.into()),
        ("event", subscription.package.name().into()),
        ("status", ACTIVE.into()),
        ("reason", "".into()),
        ("inserted_time", now.into()),
    ]);
    let unique = ["presentity_uri", "watcher_username", "watcher_domain", "event"].map(str::to_owned).into();
    Change::Replace { table: presence.tables.watchers.clone(), cells, unique }
}

/// Status of who may watch.
const ACTIVE: i64 = 1;

/// Writes changes; what fails is in the log.
pub(super) async fn write(database: &Database, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    if let Err(error) = database.batch(changes).await {
        tracing::error!(target: "presence", "{}: {error}; memory serves on", database.url_shown());
    }
}

/// Reads what was published before this start.
pub(super) async fn load(
    presence: &Presence,
    database: &Database,
    listeners: &Listeners,
    now: i64,
) -> Result<usize, Error> {
    let query = |table: &str, columns: &[&str]| Query {
        table: table.to_owned(),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        order: Some("id".to_owned()),
        ..Query::default()
    };
    let mut count = 0;
    let columns = ["username", "domain", "event", "etag", "expires", "received_time", "body"];
    for row in database.query(&query(&presence.tables.presentity, &columns)).await? {
        let Some((uri, publication)) = publication(&row) else { continue };
        if publication.expires > now {
            presence.shared.table.with(&uri, |known| known.publications.push(publication));
            count += 1;
        }
    }
    for row in database.query(&query(&presence.tables.active, &DIALOG)).await? {
        let Some(mut subscription) = subscription_of(&row) else { continue };
        let own = listeners.all().iter().find(|listener| listener.text() == subscription.socket_name);
        subscription.socket = own.map(|listener| listener.id);
        if subscription.standing().expires > now {
            presence.shared.table.subscribe(&Arc::new(subscription));
            count += 1;
        }
    }
    Ok(count)
}

fn publication(row: &Row) -> Option<(String, Publication)> {
    let text = |at: usize| row.get(at).and_then(Value::as_text).map(subscription::text);
    if text(2)? != Package::Presence.name() {
        return None;
    }
    let uri = format!("sip:{}@{}", text(0)?, text(1)?);
    let (expires, received) = (row.get(4)?.as_int()?, row.get(5)?.as_int()?);
    Some((uri, Publication { etag: text(3)?, expires, received, body: row.get(6)?.as_text()?.to_vec() }))
}

/// The columns of [`subscription_of`].
const DIALOG: [&str; 17] = [
    "presentity_uri",
    "event",
    "event_id",
    "to_tag",
    "from_tag",
    "callid",
    "record_route",
    "local_contact",
    "contact",
    "watcher_username",
    "watcher_domain",
    "to_user",
    "to_domain",
    "local_cseq",
    "remote_cseq",
    "expires",
    "socket_info",
];

fn subscription_of(row: &Row) -> Option<Subscription> {
    let text = |at: usize| row.get(at).and_then(Value::as_text).map(subscription::text);
    let number = |at: usize| row.get(at).and_then(Value::as_int);
    let count = |at: usize| number(at).and_then(|number| u32::try_from(number).ok());
    let (package, _) = Package::of(text(1)?.as_bytes())?;
    let standing = Standing {
        expires: number(15)?,
        // NOTIFYs since the row was written are not in it.
        local_cseq: count(13)?.saturating_add(CSEQ_GAP),
        remote_cseq: count(14)?,
        contact: text(8)?,
        version: CSEQ_GAP,
    };
    Some(Subscription {
        presentity: text(0)?,
        package,
        event_id: text(2).unwrap_or_default(),
        to_tag: text(3)?,
        from_tag: text(4)?,
        call_id: text(5)?,
        routes: text(6).unwrap_or_default(),
        socket_name: text(16).unwrap_or_default(),
        local_contact: text(7)?,
        watcher: format!("sip:{}@{}", text(9)?, text(10)?),
        to: format!("sip:{}@{}", text(11)?, text(12)?),
        socket: None,
        standing: Mutex::new(standing),
    })
}

/// How far CSeq jumps over a restart.
const CSEQ_GAP: u32 = 10_000;
