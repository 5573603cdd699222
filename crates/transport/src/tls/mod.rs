//! TLS over stream connections (RFC 8446, RFC 5246; for SIP: RFC 3261 §26.2), by rustls.
//!
//! - [`DomainSettings`]: what a configuration says of one domain; [`Domain::build`] reads its files and checks them.
//! - [`Domains`]: all of them, and which one a connection gets: by our address and the name that the client asks for
//!   (RFC 6066 §3) where we are the server, by the peer's address or the script's choice where we are the client.
//! - [`Tls`]: the source of the streams' layers. Domains can be exchanged; connections that stand keep theirs.
//! - [`Facts`]: what is known of a connection after its handshake.
//!
//! As in Kamailio, a certificate is checked for who vouches for it, not for the name in it, because next hops are mostly
//! addresses.

mod certificate;
mod cipher;
mod domain;
mod domains;
mod facts;
mod layer;
mod pem;
mod settings;
mod trust;

pub use certificate::{AltName, Attribute, Certificate};
pub use cipher::{CipherError, CipherList, Suite};
pub use domain::{Domain, DomainError, Place, Role, Setting};
pub use domains::Domains;
pub use facts::{Check, Facts};
pub use layer::Tls;
pub use settings::{Depth, DomainSettings, NameMatch, Older, PeerCheck, Version, Versions};

#[cfg(test)]
mod tests;
