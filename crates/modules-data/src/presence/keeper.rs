//! What happens beside messages: loading at the start, and expiry.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine::services::Services;
use engine::{Running, Server};
use store::Change;

use crate::presence_xml::closed;

use super::notify::{self, Occasion};
use super::publication::tell_all;
use super::subscription::Subscription;
use super::{Presence, rows};

fn unix_time() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// The configuration comes in force: what the database has is loaded once, and the rounds begin.
pub(super) fn begun(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(presence) = running.state::<Presence>() else { return };
    if presence.shared.is_kept.swap(true, Ordering::AcqRel) {
        return;
    }
    if let Some(database) = &presence.database {
        match server.runtime.block_on(rows::load(presence, database, &server.listeners, unix_time())) {
            Ok(count) => tracing::info!(target: "presence", "{count} publications and subscriptions loaded"),
            Err(error) => {
                tracing::error!(target: "presence", "{}: {error}; starting empty", database.url_shown())
            }
        }
    }
    let server = Arc::clone(server);
    server.runtime.clone().spawn(async move {
        loop {
            let Some(period) = server.running().state::<Presence>().map(|presence| presence.clean_period)
            else {
                return;
            };
            tokio::time::sleep(Duration::from_secs(period)).await;
            round(&server).await;
        }
    });
}

/// Takes away what has expired, and tells who has to know.
pub(super) async fn round(server: &Arc<Server>) {
    let running = server.running();
    let Some(presence) = running.state::<Presence>() else { return };
    let expired = Expired::take(presence, unix_time());
    if let Some(database) = &presence.database {
        rows::write(database, &expired.changes).await;
    }
    let visit = move |services: &mut Services, running: &Arc<Running>| expired.tell(services, running);
    if server.visit(0, Box::new(visit)).is_err() {
        tracing::warn!(target: "presence", "watchers are not told what expired: the shard has too much to do");
    }
}

#[derive(Default)]
struct Expired {
    /// Presentities, with what is left of them.
    published: Vec<(String, Option<Vec<u8>>)>,
    subscriptions: Vec<Arc<Subscription>>,
    changes: Vec<Change>,
}

impl Expired {
    fn take(presence: &Presence, now: i64) -> Self {
        let mut expired = Self::default();
        presence.shared.table.each(|uri, known| {
            let (over, good): (Vec<_>, Vec<_>) =
                std::mem::take(&mut known.publications).into_iter().partition(|one| one.expires <= now);
            known.publications = good;
            if let Some(last) = over.last() {
                let left = known.publications.is_empty().then(|| closed(&last.body)).flatten();
                expired.published.push((uri.to_owned(), left));
                expired.changes.extend(over.iter().map(|one| rows::unpublished(presence, uri, &one.etag)));
            }
            known.subscriptions.retain(|one| {
                let is_good = one.standing().expires > now;
                if !is_good {
                    expired.changes.push(rows::inactive(presence, one));
                    expired.subscriptions.push(Arc::clone(one));
                }
                is_good
            });
        });
        for one in &expired.subscriptions {
            presence.shared.table.forget_call(&one.call_id);
        }
        expired
    }

    fn tell(self, services: &mut Services, running: &Arc<Running>) {
        for (uri, left) in self.published {
            tell_all(services, running, &uri, left);
        }
        for one in &self.subscriptions {
            notify::tell(services, running, one, Occasion::Ended);
        }
    }
}
