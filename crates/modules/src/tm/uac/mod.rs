//! Requests that are made here: a client transaction without a server's side.
//!
//! Any module may send one from its shard:
//!
//! ```ignore
//! let request = uac::Request { headers: b"From: <sip:us@h>\r\nTo: <sip:them@h>\r\n".into(), ..uac::Request::new("OPTIONS", uri) };
//! let request = request.then(move |services, running, outcome| { /* outcome.code, outcome.reply */ });
//! uac::send(services, running, request)?;
//! ```
//!
//! `then` runs once, on the same shard, when the final answer has come or was given up; an INVITE's 2xx has been acknowledged
//! by then. `event_route[tm:local-request]` sees the request before it leaves, the route that it sets by `t_on_reply` the
//! replies. [`launch`] does the sending, [`outcome`] what comes back, [`compose`] and [`ack`] write.

mod ack;
mod compose;
mod launch;
mod outcome;
mod script;

use std::fmt;
use std::sync::Arc;

use cfg_vm::Str;
use engine::forward::{ForwardError, Hop, Lookup};
use engine::listener::ListenerId;
use engine::services::Services;
use engine::{Context, Cx, Running, forward};
use transport::Target;

pub use compose::HeaderFault;
pub(super) use outcome::{concluded, decide};
pub(super) use script::t_uac_send;

use super::Tm;
use super::transaction::Id;

/// A request to be sent.
pub struct Request {
    /// The method.
    pub method: Str,
    /// The request URI.
    pub uri: Str,
    /// The next hop's URI, where it is not the request URI.
    pub next_hop: Option<Str>,
    /// The socket to send from; without one, the first that fits.
    pub socket: Option<ListenerId>,
    /// Header lines, each with its line end; From and To must be there. Tags, Call-ID and CSeq are made where they lack.
    pub headers: Str,
    /// The body; its Content-Type stands in the headers.
    pub body: Str,
    /// How long to wait for the final answer, in milliseconds, where it is not `fr_timer` and `fr_inv_timer`.
    pub timeout: Option<u32>,
    /// What is done with the final answer.
    pub then: Option<Then>,
}

/// What is done with the final answer, on the shard that sent the request, under its configuration.
pub type Then = Box<dyn FnOnce(&mut Services, &Arc<Running>, Outcome) + Send>;

impl Request {
    /// A request without headers or body.
    pub fn new(method: impl Into<Str>, uri: impl Into<Str>) -> Self {
        Self {
            method: method.into(),
            uri: uri.into(),
            next_hop: None,
            socket: None,
            headers: Str::EMPTY,
            body: Str::EMPTY,
            timeout: None,
            then: None,
        }
    }

    /// The same, with something to be done in the end.
    #[must_use]
    pub fn then(mut self, then: impl FnOnce(&mut Services, &Arc<Running>, Outcome) + Send + 'static) -> Self {
        self.then = Some(Box::new(then));
        self
    }

    /// The hop that it is to go to.
    fn hop(&self) -> Option<Hop> {
        Hop::of_uri(self.next_hop.as_ref().unwrap_or(&self.uri))
    }
}

/// What came of a request.
pub struct Outcome {
    /// The final code: the peer's, 408 when it was silent, 478 when the name was unknown, 477 when nothing could be sent, 500
    /// when `event_route[tm:local-request]` dropped it after a wait.
    pub code: u16,
    /// The peer's reply; none where the code was made here.
    pub reply: Option<Box<Context>>,
}

/// Why nothing was sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// `tm` is not loaded.
    NoTransactions,
    /// There is no method.
    NoMethod,
    /// The request URI is no SIP URI.
    BadUri,
    /// The next hop is no SIP URI.
    BadNextHop,
    /// There is no such listening socket.
    NoSuchSocket,
    /// The headers cannot be sent.
    Headers(HeaderFault),
    /// The name of the next hop has no address.
    Unresolvable,
    /// `event_route[tm:local-request]` dropped it.
    Dropped,
    /// It did not leave.
    Send(ForwardError),
}

impl SendError {
    /// The code that stands for it where it comes too late to be an error.
    fn code(&self) -> u16 {
        match self {
            Self::Unresolvable => 478,
            Self::NoSuchSocket | Self::Send(_) => 477,
            _ => 500,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTransactions => f.write_str("requests of one's own need tm: write loadmodule \"tm.so\""),
            Self::NoMethod => f.write_str("Empty method"),
            Self::BadUri => f.write_str("Invalid request uri"),
            Self::BadNextHop => f.write_str("Invalid next-hop uri"),
            Self::NoSuchSocket => f.write_str("no listening socket has that address"),
            Self::Headers(fault) => fault.fmt(f),
            Self::Unresolvable => f.write_str("the next hop's name has no address"),
            Self::Dropped => f.write_str("event_route[tm:local-request] dropped the request"),
            Self::Send(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}

/// What a transaction of a request made here has beside what all have.
pub(crate) struct Local {
    then: Option<Then>,
    /// The User-Agent line.
    user_agent: Str,
}

/// What could not be sent, with what was to be done in the end.
struct Failed {
    error: SendError,
    then: Option<Then>,
}

/// Sends a request. A name that has to be looked up is waited for beside the shard; what fails after that is told by `then`.
///
/// # Errors
/// Nothing was sent, and `then` will not run.
pub fn send(services: &mut Services, running: &Arc<Running>, mut request: Request) -> Result<(), SendError> {
    let then = request.then.take();
    let ready = launch::Ready::of(running, request)?;
    let hop = ready.request.hop().ok_or(SendError::BadNextHop)?;
    to_hop(services, running, hop, move |services, running, target| {
        let sent = match target {
            Some(target) => launch::launch(services, running, ready, target),
            None => Err(SendError::Unresolvable),
        };
        match sent {
            Ok(id) => {
                outcome::awaited(services, id, then);
                Ok(())
            }
            Err(error) => Err(Failed { error, then }),
        }
    })
}

/// Looks a hop up and goes on with its first target: at once where it is known, else as a visit of the shard. What fails then
/// is logged, and told with a code.
fn to_hop(
    services: &mut Services,
    running: &Arc<Running>,
    hop: Hop,
    go_on: impl FnOnce(&mut Services, &Arc<Running>, Option<Target>) -> Result<(), Failed> + Send + 'static,
) -> Result<(), SendError> {
    let mut nobody = Context::default();
    match forward::lookup(&Cx::new(&mut nobody, services, running), &hop) {
        Lookup::Known(targets) => {
            go_on(services, running, targets.first().copied()).map_err(|failed| failed.error)
        }
        Lookup::Wait(answer) => {
            let (server, shard, running) =
                (Arc::clone(&services.server), services.index, Arc::clone(running));
            services.server.runtime.spawn(async move {
                let targets = answer.await;
                let visit = move |services: &mut Services, _: &Arc<Running>| {
                    if let Err(Failed { error, then }) = go_on(services, &running, targets.first().copied()) {
                        tracing::error!(target: "tm", "a request of our own was not sent: {error}");
                        if let Some(then) = then {
                            then(services, &running, Outcome { code: error.code(), reply: None });
                        }
                    }
                };
                super::shards::visit(&server, shard, Box::new(visit)).await;
            });
            Ok(())
        }
    }
}
