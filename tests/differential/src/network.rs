//! The loopback range that one run has for itself.
//!
//! Case files are written for the *canonical* range, 127.100.100.0/24 and the ports 25000, 26000 and 27000 of
//! `::1`, and run there as they stand. When another run holds that range, the next one is taken and the
//! addresses are rewritten on the way in and back on the way out; both spellings have one length, so nothing
//! that counts bytes changes. (So no case may hold 25000, 26000 or 27000 as anything but such a port.)

use std::net::UdpSocket;

use crate::error::{Error, Result};

/// How many ranges there are; each must spell its number in as many digits as the canonical one.
const RANGES: u16 = 50;

/// A reserved loopback range; it is given back when dropped.
#[derive(Debug)]
pub struct Network {
    index: u16,
    _lock: UdpSocket,
}

impl Network {
    /// Takes the first free range.
    ///
    /// # Errors
    /// [`Error::NoFreeNetwork`] when all are held by other runs.
    pub fn reserve() -> Result<Self> {
        (0..RANGES)
            .find_map(|index| {
                let lock = UdpSocket::bind((format!("127.100.{}.254", 100 + index).as_str(), 5999)).ok()?;
                Some(Self { index, _lock: lock })
            })
            .ok_or(Error::NoFreeNetwork)
    }

    /// Rewrites canonical addresses into those of this range.
    #[must_use]
    pub fn localise(&self, bytes: &[u8]) -> Vec<u8> {
        let step = |text: Vec<u8>, (canonical, own): &(String, String)| replace_whole(&text, canonical, own);
        self.spellings().iter().fold(bytes.to_vec(), step)
    }

    /// Rewrites addresses of this range into the canonical ones.
    #[must_use]
    pub fn canonicalise(&self, bytes: &[u8]) -> Vec<u8> {
        let step = |text: Vec<u8>, (canonical, own): &(String, String)| replace_whole(&text, own, canonical);
        self.spellings().iter().fold(bytes.to_vec(), step)
    }

    /// The canonical text `address` as this range spells it.
    #[must_use]
    pub fn address(&self, address: &str) -> String {
        String::from_utf8_lossy(&self.localise(address.as_bytes())).into_owned()
    }

    fn spellings(&self) -> Vec<(String, String)> {
        if self.index == 0 {
            return Vec::new();
        }
        let port = |base: u16| (base.to_string(), (base + self.index).to_string());
        let range = ("127.100.100.".to_owned(), format!("127.100.{}.", 100 + self.index));
        vec![range, port(25000), port(26000), port(27000)]
    }
}

/// `text` with every `from` as `to`, except for ports within a longer word: a branch of a server's may hold any
/// digits.
fn replace_whole(text: &[u8], from: &str, to: &str) -> Vec<u8> {
    let is_port = !from.ends_with('.');
    let word = |byte: Option<&u8>| is_port && byte.is_some_and(u8::is_ascii_alphanumeric);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, from.as_bytes()) {
        let end = at + from.len();
        let before = text.len() - rest.len() + at;
        let within = word(text[..before].last()) || word(rest.get(end));
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(if within { from.as_bytes() } else { to.as_bytes() });
        rest = &rest[end..];
    }
    out.extend_from_slice(rest);
    out
}

/// `text` with every `from` as `to`.
pub(crate) fn replace(text: &[u8], from: &str, to: &str) -> Vec<u8> {
    let from = from.as_bytes();
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to.as_bytes());
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// Where `needle` first stands in `hay`.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::replace_whole;

    #[test]
    fn a_port_within_a_longer_word_is_none() {
        let text = b"[::1]:25000;branch=z9hG4bKab25000000.0;p=25000";
        let expected = b"[::1]:25001;branch=z9hG4bKab25000000.0;p=25001";
        assert_eq!(replace_whole(text, "25000", "25001"), expected);
        assert_eq!(replace_whole(b"127.100.100.12", "127.100.100.", "127.100.101."), b"127.100.101.12");
    }
}
