//! `s.ftime`: a moment as text.

use super::text_arg;
use crate::catalogue::TransformArgs;
use crate::operate;
use crate::value::Value;

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAY: i64 = 86_400;

/// Seconds since 1970 in the form of C's `strftime`, in UTC. Text that is no number is undefined.
pub(super) fn ftime(input: &Value, args: &TransformArgs<'_>) -> Value {
    let format = text_arg(args, 0);
    match operate::int(input) {
        Ok(seconds) if seconds >= 0 && !input.is_null() && !input.to_str().starts_with(b"0x") => {
            Moment::new(seconds).format(&format).into()
        }
        _ => Value::Null,
    }
}

struct Moment {
    seconds: i64,
    year: i64,
    /// From 0.
    month: i64,
    /// From 1.
    day: i64,
    /// Of the year, from 0.
    yearday: i64,
    /// From Sunday.
    weekday: i64,
}

impl Moment {
    fn new(seconds: i64) -> Self {
        let days = seconds.div_euclid(DAY);
        // Days since 1 March of year 0, in eras of 400 years: leap days then come last.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = (shifted_month + 2) % 12;
        let year = year_of_era + era * 400 + i64::from(month < 2);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let yearday = if month < 2 { day_of_year - 306 } else { day_of_year + 59 + i64::from(is_leap) };
        Self { seconds, year, month, day, yearday, weekday: (days + 4).rem_euclid(7) }
    }

    fn format(&self, format: &[u8]) -> Vec<u8> {
        let mut text = String::new();
        let mut bytes = Vec::new();
        let mut rest = format.iter();
        while let Some(byte) = rest.next() {
            if *byte != b'%' {
                bytes.push(*byte);
                continue;
            }
            let Some(directive) = rest.next() else { break };
            text.clear();
            self.directive(*directive, &mut text);
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    fn directive(&self, directive: u8, text: &mut String) {
        use std::fmt::Write as _;
        let clock = self.seconds.rem_euclid(DAY);
        let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
        let hour12 = (hour + 11) % 12 + 1;
        let day = DAYS[self.weekday as usize];
        let month = MONTHS[self.month as usize];
        // Writing to a string does not fail.
        let _ = match directive {
            b'a' => write!(text, "{}", &day[..3]),
            b'A' => write!(text, "{day}"),
            b'b' | b'h' => write!(text, "{}", &month[..3]),
            b'B' => write!(text, "{month}"),
            b'c' => write!(text, "{} {} {:2} ", &day[..3], &month[..3], self.day)
                .and_then(|()| write!(text, "{hour:02}:{minute:02}:{second:02} {}", self.year)),
            b'C' => write!(text, "{:02}", self.year / 100),
            b'd' => write!(text, "{:02}", self.day),
            b'D' | b'x' => write!(text, "{:02}/{:02}/{:02}", self.month + 1, self.day, self.year % 100),
            b'e' => write!(text, "{:2}", self.day),
            b'F' => write!(text, "{}-{:02}-{:02}", self.year, self.month + 1, self.day),
            b'H' => write!(text, "{hour:02}"),
            b'I' => write!(text, "{hour12:02}"),
            b'j' => write!(text, "{:03}", self.yearday + 1),
            b'k' => write!(text, "{hour:2}"),
            b'l' => write!(text, "{hour12:2}"),
            b'm' => write!(text, "{:02}", self.month + 1),
            b'M' => write!(text, "{minute:02}"),
            b'n' => text.write_char('\n'),
            b'p' => write!(text, "{}", if hour < 12 { "AM" } else { "PM" }),
            b'P' => write!(text, "{}", if hour < 12 { "am" } else { "pm" }),
            b'r' => {
                let half = if hour < 12 { "AM" } else { "PM" };
                write!(text, "{hour12:02}:{minute:02}:{second:02} {half}")
            }
            b'R' => write!(text, "{hour:02}:{minute:02}"),
            b's' => write!(text, "{}", self.seconds),
            b'S' => write!(text, "{second:02}"),
            b't' => write!(text, "\t"),
            b'T' | b'X' => write!(text, "{hour:02}:{minute:02}:{second:02}"),
            b'u' => write!(text, "{}", (self.weekday + 6) % 7 + 1),
            b'U' => write!(text, "{:02}", (self.yearday + 7 - self.weekday) / 7),
            b'w' => write!(text, "{}", self.weekday),
            b'W' => write!(text, "{:02}", (self.yearday + 7 - (self.weekday + 6) % 7) / 7),
            b'y' => write!(text, "{:02}", self.year.rem_euclid(100)),
            b'Y' => write!(text, "{}", self.year),
            b'z' => write!(text, "+0000"),
            b'Z' => write!(text, "UTC"),
            b'%' => write!(text, "%"),
            other => write!(text, "%{}", char::from(other)),
        };
    }
}
