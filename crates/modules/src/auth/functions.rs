//! The functions that check credentials against a password that the script gives.

use std::borrow::Cow;

use cfg_vm::{Str, Value};
use engine::{Args, Context, Cx, Flow};
use sip_message::digest::ha1;
use sip_message::{HeaderError, Method, Uri};

use super::challenge::{Extras, line};
use super::offer::{self, First, Kind, Offer};
use super::outcome::{Denied, flow};
use super::{Auth, Authorized, check, seconds};

/// The password is an [`ha1`].
const IS_HA1: i64 = 1;

/// `pv_www_authenticate(realm, password, flags [, method])`
pub(super) fn pv_www_authenticate(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let method = (args.len() > 3).then(|| args.str(3));
    authenticate(cx, args, Kind::User, method).map_or_else(Flow::from, |_| Flow::TRUE)
}

/// `pv_proxy_authenticate(realm, password, flags)`
pub(super) fn pv_proxy_authenticate(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    authenticate(cx, args, Kind::Proxy, None).map_or_else(Flow::from, |_| Flow::TRUE)
}

/// `pv_auth_check(realm, password, flags, checks)`
pub(super) fn pv_auth_check(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(checks) = args.int(3) else {
        tracing::error!(target: "auth", "pv_auth_check: the checks are no number");
        return Flow::FALSE;
    };
    let kind = Kind::of(&cx.context.message);
    let offer = match authenticate(cx, args, kind, None) {
        Ok(Some(offer)) if checks & 1 != 0 => offer,
        other => return other.map_or_else(Flow::from, |_| Flow::TRUE),
    };
    let domain = cx.state::<Auth>().use_domain.then(|| offer.realm());
    flow(is_own(cx.context, &user_of(&offer.username(cx.context)), domain))
}

fn authenticate(
    cx: &mut Cx<'_>,
    args: &Args<'_>,
    kind: Kind,
    method: Option<Str>,
) -> Result<Option<Offer>, Denied> {
    let (realm, password) = (args.str(0), args.text(1));
    let Some(flags) = args.int(2).filter(|_| !realm.is_empty() && !password.is_empty()) else {
        tracing::error!(target: "auth", "a realm, a password and flags are needed to check credentials");
        return Err(Denied::Unusable);
    };
    let auth = cx.state::<Auth>();
    let result = match offer::look(cx.context, auth, kind, realm.clone(), method, seconds(cx)) {
        First::Exempt => Ok(None),
        First::Denied(denied) => Err(denied),
        First::Offer(offer) => {
            let secret = if flags & IS_HA1 != 0 {
                Cow::Borrowed(password)
            } else {
                let hash = auth.algorithm_for(cx.context).hash;
                let username = offer.username(cx.context);
                Cow::Owned(ha1(hash, &username, offer.realm(), password).as_bytes().to_vec())
            };
            check(cx, &offer, &secret).map(|()| Some(offer))
        }
    };
    if let (Err(_), Some(extras)) = (&result, extras_of(flags)) {
        let line = line(cx, kind, &realm, extras);
        if let Some(name) = &auth.challenge_avp {
            let text = Value::from(line.as_slice());
            cx.context.variables.avps.push(name.clone(), text);
        }
    }
    result
}

/// The challenge that is to be put into an AVP, if one is. As with Kamailio's, it never says that the nonce is stale.
fn extras_of(flags: i64) -> Option<Extras> {
    let qop = match flags & 14 {
        0 => return None,
        flags if flags & 8 != 0 => Some("auth-int"),
        flags if flags & 4 != 0 => Some("auth"),
        _ => None,
    };
    Some(Extras { qop, stale: false })
}

/// The user of a digest `username`, which may end with `@` and a domain.
pub fn user_of(username: &[u8]) -> Vec<u8> {
    username.split(|&byte| byte == b'@').next().unwrap_or_default().to_vec()
}

/// Whether the request is made in the name of `user`: by From, by To as well in REGISTER and PUBLISH, and by the request
/// URI in PUBLISH. With `domain`, their hosts must be it.
///
/// # Errors
/// It is not, or one of them cannot be read.
pub fn is_own(context: &Context, user: &[u8], domain: Option<&[u8]>) -> Result<(), Denied> {
    let message = &context.message;
    let own = |uri: Result<Uri<'_>, HeaderError>| {
        let uri = uri.map_err(|_| Denied::Unusable)?;
        let same = uri.user.unwrap_or_default() == user
            && domain.is_none_or(|domain| uri.host.eq_ignore_ascii_case(domain));
        if same { Ok(()) } else { Err(Denied::OtherUser) }
    };
    own(message.from().and_then(|from| from.uri()))?;
    if matches!(message.method(), Method::Register | Method::Publish) {
        own(message.to().and_then(|to| to.uri()))?;
    }
    if message.method() == Method::Publish {
        own(message.uri())?;
    }
    Ok(())
}

/// `consume_credentials()`: those that were found right, or Authorization first if several were.
pub(super) fn consume_credentials(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let Context { message, edits, data, .. } = &mut *cx.context;
    let right = &data.of::<Authorized>().fields;
    let first = [Kind::User, Kind::Proxy].iter().find_map(|kind| {
        message.headers().iter().find(|field| field.id == kind.header() && right.contains(&field.value))
    });
    match first {
        Some(field) => {
            edits.delete_header(field);
            Flow::TRUE
        }
        None => {
            if !matches!(message.method(), Method::Ack | Method::Cancel | Method::Prack) {
                tracing::error!(target: "auth", "there are no credentials that were found right");
            }
            Flow::FALSE
        }
    }
}

/// `has_credentials(realm)`
pub(super) fn has_credentials(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    offer::has(cx.context, args.text(0)).into()
}

/// `auth_algorithm(name)`: for what is checked and challenged on this message from here on.
pub(super) fn auth_algorithm(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match super::parse_algorithm(args.text(0)) {
        Ok(algorithm) => {
            cx.data::<super::Chosen>().0 = Some(algorithm);
            Flow::TRUE
        }
        Err(reason) => {
            tracing::error!(target: "auth", "auth_algorithm: {reason}");
            Flow::FALSE
        }
    }
}
