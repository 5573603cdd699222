//! Publications (RFC 3903): `handle_publish`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::services::Services;
use engine::{Args, Cx, Flow, Running};
use store::Change;

use crate::presence_xml::{closed, is_well_formed};

use super::notify::{self, Occasion};
use super::package::Package;
use super::subscription::{plain, text, write};
use super::table::{Presentity, Publication};
use super::{Presence, Refusal, answer, header, refuse, rows};

/// What a PUBLISH asks for.
struct Asked {
    presentity: String,
    expires: i64,
    if_match: Option<String>,
    body: Vec<u8>,
    sender: String,
}

/// `handle_publish([sender])`
pub(super) fn handle(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let sender = text(args.text(0));
    let asked = match read(cx, sender) {
        Ok(asked) => asked,
        Err(refusal) => return refuse(cx, refusal),
    };
    let presence = cx.state::<Presence>();
    let now = cx.shard.unix_time();
    let number = presence.shared.publications.fetch_add(1, Ordering::Relaxed);
    let done =
        presence.shared.table.with(&asked.presentity, |known| apply(presence, known, &asked, now, number));
    let Some(Done { etag, changes, left }) = done else { return refuse(cx, Refusal::Failed) };
    write(cx, changes, move |cx| {
        let told = (asked.expires - cx.state::<Presence>().expires_offset).max(0);
        let lines = format!("Expires: {told}\r\nSIP-ETag: {etag}\r\n");
        if !answer(cx, 200, b"OK", lines.as_bytes()) {
            return Flow::FALSE;
        }
        let running = Arc::clone(cx.running);
        tell_all(cx.shard, &running, &asked.presentity, left);
        Flow::TRUE
    })
}

fn read(cx: &Cx<'_>, sender: String) -> Result<Asked, Refusal> {
    let presence = cx.state::<Presence>();
    let message = &cx.context.message;
    let package = header(message, b"Event").and_then(Package::of).map(|(package, _)| package);
    if package != Some(Package::Presence) {
        return Err(Refusal::BadEvent);
    }
    let expires = match message.expires() {
        None => presence.max_expires,
        Some(seconds) => i64::from(seconds.map_err(|_| Refusal::BadRequest)?).min(presence.max_expires),
    };
    if expires > 0 && expires < presence.min_expires {
        return Err(Refusal::TooBrief);
    }
    let if_match = header(message, b"SIP-If-Match").map(text);
    let body = message.body().to_vec();
    if body.is_empty() && if_match.is_none() {
        return Err(Refusal::BadRequest);
    }
    if !body.is_empty() && !is_well_formed(&body) {
        return Err(Refusal::BadBody);
    }
    let presentity = plain(&cx.context.request_uri()).ok_or(Refusal::BadRequest)?;
    Ok(Asked { presentity, expires, if_match, body, sender })
}

/// What a PUBLISH did.
struct Done {
    etag: String,
    changes: Vec<Change>,
    /// What watchers are told where nothing is published any more.
    left: Option<Vec<u8>>,
}

/// Does it in memory; `None` when the entity tag is not known.
fn apply(presence: &Presence, known: &mut Presentity, asked: &Asked, now: i64, number: u64) -> Option<Done> {
    let Asked { presentity, expires, if_match, body, sender } = asked;
    let before = match if_match {
        None => None,
        Some(etag) => Some(known.publications.iter().position(|one| one.etag == *etag)?),
    };
    let mut changes = Vec::new();
    let old = before.map(|at| known.publications.remove(at));
    changes.extend(old.as_ref().map(|old| rows::unpublished(presence, presentity, &old.etag)));
    if *expires == 0 {
        let etag = if_match.clone().unwrap_or_else(|| presence.shared.etag(number, 0));
        let last = known.publications.is_empty().then_some(old).flatten();
        return Some(Done { etag, changes, left: last.and_then(|old| closed(&old.body)) });
    }
    let etag = match &old {
        Some(old) => presence.shared.etag(number, refreshed(&old.etag)),
        None => presence.shared.etag(number, 0),
    };
    let body = match old {
        Some(old) if body.is_empty() => old.body,
        _ => body.clone(),
    };
    let publication = Publication { etag: etag.clone(), expires: now + expires, received: now, body };
    changes.push(rows::published(presence, presentity, &publication, sender));
    known.publications.push(publication);
    Some(Done { etag, changes, left: None })
}

/// How often it has been refreshed, with this time.
fn refreshed(etag: &str) -> u64 {
    etag.rsplit('.')
        .next()
        .and_then(|digits| digits.parse::<u64>().ok())
        .map_or(1, |times| times.saturating_add(1))
}

/// Tells all watchers of a presentity.
pub(super) fn tell_all(
    services: &mut Services,
    running: &Arc<Running>,
    presentity: &str,
    left: Option<Vec<u8>>,
) {
    let Some(presence) = running.state::<Presence>() else { return };
    let watchers = presence.shared.table.with(presentity, |known| known.watchers(Package::Presence));
    for watcher in &watchers {
        let occasion = left.clone().map_or(Occasion::Changed, Occasion::Left);
        notify::tell(services, running, watcher, occasion);
    }
}
