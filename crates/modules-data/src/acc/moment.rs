//! When something was accounted, in the further forms that `time_mode` asks for.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Local};
use engine::{Setup, SetupError};
use store::{Cell, Value};

/// A further form of the time, and what it is called.
#[derive(Debug)]
pub(super) struct Form {
    mode: Mode,
    attr: String,
    exten: String,
    format: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    None,
    Microseconds,
    Fraction,
    Local,
    Utc,
}

impl Form {
    pub(super) fn of(setup: &Setup<'_>) -> Result<Self, SetupError> {
        let text = |name: &str, default: &str| {
            setup
                .text(name)
                .map_or_else(|| default.to_owned(), |text| String::from_utf8_lossy(text).into_owned())
        };
        let form = Self {
            mode: match setup.int("time_mode").unwrap_or(0) {
                1 => Mode::Microseconds,
                2 => Mode::Fraction,
                3 => Mode::Local,
                4 => Mode::Utc,
                _ => Mode::None,
            },
            attr: text("time_attr", "time_attr"),
            exten: text("time_exten", "time_exten"),
            format: text("time_format", "%Y-%m-%d %H:%M:%S"),
        };
        if StrftimeItems::new(&form.format).any(|item| item == Item::Error) {
            let why = format!("time_format: \"{}\" is no format of a time", form.format);
            let given = setup.values("time_format").last();
            return Err(given.map_or_else(|| SetupError::new(&*why), |given| SetupError::at(given, &*why)));
        }
        Ok(form)
    }

    /// Name and value in the log, for a time since 1970.
    pub(super) fn logged(&self, time: Duration) -> Option<(&str, String)> {
        match self.mode {
            Mode::None => None,
            Mode::Microseconds => Some((&self.exten, time.subsec_micros().to_string())),
            Mode::Fraction => Some((&self.attr, format!("{:.3}", time.as_secs_f64()))),
            Mode::Local | Mode::Utc => Some((&self.attr, self.formatted(time))),
        }
    }

    /// Columns and values in the database.
    pub(super) fn cells(&self, time: Duration) -> Vec<Cell> {
        let attr = |value: Value| Cell { column: self.attr.clone(), value };
        match self.mode {
            Mode::None => Vec::new(),
            Mode::Microseconds => {
                let exten = Value::Int(time.subsec_micros().into());
                vec![
                    attr(Value::Int(time.as_secs() as i64)),
                    Cell { column: self.exten.clone(), value: exten },
                ]
            }
            Mode::Fraction => vec![attr(Value::Double(time.as_secs_f64()))],
            Mode::Local | Mode::Utc => vec![attr(Value::Text(self.formatted(time).into_bytes()))],
        }
    }

    fn formatted(&self, time: Duration) -> String {
        let mut text = String::new();
        let Some(utc) = DateTime::from_timestamp(time.as_secs() as i64, time.subsec_nanos()) else {
            return text;
        };
        let written = match self.mode {
            Mode::Local => write!(text, "{}", utc.with_timezone(&Local).format(&self.format)),
            _ => write!(text, "{}", utc.format(&self.format)),
        };
        // The format was tried at load.
        debug_assert!(written.is_ok(), "a format of a time");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(mode: Mode) -> Form {
        Form { mode, attr: "attr".into(), exten: "exten".into(), format: "%Y/%m/%d %H:%M:%S".into() }
    }

    #[test]
    fn each_mode_has_its_form() {
        let time = Duration::from_micros(1_795_616_075_578_450);
        let logged = |mode| form(mode).logged(time).map(|(name, value)| format!("{name}={value}"));
        assert_eq!(logged(Mode::None), None);
        assert_eq!(logged(Mode::Microseconds).as_deref(), Some("exten=578450"));
        assert_eq!(logged(Mode::Fraction).as_deref(), Some("attr=1795616075.578"));
        assert_eq!(logged(Mode::Utc).as_deref(), Some("attr=2026/11/25 14:14:35"));
        assert_eq!(form(Mode::Microseconds).cells(time).len(), 2);
    }
}
