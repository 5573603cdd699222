//! Hashes: of texts for spreading, of a file for seeing that it changed.

use std::path::PathBuf;

use engine::module::Flow;
use engine::{Args, Cx};
use md5::{Digest, Md5};

pub(super) fn core_hash(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    Flow::Done(slot(args.text(0), args.text(1), args.int(2).unwrap_or(0)))
}

/// A hash of two texts from 1 to two to the power of `bits`; to 2 for no bits. It is never 0, which would end the
/// script.
fn slot(first: &[u8], second: &[u8], bits: i64) -> i64 {
    let bits = if bits <= 0 { 1 } else { bits & 31 };
    let sum = words(first).wrapping_add(words(second));
    let hash = sum.wrapping_add(sum >> 11).wrapping_add(sum >> 13).wrapping_add(sum >> 23);
    i64::from(hash & ((1 << bits) - 1)) + 1
}

/// Words of four bytes, each mixed with itself, summed. Bytes count as signed.
fn words(text: &[u8]) -> u32 {
    text.chunks(4).fold(0u32, |sum, chunk| {
        let word = chunk.iter().fold(0u32, |word, byte| (word << 8).wrapping_add(byte.cast_signed() as u32));
        sum.wrapping_add(word ^ (word >> 3))
    })
}

/// A file and the MD5 that it had when the server started.
pub(super) struct HashedFile {
    path: PathBuf,
    hash: String,
}

impl HashedFile {
    /// Reads it. The error is one line for people.
    pub(super) fn read(path: &[u8]) -> Result<Self, String> {
        let path = PathBuf::from(String::from_utf8_lossy(path).into_owned());
        let hash = md5_of(&path).map_err(|error| format!("hash_file {}: {error}", path.display()))?;
        Ok(Self { path, hash })
    }

    pub(super) fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether it is still what it was.
    pub(super) fn is_unchanged(&self) -> std::io::Result<bool> {
        Ok(md5_of(&self.path)? == self.hash)
    }
}

fn md5_of(path: &std::path::Path) -> std::io::Result<String> {
    let digest = Md5::digest(std::fs::read(path)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_kamailio() {
        assert_eq!(slot(b"alice", b"", 0), 2);
        assert_eq!(slot(b"alice", b"", 1), 2);
        assert_eq!(slot(b"alice", b"", 16), 63_454);
        assert_eq!(slot(b"alice", b"", 31), 1_834_153_950);
        assert_eq!(slot(b"alice", b"alice", 16), 61_373);
        assert_eq!(slot(b"alice", b"bob", 10), 930);
        assert_eq!(slot(b"", b"", 16), 1);
        assert_eq!(slot(b"\xe4\xf6", b"", 64), 1);
    }
}
