//! `table=>name`: what the variables and some functions are given, and what their expressions for several items mean.

use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use cfg_vm::regex::{Flags, Regex};
use cfg_vm::{Str, Value};

/// Kamailio takes all of the module's expressions so.
const FLAGS: Flags = Flags { ignore_case: true, newline: true };

/// The table's name and what follows `=>`, as it is.
pub(super) fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.windows(2).position(|two| two == b"=>")?;
    let table = text[..at].trim_ascii();
    (!table.is_empty()).then_some((table, &text[at + 2..]))
}

/// A table's name and what follows it, of a function's argument.
pub(super) struct Place {
    pub(super) table: Str,
    /// An item's name, or an expression.
    pub(super) name: Str,
}

/// Reads an argument.
pub(super) fn parse(text: &[u8]) -> Result<Parsed, String> {
    check(text)?;
    let (table, name) = split(text).unwrap_or_default();
    Ok(Arc::new(Place { table: Str::copy(table), name: Str::copy(name) }))
}

/// Checks a constant at load.
pub(super) fn check(text: &[u8]) -> Result<(), String> {
    match split(text) {
        Some(_) => Ok(()),
        None => Err(format!("\"{}\" names no item: table=>name does", text.escape_ascii())),
    }
}

/// Which names or values are meant.
pub(super) enum Pattern<'a> {
    All,
    Equal(&'a [u8]),
    Other(&'a [u8]),
    Begins(&'a [u8]),
    Ends(&'a [u8]),
    Contains(&'a [u8]),
    Matches(Regex),
    /// A number; no text.
    Number(i64),
}

impl<'a> Pattern<'a> {
    /// Reads what stands in `$shtcn` and `$shtcv`: `~~re`, `~%end`, `%~start`, `==text`, `eqNUMBER`, `**`, or an
    /// expression alone. Nothing, after a line in the log, where it is none.
    pub(super) fn of_variable(text: &'a [u8]) -> Option<Self> {
        let (operator, rest) = text.split_at(text.len().min(2));
        match operator {
            b"~~" => regex(rest),
            b"~%" => Some(Self::Ends(rest)),
            b"%~" => Some(Self::Begins(rest)),
            b"==" => Some(Self::Equal(rest)),
            b"eq" => match std::str::from_utf8(rest).ok().and_then(|rest| rest.parse().ok()) {
                Some(number) => Some(Self::Number(number)),
                None => regex(text),
            },
            b"**" => Some(Self::All),
            _ => regex(text),
        }
    }

    /// Reads an operator and its operand of a function that looks for items.
    pub(super) fn of_search(operator: &[u8], operand: &'a [u8]) -> Option<Self> {
        match operator {
            b"eq" => Some(Self::Equal(operand)),
            b"ne" => Some(Self::Other(operand)),
            _ => Self::of_removal(operator, operand),
        }
    }

    /// Reads an operator and its operand of a function that removes items.
    pub(super) fn of_removal(operator: &[u8], operand: &'a [u8]) -> Option<Self> {
        match operator {
            b"re" => regex(operand),
            b"sw" => Some(Self::Begins(operand)),
            // Of later versions.
            b"ew" => Some(Self::Ends(operand)),
            b"in" => Some(Self::Contains(operand)),
            _ => {
                tracing::warn!(target: "htable", "unsupported match operator: {}", operator.escape_ascii());
                None
            }
        }
    }

    /// Whether a text is meant.
    pub(super) fn is_met(&self, text: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Equal(other) => text == *other,
            Self::Other(other) => text != *other,
            Self::Begins(start) => text.starts_with(start),
            Self::Ends(end) => text.ends_with(end),
            Self::Contains(part) => part.is_empty() || text.windows(part.len()).any(|window| window == *part),
            Self::Matches(regex) => regex.is_match(text),
            Self::Number(_) => false,
        }
    }

    /// Whether a value is meant: a number by a number or by all, text by the rest.
    pub(super) fn is_met_by(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::All, _) => true,
            (Self::Number(wanted), Value::Int(number)) => wanted == number,
            (_, Value::Str(text)) => self.is_met(text),
            _ => false,
        }
    }
}

/// An expression, kept compiled.
pub(super) fn regex<'a>(text: &[u8]) -> Option<Pattern<'a>> {
    if text.is_empty() {
        // As Kamailio: it matches nothing.
        return None;
    }
    match Regex::cached(text, FLAGS) {
        Ok(regex) => Some(Pattern::Matches(regex)),
        Err(why) => {
            tracing::error!(target: "htable", "bad re {}: {why}", text.escape_ascii());
            None
        }
    }
}

/// Tells that there is no table of a name.
pub(super) fn unknown(table: &[u8]) {
    tracing::error!(target: "htable", "cannot get hash table [{}]", table.escape_ascii());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_table_and_a_name() {
        assert_eq!(split(b"a=>x y"), Some((&b"a"[..], &b"x y"[..])));
        assert_eq!(split(b" a => x"), Some((&b"a"[..], &b" x"[..])));
        assert_eq!(split(b"a=>b=>c"), Some((&b"a"[..], &b"b=>c"[..])));
        assert_eq!(split(b"=>x"), None);
        assert!(check(b"a").is_err());
    }

    #[test]
    fn variables_count_by_kamailios_operators() {
        let count = |pattern: &str, texts: &[&str]| {
            let pattern = Pattern::of_variable(pattern.as_bytes());
            pattern.map(|pattern| texts.iter().filter(|text| pattern.is_met(text.as_bytes())).count())
        };
        let names = ["x", "y", "OPTIONS::n", "boot"];
        for (pattern, expected) in [
            ("x", Some(1)),
            ("~~.*", Some(4)),
            ("re:.*", Some(0)),
            ("~%::n", Some(1)),
            ("%~OPT", Some(1)),
            ("~%OPT", Some(0)),
            ("==x", Some(1)),
            ("**", Some(4)),
            ("opt", Some(1)),
            ("*", None),
            ("~~", None),
        ] {
            assert_eq!(count(pattern, &names), expected, "{pattern}");
        }
    }

    #[test]
    fn numbers_are_counted_by_number_only() {
        let values = [Value::Int(5), Value::text("5"), Value::Int(6)];
        for (pattern, expected) in [("eq5", 1), ("5", 1), ("**", 3), ("==5", 1), ("ne5", 0)] {
            let pattern = Pattern::of_variable(pattern.as_bytes()).unwrap();
            assert_eq!(values.iter().filter(|value| pattern.is_met_by(value)).count(), expected);
        }
    }
}
