//! Cipher suites: those that rustls has, under OpenSSL's names, and lists of them in OpenSSL's language.

use std::fmt;

use rustls::crypto::ring::cipher_suite as ring;
use rustls::{CipherSuite, SupportedCipherSuite};

use super::settings::Version;

/// A cipher suite as OpenSSL would show it.
#[derive(Debug)]
pub struct Suite {
    /// OpenSSL's name.
    pub name: &'static str,
    /// Bits of its key.
    pub bits: u32,
    /// The version that it belongs to.
    pub version: Version,
    /// Who proves who the server is: `RSA`, `ECDSA`, `any`.
    authentication: &'static str,
    /// The cipher: `AESGCM(256)`.
    encryption: &'static str,
    suite: SupportedCipherSuite,
}

macro_rules! suite {
    ($name:literal, $bits:literal, $version:ident, $authentication:literal, $encryption:literal, $suite:ident) => {
        Suite {
            name: $name,
            bits: $bits,
            version: Version::$version,
            authentication: $authentication,
            encryption: $encryption,
            suite: ring::$suite,
        }
    };
}

/// All suites, the preferred first.
static SUITES: [Suite; 9] = [
    suite!("TLS_AES_256_GCM_SHA384", 256, Tls13, "any", "AESGCM(256)", TLS13_AES_256_GCM_SHA384),
    suite!("TLS_AES_128_GCM_SHA256", 128, Tls13, "any", "AESGCM(128)", TLS13_AES_128_GCM_SHA256),
    suite!(
        "TLS_CHACHA20_POLY1305_SHA256",
        256,
        Tls13,
        "any",
        "CHACHA20/POLY1305(256)",
        TLS13_CHACHA20_POLY1305_SHA256
    ),
    suite!(
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        256,
        Tls12,
        "ECDSA",
        "AESGCM(256)",
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
    ),
    suite!(
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        128,
        Tls12,
        "ECDSA",
        "AESGCM(128)",
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    ),
    suite!(
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        256,
        Tls12,
        "ECDSA",
        "CHACHA20/POLY1305(256)",
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
    ),
    suite!(
        "ECDHE-RSA-AES256-GCM-SHA384",
        256,
        Tls12,
        "RSA",
        "AESGCM(256)",
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
    ),
    suite!(
        "ECDHE-RSA-AES128-GCM-SHA256",
        128,
        Tls12,
        "RSA",
        "AESGCM(128)",
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    ),
    suite!(
        "ECDHE-RSA-CHACHA20-POLY1305",
        256,
        Tls12,
        "RSA",
        "CHACHA20/POLY1305(256)",
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
    ),
];

impl Suite {
    pub(super) fn of(suite: CipherSuite) -> Option<&'static Self> {
        SUITES.iter().find(|known| known.suite.suite() == suite)
    }

    /// The line that OpenSSL describes it with.
    pub fn description(&self) -> String {
        let exchange = if self.version == Version::Tls13 { "any" } else { "ECDH" };
        format!(
            "{:<30} {:<7} Kx={exchange:<8} Au={:<5} Enc={:<22} Mac=AEAD",
            self.name,
            self.version.name(),
            self.authentication,
            self.encryption
        )
    }

    /// Whether a word of OpenSSL's language means it.
    fn is_meant_by(&self, word: &str) -> bool {
        let word = word.to_ascii_uppercase();
        word.split('+').all(|part| match part {
            "ALL" | "DEFAULT" | "HIGH" | "SECURE" | "TLSV1.2" | "ECDHE" | "EECDH" | "KECDHE" | "KEECDH"
            | "ECDH" | "AEAD" => true,
            "AES" | "AESGCM" => self.encryption.starts_with("AESGCM"),
            "AES128" => self.encryption == "AESGCM(128)",
            "AES256" => self.encryption == "AESGCM(256)",
            "CHACHA20" => self.encryption.starts_with("CHACHA20"),
            "RSA" | "ARSA" => self.authentication == "RSA",
            "ECDSA" | "AECDSA" => self.authentication == "ECDSA",
            "SHA256" => self.name.ends_with("SHA256"),
            "SHA384" => self.name.ends_with("SHA384"),
            name => self.name == name,
        })
    }
}

/// A list of suites, made from OpenSSL's language (`ciphers(1)`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CipherList {
    names: Vec<&'static str>,
    /// Words of the list that mean nothing that is here.
    pub unknown: Vec<String>,
}

/// A list that leaves no suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CipherError(String);

impl fmt::Display for CipherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cipher list `{}` leaves no cipher; there are those with ECDHE and AES-GCM or ChaCha20 (HIGH means all)",
            self.0
        )
    }
}

impl std::error::Error for CipherError {}

impl CipherList {
    /// Evaluates a list. As with OpenSSL it chooses among the suites of TLS 1.2; those of 1.3 are always there.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn parse(text: &str) -> Result<Self, CipherError> {
        let mut chosen: Vec<&'static Suite> = Vec::new();
        let mut banned: Vec<&'static str> = Vec::new();
        let mut unknown = Vec::new();
        let older = || SUITES.iter().filter(|suite| suite.version == Version::Tls12);
        for word in text.split([':', ',', ' ', ';']).filter(|word| !word.is_empty() && !word.starts_with('@'))
        {
            let (sign, name) = match word.as_bytes()[0] {
                sign @ (b'!' | b'-' | b'+') => (sign, &word[1..]),
                _ => (b' ', word),
            };
            let meant: Vec<_> = older().filter(|suite| suite.is_meant_by(name)).collect();
            let is_listed = SUITES.iter().any(|suite| suite.name == name);
            if meant.is_empty() && !is_listed && sign == b' ' {
                unknown.push(word.to_owned());
            }
            let is_meant = |suite: &&'static Suite| meant.iter().any(|known| known.name == suite.name);
            match sign {
                b'!' => {
                    banned.extend(meant.iter().map(|suite| suite.name));
                    chosen.retain(|suite| !is_meant(suite));
                }
                b'-' => chosen.retain(|suite| !is_meant(suite)),
                b'+' => chosen.sort_by_key(is_meant),
                _ => {
                    for suite in meant {
                        if !banned.contains(&suite.name)
                            && !chosen.iter().any(|known| known.name == suite.name)
                        {
                            chosen.push(suite);
                        }
                    }
                }
            }
        }
        let names: Vec<_> = chosen.into_iter().map(|suite| suite.name).collect();
        let has_newer = text.split(':').any(|word| SUITES[..3].iter().any(|suite| suite.name == word));
        if names.is_empty() && !has_newer {
            Err(CipherError(text.to_owned()))
        } else {
            Ok(Self { names, unknown })
        }
    }
}

/// The suites of a list, or all, for rustls.
pub(super) fn suites(list: Option<&CipherList>) -> Vec<SupportedCipherSuite> {
    let newer = SUITES.iter().filter(|suite| suite.version == Version::Tls13);
    let older: Vec<&Suite> = match list {
        None => SUITES.iter().filter(|suite| suite.version == Version::Tls12).collect(),
        Some(list) => {
            list.names.iter().filter_map(|name| SUITES.iter().find(|suite| suite.name == *name)).collect()
        }
    };
    newer.chain(older).map(|suite| suite.suite).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<&'static str> {
        CipherList::parse(list).unwrap().names
    }

    #[test]
    fn a_list_chooses_and_orders_and_bans() {
        assert_eq!(names("HIGH:!aNULL:!MD5").len(), 6);
        assert_eq!(
            names("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"),
            ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"]
        );
        assert_eq!(
            names("!CHACHA20:aRSA+ECDHE"),
            ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]
        );
        assert_eq!(
            names("aRSA:+AES256:-CHACHA20"),
            ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"]
        );
    }

    #[test]
    fn words_that_mean_nothing_here_are_told() {
        let list = CipherList::parse("AES256-SHA:HIGH").unwrap();
        assert_eq!((list.names.len(), list.unknown), (6, vec!["AES256-SHA".to_owned()]));
        assert!(CipherList::parse("AES256-SHA:RC4").is_err());
        assert!(CipherList::parse("HIGH:!ECDHE").is_err());
        assert!(names("TLS_AES_128_GCM_SHA256").is_empty());
    }

    #[test]
    fn a_suite_is_described_as_openssl_describes_it() {
        let suite = Suite::of(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384).unwrap();
        assert_eq!(
            suite.description(),
            "ECDHE-RSA-AES256-GCM-SHA384    TLSv1.2 Kx=ECDH     Au=RSA   Enc=AESGCM(256)            Mac=AEAD"
        );
    }
}
