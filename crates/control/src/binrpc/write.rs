//! From values to bytes.

use super::{Kind, MAGIC, tag};
use crate::Value;

/// A command with its arguments.
pub fn request(cookie: &[u8], name: &str, arguments: &[Value]) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, tag::STR, name);
    for argument in arguments {
        value(&mut body, argument);
    }
    packet(Kind::Request, cookie, &body)
}

/// The results of a command.
pub fn reply(cookie: &[u8], results: &[Value]) -> Vec<u8> {
    let mut body = Vec::new();
    match results {
        [Value::List(values)] => values.iter().for_each(|one| value(&mut body, one)),
        _ => results.iter().for_each(|one| value(&mut body, one)),
    }
    packet(Kind::Reply, cookie, &body)
}

/// The failure of a command.
pub fn fault(cookie: &[u8], code: i64, reason: &str) -> Vec<u8> {
    let mut body = Vec::new();
    int(&mut body, tag::INT, code);
    text(&mut body, tag::STR, reason);
    packet(Kind::Fault, cookie, &body)
}

fn packet(kind: Kind, cookie: &[u8], body: &[u8]) -> Vec<u8> {
    let length = significant(body.len() as u64).max(1);
    // A cookie is what a header held or what a client made: 1 to 4 bytes.
    let cookie = if cookie.is_empty() { &[0] } else { &cookie[..cookie.len().min(4)] };
    let mut out = Vec::with_capacity(body.len() + 10);
    out.push(MAGIC);
    out.push((kind as u8) << 4 | (length as u8 - 1) << 2 | (cookie.len() as u8 - 1));
    big_endian(&mut out, body.len() as u64, length);
    out.extend_from_slice(cookie);
    out.extend_from_slice(body);
    out
}

fn value(out: &mut Vec<u8>, value_: &Value) {
    match value_ {
        Value::Null => text(out, tag::STR, ""),
        // 5.6.3 has no greater numbers, and would show them as others; as text they are read by people at least.
        Value::Int(number) if i32::try_from(*number).is_err() => text(out, tag::STR, &number.to_string()),
        Value::Int(number) => int(out, tag::INT, *number),
        Value::Double(number) => int(out, tag::DOUBLE, (number * 1000.0).round() as i64),
        Value::Str(string) => text(out, tag::STR, string),
        Value::List(values) => {
            out.push(tag::STRUCT);
            values.iter().for_each(|one| value(out, one));
            out.push(tag::STRUCT | tag::END);
        }
        Value::Struct(members) | Value::Named(members) => {
            out.push(tag::STRUCT);
            for (name, one) in members {
                text(out, tag::NAME, name);
                value(out, one);
            }
            out.push(tag::STRUCT | tag::END);
        }
    }
}

/// Four bytes at most; leading zero bytes are left out.
fn int(out: &mut Vec<u8>, kind: u8, number: i64) {
    let clamped = number.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    let bits = u64::from(clamped as u32);
    let length = significant(bits);
    head(out, kind, length);
    big_endian(out, bits, length);
}

fn text(out: &mut Vec<u8>, kind: u8, string: &str) {
    // Readers take a zero for the end.
    let string = string.split('\0').next().unwrap_or_default();
    head(out, kind, string.len() + 1);
    out.extend_from_slice(string.as_bytes());
    out.push(0);
}

fn head(out: &mut Vec<u8>, kind: u8, length: usize) {
    if length < 8 {
        out.push((length as u8) << 4 | kind);
        return;
    }
    let size = significant(length as u64);
    out.push(0x80 | (size as u8) << 4 | kind);
    big_endian(out, length as u64, size);
}

/// How many bytes a number has without its leading zero bytes.
fn significant(number: u64) -> usize {
    (64 - number.leading_zeros() as usize).div_ceil(8)
}

fn big_endian(out: &mut Vec<u8>, number: u64, length: usize) {
    out.extend_from_slice(&number.to_be_bytes()[8 - length..]);
}
