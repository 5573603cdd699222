//! What modules of media relays have in common: the session description in a message, whose it is, and what a message
//! means for the session.

use cfg_vm::Str;
use engine::Cx;
use engine::context::RouteContext;
use modules::tm::callbacks;
use sip_message::{ContentType, HeaderId, Method, Span};

/// What the module's `manage` function does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Offer,
    Answer,
    Delete,
    Nothing,
}

/// In a request's data: its session description was offered to the relay, so that replies answer it.
#[derive(Default)]
struct Offered(bool);

/// Decides by the message and the route.
pub(crate) fn deed(cx: &mut Cx<'_>) -> Deed {
    let message = &cx.context.message;
    let (method, status) = (message.method(), message.status());
    let described = has_description(cx);
    match (status, cx.context.route) {
        (_, RouteContext::BranchFailure) => Deed::Nothing,
        (None, RouteContext::Failure) => Deed::Delete,
        (None, _) => match method {
            Method::Bye | Method::Cancel => Deed::Delete,
            Method::Invite | Method::Update if described => {
                cx.data::<Offered>().0 = true;
                Deed::Offer
            }
            Method::Ack | Method::Prack if described => Deed::Answer,
            _ => Deed::Nothing,
        },
        (Some(_), _) if !matches!(method, Method::Invite | Method::Update) => Deed::Nothing,
        (Some(300..), _) => Deed::Delete,
        (Some(_), _) if !described => Deed::Nothing,
        (Some(_), _) => {
            let offered =
                callbacks::look_at_request(cx, |request| request.data.get::<Offered>().is_some_and(|o| o.0));
            if offered.unwrap_or(true) { Deed::Answer } else { Deed::Offer }
        }
    }
}

fn has_description(cx: &Cx<'_>) -> bool {
    description(cx).is_some_and(|(text, _)| !text.is_empty())
}

/// The session description, and where in the message it stands: the body, or its first part that is one.
pub(crate) fn description(cx: &Cx<'_>) -> Option<(Str, Span)> {
    let message = &cx.context.message;
    let body = message.body();
    if body.is_empty() {
        return None;
    }
    let part = match message.value(HeaderId::ContentType).map(ContentType::parse) {
        // Without a type, a body counts as a session description, as in Kamailio.
        None => body,
        Some(Ok(kind)) if kind.is(b"application", b"sdp") => body,
        Some(Ok(kind)) if kind.is_multipart() => {
            let is_sdp =
                |kind: Option<ContentType<'_>>| kind.is_some_and(|kind| kind.is(b"application", b"sdp"));
            kind.parts(body).ok()?.find(|part| is_sdp(part.content_type()))?.body
        }
        Some(_) => return None,
    };
    let span = message.span_of(part)?;
    Some((cx.context.slice(span), span))
}

/// Puts another description in the place of the message's.
pub(crate) fn put(cx: &mut Cx<'_>, module: &'static str, place: Span, text: &[u8]) -> bool {
    let context = &mut *cx.context;
    if context.message.index().body() == place {
        let put = context.edits.set_body(&context.message, text, None);
        if let Err(error) = &put {
            tracing::error!(target: "media", "{module}: the body cannot be replaced: {error}");
        }
        return put.is_ok();
    }
    context.edits.replace(place, text);
    true
}

/// The call that a message belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallFacts {
    pub(crate) call_id: Vec<u8>,
    pub(crate) from_tag: Vec<u8>,
    /// Empty when there is none.
    pub(crate) to_tag: Vec<u8>,
    pub(crate) is_reply: bool,
    pub(crate) source: std::net::IpAddr,
}

impl CallFacts {
    /// None for a message that has no Call-ID or no From tag.
    pub(crate) fn of(cx: &Cx<'_>) -> Option<Self> {
        let message = &cx.context.message;
        let to = message.to().ok().and_then(|to| to.tag());
        Some(Self {
            call_id: message.call_id().ok()?.to_vec(),
            from_tag: message.from().ok()?.tag()?.to_vec(),
            to_tag: to.unwrap_or_default().to_vec(),
            is_reply: !message.is_request(),
            source: cx.context.received.source.ip(),
        })
    }
}

/// The branch parameter of the message's Via number `at`, from 0.
pub(crate) fn via_branch(cx: &Cx<'_>, at: usize) -> Option<Vec<u8>> {
    let message = &cx.context.message;
    let value = message.via_values().nth(at)?;
    Some(message.via(value).ok()?.branch()?.to_vec())
}
