//! The transformations that know SIP: `uri.`, `nameaddr.`, `tobody.`, `urialias.`; the others are `cfg-vm`'s.

mod alias;
mod docs;
mod name_addr;
mod uri;

use cfg_vm::catalogue::{TransformArgs, TransformDecl};
use cfg_vm::transform::PURE;
use cfg_vm::{Str, Value};
use engine::Transform;

/// What transforms.
type Run = fn(&Value, &TransformArgs<'_>) -> Value;

const fn plain(name: &'static str, run: Run, doc: &'static str) -> Transform {
    Transform { decl: TransformDecl { name, required: 0, most: 0, parse: None, run }, doc }
}

const fn named(name: &'static str, run: Run, doc: &'static str) -> Transform {
    Transform { decl: TransformDecl { name, required: 1, most: 1, parse: None, run }, doc }
}

/// Those of this module alone.
const SIP: &[Transform] = &[
    plain("uri.user", uri::user, "The user of a URI."),
    plain("uri.host", uri::host, "The host of a URI."),
    plain("uri.domain", uri::host, "The host of a URI."),
    plain("uri.passwd", uri::password, "The password of a URI."),
    plain("uri.port", uri::port, "The port written in a URI."),
    plain("uri.saor", uri::address_of_record, "Scheme, user and host of a URI."),
    plain("uri.suri", uri::simple, "Scheme, user, host, port and transport of a URI."),
    plain("uri.duri", uri::destination, "Scheme, host, port and transport of a URI."),
    plain("uri.params", uri::params, "The parameters of a URI."),
    named("uri.param", uri::param, "The value of a URI's parameter."),
    named("uri.rmparam", uri::remove_param, "A URI without one of its parameters."),
    plain("uri.headers", uri::headers, "The headers of a URI."),
    plain("uri.transport", uri::transport, "The transport parameter of a URI."),
    plain("uri.ttl", uri::ttl, "The ttl parameter of a URI."),
    plain("uri.uparam", uri::user_param, "The user parameter of a URI."),
    plain("uri.maddr", uri::maddr, "The maddr parameter of a URI."),
    plain("uri.method", uri::method, "The method parameter of a URI."),
    plain("uri.lr", uri::loose, "The value of a URI's lr parameter."),
    plain("uri.r2", uri::double, "The value of a URI's r2 parameter."),
    plain("uri.scheme", uri::scheme, "The scheme of a URI."),
    plain(
        "uri.tosocket",
        uri::socket,
        "Transport, host and port of a URI with a transport, as a socket is written.",
    ),
    plain("nameaddr.name", name_addr::name, "What stands before the URI of an address."),
    plain("nameaddr.uri", name_addr::uri, "The URI of an address."),
    plain("nameaddr.len", name_addr::length, "How long the address is, up to its closing bracket."),
    plain("tobody.uri", name_addr::body_uri, "The URI in the body of a To header."),
    plain("tobody.tag", name_addr::body_tag, "The tag in the body of a To header."),
    plain("tobody.user", name_addr::body_user, "The URI's user in the body of a To header."),
    plain("tobody.host", name_addr::body_host, "The URI's host in the body of a To header."),
    plain("tobody.params", name_addr::body_params, "The parameters in the body of a To header."),
    plain("tobody.display", name_addr::body_display, "The display name in the body of a To header."),
    plain("urialias.encode", alias::encode, "A URI's address as ip~port~proto."),
    plain("urialias.decode", alias::decode, "The URI of an address written ip~port~proto."),
];

/// A part of the input; nothing comes out as no bytes.
fn text(part: Option<&[u8]>) -> Value {
    Value::Str(Str::copy(part.unwrap_or_default()))
}

/// The module's transformations: those that need nothing but their input, and those that know SIP.
pub(super) const ALL: &[Transform] = &{
    const COUNT: usize = PURE.len() + SIP.len();
    let mut all = [const { plain("", uri::user, "") }; COUNT];
    let mut at = 0;
    while at < COUNT {
        all[at] = if at < PURE.len() {
            Transform { decl: PURE[at], doc: docs::of(PURE[at].name) }
        } else {
            let Transform { decl, doc } = &SIP[at - PURE.len()];
            Transform { decl: *decl, doc }
        };
        at += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transformation_says_what_it_does() {
        let silent = ALL.iter().find(|transform| transform.doc.is_empty());
        assert_eq!(silent.map(|transform| transform.decl.name), None);
    }

    #[test]
    fn every_transformation_is_there_once() {
        let mut names: Vec<_> = ALL.iter().map(|transform| transform.decl.name).collect();
        assert_eq!(names.len(), PURE.len() + SIP.len());
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
