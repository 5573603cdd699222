//! `DATETIME` columns: seconds since 1970 and back, in the computer's time zone as Kamailio does it.

use chrono::{DateTime, Datelike, Local, LocalResult, NaiveDate, NaiveDateTime, TimeZone, Timelike};

/// The Julian day on which 1970 began, as SQLite counts days.
const EPOCH_JULIAN_DAY: f64 = 2_440_587.5;
const DAY_SECONDS: f64 = 86_400.0;

/// Seconds since 1970 of a local `YYYY-MM-DD hh:mm:ss`, with or without a fraction.
pub(crate) fn from_text(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Some(from_local(local))
}

/// A local `YYYY-MM-DD hh:mm:ss`.
pub(crate) fn to_text(seconds: i64) -> String {
    to_local(seconds).format("%Y-%m-%d %H:%M:%S").to_string()
}

pub(crate) fn to_local(seconds: i64) -> NaiveDateTime {
    let utc = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    utc.with_timezone(&Local).naive_local()
}

/// A time that the clocks skip is read as if they had not been put forward.
pub(crate) fn from_local(local: NaiveDateTime) -> i64 {
    match Local.from_local_datetime(&local) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => time.timestamp(),
        LocalResult::None => local.and_utc().timestamp(),
    }
}

/// Year, month, day, hour, minute, second.
pub(crate) fn to_parts(seconds: i64) -> (u16, u8, u8, u8, u8, u8) {
    let local = to_local(seconds);
    let year = u16::try_from(local.year()).unwrap_or_default();
    (
        year,
        local.month() as u8,
        local.day() as u8,
        local.hour() as u8,
        local.minute() as u8,
        local.second() as u8,
    )
}

pub(crate) fn from_parts(date: (u16, u8, u8), time: (u8, u8, u8)) -> Option<i64> {
    let day = NaiveDate::from_ymd_opt(date.0.into(), date.1.into(), date.2.into())?;
    Some(from_local(day.and_hms_opt(time.0.into(), time.1.into(), time.2.into())?))
}

/// The Julian day in which SQLite tables of Kamailio hold times.
pub(crate) fn to_julian_day(seconds: i64) -> f64 {
    EPOCH_JULIAN_DAY + seconds as f64 / DAY_SECONDS
}

pub(crate) fn from_julian_day(day: f64) -> i64 {
    ((day - EPOCH_JULIAN_DAY) * DAY_SECONDS).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back_from_text_and_from_a_julian_day() {
        for seconds in [0, 1_000_000_000, 1_906_234_335] {
            assert_eq!(from_text(to_text(seconds).as_bytes()), Some(seconds));
            assert_eq!(from_julian_day(to_julian_day(seconds)), seconds);
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        assert_eq!(from_text(b"0000-00-00 00:00:00"), None);
        assert_eq!(from_text(b"soon"), None);
    }
}
