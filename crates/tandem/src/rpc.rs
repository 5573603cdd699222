//! The server's private control socket, and what its commands may ask of this program.

use std::sync::Arc;

use control::json::Layout;
use control::{Address, Desk, Limits, Listening, Ownership};
use engine::Server;
use engine::rpc::Keeper;
use nix::sys::signal::{Signal, raise};

use crate::run;
use crate::source::Source;

/// Opens the private socket, and lets the server's commands reach this program.
///
/// # Errors
/// There is no socket; why, for people.
pub(crate) fn open(server: &Arc<Server>, source: &Source) -> Result<Listening, String> {
    // The one program that keeps this server.
    let _ = server.keeper.set(Box::new(Program { source: source.clone() }));
    let place = control::own_place().map_err(|error| format!("no folder for the control socket: {error}"))?;
    let handler = modules_net::commands::handler(server);
    let desk = Desk::new(handler, Limits::default(), server.runtime.clone(), Layout::Plain);
    desk.open(&Address::UnixStream(place.path.clone()), &Ownership::PRIVATE)
        .map_err(|error| format!("no control socket at {}: {error}", place.path.display()))
}

/// This program, as its server's commands see it.
struct Program {
    source: Source,
}

impl Keeper for Program {
    fn reload(&self, server: &Arc<Server>) -> Result<String, Vec<String>> {
        run::reload(server, &self.source).map(|()| format!("reloaded {}", self.source.path.display()))
    }

    fn signal(&self, number: i32) -> Result<(), String> {
        let signal = Signal::try_from(number).map_err(|_| format!("{number} is no signal"))?;
        raise(signal).map_err(|error| format!("{signal}: {error}"))
    }
}
