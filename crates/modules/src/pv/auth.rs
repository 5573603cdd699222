//! `$au`, `$ar` and the rest of a request's credentials (RFC 3261 §22).

use cfg_vm::Value;
use engine::{Cx, PvArgs};
use sip_message::{Credentials, HeaderId};

/// A parameter of the credentials: Proxy-Authorization, if there is one, else Authorization.
fn param(cx: &Cx<'_>, name: &[u8]) -> Value {
    let message = &cx.context.message;
    let field =
        [HeaderId::ProxyAuthorization, HeaderId::Authorization].into_iter().find_map(|id| message.value(id));
    let digest = field.and_then(|text| Credentials::parse(text).ok()).filter(Credentials::is_digest);
    let Some(credentials) = digest else { return Value::Null };
    // A parameter that is not there is empty; only without a digest it is undefined.
    Value::Str(credentials.param(name).map(|value| cx.context.keep(&value)).unwrap_or_default())
}

pub(super) fn username(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    param(cx, b"username")
}

/// The username without its domain.
pub(super) fn user(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    before_at(&param(cx, b"username"))
}

/// The username's domain; empty where it has none.
pub(super) fn domain(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    after_at(&param(cx, b"username"))
}

fn before_at(name: &Value) -> Value {
    let text = name.as_text().map(|text| text.split(|&byte| byte == b'@').next().unwrap_or_default());
    text.map_or(Value::Null, Value::from)
}

fn after_at(name: &Value) -> Value {
    let after = |text: &[u8]| {
        let at = text.iter().position(|&byte| byte == b'@');
        Value::from(at.map_or(&b""[..], |at| &text[at + 1..]))
    };
    name.as_text().map_or(Value::Null, after)
}

pub(super) fn realm(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    param(cx, b"realm")
}

pub(super) fn uri(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    param(cx, b"uri")
}

pub(super) fn algorithm(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    param(cx, b"algorithm")
}

pub(super) fn nonce(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    param(cx, b"nonce")
}

pub(super) fn cnonce(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    param(cx, b"cnonce")
}

pub(super) fn response(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    param(cx, b"response")
}

pub(super) fn opaque(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    param(cx, b"opaque")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_is_split_at_its_at_sign() {
        let name = Value::text("joe@dom.example");
        assert_eq!((before_at(&name), after_at(&name)), (Value::text("joe"), Value::text("dom.example")));
        let name = Value::text("joe");
        assert_eq!((before_at(&name), after_at(&name)), (Value::text("joe"), Value::text("")));
        assert_eq!(before_at(&Value::Null), Value::Null);
    }
}
