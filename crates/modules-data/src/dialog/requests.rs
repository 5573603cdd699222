//! Requests of our own within a dialog: BYE to the parties, and whatever a script sends (RFC 3261 §12.2.1.1).

use std::sync::Arc;

use cfg_vm::Str;
use engine::services::Services;
use engine::{Context, Cx, Running};
use modules::tm::uac::{self, SendError};

use super::Module;
use super::call::{Dialog, Side};
use super::state::Event;

/// What is to be sent.
pub(super) struct Content<'a> {
    pub(super) method: &'a [u8],
    /// Further header lines, each with its line end.
    pub(super) headers: &'a [u8],
    pub(super) body: &'a [u8],
}

/// A request to one side in the other's name; none where that side is not known.
pub(super) fn request(dialog: &Dialog, to: Side, content: &Content<'_>) -> Option<uac::Request> {
    let mut live = dialog.live();
    let leg = live.leg(to)?.clone();
    let sender = live.leg_mut(to.other())?;
    sender.cseq = sender.cseq.wrapping_add(1);
    let (to_uri, from_uri) = match to {
        Side::Callee => (&dialog.to_uri, &dialog.from_uri),
        Side::Caller => (&dialog.from_uri, &dialog.to_uri),
    };
    let mut headers = Vec::with_capacity(256);
    let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| headers.extend_from_slice(part));
    put(&[b"To: <", to_uri, b">;tag=", &leg.tag, b"\r\n"]);
    put(&[b"From: <", from_uri, b">;tag=", &sender.tag, b"\r\n"]);
    put(&[b"CSeq: ", &Str::decimal(sender.cseq.into()), b" ", content.method, b"\r\n"]);
    put(&[b"Call-ID: ", &dialog.call_id, b"\r\n"]);
    for route in &leg.routes {
        put(&[b"Route: ", route, b"\r\n"]);
    }
    put(&[content.headers]);
    put(&[b"Max-Forwards: 70\r\n"]);
    let next_hop = leg.routes.first().map(|route| {
        Str::copy(route.trim_ascii().strip_prefix(b"<").unwrap_or(route).strip_suffix(b">").unwrap_or(route))
    });
    Some(uac::Request {
        headers: headers.into(),
        body: Str::copy(content.body),
        next_hop,
        socket: leg.socket,
        ..uac::Request::new(Str::copy(content.method), leg.contact)
    })
}

/// What `dlg_extra_hdrs` adds to BYEs.
fn extra_headers(services: &mut Services, running: &Arc<Running>) -> Vec<u8> {
    let template = running.state::<Module>().and_then(|state| state.params.extra_headers.as_ref());
    let Some(template) = template else { return Vec::new() };
    let mut nobody = Context::default();
    nobody.made_up = true;
    Cx::new(&mut nobody, services, running).evaluate(template).to_vec()
}

/// Sends BYE to some sides of a dialog; what is not sent is logged. When all have answered, the dialog goes. False where it
/// has not been answered.
pub(super) fn bye(
    services: &mut Services,
    running: &Arc<Running>,
    dialog: &Arc<Dialog>,
    sides: &[Side],
) -> bool {
    let is_active = {
        let mut live = dialog.live();
        // A dialog that has just timed out is over for others, not for its parties.
        let is_active = live.started > 0;
        if is_active {
            live.byes = sides.len() as u8;
        }
        is_active
    };
    if !is_active {
        tracing::error!(target: "dialog", "a dialog that was not answered cannot be ended by BYE");
        return false;
    }
    let extra = extra_headers(services, running);
    for side in sides {
        let content = Content { method: b"BYE", headers: &extra, body: b"" };
        let Some(request) = request(dialog, *side, &content) else { continue };
        let ended = Arc::clone(dialog);
        let request = request.then(move |services, running, _| answered(services, running, &ended));
        if let Err(error) = uac::send(services, running, request) {
            tracing::error!(target: "dialog", "no BYE was sent to the {side:?}: {error}");
            answered(services, running, dialog);
        }
    }
    true
}

/// A BYE of ours has been answered, or will not be.
fn answered(services: &Services, running: &Arc<Running>, dialog: &Arc<Dialog>) {
    let Some(state) = running.state::<Module>() else { return };
    let now = services.unix_time();
    state.shared.advance(dialog, Event::Bye, &state.params.limits, now, services.index);
    let left = {
        let mut live = dialog.live();
        live.byes = live.byes.saturating_sub(1);
        live.byes
    };
    if left == 0 {
        state.shared.remove(dialog, services.index);
    }
}

/// Sends any request to a side.
///
/// # Errors
/// Nothing was sent.
pub(super) fn send(
    services: &mut Services,
    running: &Arc<Running>,
    dialog: &Arc<Dialog>,
    to: Side,
    content: &Content<'_>,
) -> Result<bool, SendError> {
    let Some(request) = request(dialog, to, content) else { return Ok(false) };
    uac::send(services, running, request).map(|()| true)
}
