//! What operators do with values.

use crate::number::parse_int;
use crate::value::Value;

/// The number that a value counts as; text that is none comes back as the error.
pub(crate) fn int(value: &Value) -> Result<i64, &[u8]> {
    match value {
        Value::Null => Ok(0),
        Value::Int(number) => Ok(*number),
        Value::Str(text) => parse_int(text).ok_or(text.as_bytes()),
    }
}

/// `==`, typed by the left value; what is undefined takes the right one's type. Text that should have been a
/// number comes along.
pub(crate) fn equal<'a>(left: &'a Value, right: &'a Value) -> (bool, Option<&'a [u8]>) {
    match (left, right) {
        (Value::Null, Value::Null) => (true, None),
        (Value::Null, Value::Int(right)) => (*right == 0, None),
        (Value::Null, Value::Str(right)) => (right.is_empty(), None),
        (Value::Int(left), right) => match int(right) {
            Ok(right) => (*left == right, None),
            Err(text) => (*left == 0, Some(text)),
        },
        (Value::Str(left), Value::Str(right)) => (left == right, None),
        (Value::Str(left), right) => (**left == *right.to_str(), None),
    }
}

/// As keywords compare: text without regard to case.
pub(crate) fn equal_fold(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Str(left), Value::Str(right)) => left.eq_ignore_ascii_case(right),
        _ => left.to_str().eq_ignore_ascii_case(&right.to_str()),
    }
}
