//! The fifo and the datagram socket; they stay open over a reload that wants the same.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use control::json::Layout;
use control::{Address, Desk, Limits, Listening, Ownership};
use engine::{Running, Server};
use tokio::sync::Semaphore;

use super::Jsonrpcs;

/// The fifo that a configuration asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fifo {
    pub(super) path: PathBuf,
    pub(super) ownership: Ownership,
    /// The folder of the fifos that take answers.
    pub(super) replies: PathBuf,
}

/// The datagram socket that a configuration asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    pub(super) address: Address,
    pub(super) ownership: Ownership,
    /// How long an answer may take to leave.
    pub(super) timeout: Duration,
}

/// What is open, and as what.
pub(super) struct Open {
    fifo: Mutex<Option<(Fifo, Layout, Listening)>>,
    datagram: Mutex<Option<(Datagram, Layout, Listening)>>,
    /// Commands at a time that came with messages; more wait.
    pub(super) running: Semaphore,
}

impl Default for Open {
    fn default() -> Self {
        let running = Semaphore::new(Limits::default().commands);
        Self { fifo: Mutex::default(), datagram: Mutex::default(), running }
    }
}

fn desk(server: &Arc<Server>, layout: Layout, patience: Duration) -> Arc<Desk> {
    let limits = Limits { patience, ..Limits::default() };
    Desk::new(crate::commands::handler(server), limits, server.runtime.clone(), layout)
}

pub(super) fn begun(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(state) = running.state::<Jsonrpcs>() else { return };
    let patience = Limits::default().patience;
    keep(&state.open.fifo, state.fifo.as_ref(), state.layout, |fifo| {
        let desk = desk(server, state.layout, patience);
        desk.open_fifo(&fifo.path, &fifo.ownership, &fifo.replies).inspect_err(
            |error| tracing::error!(target: "jsonrpcs", "no fifo {}: {error}", fifo.path.display()),
        )
    });
    keep(&state.open.datagram, state.datagram.as_ref(), state.layout, |datagram| {
        let desk = desk(server, state.layout, datagram.timeout);
        desk.open(&datagram.address, &datagram.ownership).inspect_err(
            |error| tracing::error!(target: "jsonrpcs", "no datagram socket {:?}: {error}", datagram.address),
        )
    });
}

/// Opens what is wanted, unless the same is open.
fn keep<W: Clone + PartialEq>(
    open: &Mutex<Option<(W, Layout, Listening)>>,
    wanted: Option<&W>,
    layout: Layout,
    make: impl FnOnce(&W) -> std::io::Result<Listening>,
) {
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    if let (Some((known, known_layout, _)), Some(wanted)) = (open.as_ref(), wanted)
        && known == wanted
        && *known_layout == layout
    {
        return;
    }
    // First, as the new one may stand in the same place.
    *open = None;
    *open = wanted.and_then(|wanted| Some((wanted.clone(), layout, make(wanted).ok()?)));
}

pub(super) fn ended(_: &Arc<Server>, running: &Arc<Running>) {
    if let Some(state) = running.state::<Jsonrpcs>() {
        *state.open.fifo.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *state.open.datagram.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
