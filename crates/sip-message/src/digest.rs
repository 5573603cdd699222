//! Computing digest responses (RFC 3261 §22, RFC 7616 §3.4, RFC 8760), on the stack.

use md5::Md5;
use sha2::{Sha256, Sha512_256};
use subtle::ConstantTimeEq as _;

/// Longest text of a digest: 32 bytes in hexadecimal.
const LONGEST: usize = 64;

/// The hash of a digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// `MD5`: what every phone knows.
    Md5,
    /// `SHA-256` (RFC 8760).
    Sha256,
    /// `SHA-512-256` (RFC 8760): SHA-512/256 of FIPS 180-4, not SHA-512 cut short.
    Sha512_256,
}

impl Hash {
    /// Length of its hexadecimal text.
    pub const fn text_length(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 | Self::Sha512_256 => 64,
        }
    }

    /// The hash of `parts` with colons between them, in lower-case hexadecimal.
    pub fn of(self, parts: &[&[u8]]) -> DigestText {
        match self {
            Self::Md5 => hash::<Md5>(parts),
            Self::Sha256 => hash::<Sha256>(parts),
            Self::Sha512_256 => hash::<Sha512_256>(parts),
        }
    }
}

/// A digest algorithm by its name in `algorithm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithm {
    /// What is computed.
    pub hash: Hash,
    /// `-sess`: the nonces of the first response go into A1 (RFC 7616 §3.4.2).
    pub session: bool,
}

impl Algorithm {
    /// The one that is meant where none is named.
    pub const MD5: Self = Self { hash: Hash::Md5, session: false };

    /// Reads a name in any case; `None` for one that is not known.
    pub fn parse(name: &[u8]) -> Option<Self> {
        NAMES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name)).map(|(_, known)| *known)
    }

    /// The name as registered with IANA.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }
}

const fn named(name: &'static str, hash: Hash, session: bool) -> (&'static str, Algorithm) {
    (name, Algorithm { hash, session })
}

const NAMES: [(&str, Algorithm); 6] = [
    named("MD5", Hash::Md5, false),
    named("MD5-sess", Hash::Md5, true),
    named("SHA-256", Hash::Sha256, false),
    named("SHA-256-sess", Hash::Sha256, true),
    named("SHA-512-256", Hash::Sha512_256, false),
    named("SHA-512-256-sess", Hash::Sha512_256, true),
];

/// A hash in lower-case hexadecimal.
#[derive(Clone, Copy, Debug)]
pub struct DigestText {
    bytes: [u8; LONGEST],
    length: usize,
}

impl DigestText {
    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Whether a peer's text is the same: the time that this takes tells nothing of where they differ.
    pub fn matches(&self, other: &[u8]) -> bool {
        self.as_bytes().ct_eq(other).into()
    }
}

impl AsRef<[u8]> for DigestText {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// `H(username ":" realm ":" password)`: what servers keep in place of passwords (`ha1`).
pub fn ha1(hash: Hash, username: &[u8], realm: &[u8], password: &[u8]) -> DigestText {
    hash.of(&[username, realm, password])
}

/// What a digest response is computed from, beside the secret.
#[derive(Clone, Copy, Debug)]
pub struct DigestInput<'a> {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The server's nonce.
    pub nonce: &'a [u8],
    /// How the credentials were protected further; `None` for those of RFC 2069.
    pub protection: Option<Protection<'a>>,
    /// The client's nonce; with `-sess` it counts without `qop` too.
    pub cnonce: &'a [u8],
    /// The request's method.
    pub method: &'a [u8],
    /// `uri` of the credentials.
    pub uri: &'a [u8],
    /// The message's body, which `auth-int` protects.
    pub body: &'a [u8],
}

/// `qop` of credentials and what comes with it.
#[derive(Clone, Copy, Debug)]
pub struct Protection<'a> {
    /// `auth` or `auth-int`, as written.
    pub qop: &'a [u8],
    /// `nc` as written.
    pub nonce_count: &'a [u8],
}

impl DigestInput<'_> {
    /// `response` of the credentials (RFC 7616 §3.4.1) for a secret [`ha1`].
    pub fn response(&self, ha1: &[u8]) -> DigestText {
        self.compute(ha1, self.method)
    }

    /// `rspauth`, by which the server shows that it knows the secret too (RFC 7616 §3.5): A2 without a method.
    pub fn response_auth(&self, ha1: &[u8]) -> DigestText {
        self.compute(ha1, b"")
    }

    fn compute(&self, ha1: &[u8], method: &[u8]) -> DigestText {
        let hash = self.algorithm.hash;
        let session = self.algorithm.session.then(|| hash.of(&[ha1, self.nonce, self.cnonce]));
        let secret = session.as_ref().map_or(ha1, DigestText::as_bytes);
        match self.protection {
            Some(Protection { qop, nonce_count }) => {
                let a2 = if qop.eq_ignore_ascii_case(b"auth-int") {
                    hash.of(&[method, self.uri, hash.of(&[self.body]).as_bytes()])
                } else {
                    hash.of(&[method, self.uri])
                };
                hash.of(&[secret, self.nonce, nonce_count, self.cnonce, qop, a2.as_bytes()])
            }
            None => hash.of(&[secret, self.nonce, hash.of(&[method, self.uri]).as_bytes()]),
        }
    }
}

fn hash<H: sha2::Digest>(parts: &[&[u8]]) -> DigestText {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hasher = H::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    let mut text = DigestText { bytes: [0; LONGEST], length: 0 };
    for (place, byte) in text.bytes.chunks_exact_mut(2).zip(hasher.finalize()) {
        place[0] = DIGITS[usize::from(byte >> 4)];
        place[1] = DIGITS[usize::from(byte & 15)];
        text.length += 2;
    }
    text
}

#[cfg(test)]
mod tests;
