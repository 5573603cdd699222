//! Whom we believe: the check of a peer's certificate chain (RFC 5280 §6), by webpki.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath,
};

use super::certificate::Certificate;
use super::domain::Role;
use super::settings::PeerCheck;

/// The certificates that a domain believes, and how it checks others by them.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) believed: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
    subjects: Vec<DistinguishedName>,
    revoked: Vec<CertRevocationList<'static>>,
    depth: usize,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Trust {
    pub(super) fn new(
        believed: Vec<CertificateDer<'static>>,
        depth: usize,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Result<Self, String> {
        let mut anchors = Vec::new();
        for (at, certificate) in believed.iter().enumerate() {
            let anchor = webpki::anchor_from_trusted_cert(certificate)
                .map_err(|error| format!("certificate {} of it cannot be used: {error}", at + 1))?;
            anchors.push(anchor.to_owned());
        }
        let subjects = anchors.iter().map(|anchor| DistinguishedName::in_sequence(&anchor.subject)).collect();
        Ok(Self { believed, anchors, subjects, revoked: Vec::new(), depth, algorithms })
    }

    pub(super) fn revoke(&mut self, lists: &[impl AsRef<[u8]>]) -> Result<(), String> {
        for list in lists {
            let list = OwnedCertRevocationList::from_der(list.as_ref())
                .map_err(|error| format!("not a list of revoked certificates that can be read: {error}"))?;
            self.revoked.push(list.into());
        }
        Ok(())
    }

    /// Checks a chain, the peer's own certificate first. `peer` is what the peer is: a client or a server.
    pub(super) fn check(&self, chain: &[CertificateDer<'_>], peer: Role, now: UnixTime) -> Result<(), Error> {
        let Some((own, others)) = chain.split_first() else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        // A certificate that is listed itself needs nobody to vouch for it, also where it says that it is an authority's.
        if self.believed.iter().any(|believed| believed.as_ref() == own.as_ref()) {
            return is_in_time(own, now);
        }
        let certificate = EndEntityCert::try_from(own).map_err(told)?;
        let lists: Vec<_> = self.revoked.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
            options
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Deny)
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        let usage = match peer {
            Role::Client => KeyUsage::client_auth(),
            Role::Server => KeyUsage::server_auth(),
        };
        let depth = self.depth;
        let is_short = move |path: &VerifiedPath<'_>| {
            if path.intermediate_certificates().count() > depth {
                Err(webpki::Error::MaximumPathDepthExceeded)
            } else {
                Ok(())
            }
        };
        certificate
            .verify_for_usage(
                self.algorithms.all,
                &self.anchors,
                others,
                now,
                usage,
                revocation,
                Some(&is_short),
            )
            .map(drop)
            .map_err(told)
    }
}

fn is_in_time(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let read = Certificate::read(certificate).ok_or(CertificateError::BadEncoding)?;
    let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(now.as_secs());
    if now < read.not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > read.not_after { Err(CertificateError::Expired.into()) } else { Ok(()) }
}

/// What webpki found, in rustls' words, so that the peer gets the fitting alert.
fn told(error: webpki::Error) -> Error {
    use webpki::Error as Found;
    let error = match error {
        Found::BadDer | Found::BadDerTime | Found::TrailingData(_) => CertificateError::BadEncoding,
        Found::CertExpired { .. } | Found::InvalidCertValidity => CertificateError::Expired,
        Found::CertNotValidYet { .. } => CertificateError::NotValidYet,
        Found::CertRevoked => CertificateError::Revoked,
        Found::CrlExpired { .. } => CertificateError::ExpiredRevocationList,
        // An authority's own certificate as the peer's is one that nobody whom we believe has issued.
        Found::UnknownIssuer | Found::MaximumPathDepthExceeded | Found::CaUsedAsEndEntity => {
            CertificateError::UnknownIssuer
        }
        Found::UnknownRevocationStatus => CertificateError::UnknownRevocationStatus,
        Found::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        Found::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    };
    error.into()
}

/// Checks what peers show in handshakes.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) trust: Arc<Trust>,
    pub(super) check: PeerCheck,
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        self.check != PeerCheck::Off
    }

    fn client_auth_mandatory(&self) -> bool {
        self.check == PeerCheck::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Who takes any certificate must not tell a client which it has to have.
        if self.check == PeerCheck::OptionalNoCa { &[] } else { &self.trust.subjects }
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.check != PeerCheck::OptionalNoCa {
            self.trust.check(&chain(own, others), Role::Client, now)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.trust.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.trust.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if matches!(self.check, PeerCheck::Optional | PeerCheck::Required) {
            self.trust.check(&chain(own, others), Role::Server, now)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.trust.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.trust.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms.supported_schemes()
    }
}

fn chain<'a>(own: &'a CertificateDer<'_>, others: &'a [CertificateDer<'_>]) -> Vec<CertificateDer<'a>> {
    std::iter::once(own).chain(others).map(|der| CertificateDer::from(der.as_ref())).collect()
}
