//! Other spellings of bytes: hexadecimal, GSM 7 bit, base 58 and 64.

use super::{map, with_text};
use crate::catalogue::TransformArgs;
use crate::value::Value;

type Args<'a> = TransformArgs<'a>;

/// Lower-case hexadecimal digits.
pub(super) fn hexa(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}

pub(super) fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

pub(super) fn to_hexa(input: &Value, _: &Args<'_>) -> Value {
    map(input, hexa)
}

/// A last digit without its twin is passed over; anything but digits makes it undefined.
pub(super) fn from_hexa(input: &Value, _: &Args<'_>) -> Value {
    with_text(input, |text| {
        let bytes: Option<Vec<u8>> =
            text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect();
        bytes.into()
    })
}

/// Packs seven bits of each byte, low bits first (3GPP TS 23.038), as hexadecimal digits.
pub(super) fn to_7bit(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| {
        let mut packed = Vec::with_capacity(text.len());
        let (mut bits, mut held) = (0u32, 0);
        for byte in text {
            bits |= u32::from(*byte & 0x7f) << held;
            held += 7;
            if held >= 8 {
                packed.push(bits as u8);
                bits >>= 8;
                held -= 8;
            }
        }
        if held > 0 {
            packed.push(bits as u8);
        }
        hexa(&packed).to_ascii_uppercase()
    })
}

pub(super) fn from_7bit(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| {
        let mut bytes = Vec::with_capacity(text.len());
        let (mut bits, mut held) = (0u32, 0);
        for pair in text.chunks_exact(2) {
            let byte = digit(pair[0]).unwrap_or(0) << 4 | digit(pair[1]).unwrap_or(0);
            bits |= u32::from(byte) << held;
            held += 8;
            while held >= 7 {
                bytes.push((bits & 0x7f) as u8);
                bits >>= 7;
                held -= 7;
            }
        }
        bytes
    })
}

pub(super) fn to_base58(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| bs58::encode(text).into_vec())
}

pub(super) fn from_base58(input: &Value, _: &Args<'_>) -> Value {
    with_text(input, |text| bs58::decode(text).into_vec().ok().into())
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) fn to_base64(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| base64(text, STANDARD, true))
}

pub(super) fn to_base64t(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| base64(text, STANDARD, false))
}

pub(super) fn to_base64url(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| base64(text, URL, true))
}

pub(super) fn to_base64urlt(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| base64(text, URL, false))
}

fn base64(bytes: &[u8], alphabet: &[u8; 64], padded: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain(&[0, 0]).take(3).fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        for place in 0..=chunk.len() {
            text.push(alphabet[(word >> (18 - 6 * place) & 63) as usize]);
        }
        if padded {
            text.extend(std::iter::repeat_n(b'=', 3 - chunk.len()));
        }
    }
    text
}

/// Text whose length is no multiple of four is undefined; a byte that is no digit counts as all ones.
pub(super) fn from_base64(input: &Value, _: &Args<'_>) -> Value {
    with_text(input, |text| if text.len().is_multiple_of(4) { unbase64(text) } else { Value::Null })
}

/// Padding may be missing.
pub(super) fn from_base64t(input: &Value, _: &Args<'_>) -> Value {
    with_text(input, unbase64)
}

fn unbase64(text: &[u8]) -> Value {
    if text.len().is_multiple_of(4) && matches!(text, [.., b'=', last] if *last != b'=') {
        return Value::Null;
    }
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let value = |byte: u8| STANDARD.iter().position(|digit| *digit == byte).map_or(0xff, |value| value as u8);
    let mut bytes = Vec::with_capacity(end / 4 * 3 + 3);
    for chunk in text[..end].chunks(4) {
        let digit = |place: usize| chunk.get(place).map_or(0xff, |byte| value(*byte));
        let three = [digit(0) << 2 | digit(1) >> 4, digit(1) << 4 | digit(2) >> 2, digit(2) << 6 | digit(3)];
        bytes.extend_from_slice(&three[..chunk.len().saturating_sub(1).max(1)]);
    }
    bytes.into()
}

/// Undefined unless all of it is digits of the alphabet for URLs; padding may be missing.
pub(super) fn from_base64url(input: &Value, _: &Args<'_>) -> Value {
    with_text(input, |text| {
        let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
        let digits: Option<Vec<u32>> = text[..end]
            .iter()
            .map(|byte| URL.iter().position(|digit| digit == byte).map(|value| value as u32))
            .collect();
        let Some(digits) = digits.filter(|digits| digits.len() > 1) else {
            return Value::Null;
        };
        let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
        for chunk in digits.chunks(4) {
            let word = chunk.iter().chain(&[0, 0, 0]).take(4).fold(0, |word, digit| word << 6 | digit);
            // One digit more than whole bytes is passed over.
            bytes.extend_from_slice(&word.to_be_bytes()[1..chunk.len()]);
        }
        bytes.into()
    })
}
