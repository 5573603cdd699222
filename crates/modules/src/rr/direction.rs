//! What the Route that we took off says about the request's direction, and the tags that go with it.

use std::sync::Arc;

use cfg_vm::Value;
use cfg_vm::catalogue::Parsed;
use cfg_vm::regex::{Flags, Regex};
use engine::{Args, Cx, Flow, PvArgs};
use sip_message::{Message, Params};

use super::Routing;

/// Which way a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// As the dialog's first request: from caller to callee.
    Downstream,
    /// Back.
    Upstream,
}

impl Direction {
    /// The Route's `ftag` is the caller's tag: a request whose From has another comes from the callee.
    fn of(message: &Message, own_params: Option<&[u8]>) -> Self {
        let caller = own_params.and_then(|params| Params::of_uri(params).value(b"ftag"));
        let sender = message.from().ok().and_then(|from| from.tag());
        match (caller, sender) {
            (Some(caller), Some(sender)) if caller != sender => Self::Upstream,
            _ => Self::Downstream,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
        }
    }
}

/// The tag of the dialog's caller: From's downstream, To's upstream.
pub(super) fn caller_tag<'a>(message: &'a Message, routing: &Routing) -> Option<&'a [u8]> {
    tags(message, routing.own_params.as_deref()).0
}

/// Tags of caller and callee.
fn tags<'a>(message: &'a Message, own_params: Option<&[u8]>) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
    let from = message.from().ok().and_then(|from| from.tag());
    let to = message.to().ok().and_then(|to| to.tag());
    match Direction::of(message, own_params) {
        Direction::Downstream => (from, to),
        Direction::Upstream => (to, from),
    }
}

fn own_params<'a>(cx: &'a Cx<'_>) -> Option<&'a [u8]> {
    cx.context.data.get::<Routing>()?.own_params.as_deref()
}

/// Whether a request goes back to the caller, as the Route says that we took off.
pub fn is_upstream(cx: &Cx<'_>) -> bool {
    Direction::of(&cx.context.message, own_params(cx)) == Direction::Upstream
}

pub(super) fn parse_direction(text: &[u8]) -> Result<Parsed, String> {
    let direction = match text {
        b"downstream" => Direction::Downstream,
        b"upstream" => Direction::Upstream,
        _ => return Err(format!("\"{}\" is no direction; downstream and upstream are", text.escape_ascii())),
    };
    Ok(Arc::new(direction))
}

pub(super) fn is_direction(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let asked = args.parsed::<Direction>(0).copied();
    (asked == Some(Direction::of(&cx.context.message, own_params(cx)))).into()
}

pub(super) fn parse_regex(text: &[u8]) -> Result<Parsed, String> {
    let flags = Flags { ignore_case: true, ..Flags::default() };
    match Regex::cached(text, flags) {
        Ok(regex) => Ok(Arc::new(regex)),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn check_route_param(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(regex) = args.parsed::<Regex>(0) else { return Flow::FALSE };
    own_params(cx).is_some_and(|params| regex.is_match(params)).into()
}

pub(super) fn rr_next_hop_route(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.context.data.get::<Routing>().is_some_and(|routing| routing.next_hop).into()
}

/// `$rdir(id)`, `$rdir(name)`
pub(super) fn direction(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let direction = Direction::of(&cx.context.message, own_params(cx));
    match args.name() {
        b"id" => Value::Int(match direction {
            Direction::Downstream => 1,
            Direction::Upstream => 2,
        }),
        b"name" => Value::text(direction.name()),
        _ => Value::Null,
    }
}

/// `$fti`
pub(super) fn initial_from_tag(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    tags(&cx.context.message, own_params(cx)).0.map(|tag| cx.context.keep(tag)).into()
}

/// `$tti`
pub(super) fn initial_to_tag(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    tags(&cx.context.message, own_params(cx)).1.map(|tag| cx.context.keep(tag)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_routes_ftag_tells_who_sent_a_request() {
        let message = Message::from_bytes(
            &b"BYE sip:a SIP/2.0\r\nVia: v\r\nFrom: <sip:b@b>;tag=bob\r\nTo: <sip:a@a>;tag=alice\r\n\r\n"[..],
        )
        .expect("a message");
        assert_eq!(Direction::of(&message, Some(b";lr;ftag=alice")), Direction::Upstream);
        assert_eq!(Direction::of(&message, Some(b";lr;ftag=bob")), Direction::Downstream);
        assert_eq!(Direction::of(&message, Some(b";lr")), Direction::Downstream);
        assert_eq!(Direction::of(&message, None), Direction::Downstream);
        assert_eq!(tags(&message, Some(b";lr;ftag=alice")), (Some(&b"alice"[..]), Some(&b"bob"[..])));
    }
}
