//! URIs: parameters of the request's, comparison, conversion, edits in variables.

use cfg_vm::{Str, Value};
use engine::{Args, Cx, Flow};
use sip_message::{HeaderError, Param, Scheme, Uri, UriBuf};

/// Looks at a parameter of the request URI.
fn with_param<T>(cx: &Cx<'_>, name: &[u8], look: impl FnOnce(Param<'_>) -> T) -> Option<T> {
    let text = cx.context.request_uri();
    let uri = Uri::parse(&text).ok()?;
    uri.params().find(name).map(look)
}

pub(super) fn uri_param(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    with_param(cx, args.text(0), |param| param.value.unwrap_or_default().is_empty()).unwrap_or(false).into()
}

pub(super) fn uri_param_value(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    with_param(cx, args.text(0), |param| param.value == Some(args.text(1))).unwrap_or(false).into()
}

pub(super) fn uri_param_any(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    with_param(cx, args.text(0), |_| ()).is_some().into()
}

pub(super) fn get_uri_param(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let value = with_param(cx, args.text(0), |param| Str::copy(param.value.unwrap_or_default()));
    match (value, args.pv(1)) {
        (Some(value), Some(pv)) => cx.write_pv(pv, Value::Str(value)).into(),
        _ => Flow::FALSE,
    }
}

pub(super) fn add_uri_param(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (name, value) = match args.text(0).iter().position(|&byte| byte == b'=') {
        Some(equals) => (&args.text(0)[..equals], Some(&args.text(0)[equals + 1..])),
        None => (args.text(0), None),
    };
    if name.is_empty() {
        return Flow::TRUE;
    }
    change_request_uri(cx, |uri| {
        // A parameter of that name stays where it is, as a second one.
        let end = uri.as_bytes().iter().position(|&byte| byte == b'?').unwrap_or(uri.as_bytes().len());
        let mut text = uri.as_bytes()[..end].to_vec();
        for part in [&b";"[..], name, if value.is_some() { b"=" } else { b"" }, value.unwrap_or_default()] {
            text.extend_from_slice(part);
        }
        text.extend_from_slice(&uri.as_bytes()[end..]);
        *uri = UriBuf::new(text);
        Ok(())
    })
}

pub(super) fn uri_param_rm(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    if with_param(cx, args.text(0), |_| ()).is_none() {
        return Flow::FALSE;
    }
    change_request_uri(cx, |uri| uri.remove_param(args.text(0)))
}

fn change_request_uri(cx: &mut Cx<'_>, change: impl FnOnce(&mut UriBuf) -> Result<(), HeaderError>) -> Flow {
    let text = cx.context.request_uri();
    let mut uri = UriBuf::new(&text[..]);
    if Uri::parse(&text).is_err() || change(&mut uri).is_err() {
        tracing::error!(target: "siputils", "the request URI cannot be read: {}", text.escape_ascii());
        return Flow::FALSE;
    }
    cx.context.destination.uri = Some(uri.into_bytes().into());
    Flow::TRUE
}

pub(super) fn is_uri(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    Uri::parse(args.text(0)).is_ok_and(|uri| uri.scheme != Scheme::Other).into()
}

pub(super) fn cmp_uri(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    compare(args, |left, right| left.matches(right))
}

pub(super) fn cmp_aor(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    compare(args, |left, right| left.same_aor(right))
}

fn compare(args: &Args<'_>, same: impl Fn(&Uri<'_>, &Uri<'_>) -> bool) -> Flow {
    match (Uri::parse(args.text(0)), Uri::parse(args.text(1))) {
        (Ok(left), Ok(right)) => same(&left, &right).into(),
        _ => Flow::FALSE,
    }
}

/// RFC 5627 §3.4: `gr` with a value is a public GRUU, without one a temporary.
pub(super) fn is_gruu(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let text = if args.is_empty() { cx.context.request_uri() } else { args.str(0) };
    match Uri::parse(&text).ok().and_then(|uri| uri.gruu()) {
        Some(b"") => Flow::Done(2),
        Some(_) => Flow::TRUE,
        None => Flow::FALSE,
    }
}

pub(super) fn tel2sip(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Ok(uri) = Uri::parse(args.text(0)) else { return Flow::FALSE };
    if uri.scheme != Scheme::Tel {
        return Flow::Done(2);
    }
    match args.pv(2) {
        Some(pv) => cx.write_pv(pv, sip_of_tel(&uri, args.text(1)).into()).into(),
        None => Flow::FALSE,
    }
}

/// RFC 3261 §19.1.6: the number without its visual separators, and the parameters in lower case.
fn sip_of_tel(tel: &Uri<'_>, host: &[u8]) -> Vec<u8> {
    let digits = tel.user.unwrap_or_default().iter().copied();
    let mut sip = b"sip:".to_vec();
    sip.extend(digits.filter(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')')));
    if !tel.params_text.is_empty() {
        sip.push(b';');
        sip.extend(tel.params_text.iter().map(u8::to_ascii_lowercase));
    }
    sip.push(b'@');
    sip.extend_from_slice(host);
    sip.extend_from_slice(b";user=phone");
    sip
}

pub(super) fn set_uri_user(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change_variable(cx, args, |uri, user| uri.set_user(Some(user).filter(|user| !user.is_empty())))
}

pub(super) fn set_uri_host(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change_variable(cx, args, |uri, host| uri.set_host(host))
}

fn change_variable(
    cx: &mut Cx<'_>,
    args: &Args<'_>,
    change: fn(&mut UriBuf, &[u8]) -> Result<(), HeaderError>,
) -> Flow {
    let (Some(target), Some(part)) = (args.pv(0), args.pv(1)) else { return Flow::FALSE };
    let (Value::Str(text), Value::Str(part)) = (cx.read_pv(target), cx.read_pv(part)) else {
        return Flow::FALSE;
    };
    let mut uri = UriBuf::new(&text[..]);
    match change(&mut uri, &part) {
        Ok(()) => cx.write_pv(target, uri.into_bytes().into()).into(),
        Err(_) => {
            tracing::error!(target: "siputils", "the variable holds no URI: {}", text.escape_ascii());
            Flow::FALSE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tel_uri_becomes_a_sip_uri() {
        let sip = |text: &str| {
            let tel = Uri::parse(text.as_bytes()).expect("a URI");
            String::from_utf8(sip_of_tel(&tel, b"foo.com")).expect("ASCII")
        };
        assert_eq!(sip("tel:+(34)-999-888-777"), "sip:+34999888777@foo.com;user=phone");
        assert_eq!(
            sip("tel:+12-(34)-56-78;Ext=200;ISUB=+123-456"),
            "sip:+12345678;ext=200;isub=+123-456@foo.com;user=phone"
        );
    }
}
