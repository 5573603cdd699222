//! Values of the language: nothing, a number, or bytes.

use std::fmt;
use std::sync::Arc;

/// Longest text that is kept in place.
const INLINE: usize = 22;

/// Bytes that are cheap to clone: constants, short texts and slices of a message's buffer allocate nothing.
#[derive(Clone)]
pub struct Str(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static [u8]),
    Inline { len: u8, bytes: [u8; INLINE] },
    Slice { buffer: Arc<Vec<u8>>, start: u32, len: u32 },
    Owned(Arc<[u8]>),
}

impl Str {
    /// No bytes.
    pub const EMPTY: Self = Self(Repr::Static(b""));

    /// A constant.
    pub const fn from_static(bytes: &'static [u8]) -> Self {
        Self(Repr::Static(bytes))
    }

    /// Copies bytes; short ones without allocating.
    pub fn copy(bytes: &[u8]) -> Self {
        match Self::inline(bytes) {
            Some(text) => text,
            None => Self(Repr::Owned(bytes.into())),
        }
    }

    /// A slice of a shared buffer; short ones are copied so that they do not hold the buffer.
    ///
    /// # Panics
    /// When the range lies outside the buffer: ranges come from an index over the same buffer.
    pub fn slice(buffer: &Arc<Vec<u8>>, start: usize, end: usize) -> Self {
        let bytes = &buffer[start..end];
        Self::inline(bytes).unwrap_or_else(|| {
            Self(Repr::Slice { buffer: Arc::clone(buffer), start: start as u32, len: bytes.len() as u32 })
        })
    }

    /// Decimal digits of a number.
    pub fn decimal(number: i64) -> Self {
        use std::io::Write as _;
        let mut bytes = [0; INLINE];
        let mut rest = &mut bytes[..];
        // 20 bytes hold any i64, so the write cannot fail.
        let _ = write!(rest, "{number}");
        let len = (INLINE - rest.len()) as u8;
        Self(Repr::Inline { len, bytes })
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Static(bytes) => bytes,
            Repr::Inline { len, bytes } => &bytes[..*len as usize],
            Repr::Slice { buffer, start, len } => &buffer[*start as usize..(*start + *len) as usize],
            Repr::Owned(bytes) => bytes,
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// No bytes at all.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// Text for people; what is not UTF-8 is replaced.
    pub fn to_lossy(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    fn inline(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > INLINE {
            return None;
        }
        let mut kept = [0; INLINE];
        kept[..bytes.len()].copy_from_slice(bytes);
        Some(Self(Repr::Inline { len: bytes.len() as u8, bytes: kept }))
    }
}

impl Default for Str {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl std::ops::Deref for Str {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for Str {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<Vec<u8>> for Str {
    fn from(bytes: Vec<u8>) -> Self {
        Self::inline(&bytes).unwrap_or_else(|| Self(Repr::Owned(bytes.into())))
    }
}

impl From<&[u8]> for Str {
    fn from(bytes: &[u8]) -> Self {
        Self::copy(bytes)
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self::copy(text.as_bytes())
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl PartialEq for Str {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Str {}

impl std::hash::Hash for Str {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl std::borrow::Borrow<[u8]> for Str {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// A value of the language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// `$null`: undefined.
    #[default]
    Null,
    /// A number (C `long` in Kamailio).
    Int(i64),
    /// Bytes.
    Str(Str),
}

impl Value {
    /// A string constant.
    pub const fn text(bytes: &'static str) -> Self {
        Self::Str(Str::from_static(bytes.as_bytes()))
    }

    /// Undefined?
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// As bytes: numbers in decimal, nothing as no bytes.
    pub fn to_str(&self) -> Str {
        match self {
            Self::Null => Str::EMPTY,
            Self::Int(number) => Str::decimal(*number),
            Self::Str(text) => text.clone(),
        }
    }

    /// As [`Value::to_str`], without cloning text.
    pub fn into_str(self) -> Str {
        match self {
            Self::Str(text) => text,
            other => other.to_str(),
        }
    }

    /// The number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The bytes, if it is text.
    pub fn as_text(&self) -> Option<&[u8]> {
        if let Self::Str(text) = self { Some(text.as_bytes()) } else { None }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<Str> for Value {
    fn from(text: Str) -> Self {
        Self::Str(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Str(bytes.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Str(bytes.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
