//! Bodies of messages and replies as a whole.

use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use engine::context::Context;
use engine::module::Flow;
use engine::{Args, Cx};
use sip_message::sdp::{Direction, Sdp};
use sip_message::{ContentType, HeaderId, Message, Values};

pub(super) fn set_body(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    put_body(cx, args.text(0), args.text(1))
}

pub(super) fn set_body_hex(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match from_hex(args.text(0)) {
        Some(body) => put_body(cx, &body, args.text(1)),
        None => Flow::FALSE,
    }
}

fn put_body(cx: &mut Cx<'_>, body: &[u8], content_type: &[u8]) -> Flow {
    if is_unusable("set_body", body, content_type) {
        return Flow::FALSE;
    }
    replace(cx.context, body, content_type).into()
}

/// Puts a body in place of the message's, of the type that is given.
pub(super) fn replace(context: &mut Context, body: &[u8], content_type: &[u8]) -> bool {
    let Context { message, edits, .. } = context;
    let field = message.index().first(HeaderId::ContentType);
    let same = field
        .is_some_and(|field| !edits.is_deleted(field.whole) && message.bytes(field.value) == content_type);
    let result = edits.set_body(message, body, (!same).then_some(content_type));
    if let Err(error) = &result {
        tracing::error!(target: "textops", "set_body: {error}");
    }
    result.is_ok()
}

fn is_unusable(function: &str, body: &[u8], content_type: &[u8]) -> bool {
    let missing = match (body, content_type) {
        ([], _) => "body",
        (_, []) => "content type",
        _ => return false,
    };
    tracing::error!(target: "textops", "{function}: the {missing} is empty");
    true
}

pub(super) fn set_reply_body(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    put_reply_body(cx, args.str(0), args)
}

pub(super) fn set_reply_body_hex(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match from_hex(args.text(0)) {
        Some(body) => put_reply_body(cx, body.into(), args),
        None => Flow::FALSE,
    }
}

/// A reply's body is set once.
fn put_reply_body(cx: &mut Cx<'_>, body: cfg_vm::Str, args: &Args<'_>) -> Flow {
    if is_unusable("set_reply_body", &body, args.text(1)) {
        return Flow::FALSE;
    }
    if cx.context.reply.body.is_some() {
        tracing::error!(target: "textops", "set_reply_body: the reply has a body already");
        return Flow::FALSE;
    }
    cx.context.reply.body = Some(Box::new((args.str(1), body)));
    Flow::TRUE
}

/// Pairs of hexadecimal digits, with white space between pairs.
pub(super) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut rest = text.trim_ascii_start();
    while let [high, low, after @ ..] = rest {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { break };
        bytes.push((high * 16 + low) as u8);
        rest = after.trim_ascii_start();
    }
    if rest.is_empty() {
        return Some(bytes);
    }
    tracing::error!(target: "textops", "\"{}\" is not made of pairs of hexadecimal digits", text.escape_ascii());
    None
}

/// A media type to look for.
pub(super) struct MediaType {
    kind: Box<[u8]>,
    subtype: Box<[u8]>,
}

/// For the table; `0` and nothing stand for any type.
pub(super) fn parse_media_type(text: &[u8]) -> Result<Parsed, String> {
    if text.is_empty() || text == b"0" {
        return Ok(Arc::new(None::<MediaType>));
    }
    match ContentType::parse(text) {
        Ok(media) => Ok(Arc::new(Some(MediaType { kind: media.kind.into(), subtype: media.subtype.into() }))),
        Err(_) => Err(format!("\"{}\" is no media type, such as \"application/sdp\"", text.escape_ascii())),
    }
}

pub(super) fn has_body(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let message = &cx.context.message;
    if message.body().is_empty() || matches!(message.content_length(), Some(Ok(0) | Err(_))) {
        return Flow::FALSE;
    }
    match args.parsed::<Option<MediaType>>(0) {
        Some(Some(wanted)) => is_of(message, wanted).into(),
        _ => Flow::TRUE,
    }
}

/// Without a Content-Type, a body counts as a session description, as in Kamailio.
fn is_of(message: &Message, wanted: &MediaType) -> bool {
    match message.value(HeaderId::ContentType) {
        Some(value) => ContentType::parse(value).is_ok_and(|media| media.is(&wanted.kind, &wanted.subtype)),
        None => {
            wanted.kind.eq_ignore_ascii_case(b"application") && wanted.subtype.eq_ignore_ascii_case(b"sdp")
        }
    }
}

/// 1 for the null address of RFC 2543, 2 for the directions of RFC 3264.
pub(super) fn is_audio_on_hold(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    hold_of(cx.context.message.body()).map_or(Flow::FALSE, Flow::Done)
}

fn hold_of(body: &[u8]) -> Option<i64> {
    // Without an origin it is no description to Kamailio.
    let sdp = Sdp::parse(body).ok().filter(|sdp| sdp.session.value(b'o').is_some())?;
    sdp.media().filter(|media| media.kind == b"audio").find_map(|media| {
        if sdp.connection(&media) == Some(b"0.0.0.0") {
            return Some(1);
        }
        matches!(sdp.direction(&media), Direction::SendOnly | Direction::Inactive).then_some(2)
    })
}

/// The privacy values that are registered (RFC 3323 §4.2, RFC 3325, RFC 4244, RFC 8224).
const PRIVACY: [&str; 7] = ["header", "session", "user", "none", "critical", "id", "history"];

/// For the table.
pub(super) fn parse_privacy(text: &[u8]) -> Result<Parsed, String> {
    match PRIVACY.into_iter().find(|known| known.as_bytes().eq_ignore_ascii_case(text)) {
        Some(known) => Ok(Arc::new(known)),
        None => Err(format!("\"{}\" is no privacy type; {} are", text.escape_ascii(), PRIVACY.join(", "))),
    }
}

pub(super) fn is_privacy(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(wanted) = args.parsed::<&'static str>(0) else { return Flow::FALSE };
    has_privacy(&cx.context.message, wanted.as_bytes()).into()
}

fn has_privacy(message: &Message, wanted: &[u8]) -> bool {
    message.index().all(HeaderId::Privacy).any(|field| {
        Values::new(message.bytes(field.value))
            .flat_map(|value| value.split(|&byte| byte == b';'))
            .any(|value| value.trim_ascii().eq_ignore_ascii_case(wanted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_pairs_may_be_spaced() {
        assert_eq!(from_hex(b"6b 61 6d6A "), Some(b"kamj".to_vec()));
        assert_eq!(from_hex(b""), Some(Vec::new()));
        assert_eq!(from_hex(b"6z"), None);
        assert_eq!(from_hex(b"6"), None);
    }

    fn hold(connection: &str, audio: &str) -> Option<i64> {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 {connection}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n{audio}"
        );
        hold_of(text.as_bytes())
    }

    #[test]
    fn audio_is_held_by_address_or_direction() {
        assert_eq!(hold("0.0.0.0", "a=sendrecv\r\n"), Some(1));
        assert_eq!(hold("10.0.0.1", "a=sendonly\r\n"), Some(2));
        assert_eq!(hold("10.0.0.1", "a=inactive\r\n"), Some(2));
        assert_eq!(hold("10.0.0.1", "a=sendrecv\r\n"), None);
        assert_eq!(hold_of(b"note"), None);
    }

    #[test]
    fn privacy_values_are_separated_by_semicolons() {
        let message = Message::from_bytes("OPTIONS sip:a SIP/2.0\r\nPrivacy: id;Header\r\n\r\n").unwrap();
        assert!(has_privacy(&message, b"id"));
        assert!(has_privacy(&message, b"header"));
        assert!(!has_privacy(&message, b"none"));
    }

    #[test]
    fn a_body_without_type_is_a_session_description() {
        let message = Message::from_bytes("OPTIONS sip:a SIP/2.0\r\n\r\nv=0").unwrap();
        let media = |kind: &[u8], subtype: &[u8]| MediaType { kind: kind.into(), subtype: subtype.into() };
        assert!(is_of(&message, &media(b"application", b"sdp")));
        assert!(!is_of(&message, &media(b"text", b"plain")));
    }
}
