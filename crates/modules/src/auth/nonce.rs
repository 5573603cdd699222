//! Nonces: when they were made, sealed so that nobody else can make one, and what is remembered of them.
//!
//! A nonce is the base64 of the seconds since 1970 (4 bytes), its number (4 bytes, where nonces are counted or may be used
//! once), and a keyed hash of both and of the process that gave the number (16 bytes). With `auth_checks_*` a second keyed
//! hash follows (12 bytes): of the parts of the request that must stay as they are.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::used::Used;

/// Bytes of a nonce without the second seal.
const SHORT: usize = 24;
/// Bytes of one with it.
const LONG: usize = 36;
/// The number of nonces that are not remembered.
const UNNUMBERED: u32 = u32::MAX;

/// What makes and knows the nonces of one configuration.
pub(super) struct Nonces {
    keys: Arc<Keys>,
    used: Option<Arc<Used>>,
    /// `nonce_expire`, seconds.
    expire: u32,
    /// `nonce_auth_max_drift`, seconds.
    drift: u32,
}

/// What seals nonces. It outlives a reload, so that nonces do.
pub(super) struct Keys {
    stamp: [u8; 32],
    parts: [u8; 32],
    /// `secret`, if it was given.
    secret: Option<Vec<u8>>,
}

/// Why a nonce is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not of ours.
    Foreign,
    /// It was ours, but is too old, or made for another request.
    Stale,
}

/// A nonce that is good as far as it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Its number, where it is remembered.
    pub number: Option<u32>,
}

impl Keys {
    /// Keys from a secret that several servers share, or random ones.
    pub(super) fn new(secret: Option<&[u8]>) -> Self {
        match secret {
            Some(secret) => Self {
                stamp: seal(secret, &[b"stamp"]),
                parts: seal(secret, &[b"parts"]),
                secret: Some(secret.to_owned()),
            },
            None => {
                // The system's random numbers, by way of the standard library's hash keys.
                let seed: Vec<u8> =
                    (0..4_u8).flat_map(|at| RandomState::new().hash_one(at).to_be_bytes()).collect();
                Self { secret: None, ..Self::new(Some(&seed)) }
            }
        }
    }

    /// Whether they are those of this secret.
    pub(super) fn are_of(&self, secret: Option<&[u8]>) -> bool {
        self.secret.as_deref() == secret
    }
}

impl Nonces {
    pub(super) fn new(keys: Arc<Keys>, used: Option<Arc<Used>>, expire: u32, drift: u32) -> Self {
        Self { keys, used, expire, drift }
    }

    pub(super) fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    pub(super) fn used(&self) -> Option<&Arc<Used>> {
        self.used.as_ref()
    }

    /// A nonce for a request; `parts` are those that must stay as they are.
    pub(super) fn make(&self, now: u32, parts: &[Vec<u8>]) -> String {
        let number = self.used.as_ref().map_or(UNNUMBERED, |used| used.issue());
        let mut bytes = [0; LONG];
        bytes[..4].copy_from_slice(&now.to_be_bytes());
        bytes[4..8].copy_from_slice(&number.to_be_bytes());
        let stamp: [u8; SHORT - 8] = seal(&self.keys.stamp, &self.stamped(&bytes[..8]));
        bytes[8..SHORT].copy_from_slice(&stamp);
        let second = self.second_seal(&bytes[..8], parts);
        bytes[SHORT..].copy_from_slice(&second);
        let length = if parts.is_empty() { SHORT } else { LONG };
        STANDARD.encode(&bytes[..length])
    }

    /// Whether a nonce is ours and still good for a request with these parts; `None` where they need not be looked at,
    /// because the client counts its uses.
    pub(super) fn check(&self, nonce: &[u8], now: u32, parts: Option<&[Vec<u8>]>) -> Result<Known, Fault> {
        let mut bytes = [0; LONG];
        let length = STANDARD.decode_slice(nonce, &mut bytes).map_err(|_| Fault::Foreign)?;
        let (stamped, rest) = bytes[..length].split_at_checked(8).ok_or(Fault::Foreign)?;
        let (first, second) = rest.split_at_checked(SHORT - 8).ok_or(Fault::Foreign)?;
        let made = u32::from_be_bytes([stamped[0], stamped[1], stamped[2], stamped[3]]);
        if made.saturating_add(self.expire) < now || made > now.saturating_add(self.drift) {
            return Err(Fault::Stale);
        }
        if !is_sealed(&self.keys.stamp, &self.stamped(stamped), first) {
            return Err(Fault::Foreign);
        }
        if parts.is_some_and(|parts| !parts.is_empty() && second != self.second_seal(stamped, parts)) {
            return Err(Fault::Stale);
        }
        let number = u32::from_be_bytes([stamped[4], stamped[5], stamped[6], stamped[7]]);
        Ok(Known { number: (number != UNNUMBERED).then_some(number) })
    }

    /// What the first seal covers: a number means something in the process that gave it only.
    fn stamped<'a>(&'a self, stamped: &'a [u8]) -> [&'a [u8]; 2] {
        [stamped, self.used.as_ref().map_or(&[][..], |used| used.process())]
    }

    fn second_seal(&self, stamped: &[u8], parts: &[Vec<u8>]) -> [u8; LONG - SHORT] {
        let all: Vec<&[u8]> = std::iter::once(stamped).chain(parts.iter().map(Vec::as_slice)).collect();
        seal(&self.keys.parts, &all)
    }
}

/// The first bytes of a keyed hash of `parts`, each with its length, so that no two lists are the same text.
fn seal<const N: usize>(key: &[u8], parts: &[&[u8]]) -> [u8; N] {
    let whole = mac(key, parts).finalize().into_bytes();
    let mut text = [0; N];
    text.copy_from_slice(&whole[..N]);
    text
}

/// Whether `text` is their seal, in a time that tells nothing.
fn is_sealed(key: &[u8], parts: &[&[u8]], text: &[u8]) -> bool {
    mac(key, parts).verify_truncated_left(text).is_ok()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_800_000_000;

    fn nonces(secret: Option<&[u8]>, used: Option<Arc<Used>>) -> Nonces {
        Nonces::new(Arc::new(Keys::new(secret)), used, 300, 3)
    }

    fn check(nonces: &Nonces, nonce: &str, now: u32) -> Result<Known, Fault> {
        nonces.check(nonce.as_bytes(), now, Some(&[]))
    }

    #[test]
    fn a_nonce_is_good_until_it_expires() {
        let nonces = nonces(None, None);
        let nonce = nonces.make(NOW, &[]);
        assert_eq!(nonce.len(), 32);
        assert_eq!(check(&nonces, &nonce, NOW + 300), Ok(Known { number: None }));
        assert_eq!(check(&nonces, &nonce, NOW + 301), Err(Fault::Stale));
        assert_eq!(check(&nonces, &nonce, NOW - 3), Ok(Known { number: None }));
        assert_eq!(check(&nonces, &nonce, NOW - 4), Err(Fault::Stale));
    }

    #[test]
    fn servers_that_share_a_secret_know_each_others_nonces_and_nobody_elses() {
        let nonce = nonces(Some(b"shared"), None).make(NOW, &[]);
        assert!(check(&nonces(Some(b"shared"), None), &nonce, NOW).is_ok());
        assert_eq!(check(&nonces(Some(b"other"), None), &nonce, NOW), Err(Fault::Foreign));
        assert_eq!(check(&nonces(None, None), &nonce, NOW), Err(Fault::Foreign));
    }

    #[test]
    fn a_changed_nonce_is_foreign_wherever_it_was_changed() {
        let nonces = nonces(None, None);
        let nonce = nonces.make(NOW, &[]);
        for at in 0..nonce.len() {
            let mut changed = nonce.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(nonces.check(&changed, NOW, Some(&[])).is_err(), "byte {at}");
        }
        for text in ["", "abc", "!", &nonce[..16], &format!("{nonce}{nonce}")] {
            assert_eq!(check(&nonces, text, NOW), Err(Fault::Foreign), "{text}");
        }
    }

    #[test]
    fn a_nonce_for_one_request_is_stale_for_another() {
        let nonces = nonces(None, None);
        let parts = |parts: &[&str]| parts.iter().map(|part| part.as_bytes().to_vec()).collect::<Vec<_>>();
        let nonce = nonces.make(NOW, &parts(&["sip:a@b", "call"]));
        let check = |of: &[&str]| nonces.check(nonce.as_bytes(), NOW, Some(&parts(of)));
        assert!(check(&["sip:a@b", "call"]).is_ok());
        assert_eq!(check(&["sip:a@b", "other"]), Err(Fault::Stale));
        assert_eq!(check(&["sip:a@bc", "all"]), Err(Fault::Stale));
        assert!(nonces.check(nonce.as_bytes(), NOW, None).is_ok());
    }

    #[test]
    fn numbers_of_another_process_are_foreign() {
        let used = || Some(Arc::new(Used::new(16, 16)));
        let (here, there) = (nonces(Some(b"s"), used()), nonces(Some(b"s"), used()));
        let nonce = there.make(NOW, &[]);
        assert_eq!(check(&there, &nonce, NOW), Ok(Known { number: Some(0) }));
        assert_eq!(check(&here, &nonce, NOW), Err(Fault::Foreign));
        let unnumbered = nonces(Some(b"s"), None).make(NOW, &[]);
        assert_eq!(check(&here, &unnumbered, NOW), Err(Fault::Foreign));
    }
}
