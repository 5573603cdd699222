//! What is known of a connection after its handshake.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, Error};

use super::cipher::Suite;
use super::domain::{Domain, Role};
use super::settings::Version;

/// What is known of one connection.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The domain that it was made with.
    pub domain: Arc<Domain>,
    /// The protocol's version.
    pub version: Version,
    /// The cipher suite.
    pub suite: &'static Suite,
    /// The name that the client asked for: the peer where it opened the connection, else we.
    pub server_name: Option<String>,
    /// The certificates that the peer showed, its own first.
    pub peer: Vec<CertificateDer<'static>>,
}

/// What a check of the peer's certificate found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Whom we believe vouches for it.
    Good,
    /// It showed none.
    Missing,
    /// It is not valid any more, or not yet.
    OutOfTime,
    /// It was revoked.
    Revoked,
    /// Its issuer is unknown, or something else is wrong with it.
    Unknown,
}

impl Facts {
    /// Our own certificate, in DER, if we showed one.
    pub fn own(&self) -> Option<&[u8]> {
        self.domain.chain.first().map(AsRef::as_ref)
    }

    /// Checks the peer's certificate now, also where the handshake did not ask for that.
    pub fn check_peer(&self) -> Check {
        if self.peer.is_empty() {
            return Check::Missing;
        }
        let peer = match self.domain.role {
            Role::Server => Role::Client,
            Role::Client => Role::Server,
        };
        match self.domain.trust.check(&self.peer, peer, UnixTime::now()) {
            Ok(()) => Check::Good,
            Err(Error::InvalidCertificate(CertificateError::Expired | CertificateError::NotValidYet)) => {
                Check::OutOfTime
            }
            Err(Error::InvalidCertificate(CertificateError::Revoked)) => Check::Revoked,
            Err(_) => Check::Unknown,
        }
    }
}
