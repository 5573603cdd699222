//! What a message may weigh.

/// Upper bounds for one message. Bytes are counted as received, line ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest message in bytes, body included.
    pub message_size: usize,
    /// Most header fields.
    pub header_count: usize,
    /// Longest header part in bytes: from the first byte to the end of the empty line.
    pub header_size: usize,
}

impl Limits {
    /// The defaults: 64 KiB a message (what a datagram can hold), 1,024 header fields, 32 KiB of headers.
    pub const DEFAULT: Self = Self { message_size: 65_536, header_count: 1024, header_size: 32_768 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
