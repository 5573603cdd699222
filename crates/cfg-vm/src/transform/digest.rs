//! Digests and checksums.

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::{int_arg, map, with_text};
use crate::catalogue::TransformArgs;
use crate::value::Value;

type Args<'a> = TransformArgs<'a>;

fn hex<D: Digest>(input: &Value) -> Value {
    map(input, |text| super::encode::hexa(&D::digest(text)))
}

pub(super) fn md5(input: &Value, _: &Args<'_>) -> Value {
    hex::<Md5>(input)
}

pub(super) fn sha1(input: &Value, _: &Args<'_>) -> Value {
    hex::<Sha1>(input)
}

pub(super) fn sha256(input: &Value, _: &Args<'_>) -> Value {
    hex::<Sha256>(input)
}

pub(super) fn sha384(input: &Value, _: &Args<'_>) -> Value {
    hex::<Sha384>(input)
}

pub(super) fn sha512(input: &Value, _: &Args<'_>) -> Value {
    hex::<Sha512>(input)
}

/// The checksum of Ethernet and zip, in decimal.
pub(super) fn crc32(input: &Value, _: &Args<'_>) -> Value {
    with_text(input, |text| {
        let sum = text.iter().fold(!0u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 }
            })
        });
        Value::Int((!sum).into())
    })
}

/// The hash that scripts spread keys with: words of four bytes, each mixed with itself, summed and stirred.
/// Bytes count as signed. With an argument, a power of two, the slot among so many.
pub(super) fn corehash(input: &Value, args: &Args<'_>) -> Value {
    let slots = int_arg(args, 0).and_then(|slots| u32::try_from(slots).ok()).unwrap_or(0);
    with_text(input, |text| {
        let hash = core_hash(text);
        let slot = if slots == 0 { hash } else { hash & (slots - 1) };
        Value::Str(crate::value::Str::decimal(slot.into()))
    })
}

fn core_hash(text: &[u8]) -> u32 {
    let sum = text.chunks(4).fold(0u32, |sum, chunk| {
        let word = chunk
            .iter()
            .fold(0u32, |word, byte| (word << 8).wrapping_add(i32::from(i8::from_ne_bytes([*byte])) as u32));
        sum.wrapping_add(word ^ (word >> 3))
    });
    sum.wrapping_add(sum >> 11).wrapping_add(sum >> 13).wrapping_add(sum >> 23)
}
