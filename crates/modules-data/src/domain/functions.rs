//! The functions of the script.

use cfg_vm::{Str, Value};
use engine::context::RouteContext;
use engine::variables::AvpName;
use engine::{Args, Cx, Flow};
use sip_message::Uri;

use super::Domain;

/// A URI that is to be looked at cannot be read.
const NO_URI: i64 = -2;

fn is_local(cx: &Cx<'_>, host: &[u8]) -> bool {
    cx.state::<Domain>().domains().get(host).is_some()
}

/// `is_from_local()`
pub(super) fn is_from_local(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let from = cx.context.message.from().and_then(|from| from.uri());
    match from {
        Ok(uri) => is_local(cx, uri.host).into(),
        Err(error) => {
            tracing::error!(target: "domain", "is_from_local: From: {error}");
            Flow::Done(NO_URI)
        }
    }
}

/// `is_uri_host_local()`
pub(super) fn is_uri_host_local(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let first = (cx.context.route == RouteContext::Branch).then(|| cx.context.branches.first()).flatten();
    let text = first.map_or_else(|| cx.context.request_uri(), |branch| branch.uri.clone());
    match Uri::parse(&text) {
        Ok(uri) => is_local(cx, uri.host).into(),
        Err(error) => {
            tracing::error!(target: "domain", "is_uri_host_local: request URI: {error}");
            Flow::FALSE
        }
    }
}

/// `is_domain_local(domain)`
pub(super) fn is_domain_local(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    is_local(cx, args.text(0)).into()
}

/// `lookup_domain(domain [, prefix])`
pub(super) fn lookup_domain(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let domains = cx.state::<Domain>().domains();
    let Some(known) = domains.get(args.text(0)) else { return Flow::FALSE };
    let prefix = args.text(1);
    let avps = &mut cx.context.variables.avps;
    let name = |name: &[u8]| AvpName::Text(Str::from([prefix, name].concat()));
    for (attribute, value) in &known.attributes {
        avps.push(name(attribute), value.clone());
    }
    avps.push(name(b"did"), Value::from(&known.did[..]));
    Flow::TRUE
}
