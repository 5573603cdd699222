//! From bytes to values.

use super::{DEPTH, Kind, MAGIC, Malformed, tag};
use crate::Value;

/// A packet's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it is.
    pub kind: Kind,
    /// Its own length in bytes.
    pub length: usize,
    /// The body's length in bytes, as the peer says.
    pub body: usize,
    /// The cookie, 1 to 4 bytes.
    pub cookie: Vec<u8>,
}

/// Reads a header; nothing when more bytes are needed.
///
/// # Errors
/// What came is no binrpc.
pub fn header(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    if first != MAGIC {
        return Err(Malformed::Packet);
    }
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    let kind = match second >> 4 {
        0 => Kind::Request,
        1 => Kind::Reply,
        3 => Kind::Fault,
        _ => return Err(Malformed::Packet),
    };
    let lengths = usize::from(second >> 2 & 3) + 1;
    let cookies = usize::from(second & 3) + 1;
    let length = 2 + lengths + cookies;
    let Some(rest) = bytes.get(2..length) else { return Ok(None) };
    let (body, cookie) = rest.split_at(lengths);
    let body = body.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    Ok(Some(Header { kind, length, body, cookie: cookie.to_vec() }))
}

/// One record of a body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Record<'a> {
    /// A number.
    Int(i64),
    /// A fraction.
    Double(f64),
    /// Text, without the zero at its end.
    Str(&'a [u8]),
    /// The name of the value that follows in a structure.
    Name(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A structure or an array begins.
    Begin,
    /// It ends.
    End,
}

/// The records of a body, one after the other.
#[derive(Clone, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Over a body.
    pub fn new(body: &'a [u8]) -> Self {
        Self(body)
    }

    /// What has not been taken yet.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Takes the next record; nothing at the end.
    ///
    /// # Errors
    /// The record is cut off, or none.
    pub fn record(&mut self) -> Result<Option<Record<'a>>, Malformed> {
        let Some((&first, rest)) = self.0.split_first() else { return Ok(None) };
        self.0 = rest;
        let kind = first & 0x0f;
        if kind == tag::STRUCT || kind == tag::ARRAY {
            return Ok(Some(if first & tag::END == 0 { Record::Begin } else { Record::End }));
        }
        let size = usize::from(first >> 4 & 7);
        let length = if first & 0x80 == 0 { size } else { number(self.take(size)?)? };
        let data = self.take(length)?;
        Ok(Some(match kind {
            tag::INT => Record::Int(int(data)?),
            tag::DOUBLE => Record::Double(int(data)? as f64 / 1000.0),
            tag::STR => Record::Str(text(data)?),
            tag::NAME => Record::Name(text(data)?),
            tag::BYTES => Record::Bytes(data),
            _ => return Err(Malformed::Record),
        }))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// A length of at most four bytes.
fn number(bytes: &[u8]) -> Result<usize, Malformed> {
    if bytes.len() > 4 {
        return Err(Malformed::Record);
    }
    Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

/// Leading zero bytes are left out, so only a number of four or eight bytes can be negative.
fn int(bytes: &[u8]) -> Result<i64, Malformed> {
    let bits = bytes.iter().try_fold(0_u64, |sum, byte| {
        if sum >> 56 == 0 { Ok(sum << 8 | u64::from(*byte)) } else { Err(Malformed::Record) }
    })?;
    Ok(if bytes.len() == 4 { i64::from(bits as u32 as i32) } else { bits as i64 })
}

fn text(bytes: &[u8]) -> Result<&[u8], Malformed> {
    // An empty text has no bytes at all in some writers.
    match bytes.split_last() {
        None => Ok(b""),
        Some((0, text)) => Ok(text),
        Some(_) => Err(Malformed::Record),
    }
}

/// All values of a body.
///
/// # Errors
/// It is cut off, holds what is no record, or a structure that does not end.
pub fn values(body: &[u8]) -> Result<Vec<Value>, Malformed> {
    let mut reader = Reader::new(body);
    let mut values = Vec::new();
    while let Some(record) = reader.record()? {
        values.push(value(record, &mut reader, 0)?);
    }
    Ok(values)
}

fn value(record: Record<'_>, reader: &mut Reader<'_>, depth: usize) -> Result<Value, Malformed> {
    let owned = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match record {
        Record::Int(number) => Ok(Value::Int(number)),
        Record::Double(number) => Ok(Value::Double(number)),
        Record::Str(text) | Record::Bytes(text) => Ok(Value::Str(owned(text))),
        Record::Name(_) | Record::End => Err(Malformed::Record),
        Record::Begin if depth == DEPTH => Err(Malformed::Depth),
        Record::Begin => members(reader, depth + 1),
    }
}

/// What stands in a structure: a list when nothing in it has a name.
fn members(reader: &mut Reader<'_>, depth: usize) -> Result<Value, Malformed> {
    let mut named = Vec::new();
    let mut list = Vec::new();
    loop {
        match reader.record()?.ok_or(Malformed::Short)? {
            Record::End if list.is_empty() => return Ok(Value::Struct(named)),
            Record::End => return Ok(Value::List(list)),
            Record::Name(name) if list.is_empty() => {
                let record = reader.record()?.ok_or(Malformed::Short)?;
                named.push((String::from_utf8_lossy(name).into_owned(), value(record, reader, depth)?));
            }
            record if named.is_empty() => list.push(value(record, reader, depth)?),
            _ => return Err(Malformed::Record),
        }
    }
}
