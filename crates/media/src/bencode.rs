//! Bencode: numbers, strings, lists and dictionaries, as BitTorrent's BEP 3 defines them and rtpengine uses them.
//!
//! Dictionaries keep their members' order, sorted or not; reading asks for no order either, as rtpengine's own reader.

use std::fmt;

/// How deep lists and dictionaries may stand in each other.
pub const DEPTH: usize = 32;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `i42e`.
    Int(i64),
    /// `4:text`; any bytes.
    Bytes(Vec<u8>),
    /// `l…e`.
    List(Vec<Self>),
    /// `d…e`.
    Dict(Dict),
}

/// Named values in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dict(pub Vec<(Vec<u8>, Value)>);

/// Why bytes are no bencode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where, in bytes from the start.
    pub at: usize,
    /// What was wrong there.
    pub why: Fault,
}

/// What is wrong in malformed bencode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes end within a value.
    Short,
    /// No value begins so.
    NoValue,
    /// A number or a length that is none, or does not fit.
    Number,
    /// A dictionary's key that is no string.
    Key,
    /// Deeper than [`DEPTH`].
    Deep,
    /// Something follows the value.
    Trailing,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Fault::Short => "it ends within a value",
            Fault::NoValue => "no value begins like this",
            Fault::Number => "this is no number",
            Fault::Key => "a key must be a string",
            Fault::Deep => "it is nested too deep",
            Fault::Trailing => "something follows the value",
        };
        write!(f, "not bencode, at byte {}: {why}", self.at)
    }
}

impl std::error::Error for Malformed {}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl Value {
    /// Its bytes, if it is a string.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The dictionary, if it is one.
    pub fn as_dict(&self) -> Option<&Dict> {
        if let Self::Dict(dict) = self { Some(dict) } else { None }
    }

    /// The list's values; none for what is no list.
    pub fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// Reads one value that fills all of `bytes`.
    ///
    /// # Errors
    /// The bytes are no bencode.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader { bytes, at: 0 };
        let value = reader.value(0)?;
        if reader.at == bytes.len() { Ok(value) } else { Err(reader.fault(Fault::Trailing)) }
    }

    /// Writes the value behind what is in `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(number) => {
                out.push(b'i');
                out.extend_from_slice(number.to_string().as_bytes());
                out.push(b'e');
            }
            Self::Bytes(bytes) => write_bytes(bytes, out),
            Self::List(items) => {
                out.push(b'l');
                items.iter().for_each(|item| item.write(out));
                out.push(b'e');
            }
            Self::Dict(dict) => dict.write(out),
        }
    }
}

impl Dict {
    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| value)
    }

    /// The string of that name.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.get(name)?.as_bytes()
    }

    /// The number of that name.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_int()
    }

    /// The dictionary of that name.
    pub fn dict(&self, name: &str) -> Option<&Self> {
        self.get(name)?.as_dict()
    }

    /// Adds a member at the end.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl Into<Value>) {
        self.0.push((name.as_ref().to_vec(), value.into()));
    }

    /// Writes it behind what is in `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'd');
        for (name, value) in &self.0 {
            write_bytes(name, out);
            value.write(out);
        }
        out.push(b'e');
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn fault(&self, why: Fault) -> Malformed {
        Malformed { at: self.at, why }
    }

    fn peek(&self) -> Result<u8, Malformed> {
        self.bytes.get(self.at).copied().ok_or_else(|| self.fault(Fault::Short))
    }

    /// Whether the list or dictionary ends here; passes over its end.
    fn ends(&mut self) -> Result<bool, Malformed> {
        let ends = self.peek()? == b'e';
        self.at += usize::from(ends);
        Ok(ends)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Malformed> {
        if depth > DEPTH {
            return Err(self.fault(Fault::Deep));
        }
        match self.peek()? {
            b'i' => {
                self.at += 1;
                self.number(b'e').map(Value::Int)
            }
            b'0'..=b'9' => self.string().map(|bytes| Value::Bytes(bytes.to_vec())),
            b'l' => {
                self.at += 1;
                let mut items = Vec::new();
                while !self.ends()? {
                    items.push(self.value(depth + 1)?);
                }
                Ok(Value::List(items))
            }
            b'd' => {
                self.at += 1;
                let mut members = Vec::new();
                while !self.ends()? {
                    if !self.peek()?.is_ascii_digit() {
                        return Err(self.fault(Fault::Key));
                    }
                    let name = self.string()?.to_vec();
                    members.push((name, self.value(depth + 1)?));
                }
                Ok(Value::Dict(Dict(members)))
            }
            _ => Err(self.fault(Fault::NoValue)),
        }
    }

    /// A decimal number up to `end`, which is passed over.
    fn number(&mut self, end: u8) -> Result<i64, Malformed> {
        // The longest i64 has 20 characters.
        let window = &self.bytes[self.at..self.bytes.len().min(self.at + 21)];
        let Some(length) = window.iter().position(|&byte| byte == end) else {
            let why = if window.len() < 21 { Fault::Short } else { Fault::Number };
            return Err(self.fault(why));
        };
        let text = std::str::from_utf8(&window[..length]).ok().filter(|text| !text.starts_with('+'));
        let number = text.and_then(|text| text.parse().ok()).ok_or_else(|| self.fault(Fault::Number))?;
        self.at += length + 1;
        Ok(number)
    }

    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.number(b':')?;
        let length = usize::try_from(length).map_err(|_| self.fault(Fault::Number))?;
        let bytes = self.bytes[self.at..].get(..length).ok_or_else(|| self.fault(Fault::Short))?;
        self.at += length;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut dict = Dict::default();
        dict.push("result", "ok");
        dict.push("load", -7);
        dict.push("tags", Value::List(vec![Value::Int(i64::MIN), b"\0\xff".as_slice().into()]));
        dict.push("empty", Value::Dict(Dict::default()));
        let mut out = Vec::new();
        dict.write(&mut out);
        assert_eq!(out, b"d6:result2:ok4:loadi-7e4:tagsli-9223372036854775808e2:\0\xffe5:emptydee");
        assert_eq!(Value::read(&out), Ok(Value::Dict(dict)));
    }

    #[test]
    fn malformed_bytes_are_told_with_their_place() {
        let fault = |bytes: &[u8]| Value::read(bytes).map_err(|found| (found.at, found.why));
        assert_eq!(fault(b""), Err((0, Fault::Short)));
        assert_eq!(fault(b"d3:abc"), Err((6, Fault::Short)));
        assert_eq!(fault(b"5:abc"), Err((2, Fault::Short)));
        assert_eq!(fault(b"99999999999999999999999:a"), Err((0, Fault::Number)));
        assert_eq!(fault(b"i1x2e"), Err((1, Fault::Number)));
        assert_eq!(fault(b"di1e1:ae"), Err((1, Fault::Key)));
        assert_eq!(fault(b"x"), Err((0, Fault::NoValue)));
        assert_eq!(fault(b"i1ei2e"), Err((3, Fault::Trailing)));
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = vec![b'l'; 100_000];
        assert_eq!(Value::read(&deep).map_err(|found| found.why), Err(Fault::Deep));
    }
}
