//! `$Ts`, `$time(…)`, `$timef(…)`, `$TV(…)` and the rest of the clock.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cfg_vm::catalogue::Parsed;
use cfg_vm::{Str, Value};
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Datelike, Local, NaiveDateTime, TimeZone, Timelike, Utc};
use engine::{Cx, PvArgs};

/// The form of `$Tf`, C's `ctime` without its line end.
const CTIME: &str = "%a %b %e %H:%M:%S %Y";

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn seconds(time: SystemTime) -> i64 {
    since_1970(time).as_secs() as i64
}

pub(super) fn message_seconds(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(seconds(cx.context.received.at))
}

pub(super) fn now_seconds(_: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(seconds(SystemTime::now()))
}

pub(super) fn start_seconds(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(seconds(cx.server().started))
}

pub(super) fn message_text(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    ctime(cx.context.received.at)
}

pub(super) fn now_text(_: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    ctime(SystemTime::now())
}

fn ctime(time: SystemTime) -> Value {
    formatted(&DateTime::<Local>::from(time), CTIME)
}

/// C's `strftime`. A format that it would not know comes out as nothing.
fn formatted<Z: TimeZone>(time: &DateTime<Z>, format: &str) -> Value
where
    Z::Offset: std::fmt::Display,
{
    let items: Vec<_> = StrftimeItems::new(format).collect();
    if items.contains(&Item::Error) {
        return Value::Null;
    }
    let mut text = String::new();
    match write!(text, "{}", time.format_with_items(items.iter())) {
        Ok(()) => Value::Str(text.into()),
        Err(_) => Value::Null,
    }
}

/// What `$time(…)` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimePart {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    Month,
    Year,
    DayOfWeek,
    DayOfYear,
    Daylight,
}

/// Names in `$time(…)` and `$utime(…)`.
pub(super) const TIME_PARTS: &[(&str, TimePart)] = &[
    ("sec", TimePart::Second),
    ("min", TimePart::Minute),
    ("hour", TimePart::Hour),
    ("mday", TimePart::DayOfMonth),
    ("mon", TimePart::Month),
    ("year", TimePart::Year),
    ("wday", TimePart::DayOfWeek),
    ("yday", TimePart::DayOfYear),
    ("isdst", TimePart::Daylight),
];

/// A part of a calendar time. Days of week and year count from 1.
fn time_part(time: NaiveDateTime, part: TimePart) -> i64 {
    match part {
        TimePart::Second => time.second().into(),
        TimePart::Minute => time.minute().into(),
        TimePart::Hour => time.hour().into(),
        TimePart::DayOfMonth => time.day().into(),
        TimePart::Month => time.month().into(),
        TimePart::Year => time.year().into(),
        TimePart::DayOfWeek => i64::from(time.weekday().num_days_from_sunday()) + 1,
        TimePart::DayOfYear => time.ordinal().into(),
        TimePart::Daylight => 0,
    }
}

/// Whether summer time is in force: the offset is ahead of the year's least.
fn is_daylight(time: &DateTime<Local>) -> bool {
    let offset = |month| {
        let day = Local.with_ymd_and_hms(time.year(), month, 1, 12, 0, 0).earliest();
        day.map(|day| day.offset().local_minus_utc())
    };
    let least = [offset(1), offset(7)].into_iter().flatten().min();
    least.is_some_and(|least| time.offset().local_minus_utc() > least)
}

/// `$time(part)`
pub(super) fn local_part(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(part) = args.parsed::<TimePart>() else { return Value::Null };
    let time = DateTime::<Local>::from(cx.context.received.at);
    Value::Int(match part {
        TimePart::Daylight => is_daylight(&time).into(),
        part => time_part(time.naive_local(), *part),
    })
}

/// `$utime(part)`
pub(super) fn utc_part(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(part) = args.parsed::<TimePart>() else { return Value::Null };
    Value::Int(time_part(DateTime::<Utc>::from(cx.context.received.at).naive_utc(), *part))
}

/// `$timef(format)`
pub(super) fn local_format(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let format = String::from_utf8_lossy(args.name());
    formatted(&DateTime::<Local>::from(cx.context.received.at), &format)
}

/// `$utimef(format)`
pub(super) fn utc_format(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let format = String::from_utf8_lossy(args.name());
    formatted(&DateTime::<Utc>::from(cx.context.received.at), &format)
}

/// What `$TV(…)` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    MessageSeconds,
    MessageMicroseconds,
    NowSeconds,
    NowMicroseconds,
    Now,
}

/// Names in `$TV(…)`.
pub(super) const MOMENTS: &[(&str, Moment)] = &[
    ("s", Moment::MessageSeconds),
    ("u", Moment::MessageMicroseconds),
    ("sn", Moment::NowSeconds),
    ("un", Moment::NowMicroseconds),
    ("Sn", Moment::Now),
];

/// Reads `$TV(…)`'s name at load; plain `$TV` is the message's seconds.
pub(super) fn parse_moment(text: &[u8]) -> Result<Parsed, String> {
    let text = text.trim_ascii();
    let found = MOMENTS.iter().find(|(name, _)| name.as_bytes() == text);
    found
        .map(|(_, moment)| Arc::new(*moment) as Parsed)
        .ok_or_else(|| "it is one of s, u, sn, un, Sn".to_owned())
}

/// `$TV(moment)`
pub(super) fn moment(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let message = since_1970(cx.context.received.at);
    let now = since_1970(SystemTime::now());
    match args.parsed::<Moment>() {
        None | Some(Moment::MessageSeconds) => Value::Int(message.as_secs() as i64),
        Some(Moment::MessageMicroseconds) => Value::Int(message.subsec_micros().into()),
        Some(Moment::NowSeconds) => Value::Int(now.as_secs() as i64),
        Some(Moment::NowMicroseconds) => Value::Int(now.subsec_micros().into()),
        Some(Moment::Now) => Value::Str(Str::from(format!("{}.{:06}", now.as_secs(), now.subsec_micros()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(seconds: i64) -> DateTime<Utc> {
        Utc.timestamp_opt(seconds, 0).unwrap()
    }

    #[test]
    fn texts_look_as_cs() {
        let time = utc(1_795_574_530);
        assert_eq!(formatted(&time, CTIME), Value::text("Wed Nov 25 02:42:10 2026"));
        assert_eq!(formatted(&time, "%c"), Value::text("Wed Nov 25 02:42:10 2026"));
        assert_eq!(formatted(&time, "%Y-%m-%d %H:%M:%S"), Value::text("2026-11-25 02:42:10"));
        assert_eq!(formatted(&utc(0), CTIME), Value::text("Thu Jan  1 00:00:00 1970"));
        assert_eq!(formatted(&time, "%"), Value::Null);
    }

    #[test]
    fn days_count_from_one() {
        let time = utc(1_795_574_530).naive_utc();
        let parts = [
            TimePart::Hour,
            TimePart::DayOfMonth,
            TimePart::Month,
            TimePart::Year,
            TimePart::DayOfWeek,
            TimePart::DayOfYear,
        ];
        assert_eq!(parts.map(|part| time_part(time, part)), [2, 25, 11, 2026, 4, 329]);
    }
}
