//! Contacts whose URI is hidden in the user of another: `sip:prefix*user*password*host*port*transport@us`.

use cfg_vm::Value;
use engine::{Args, Context, Cx, Flow};
use sip_message::{NameAddr, Uri};

use super::Siputils;

/// Checks `contact_flds_separator`.
pub(super) fn is_separator(value: &Value) -> Result<(), String> {
    match value.as_text() {
        Some([_]) => Ok(()),
        _ => Err("one character separates the parts, such as `*`".to_owned()),
    }
}

/// Kamailio's codes for URIs that are not encoded.
const NO_USER: i64 = -23;
const NOT_ENCODED: i64 = -26;

pub(super) fn encode_contact(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let separator = cx.state::<Siputils>().separator;
    rewrite(cx.context, |uri| Ok(Some(encode(uri, args.text(0), args.text(1), separator))))
}

fn encode(uri: &Uri<'_>, prefix: &[u8], host: &[u8], separator: u8) -> Vec<u8> {
    let mut text = b"sip:".to_vec();
    text.extend_from_slice(prefix);
    for part in [uri.user, uri.password, Some(uri.host), uri.port_text, uri.transport()] {
        text.push(separator);
        text.extend_from_slice(part.unwrap_or_default());
    }
    text.push(b'@');
    text.extend_from_slice(host);
    text
}

pub(super) fn decode_contact(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let text = cx.context.request_uri();
    let Ok(uri) = Uri::parse(&text) else { return Flow::FALSE };
    match decode(&uri, cx.state::<Siputils>().separator) {
        Ok(uri) => {
            cx.context.destination.uri = Some(uri.into());
            Flow::TRUE
        }
        Err(code) => Flow::Done(code),
    }
}

pub(super) fn decode_contact_header(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let separator = cx.state::<Siputils>().separator;
    rewrite(cx.context, |uri| decode(uri, separator).map(Some))
}

/// The error is the function's code.
fn decode(uri: &Uri<'_>, separator: u8) -> Result<Vec<u8>, i64> {
    let userinfo = uri.userinfo().ok_or(NO_USER)?;
    let mut parts = userinfo.split(|&byte| byte == separator).skip(1);
    let mut next = || parts.next().ok_or(NOT_ENCODED);
    let (user, password, host, port, transport) = (next()?, next()?, next()?, next()?, next()?);
    if host.is_empty() {
        return Err(NOT_ENCODED);
    }
    let mut text = b"sip:".to_vec();
    let mut put = |lead: &[u8], part: &[u8], tail: &[u8]| {
        if !part.is_empty() {
            [lead, part, tail].iter().for_each(|piece| text.extend_from_slice(piece));
        }
    };
    put(b"", user, if password.is_empty() { b"@" } else { b"" });
    put(b":", password, b"@");
    put(b"", host, b"");
    put(b":", port, b"");
    put(b";transport=", transport, b"");
    Ok(text)
}

/// Puts another URI in the place of each Contact's; `None` leaves it. The first error is the function's code.
pub(super) fn rewrite(
    context: &mut Context,
    change: impl Fn(&Uri<'_>) -> Result<Option<Vec<u8>>, i64>,
) -> Flow {
    let Context { message, edits, .. } = context;
    for value in message.contact_values() {
        let Ok(contact) = message.name_addr(value) else { return Flow::FALSE };
        if contact.is_star() {
            continue;
        }
        let Ok(uri) = contact.uri() else { return Flow::FALSE };
        match change(&uri) {
            Ok(None) => {}
            Ok(Some(text)) => {
                if let Some(span) = message.span_of(contact.uri_text) {
                    edits.replace(span, &in_brackets(&contact, text));
                }
            }
            Err(code) => return Flow::Done(code),
        }
    }
    Flow::TRUE
}

/// Brackets around a URI that had none: its parameters would else be the header's.
fn in_brackets(contact: &NameAddr<'_>, uri: Vec<u8>) -> Vec<u8> {
    if contact.bracketed { uri } else { [b"<", &uri[..], b">"].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_can_be_decoded() {
        let uri = Uri::parse(b"sip:alice:pw@10.0.0.1:5070;transport=udp;x=1").expect("a URI");
        let encoded = encode(&uri, b"enc", b"127.0.0.1", b'*');
        assert_eq!(encoded, b"sip:enc*alice*pw*10.0.0.1*5070*udp@127.0.0.1");
        let decoded = decode(&Uri::parse(&encoded).expect("a URI"), b'*');
        assert_eq!(decoded.as_deref(), Ok(&b"sip:alice:pw@10.0.0.1:5070;transport=udp"[..]));
    }

    #[test]
    fn empty_parts_are_left_out_again() {
        let uri = Uri::parse(b"sip:10.0.0.1").expect("a URI");
        let encoded = encode(&uri, b"enc", b"us", b'*');
        assert_eq!(encoded, b"sip:enc***10.0.0.1**@us");
        assert_eq!(decode(&Uri::parse(&encoded).expect("a URI"), b'*').as_deref(), Ok(&b"sip:10.0.0.1"[..]));
    }

    #[test]
    fn what_is_not_encoded_is_told_by_its_code() {
        let code = |text: &[u8]| decode(&Uri::parse(text).expect("a URI"), b'*');
        assert_eq!(code(b"sip:nobody@h"), Err(NOT_ENCODED));
        assert_eq!(code(b"sip:h;saved=x"), Err(NO_USER));
    }
}
