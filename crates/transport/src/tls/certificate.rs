//! What a certificate says (RFC 5280 §4), for people and scripts. Whether it is to be believed is not decided here.

use std::net::IpAddr;
use std::time::SystemTime;

use x509_cert::Certificate as Parsed;
use x509_cert::der::asn1::{BmpString, Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Any, Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

/// A part of a name (RFC 4519, RFC 5280 §4.1.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// CN.
    CommonName,
    /// L.
    Locality,
    /// C.
    Country,
    /// ST.
    State,
    /// O.
    Organization,
    /// OU.
    Unit,
    /// UID.
    UserId,
}

impl Attribute {
    const fn id(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::CommonName => "2.5.4.3",
            Self::Country => "2.5.4.6",
            Self::Locality => "2.5.4.7",
            Self::State => "2.5.4.8",
            Self::Organization => "2.5.4.10",
            Self::Unit => "2.5.4.11",
            Self::UserId => "0.9.2342.19200300.100.1.1",
        })
    }
}

/// One of the other names of a certificate's holder (RFC 5280 §4.2.1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AltName {
    /// A mail address.
    Email(String),
    /// A host or domain name.
    Dns(String),
    /// A URI, `sip:example.org` for a SIP domain (RFC 5922 §7.1).
    Uri(String),
    /// An address.
    Ip(IpAddr),
}

/// A certificate, read.
#[derive(Debug, Clone)]
pub struct Certificate {
    parsed: Parsed,
    /// Since when it holds.
    pub not_before: SystemTime,
    /// Until when it holds.
    pub not_after: SystemTime,
    /// The holder's other names, in the certificate's order.
    pub alt_names: Vec<AltName>,
}

impl Certificate {
    /// Reads one in DER; nothing where it cannot be read.
    pub fn read(der: &[u8]) -> Option<Self> {
        let parsed = Parsed::from_der(der).ok()?;
        let tbs = parsed.tbs_certificate();
        let alt_names = tbs.get_extension::<SubjectAltName>().ok().flatten();
        let alt_names = alt_names.map(|(_, names)| names.0.iter().filter_map(alt_name).collect());
        let validity = tbs.validity();
        Some(Self {
            not_before: validity.not_before.to_system_time(),
            not_after: validity.not_after.to_system_time(),
            alt_names: alt_names.unwrap_or_default(),
            parsed,
        })
    }

    /// One in DER as PEM (RFC 7468 §5); nothing where it is too long to be one.
    pub fn pem(der: &[u8]) -> Option<String> {
        x509_cert::der::pem::encode_string("CERTIFICATE", LineEnding::LF, der).ok()
    }

    /// The version's number on the wire: 2 for version 3.
    pub fn version(&self) -> u8 {
        self.parsed.tbs_certificate().version() as u8
    }

    /// The serial number, most significant byte first.
    pub fn serial(&self) -> &[u8] {
        self.parsed.tbs_certificate().serial_number().as_bytes()
    }

    /// A part of the holder's name.
    pub fn subject(&self, attribute: Attribute) -> Option<String> {
        part(self.parsed.tbs_certificate().subject(), attribute)
    }

    /// A part of the issuer's name.
    pub fn issuer(&self, attribute: Attribute) -> Option<String> {
        part(self.parsed.tbs_certificate().issuer(), attribute)
    }

    /// Whether holder and issuer have the same name.
    pub fn is_self_issued(&self) -> bool {
        let tbs = self.parsed.tbs_certificate();
        tbs.subject() == tbs.issuer()
    }
}

/// The last part of that kind, as the most specific one.
fn part(name: &Name, attribute: Attribute) -> Option<String> {
    let id = attribute.id();
    let found = name.iter().filter(|part| part.oid == id).last()?;
    text(&found.value)
}

fn text(value: &Any) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::PrintableString => {
            value.decode_as::<PrintableStringRef<'_>>().ok().map(|text| text.as_str().to_owned())
        }
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::TeletexString => {
            value.decode_as::<TeletexStringRef<'_>>().ok().map(|text| text.as_str().to_owned())
        }
        Tag::BmpString => value.decode_as::<BmpString>().ok().map(|text| text.to_string()),
        _ => None,
    }
}

fn alt_name(name: &GeneralName) -> Option<AltName> {
    match name {
        GeneralName::Rfc822Name(text) => Some(AltName::Email(text.as_str().to_owned())),
        GeneralName::DnsName(text) => Some(AltName::Dns(text.as_str().to_owned())),
        GeneralName::UniformResourceIdentifier(text) => Some(AltName::Uri(text.as_str().to_owned())),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
            v4.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)).map(AltName::Ip)
        }
        _ => None,
    }
}
