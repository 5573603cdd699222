//! The Date header (RFC 3261 §20.17: RFC 1123's form, always GMT).

use std::fmt;

use crate::error::{HeaderError, Rule};
use crate::grammar::{decimal, trim};

/// A Date, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Seconds since 1970-01-01 00:00:00 GMT.
    pub unix: u64,
}

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: u64 = 86_400;

impl Date {
    /// Reads `Sat, 13 Nov 2010 23:29:00 GMT`.
    ///
    /// # Errors
    /// When the form is another, the zone is not GMT, the day does not exist, or the weekday is not that day's.
    pub fn parse(raw: &[u8]) -> Result<Self, HeaderError> {
        let text = trim(raw);
        let wrong = || HeaderError::new(Rule::DateForm, crate::grammar::offset_in(raw, text));
        // The form is fixed: 29 characters, each field at its place.
        let shape = b"www, dd mmm yyyy hh:mm:ss GMT";
        let fits = |(byte, place): (&u8, &u8)| match place {
            b'w' | b'm' | b'h' | b's' | b'd' | b'y' => byte.is_ascii_alphanumeric(),
            _ => byte == place,
        };
        if text.len() != shape.len() || !text.iter().zip(shape).all(fits) {
            return Err(wrong());
        }
        let number = |range: std::ops::Range<usize>| decimal(&text[range]).map(u64::from).ok_or_else(wrong);
        let month = MONTHS.iter().position(|name| name.as_bytes() == &text[8..11]).ok_or_else(wrong)?;
        let (day, year) = (number(5..7)?, number(12..16)?);
        let (hour, minute, second) = (number(17..19)?, number(20..22)?, number(23..25)?);
        if year < 1970 || day == 0 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 60 {
            return Err(wrong());
        }
        let days =
            days_before_year(year) + (0..month).map(|month| days_in(year, month)).sum::<u64>() + day - 1;
        if weekday(days).as_bytes() != &text[..3] {
            return Err(wrong());
        }
        Ok(Self { unix: days * DAY + hour * 3600 + minute * 60 + second })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.unix / DAY, self.unix % DAY);
        // 365.2425 days a year never puts the guess more than one year off.
        let mut year = 1970 + days * 400 / 146_097;
        while days_before_year(year) > days {
            year -= 1;
        }
        while days_before_year(year + 1) <= days {
            year += 1;
        }
        let mut day = days - days_before_year(year);
        let mut month = 0;
        while day >= days_in(year, month) {
            day -= days_in(year, month);
            month += 1;
        }
        write!(
            f,
            "{}, {:02} {} {year:04} {:02}:{:02}:{:02} GMT",
            weekday(days),
            day + 1,
            MONTHS[month],
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

/// The name of a day counted from 1970-01-01, a Thursday.
fn weekday(days: u64) -> &'static str {
    // A remainder by seven is an index of the seven names.
    WEEKDAYS[((days + 4) % 7) as usize]
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days of a month counted from 0.
fn days_in(year: u64, month: usize) -> u64 {
    match month {
        1 if is_leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to January 1 of `year`, which is 1970 or later.
fn days_before_year(year: u64) -> u64 {
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written() {
        for (text, unix) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sat, 13 Nov 2010 23:29:00 GMT", 1_289_690_940),
            ("Thu, 29 Feb 2024 12:00:01 GMT", 1_709_208_001),
            ("Fri, 31 Dec 2100 23:59:59 GMT", 4_133_980_799),
        ] {
            assert_eq!(Date::parse(text.as_bytes()), Ok(Date { unix }));
            assert_eq!(Date { unix }.to_string(), text);
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "Fri, 01 Jan 2010 16:00:00 EST",
            "Mon, 01 Jan 2010 16:00:00 GMT",
            "Wed, 30 Feb 2011 16:00:00 GMT",
            "Fri, 1 Jan 2010 16:00:00 GMT",
            "Friday",
            "",
        ] {
            assert_eq!(Date::parse(text.as_bytes()).expect_err("no date").rule, Rule::DateForm, "{text}");
        }
    }
}
