//! Byte ranges within a message's buffer.

use std::ops::Range;

/// A range of bytes in a message's buffer, as 32-bit offsets (a message is at most 4 GiB, and in practice a
/// datagram).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte; never before `start` in a span made by this crate.
    pub end: u32,
}

impl Span {
    /// A span from offsets. Offsets beyond 4 GiB saturate; no buffer here is that long.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: offset(start), end: offset(end) }
    }

    /// An empty span at `at`.
    pub fn empty(at: usize) -> Self {
        Self::new(at, at)
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether the span covers no byte.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The bytes of `buffer` that the span covers. A span of another buffer gives what is there, or nothing: it
    /// never panics.
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.range()).unwrap_or_default()
    }

    /// The span as a range of `usize`.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Where `part`, a slice borrowed from `buffer`, lies in it; `None` when it lies elsewhere in memory.
    ///
    /// This turns what the lazy views give (slices) back into positions for an edit.
    pub fn locate(buffer: &[u8], part: &[u8]) -> Option<Self> {
        let base = buffer.as_ptr() as usize;
        let start = (part.as_ptr() as usize).checked_sub(base)?;
        let end = start.checked_add(part.len())?;
        (end <= buffer.len()).then(|| Self::new(start, end))
    }
}

pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locate_finds_a_borrowed_part_and_refuses_a_foreign_one() {
        let buffer = b"hello world".to_vec();
        assert_eq!(Span::locate(&buffer, &buffer[6..]), Some(Span::new(6, 11)));
        assert_eq!(Span::locate(&buffer[..3], &buffer[6..]), None);
        assert_eq!(Span::new(6, 11).of(&buffer), b"world");
        assert_eq!(Span::new(6, 99).of(&buffer), b"");
    }
}
