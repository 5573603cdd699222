//! One domain, its files read and checked.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};

use super::settings::{DomainSettings, PeerCheck, Versions};
use super::trust::{Trust, Verifier};
use super::{cipher, pem};
use crate::stream::LayerGroup;

/// Sessions that a domain keeps for clients that come again, where it keeps any.
const SESSIONS: usize = 4096;

/// Which side of its connections a domain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// We accept.
    Server,
    /// We open.
    Client,
}

/// Which connections a domain is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// Those that no other is for.
    Default,
    /// Those that ask for its name, at whatever address.
    Any,
    /// As a server, those at this address of ours; as a client, those to this address.
    Address(SocketAddr),
}

/// What of a domain's settings is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// The certificate.
    Certificate,
    /// The private key.
    PrivateKey,
    /// The list of authorities.
    CaList,
    /// The folder of authorities.
    CaPath,
    /// The list of revoked certificates.
    Crl,
    /// Versions and ciphers together.
    Ciphers,
}

/// Why a domain cannot be used: our configuration's fault, and told at the setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainError {
    /// The setting.
    pub setting: Setting,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for DomainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DomainError {}

/// A domain that is ready for use.
pub struct Domain {
    /// Server or client.
    pub role: Role,
    /// Which connections it is for.
    pub place: Place,
    /// What it was made of.
    pub settings: DomainSettings,
    /// Connections that it opens are as good as each other.
    pub(super) group: LayerGroup,
    pub(super) trust: Arc<Trust>,
    /// Our certificate's chain.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) config: Config,
}

/// What rustls is given.
pub(super) enum Config {
    Server(Arc<ServerConfig>),
    Client(Arc<ClientConfig>),
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain").field("role", &self.role).field("place", &self.place).finish_non_exhaustive()
    }
}

impl Domain {
    /// Reads the files. Blocks on them.
    ///
    /// # Errors
    /// A file is missing or wrong, or the settings do not go together.
    pub fn build(role: Role, place: Place, settings: DomainSettings) -> Result<Self, DomainError> {
        let provider = Arc::new(CryptoProvider {
            cipher_suites: cipher::suites(settings.ciphers.as_ref()),
            ..ring::default_provider()
        });
        let trust = Arc::new(trust(&settings, &provider)?);
        let identity = identity(role, &settings)?;
        let chain = identity.as_ref().map(|(chain, _)| chain.clone()).unwrap_or_default();
        let config = match role {
            Role::Server => Config::Server(Arc::new(server_config(&settings, provider, &trust, identity)?)),
            Role::Client => Config::Client(Arc::new(client_config(&settings, provider, &trust, identity)?)),
        };
        let mut hasher = DefaultHasher::new();
        (place, &settings.server_id, &settings.server_name).hash(&mut hasher);
        Ok(Self { role, place, group: LayerGroup(hasher.finish()), settings, trust, chain, config })
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn at(setting: Setting) -> impl Fn(String) -> DomainError {
    move |message| DomainError { setting, message }
}

fn identity(role: Role, settings: &DomainSettings) -> Result<Option<Identity>, DomainError> {
    let Some(certificate) = &settings.certificate else {
        return match role {
            Role::Client => Ok(None),
            Role::Server => Err(DomainError {
                setting: Setting::Certificate,
                message: "a server domain needs `certificate` and `private_key`".to_owned(),
            }),
        };
    };
    let chain = pem::certificates(certificate).map_err(at(Setting::Certificate))?;
    let key = settings.private_key.as_ref().unwrap_or(certificate);
    let key = pem::private_key(key).map_err(at(Setting::PrivateKey))?;
    Ok(Some((chain, key)))
}

fn trust(settings: &DomainSettings, provider: &CryptoProvider) -> Result<Trust, DomainError> {
    let mut believed = Vec::new();
    if let Some(list) = &settings.ca_list {
        believed.extend(pem::certificates(list).map_err(at(Setting::CaList))?);
    }
    if let Some(folder) = &settings.ca_path {
        believed.extend(pem::certificates_below(folder).map_err(at(Setting::CaPath))?);
    }
    let mut trust = Trust::new(believed, settings.depth.0, provider.signature_verification_algorithms)
        .map_err(at(Setting::CaList))?;
    if let Some(crl) = &settings.crl {
        let lists = pem::revocations(crl).map_err(at(Setting::Crl))?;
        trust.revoke(&lists).map_err(at(Setting::Crl))?;
    }
    Ok(trust)
}

fn versions(versions: Versions) -> &'static [&'static SupportedProtocolVersion] {
    const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    match versions {
        Versions::Both => BOTH,
        Versions::Tls13 => &BOTH[..1],
        Versions::Tls12 => &BOTH[1..],
    }
}

fn unusable(error: rustls::Error) -> DomainError {
    match error {
        rustls::Error::InconsistentKeys(_) => DomainError {
            setting: Setting::PrivateKey,
            message: "`private_key` is not the key of `certificate`".to_owned(),
        },
        rustls::Error::General(message) => DomainError { setting: Setting::PrivateKey, message },
        error => DomainError { setting: Setting::Certificate, message: error.to_string() },
    }
}

fn server_config(
    settings: &DomainSettings,
    provider: Arc<CryptoProvider>,
    trust: &Arc<Trust>,
    identity: Option<Identity>,
) -> Result<ServerConfig, DomainError> {
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(settings.versions))
        .map_err(|error| DomainError { setting: Setting::Ciphers, message: error.to_string() })?;
    let builder = if settings.check == PeerCheck::Off {
        builder.with_no_client_auth()
    } else {
        let verifier = Verifier { trust: Arc::clone(trust), check: settings.check };
        builder.with_client_cert_verifier(Arc::new(verifier))
    };
    let (chain, key) = identity.ok_or_else(|| DomainError {
        setting: Setting::Certificate,
        message: "a server domain needs `certificate` and `private_key`".to_owned(),
    })?;
    let mut config = builder.with_single_cert(chain, key).map_err(unusable)?;
    if settings.sessions {
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn client_config(
    settings: &DomainSettings,
    provider: Arc<CryptoProvider>,
    trust: &Arc<Trust>,
    identity: Option<Identity>,
) -> Result<ClientConfig, DomainError> {
    let verifier = Verifier { trust: Arc::clone(trust), check: settings.check };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(settings.versions))
        .map_err(|error| DomainError { setting: Setting::Ciphers, message: error.to_string() })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(unusable)?,
        None => builder.with_no_client_auth(),
    };
    if !settings.sessions {
        config.resumption = Resumption::disabled();
    }
    Ok(config)
}
