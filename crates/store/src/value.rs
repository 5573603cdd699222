//! What a column holds.

use std::ops::Deref;

/// A column's value, without the column's type: each database turns it into what the column wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Double(f64),
    /// Text, as bytes: what phones send is not always UTF-8.
    Text(Vec<u8>),
    /// Bytes of a binary column.
    Blob(Vec<u8>),
    /// A `DATETIME` column, in seconds since 1970. MySQL and PostgreSQL hold local time, as Kamailio writes it.
    Time(i64),
}

impl Value {
    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value as a whole number; text that is one counts.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) | Self::Time(number) => Some(*number),
            Self::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
            Self::Text(text) => parsed(text),
            _ => None,
        }
    }

    /// The value as a number with a fraction; text that is one counts.
    pub fn as_double(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
            Self::Text(text) => parsed(text),
            _ => None,
        }
    }

    /// The bytes of text or of a binary column. Numbers are not text.
    pub fn as_text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(bytes) | Self::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The value as seconds since 1970: a `DATETIME`, or a whole number that stands for one.
    pub fn as_time(&self) -> Option<i64> {
        match self {
            Self::Time(seconds) | Self::Int(seconds) => Some(*seconds),
            Self::Text(text) => crate::time::from_text(text).or_else(|| parsed(text)),
            _ => None,
        }
    }
}

fn parsed<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }
}

impl From<&[u8]> for Value {
    fn from(text: &[u8]) -> Self {
        Self::Text(text.to_vec())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into_bytes())
    }
}

impl From<Vec<u8>> for Value {
    fn from(text: Vec<u8>) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row, in the order of the columns that were asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row(pub Vec<Value>);

impl Deref for Row {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0
    }
}

/// What a statement gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The columns' names; empty for a statement that gives no rows.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Rows that were inserted, changed or deleted; an update that changes nothing counts the rows that it found.
    pub affected: u64,
    /// The number that the database gave to the last inserted row; 0 where there is none (always for PostgreSQL).
    pub last_id: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_a_number_counts_as_one() {
        assert_eq!(Value::from("42").as_int(), Some(42));
        assert_eq!(Value::from(" -7 ").as_int(), Some(-7));
        assert_eq!(Value::from("0.5").as_double(), Some(0.5));
        assert_eq!(Value::from("4x").as_int(), None);
        assert_eq!(Value::Double(3.0).as_int(), Some(3));
        assert_eq!(Value::Double(3.5).as_int(), None);
    }

    #[test]
    fn nothing_is_null() {
        assert!(Value::from(None::<i64>).is_null());
        assert_eq!(Value::from(Some("x")), Value::Text(b"x".to_vec()));
    }
}
