//! The module's pseudo-variables, one line each.

use cfg_vm::catalogue::PvType;
use engine::Pv;
use transport::tls::{Attribute, Certificate, Check};

use super::variables::{self as read, Whose};

macro_rules! part {
    ($name:literal, $whose:ident, $of:ident, $attribute:ident, $doc:literal) => {
        Pv::new(
            $name,
            PvType::Str,
            |cx, _| read::of_certificate(cx, Whose::$whose, |it| it.$of(Attribute::$attribute)),
            $doc,
        )
    };
}

macro_rules! text {
    ($name:literal, $whose:ident, $read:expr, $doc:literal) => {
        Pv::new($name, PvType::Str, |cx, _| read::of_certificate(cx, Whose::$whose, $read), $doc)
    };
}

macro_rules! found {
    ($name:literal, $check:ident, $doc:literal) => {
        Pv::new($name, PvType::Int, |cx, _| read::is_found(cx, Check::$check), $doc)
    };
}

macro_rules! own_way {
    ($name:literal, $type:ident, $read:ident, $whose:ident, $doc:literal) => {
        Pv::new($name, PvType::$type, |cx, _| read::$read(cx, Whose::$whose), $doc)
    };
}

pub(super) const PVS: &[Pv] = &[
    Pv::new(
        "tls_version",
        PvType::Str,
        |cx, _| read::of_facts(cx, |facts| Some(cfg_vm::Value::text(facts.version.name()))),
        "The protocol's version, `TLSv1.3`.",
    ),
    Pv::new(
        "tls_description",
        PvType::Str,
        |cx, _| {
            read::of_facts(cx, |facts| {
                Some(cfg_vm::Value::Str(format!("{}\n", facts.suite.description()).into()))
            })
        },
        "The cipher as OpenSSL describes it, with a line end.",
    ),
    Pv::new(
        "tls_cipher_info",
        PvType::Str,
        |cx, _| read::of_facts(cx, |facts| Some(cfg_vm::Value::text(facts.suite.name))),
        "The cipher's name as OpenSSL has it.",
    ),
    Pv::new(
        "tls_cipher_bits",
        PvType::Int,
        |cx, _| read::of_facts(cx, |facts| Some(cfg_vm::Value::Int(facts.suite.bits.into()))),
        "Bits of the cipher's key.",
    ),
    Pv::new(
        "tls_peer_server_name",
        PvType::Str,
        |cx, _| {
            read::of_facts(cx, |facts| facts.server_name.clone().map(|name| cfg_vm::Value::Str(name.into())))
        },
        "The server name that the client asked for.",
    ),
    own_way!("tls_peer_version", Int, version, Peer, "The version number in the peer's certificate."),
    own_way!("tls_my_version", Int, version, Own, "The version number in our certificate."),
    own_way!("tls_peer_serial", Str, serial, Peer, "The peer's serial number, decimal."),
    own_way!("tls_my_serial", Str, serial, Own, "Our serial number, decimal."),
    own_way!("tls_peer_raw_cert", Str, raw, Peer, "The peer's certificate in PEM."),
    own_way!("tls_my_raw_cert", Str, raw, Own, "Our certificate in PEM."),
    own_way!("tls_peer_urlencoded_cert", Str, urlencoded, Peer, "The same of the peer, percent-encoded."),
    own_way!("tls_my_urlencoded_cert", Str, urlencoded, Own, "The same of ours, percent-encoded."),
    text!(
        "tls_peer_subject",
        Peer,
        |it| read::line(it, Certificate::subject),
        "Name of the peer's holder: `/C=…/CN=…`."
    ),
    text!("tls_peer_issuer", Peer, |it| read::line(it, Certificate::issuer), "Name of the peer's issuer."),
    text!("tls_my_subject", Own, |it| read::line(it, Certificate::subject), "Name of our holder."),
    text!("tls_my_issuer", Own, |it| read::line(it, Certificate::issuer), "Name of our issuer."),
    part!("tls_peer_subject_cn", Peer, subject, CommonName, "Common name of the peer's holder."),
    part!("tls_peer_issuer_cn", Peer, issuer, CommonName, "Common name of the peer's issuer."),
    part!("tls_my_subject_cn", Own, subject, CommonName, "Common name of our holder."),
    part!("tls_my_issuer_cn", Own, issuer, CommonName, "Common name of our issuer."),
    part!("tls_peer_subject_locality", Peer, subject, Locality, "Locality of the peer's holder."),
    part!("tls_peer_issuer_locality", Peer, issuer, Locality, "Locality of the peer's issuer."),
    part!("tls_my_subject_locality", Own, subject, Locality, "Locality of our holder."),
    part!("tls_my_issuer_locality", Own, issuer, Locality, "Locality of our issuer."),
    part!("tls_peer_subject_country", Peer, subject, Country, "Country of the peer's holder."),
    part!("tls_peer_issuer_country", Peer, issuer, Country, "Country of the peer's issuer."),
    part!("tls_my_subject_country", Own, subject, Country, "Country of our holder."),
    part!("tls_my_issuer_country", Own, issuer, Country, "Country of our issuer."),
    part!("tls_peer_subject_state", Peer, subject, State, "State of the peer's holder."),
    part!("tls_peer_issuer_state", Peer, issuer, State, "State of the peer's issuer."),
    part!("tls_my_subject_state", Own, subject, State, "State of our holder."),
    part!("tls_my_issuer_state", Own, issuer, State, "State of our issuer."),
    part!("tls_peer_subject_organization", Peer, subject, Organization, "Organization of the peer's holder."),
    part!("tls_peer_issuer_organization", Peer, issuer, Organization, "Organization of the peer's issuer."),
    part!("tls_my_subject_organization", Own, subject, Organization, "Organization of our holder."),
    part!("tls_my_issuer_organization", Own, issuer, Organization, "Organization of our issuer."),
    part!("tls_peer_subject_unit", Peer, subject, Unit, "Unit of the peer's holder."),
    part!("tls_peer_issuer_unit", Peer, issuer, Unit, "Unit of the peer's issuer."),
    part!("tls_my_subject_unit", Own, subject, Unit, "Unit of our holder."),
    part!("tls_my_issuer_unit", Own, issuer, Unit, "Unit of our issuer."),
    part!("tls_peer_subject_uid", Peer, subject, UserId, "User id of the peer's holder."),
    part!("tls_my_subject_uid", Own, subject, UserId, "User id of our holder."),
    text!("tls_peer_san_email", Peer, read::email, "First mail address among the peer's other names."),
    text!("tls_my_san_email", Own, read::email, "First mail address among our other names."),
    text!("tls_peer_san_hostname", Peer, read::hostname, "First host among the peer's other names."),
    text!("tls_my_san_hostname", Own, read::hostname, "First host among our other names."),
    text!("tls_peer_san_uri", Peer, read::uri, "First URI among the peer's other names."),
    text!("tls_my_san_uri", Own, read::uri, "First URI among our other names."),
    text!("tls_peer_san_ip", Peer, read::ip, "First address among the peer's other names."),
    text!("tls_my_san_ip", Own, read::ip, "First address among our other names."),
    found!("tls_peer_verified", Good, "1 if somebody whom we believe vouches for the peer's certificate."),
    found!("tls_peer_revoked", Revoked, "1 if it was revoked."),
    found!("tls_peer_expired", OutOfTime, "1 if it is not valid any more, or not yet."),
    Pv::new(
        "tls_peer_selfsigned",
        PvType::Int,
        |cx, _| read::is_self_signed(cx),
        "1 if the peer vouches for itself and is not believed.",
    ),
    text!(
        "tls_peer_notBefore",
        Peer,
        |it| Some(read::date(it.not_before)),
        "Since when the peer's certificate is valid."
    ),
    text!(
        "tls_peer_notAfter",
        Peer,
        |it| Some(read::date(it.not_after)),
        "Until when the peer's certificate is valid."
    ),
];
