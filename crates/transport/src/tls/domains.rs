//! All domains of a configuration, and which one a connection gets.

use std::net::SocketAddr;
use std::sync::Arc;

use super::domain::{Domain, Place, Role};
use crate::stream::{LayerGroup, Wish};

/// A set of domains.
#[derive(Debug, Default)]
pub struct Domains {
    servers: Vec<Arc<Domain>>,
    clients: Vec<Arc<Domain>>,
}

impl Domains {
    /// Puts domains together; where two fit a connection equally, the first is taken.
    pub fn new(domains: impl IntoIterator<Item = Domain>) -> Self {
        let (servers, clients) =
            domains.into_iter().map(Arc::new).partition(|domain| domain.role == Role::Server);
        Self { servers, clients }
    }

    /// All of them, the servers' first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Domain>> {
        self.servers.iter().chain(&self.clients)
    }

    /// The domain of a connection that was accepted at `local`. A client that asks for a name gets the domain of that
    /// name if there is one, else the default; one that asks for none gets the address's.
    pub fn server(&self, local: SocketAddr, asked: Option<&str>) -> Option<&Arc<Domain>> {
        let Some(asked) = asked else {
            return at(&self.servers, local).next().or_else(|| default(&self.servers));
        };
        let is_asked_for = |domain: &&Arc<Domain>| {
            let settings = &domain.settings;
            settings.server_name.as_ref().is_some_and(|name| settings.name_match.leads(name, asked))
        };
        let named = at(&self.servers, local).chain(any(&self.servers)).find(is_asked_for);
        let nameless = || at(&self.servers, local).find(|domain| domain.settings.server_name.is_none());
        named.or_else(nameless).or_else(|| default(&self.servers))
    }

    /// The domain of a connection to `remote`: the one with the id that is asked for, else the address's, else the one of
    /// the name that is asked for, else the default.
    pub fn client(&self, remote: SocketAddr, wish: Wish<'_>) -> Option<&Arc<Domain>> {
        let has_id = |domain: &&Arc<Domain>| {
            wish.server_id.is_some() && domain.settings.server_id.as_deref() == wish.server_id
        };
        let fits_name = |domain: &&Arc<Domain>| match (wish.server_name, &domain.settings.server_name) {
            (Some(asked), Some(name)) => domain.settings.name_match.leads(name, asked),
            (None, _) | (_, None) => true,
        };
        let has_name = |domain: &&Arc<Domain>| domain.settings.server_name.is_some() && fits_name(domain);
        self.clients
            .iter()
            .find(has_id)
            .or_else(|| at(&self.clients, remote).find(fits_name))
            .or_else(|| any(&self.clients).filter(|_| wish.server_name.is_some()).find(has_name))
            .or_else(|| default(&self.clients))
    }

    pub(super) fn group(&self, remote: SocketAddr, wish: Wish<'_>) -> LayerGroup {
        self.client(remote, wish).map(|domain| domain.group).unwrap_or_default()
    }
}

fn at(among: &[Arc<Domain>], address: SocketAddr) -> impl Iterator<Item = &Arc<Domain>> {
    among.iter().filter(move |domain| match domain.place {
        Place::Address(place) => {
            place.ip() == address.ip() && (place.port() == 0 || place.port() == address.port())
        }
        Place::Default | Place::Any => false,
    })
}

fn any(among: &[Arc<Domain>]) -> impl Iterator<Item = &Arc<Domain>> {
    among.iter().filter(|domain| domain.place == Place::Any)
}

fn default(among: &[Arc<Domain>]) -> Option<&Arc<Domain>> {
    among.iter().find(|domain| domain.place == Place::Default)
}
