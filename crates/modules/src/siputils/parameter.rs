//! Contacts whose URI is carried in a parameter of another, in Base64 for URLs (RFC 4648 §5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::{Args, Cx, Flow};
use sip_message::{Uri, UriBuf};

use super::contact::rewrite;

pub(super) fn encode(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    rewrite(cx.context, |uri| {
        let saved = URL_SAFE_NO_PAD.encode(uri.raw);
        Ok(Some([args.text(1), b";", args.text(0), b"=", saved.as_bytes()].concat()))
    })
}

pub(super) fn decode(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    rewrite(cx.context, |uri| saved(uri, args.text(0)))
}

/// True also when there is nothing to decode, as in Kamailio.
pub(super) fn decode_request_uri(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let text = cx.context.request_uri();
    let Ok(uri) = Uri::parse(&text) else { return Flow::FALSE };
    match saved(&uri, args.text(0)) {
        Ok(None) => Flow::TRUE,
        Ok(Some(uri)) => {
            cx.context.destination.uri = Some(uri.into());
            Flow::TRUE
        }
        Err(code) => Flow::Done(code),
    }
}

/// The URI that a parameter carries. The error is the function's code.
fn saved(uri: &Uri<'_>, name: &[u8]) -> Result<Option<Vec<u8>>, i64> {
    let Some(value) = uri.param(name) else { return Ok(None) };
    let decoded = URL_SAFE_NO_PAD.decode(value.trim_ascii_end()).map_err(|_| -1)?;
    if Uri::parse(&decoded).is_err() {
        tracing::error!(target: "siputils", "the parameter carries no URI: {}", value.escape_ascii());
        return Err(-1);
    }
    Ok(Some(decoded))
}

pub(super) fn remove(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    rewrite(cx.context, |uri| {
        if !uri.params().has(args.text(0)) {
            return Ok(None);
        }
        let mut changed = UriBuf::new(uri.raw);
        changed.remove_param(args.text(0)).map_err(|_| -1)?;
        Ok(Some(changed.into_bytes()))
    })
}

pub(super) fn check(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let message = &cx.context.message;
    let contacts = message.contact_values().filter_map(|value| message.name_addr(value).ok());
    let mut uris = contacts.filter_map(|contact| contact.uri().ok());
    uris.any(|uri| uri.params().has(args.text(0))).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_uri_is_read_back() {
        let read = |text: &[u8]| saved(&Uri::parse(text).expect("a URI"), b"saved");
        let expected = Ok(Some(b"sip:alice@10.0.0.1".to_vec()));
        assert_eq!(read(b"sip:us;saved=c2lwOmFsaWNlQDEwLjAuMC4x"), expected);
        assert_eq!(read(b"sip:us"), Ok(None));
        assert_eq!(read(b"sip:us;saved=%%"), Err(-1));
    }
}
