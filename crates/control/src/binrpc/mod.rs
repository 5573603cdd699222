//! binrpc: the packets of Kamailio's module `ctl` and of `kamcmd`.
//!
//! A packet is a header (magic and version; type and lengths; length of the body; a cookie that the answer repeats) and a
//! body of records. A request's body is the command's name and its arguments; a fault's is a code and a reason.

mod read;
mod write;

pub use read::{Header, Reader, Record, header, values};
pub use write::{fault, reply, request};

/// Half the first byte: magic and, in the other half, version.
const MAGIC: u8 = 0xa1;
/// How deep structures may stand in structures.
pub const DEPTH: usize = 32;

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A command.
    Request = 0,
    /// Its results.
    Reply = 1,
    /// Its failure.
    Fault = 3,
}

/// Types of records.
mod tag {
    pub(super) const INT: u8 = 0;
    pub(super) const STR: u8 = 1;
    pub(super) const DOUBLE: u8 = 2;
    pub(super) const STRUCT: u8 = 3;
    pub(super) const ARRAY: u8 = 4;
    pub(super) const NAME: u8 = 5;
    pub(super) const BYTES: u8 = 6;
    /// In a structure's or an array's first byte: its end.
    pub(super) const END: u8 = 0x80;
}

/// Bytes that are no binrpc: the peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// Not this protocol, not this version, or a type that it has not.
    Packet,
    /// The body ends within a record.
    Short,
    /// A record of another type than must stand there.
    Record,
    /// Structures too deep in each other.
    Depth,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Packet => "corrupted packet",
            Self::Short => "end of packet encountered",
            Self::Record => "record doesn't match type",
            Self::Depth => "structures nested too deep",
        })
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests;
