//! Values on PostgreSQL's wire: written as text, which the server reads as whatever the column is; read as what it sends.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::{Value, time};

/// A value to send.
#[derive(Debug)]
pub(super) struct Bind<'a>(pub(super) &'a Value);

impl ToSql for Bind<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Int(seconds) if is_time(kind) => out.extend_from_slice(time::to_text(*seconds).as_bytes()),
            Value::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Double(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Text(bytes) | Value::Blob(bytes) if *kind == Type::BYTEA => {
                out.extend_from_slice(b"\\x");
                for byte in bytes {
                    out.extend_from_slice(format!("{byte:02x}").as_bytes());
                }
            }
            Value::Text(bytes) | Value::Blob(bytes) => out.extend_from_slice(bytes),
            Value::Time(seconds) if is_number(kind) => out.extend_from_slice(seconds.to_string().as_bytes()),
            Value::Time(seconds) => out.extend_from_slice(time::to_text(*seconds).as_bytes()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

fn is_time(kind: &Type) -> bool {
    matches!(*kind, Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::DATE)
}

fn is_number(kind: &Type) -> bool {
    matches!(
        *kind,
        Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC | Type::OID
    )
}

/// A value that came.
pub(super) struct Cell(pub(super) Value);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *kind {
            Type::BOOL => Value::Int(bool::from_sql(kind, raw)?.into()),
            Type::INT2 => Value::Int(i16::from_sql(kind, raw)?.into()),
            Type::INT4 => Value::Int(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Value::Int(i64::from_sql(kind, raw)?),
            Type::OID => Value::Int(u32::from_sql(kind, raw)?.into()),
            // Widening a short number's bits would show digits that nobody wrote.
            Type::FLOAT4 => Value::Double(f32::from_sql(kind, raw)?.to_string().parse()?),
            Type::FLOAT8 => Value::Double(f64::from_sql(kind, raw)?),
            Type::NUMERIC => Value::from(numeric(raw)?),
            Type::TIMESTAMP => Value::Time(time::from_local(timestamp(raw)?)),
            Type::TIMESTAMPTZ => Value::Time(timestamp(raw)?.and_utc().timestamp()),
            Type::BYTEA => Value::Blob(raw.to_vec()),
            _ => Value::Text(raw.to_vec()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Microseconds since the year 2000.
fn timestamp(raw: &[u8]) -> Result<chrono::NaiveDateTime, Box<dyn Error + Sync + Send>> {
    const YEAR_2000: i64 = 946_684_800;
    let microseconds = i64::from_be_bytes(raw.try_into()?);
    let seconds = YEAR_2000 + microseconds.div_euclid(1_000_000);
    Ok(chrono::DateTime::from_timestamp(seconds, 0).ok_or("a time beyond all calendars")?.naive_utc())
}

/// A decimal number, exact: count of groups of four digits, weight of the first, sign, digits after the point, groups.
fn numeric(raw: &[u8]) -> Result<String, Box<dyn Error + Sync + Send>> {
    const NEGATIVE: u16 = 0x4000;
    const NOT_A_NUMBER: u16 = 0xC000;
    let words: Vec<u16> = raw.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let [_count, weight, sign, shown, groups @ ..] = words.as_slice() else {
        return Err("a number cut short".into());
    };
    if *sign == NOT_A_NUMBER {
        return Ok("NaN".into());
    }
    let weight = i32::from(*weight as i16);
    let group =
        |at: i32| usize::try_from(weight - at).ok().and_then(|index| groups.get(index)).copied().unwrap_or(0);
    let mut text = String::from(if *sign == NEGATIVE { "-" } else { "" });
    text.push_str(&group(weight.max(0)).to_string());
    (0..weight.max(0)).rev().for_each(|at| text.push_str(&format!("{:04}", group(at))));
    let fraction: String =
        (1..=i32::from(shown.div_ceil(4))).map(|at| format!("{:04}", group(-at))).collect();
    if let Some(fraction) = fraction.get(..usize::from(*shown)).filter(|digits| !digits.is_empty()) {
        text.push('.');
        text.push_str(fraction);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_number_is_read_from_its_groups() {
        // 12345.678 is 1 2345 . 6780
        let raw = [0, 3, 0, 1, 0, 0, 0, 3, 0, 1, 0x09, 0x29, 0x1a, 0x7c];
        assert_eq!(numeric(&raw).expect("a number"), "12345.678");
        let minus_ten_thousand = [0, 1, 0, 1, 0x40, 0, 0, 0, 0, 1];
        assert_eq!(numeric(&minus_ten_thousand).expect("a number"), "-10000");
        assert_eq!(numeric(&[0, 0, 0, 0, 0, 0, 0, 0]).expect("zero"), "0");
        let small = [0, 1, 0xff, 0xff, 0, 0, 0, 2, 0x01, 0xf4];
        assert_eq!(numeric(&small).expect("a number"), "0.05");
        assert!(numeric(&[0, 1]).is_err());
    }
}
