//! `$fu`, `$tu` and their parts. Writing edits the outgoing header; reads go on seeing the received one.

use cfg_vm::Value;
use cfg_vm::host::WriteError;
use engine::{Context, Cx, PvArgs};
use sip_message::{Class, HeaderError, NameAddr, Span};

use super::uri;

/// Which header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    From,
    To,
}

impl Side {
    fn parse(self, context: &Context) -> Result<NameAddr<'_>, HeaderError> {
        match self {
            Self::From => context.message.from(),
            Self::To => context.message.to(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::From => "From",
            Self::To => "To",
        }
    }

    fn read<'a>(self, cx: &'a Cx<'_>, pick: impl FnOnce(&NameAddr<'a>) -> Option<&'a [u8]>) -> Value {
        self.parse(cx.context).ok().and_then(|addr| pick(&addr)).map(|part| cx.context.keep(part)).into()
    }

    fn length(self, cx: &Cx<'_>, of_user: bool) -> Value {
        let Ok(addr) = self.parse(cx.context) else { return Value::Null };
        let length = if of_user {
            uri::parse(addr.uri_text).and_then(|uri| uri::user(&uri)).map_or(0, <[u8]>::len)
        } else {
            addr.uri_text.len()
        };
        Value::Int(length as i64)
    }

    fn user(self, cx: &Cx<'_>) -> Value {
        self.read(cx, |addr| self.uri(addr).and_then(|uri| uri::user(&uri)))
    }

    fn host(self, cx: &Cx<'_>) -> Value {
        self.read(cx, |addr| self.uri(addr).and_then(|uri| uri::host(&uri)))
    }

    fn uri<'a>(self, addr: &NameAddr<'a>) -> Option<sip_message::Uri<'a>> {
        let uri = uri::parse(addr.uri_text);
        if uri.is_none() {
            tracing::error!(target: "pv", "cannot parse {} header URI", self.name());
        }
        uri
    }
}

/// What of an address is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Uri,
    User,
    Host,
    Display,
}

pub(super) fn from_uri(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::From.read(cx, |addr| Some(addr.uri_text))
}

pub(super) fn from_uri_length(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::From.length(cx, false)
}

pub(super) fn from_user(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::From.user(cx)
}

pub(super) fn from_user_length(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::From.length(cx, true)
}

pub(super) fn from_host(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::From.host(cx)
}

pub(super) fn from_name(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::From.read(cx, display)
}

pub(super) fn from_tag(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::From.read(cx, NameAddr::tag)
}

pub(super) fn to_uri(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::To.read(cx, |addr| Some(addr.uri_text))
}

pub(super) fn to_uri_length(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::To.length(cx, false)
}

pub(super) fn to_user(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::To.user(cx)
}

pub(super) fn to_user_length(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::To.length(cx, true)
}

pub(super) fn to_host(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::To.host(cx)
}

pub(super) fn to_name(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::To.read(cx, display)
}

pub(super) fn to_tag(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Side::To.read(cx, NameAddr::tag)
}

/// `$tts`: 1 with a tag in To, 0 without, -1 where To cannot be read.
pub(super) fn to_tag_state(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(match cx.context.message.to() {
        Ok(to) => i64::from(to.tag().is_some_and(|tag| !tag.is_empty())),
        Err(_) => -1,
    })
}

fn display<'a>(addr: &NameAddr<'a>) -> Option<&'a [u8]> {
    (!addr.display.is_empty()).then_some(addr.display)
}

/// `$Au`, for accounting: user and host of the From URI with an `@` between.
pub(super) fn account(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let Ok(from) = cx.context.message.from() else { return Value::Null };
    let Some(uri) = uri::parse(from.uri_text) else { return Value::Null };
    let (user, host) = (uri::user(&uri).unwrap_or_default(), uri.host);
    // Mostly they stand like that in the message.
    let adjoining = user.len() + 1 + host.len();
    match cx.context.message.span_of(user) {
        Some(span) if !user.is_empty() && !host.is_empty() => {
            let whole = Span::new(span.start as usize, span.start as usize + adjoining);
            let text = cx.context.message.bytes(whole);
            if text.len() == adjoining && text[user.len()] == b'@' && text.ends_with(host) {
                return Value::Str(cx.context.slice(whole));
            }
            Value::Str([user, b"@", host].concat().into())
        }
        _ => Value::Str([user, b"@", host].concat().into()),
    }
}

/// `$AU`: empty where the From URI has no user.
pub(super) fn account_user(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let from = cx.context.message.from().ok();
    let uri = from.and_then(|from| uri::parse(from.uri_text));
    uri.map(|uri| cx.context.keep(uri::user(&uri).unwrap_or_default())).into()
}

pub(super) fn set_from_uri(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    set(cx.context, Side::From, Part::Uri, value)
}

pub(super) fn set_from_user(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    set(cx.context, Side::From, Part::User, value)
}

pub(super) fn set_from_host(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    set(cx.context, Side::From, Part::Host, value)
}

pub(super) fn set_from_name(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    set(cx.context, Side::From, Part::Display, value)
}

pub(super) fn set_to_uri(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    set(cx.context, Side::To, Part::Uri, value)
}

pub(super) fn set_to_user(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    set(cx.context, Side::To, Part::User, value)
}

pub(super) fn set_to_host(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    set(cx.context, Side::To, Part::Host, value)
}

pub(super) fn set_to_name(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    set(cx.context, Side::To, Part::Display, value)
}

/// Edits a part of the header. Texts are not checked: `$fU = "A B"` goes out as it is.
fn set(context: &mut Context, side: Side, part: Part, value: Value) -> Result<(), WriteError> {
    let new = match value {
        Value::Null => None,
        Value::Str(text) => Some(text).filter(|text| !text.is_empty()),
        Value::Int(_) => return Err(WriteError::Unfit("a header's part is set to a string".to_owned())),
    };
    let new = new.as_deref();
    let Context { message, edits, .. } = context;
    let addr = match side {
        Side::From => message.from(),
        Side::To => message.to(),
    };
    let addr = addr.map_err(|error| WriteError::Unfit(format!("the {} header: {error}", side.name())))?;
    let span = |part: &[u8]| message.span_of(part).unwrap_or_default();
    let uri_span = span(addr.uri_text);
    match (part, new) {
        (Part::Uri, Some(text)) => edits.replace(uri_span, text),
        (Part::Uri, None) => tracing::warn!(target: "pv", "{} header URI cannot be deleted", side.name()),
        (Part::Display, Some(text)) if !addr.display.is_empty() => edits.replace(span(addr.display), text),
        (Part::Display, Some(text)) => {
            edits.insert(opening(message.as_bytes(), &addr, uri_span), Class::Text, &[text, b" "].concat());
        }
        (Part::Display, None) if !addr.display.is_empty() => {
            let end = opening(message.as_bytes(), &addr, uri_span);
            edits.delete(Span::new(span(addr.display).start as usize, end));
        }
        (Part::Display, None) => {}
        (Part::User | Part::Host, _) => {
            let uri = uri::parse(addr.uri_text)
                .ok_or_else(|| WriteError::Unfit(format!("cannot parse {} header URI", side.name())))?;
            let user = uri.user.map(span).filter(|user| !user.is_empty());
            match (part, user, new) {
                (Part::Host, _, Some(text)) if !uri.host.is_empty() => edits.replace(span(uri.host), text),
                (Part::User, Some(user), Some(text)) => edits.replace(user, text),
                (Part::User, Some(user), None) => {
                    let at_sign = usize::from(uri.password.is_none() && uri.is_sip());
                    edits.delete(Span::new(user.start as usize, user.end as usize + at_sign));
                }
                (Part::User, None, Some(text)) => {
                    let start = uri_span.start as usize + uri.scheme_text.len() + 1;
                    edits.insert(start, Class::Text, &[text, b"@"].concat());
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Where the address proper begins: at its `<`, or at the bare URI.
fn opening(buffer: &[u8], addr: &NameAddr<'_>, uri: Span) -> usize {
    let start = uri.start as usize;
    if addr.bracketed {
        buffer[..start].iter().rposition(|&byte| byte == b'<').unwrap_or(start)
    } else {
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pv::testing::context;

    /// The header that goes out after `changes`, each seen in Debian's Kamailio 5.6.3.
    fn written(header: &str, changes: &[(Part, Option<&str>)]) -> String {
        let mut context = context(&format!("OPTIONS sip:b@h SIP/2.0\r\nTo: {header}\r\n\r\n"));
        for (part, text) in changes {
            let value = text.map_or(Value::Null, |text| Value::Str(text.into()));
            set(&mut context, Side::To, *part, value).unwrap();
        }
        let text = String::from_utf8(context.edits.to_vec(&context.message)).unwrap();
        text.lines().nth(1).unwrap()["To: ".len()..].to_owned()
    }

    #[test]
    fn each_part_is_edited_in_its_place() {
        let bob = "\"Bob\" <sip:bob@biloxi.example>;x=1";
        assert_eq!(written(bob, &[(Part::User, Some("carol"))]), "\"Bob\" <sip:carol@biloxi.example>;x=1");
        assert_eq!(written(bob, &[(Part::Host, Some("dom.x"))]), "\"Bob\" <sip:bob@dom.x>;x=1");
        assert_eq!(written(bob, &[(Part::Display, Some("Name"))]), "Name <sip:bob@biloxi.example>;x=1");
        assert_eq!(written(bob, &[(Part::Display, None)]), "<sip:bob@biloxi.example>;x=1");
        assert_eq!(written(bob, &[(Part::User, None)]), "\"Bob\" <sip:biloxi.example>;x=1");
        assert_eq!(written(bob, &[(Part::Uri, Some("sip:n@u"))]), "\"Bob\" <sip:n@u>;x=1");
        assert_eq!(written(bob, &[(Part::Uri, None)]), bob);
    }

    #[test]
    fn what_is_not_there_is_added() {
        assert_eq!(written("<sip:host.only>", &[(Part::User, Some("carol"))]), "<sip:carol@host.only>");
        assert_eq!(written("<sip:a@b>", &[(Part::Display, Some("N"))]), "N <sip:a@b>");
        assert_eq!(written("sip:a@b;tag=1", &[(Part::Display, Some("N"))]), "N sip:a@b;tag=1");
        assert_eq!(written("tel:+123;ext=5", &[(Part::User, Some("carol"))]), "tel:carol;ext=5");
        assert_eq!(written("tel:+123;ext=5", &[(Part::Host, Some("h"))]), "tel:+123;ext=5");
    }

    #[test]
    fn a_password_stays_where_the_user_goes() {
        assert_eq!(written("<sip:a:pw@b>", &[(Part::User, None)]), "<sip::pw@b>");
    }

    #[test]
    fn setting_twice_writes_both_texts() {
        let changes = [(Part::Uri, Some("sip:a@1")), (Part::Uri, Some("sip:a@2")), (Part::User, Some("zed"))];
        assert_eq!(written("<sip:t@u>;x=1", &changes), "<sip:a@1sip:a@2zed>;x=1");
    }
}
