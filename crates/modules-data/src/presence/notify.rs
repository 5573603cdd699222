//! NOTIFY: what a watcher is told and when (RFC 6665 §4.2).

use std::sync::Arc;

use cfg_vm::Str;
use engine::Running;
use engine::services::Services;
use modules::tm::uac;

use crate::presence_xml::{Watcher, aggregate, watcher_info};

use super::package::Package;
use super::subscription::{Subscription, first_route, forget};
use super::{Presence, rows};

/// Why a watcher is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// It has begun to watch.
    Begun,
    /// It goes on watching.
    Renewed,
    /// What it watches has changed.
    Changed,
    /// The same; this is the document.
    Left(Vec<u8>),
    /// It watches no more.
    Ended,
}

/// Sends a NOTIFY. A watcher that does not know of its subscription, or does not answer, is forgotten.
pub(super) fn tell(
    services: &mut Services,
    running: &Arc<Running>,
    subscription: &Arc<Subscription>,
    occasion: Occasion,
) {
    let Some(presence) = running.state::<Presence>() else { return };
    let request = request(presence, subscription, occasion, services.unix_time());
    let watched = Arc::clone(subscription);
    let request = request.then(move |services, running, outcome| {
        let Some(presence) = running.state::<Presence>() else { return };
        let is_silent = outcome.code == 408 && presence.forgets_silent;
        if outcome.code != 481 && !is_silent {
            return;
        }
        forget(presence, &watched);
        if let Some(database) = presence.database.clone() {
            let change = rows::inactive(presence, &watched);
            services.server.runtime.spawn(async move { rows::write(&database, &[change]).await });
        }
    });
    if let Err(error) = uac::send(services, running, request) {
        tracing::error!(target: "presence", "NOTIFY to {} was not sent: {error}", subscription.watcher);
    }
}

fn request(presence: &Presence, subscription: &Subscription, occasion: Occasion, now: i64) -> uac::Request {
    let package = subscription.package;
    let is_over = occasion == Occasion::Ended;
    let (contact, cseq, expires, version) = {
        let mut standing = subscription.standing();
        standing.local_cseq += 1;
        if package == Package::Watchers {
            standing.version += 1;
        }
        (standing.contact.clone(), standing.local_cseq, (standing.expires - now).max(0), standing.version)
    };
    let body = match occasion {
        Occasion::Left(body) => Some(body),
        // One that fetches is told what there is, as in RFC 6665 §4.4.3.
        _ => body(presence, subscription, version),
    };
    let state =
        if is_over { "terminated;reason=timeout".to_owned() } else { format!("active;expires={expires}") };
    let id = &subscription.event_id;
    let event = if id.is_empty() { package.name().to_owned() } else { format!("{};id={id}", package.name()) };
    let Subscription { watcher, to, to_tag, from_tag, call_id, routes, local_contact, .. } = subscription;
    let mut headers = format!(
        "To: <{watcher}>;tag={from_tag}\r\nFrom: <{to}>;tag={to_tag}\r\nCSeq: {cseq} NOTIFY\r\nCall-ID: {call_id}\r\n"
    );
    if !routes.is_empty() {
        headers.push_str(&format!("Route: {routes}\r\n"));
    }
    headers.push_str(&format!(
        "Max-Forwards: 70\r\nEvent: {event}\r\nContact: <{local_contact}>\r\nSubscription-State: {state}\r\n"
    ));
    if body.is_some() {
        headers.push_str(&format!("Content-Type: {}\r\n", package.content_type()));
    }
    uac::Request {
        next_hop: first_route(routes),
        socket: subscription.socket,
        headers: Str::copy(headers.as_bytes()),
        body: Str::copy(&body.unwrap_or_default()),
        ..uac::Request::new(Str::copy(b"NOTIFY"), Str::copy(contact.as_bytes()))
    }
}

/// What there is to be told.
fn body(presence: &Presence, subscription: &Subscription, version: u32) -> Option<Vec<u8>> {
    let presentity = &subscription.presentity;
    presence.shared.table.with(presentity, |known| match subscription.package {
        Package::Presence => {
            let bodies: Vec<&[u8]> = known.publications.iter().map(|one| &one.body[..]).collect();
            aggregate(&bodies)
        }
        Package::Watchers => {
            let watcher =
                |one: &Arc<Subscription>| Watcher { id: one.call_id.clone(), uri: one.watcher.clone() };
            let watchers: Vec<Watcher> = known.watchers(Package::Presence).iter().map(watcher).collect();
            // Kamailio's first list is number 1, not 0 (RFC 3858 §4.1).
            Some(watcher_info(presentity, version, &watchers))
        }
    })
}
