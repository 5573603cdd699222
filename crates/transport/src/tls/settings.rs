//! What a configuration says of one domain.

use std::path::PathBuf;

use super::cipher::CipherList;

/// Settings of a domain, files not read yet. The defaults are Kamailio's, but for what rustls does not speak.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainSettings {
    /// Protocol versions that are offered and taken.
    pub versions: Versions,
    /// Our certificate, with those that lead to the root, PEM.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM; without one it is looked for in the certificate's file.
    pub private_key: Option<PathBuf>,
    /// Certificates of those whom we believe, PEM.
    pub ca_list: Option<PathBuf>,
    /// A folder of such files.
    pub ca_path: Option<PathBuf>,
    /// Lists of certificates that are not valid any more, PEM.
    pub crl: Option<PathBuf>,
    /// Cipher suites; none for all that are good.
    pub ciphers: Option<CipherList>,
    /// What is asked of the peer's certificate.
    pub check: PeerCheck,
    /// How many certificates may stand between the peer's and one that we believe.
    pub depth: Depth,
    /// Where we are the server, the name by which clients ask for this domain; as a client, the one that we ask for.
    pub server_name: Option<String>,
    /// Which names of clients lead here.
    pub name_match: NameMatch,
    /// The name by which a script chooses it.
    pub server_id: Option<String>,
    /// Whether a client may take up an earlier session again.
    pub sessions: bool,
}

/// A number of intermediate certificates; 9 unless told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth(pub usize);

impl Default for Depth {
    fn default() -> Self {
        Self(9)
    }
}

/// A protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl Version {
    /// `TLSv1.3`, as OpenSSL names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

/// The versions that a domain speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 only.
    Tls12,
    /// 1.3 only.
    Tls13,
}

impl Versions {
    /// The versions that a method's name in Kamailio stands for, and whether it asks for older ones too, which are not
    /// offered. A name that asks for nothing but older ones gets 1.2 and 1.3, as nothing else could be spoken.
    pub fn of_method(name: &str) -> Option<(Self, Older)> {
        let (versions, older) = match name.to_ascii_lowercase().as_str() {
            "tlsv1.3" | "tlsv1.3+" => (Self::Tls13, Older::NotAsked),
            "tlsv1.2" => (Self::Tls12, Older::NotAsked),
            "tlsv1.2+" => (Self::Both, Older::NotAsked),
            "tlsv1" | "tlsv1.0" | "tlsv1.1" | "sslv2" | "sslv3" => (Self::Both, Older::Only),
            "tlsv1+" | "tlsv1.0+" | "tlsv1.1+" | "sslv23" | "any" => (Self::Both, Older::Asked),
            _ => return None,
        };
        Some((versions, older))
    }
}

/// Whether a method's name asks for versions before 1.2 (RFC 8996: they are not to be used).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Older {
    /// No.
    NotAsked,
    /// Beside newer ones.
    Asked,
    /// For nothing else.
    Only,
}

/// What is asked of a peer's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PeerCheck {
    /// Nothing: a client is not asked for one, a server's is taken as it is.
    #[default]
    Off,
    /// A client may come without one; one that is shown must be good.
    Optional,
    /// There must be one, and a good one.
    Required,
    /// A client is asked for one, and may come with none or a bad one; the script can see which.
    OptionalNoCa,
}

/// Which names that clients ask for lead to a domain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NameMatch {
    /// Its own.
    #[default]
    Exact,
    /// Its own and all below it.
    WithSubdomains,
    /// All below it.
    SubdomainsOnly,
}

impl NameMatch {
    /// Whether `asked` leads to the domain `name`.
    pub(super) fn leads(self, name: &str, asked: &str) -> bool {
        let is_same = asked.eq_ignore_ascii_case(name);
        let is_below = asked.len() > name.len() + 1 && {
            let (below, end) = asked.as_bytes().split_at(asked.len() - name.len());
            below.ends_with(b".") && end.eq_ignore_ascii_case(name.as_bytes())
        };
        match self {
            Self::Exact => is_same,
            Self::WithSubdomains => is_same || is_below,
            Self::SubdomainsOnly => is_below,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_their_domain_or_the_one_above() {
        let leads = |kind: NameMatch| {
            ["example.org", "Sip.Example.org", "notexample.org", "org"]
                .map(|asked| kind.leads("example.org", asked))
        };
        assert_eq!(leads(NameMatch::Exact), [true, false, false, false]);
        assert_eq!(leads(NameMatch::WithSubdomains), [true, true, false, false]);
        assert_eq!(leads(NameMatch::SubdomainsOnly), [false, true, false, false]);
    }

    #[test]
    fn a_method_that_asks_for_old_versions_gets_the_new_ones() {
        assert_eq!(Versions::of_method("TLSv1.2"), Some((Versions::Tls12, Older::NotAsked)));
        assert_eq!(Versions::of_method("TLSv1"), Some((Versions::Both, Older::Only)));
        assert_eq!(Versions::of_method("SSLv23"), Some((Versions::Both, Older::Asked)));
        assert_eq!(Versions::of_method("TLSv2"), None);
    }
}
