//! Where in a header something is: `Name`, `Name[2]`, `Name[*].param`.

use std::sync::Arc;

use cfg_vm::catalogue::Parsed;

use crate::textops::name::HeaderName;

/// Which of a header's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// None is named: the first, or a new one.
    Unnamed,
    /// Counted from 1, or from the last if negative; 0 is the first, too.
    At(i64),
    /// All.
    All,
}

impl Which {
    /// The index among `count` values.
    pub(super) fn index(self, count: usize) -> Option<usize> {
        let index = match self {
            Self::Unnamed | Self::All | Self::At(0) => 0,
            Self::At(number) if number > 0 => usize::try_from(number - 1).ok()?,
            Self::At(number) => count.checked_sub(usize::try_from(number.unsigned_abs()).ok()?)?,
        };
        (index < count).then_some(index)
    }
}

/// A header, which of its values, and a parameter of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: HeaderName,
    pub(super) which: Which,
    pub(super) param: Option<Box<[u8]>>,
}

impl Place {
    fn parse(text: &[u8]) -> Result<Self, String> {
        let wrong = |what: &str| {
            format!(
                "\"{}\": {what}; expected is Name, Name[index], Name[*] or these with .parameter",
                text.escape_ascii()
            )
        };
        let name_end = text.iter().position(|byte| b"[.".contains(byte)).unwrap_or(text.len());
        let name = HeaderName::parse(text[..name_end].trim_ascii())?;
        let mut rest = &text[name_end..];
        let mut which = Which::Unnamed;
        if let Some(inner) = rest.strip_prefix(b"[") {
            let close = inner
                .iter()
                .position(|&byte| byte == b']')
                .ok_or_else(|| wrong("the bracket does not close"))?;
            which = match inner[..close].trim_ascii() {
                b"*" => Which::All,
                number => {
                    let number = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
                    Which::At(number.ok_or_else(|| wrong("the index is no number"))?)
                }
            };
            rest = &inner[close + 1..];
        }
        let param = match rest {
            [] => None,
            [b'.', param @ ..] if !param.is_empty() => Some(param.into()),
            _ => return Err(wrong("it ends in something else")),
        };
        Ok(Self { name, which, param })
    }
}

/// For the tables of functions that take any place.
pub(super) fn parse_any(text: &[u8]) -> Result<Parsed, String> {
    Place::parse(text).map(|place| Arc::new(place) as Parsed)
}

/// For those that take one value.
pub(super) fn parse_value(text: &[u8]) -> Result<Parsed, String> {
    let place = Place::parse(text)?;
    if place.which == Which::All {
        return Err(format!(
            "\"{}\": a single value is needed, so [*] cannot stand here",
            text.escape_ascii()
        ));
    }
    if place.param.is_some() {
        return Err(format!(
            "\"{}\": a whole value is needed, so no parameter can stand here",
            text.escape_ascii()
        ));
    }
    Ok(Arc::new(place))
}

/// For those that take one value, or a parameter of any.
pub(super) fn parse_assignable(text: &[u8]) -> Result<Parsed, String> {
    let place = Place::parse(text)?;
    if place.which == Which::All && place.param.is_none() {
        return Err(format!("\"{}\": [*] can only stand before a parameter here", text.escape_ascii()));
    }
    Ok(Arc::new(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_name_an_index_and_a_parameter() {
        let place = Place::parse(b"P-A[-2].x").unwrap();
        assert_eq!(place.name, HeaderName::parse(b"P-A").unwrap());
        assert_eq!(place.which, Which::At(-2));
        assert_eq!(place.param.as_deref(), Some(b"x".as_slice()));
        assert_eq!(Place::parse(b"foo.bar").unwrap().which, Which::Unnamed);
        assert_eq!(Place::parse(b"foo[*]").unwrap().which, Which::All);
    }

    #[test]
    fn indexes_count_from_one_and_from_the_last() {
        let index = |number, count| Which::At(number).index(count);
        assert_eq!((index(1, 3), index(0, 3), index(3, 3), index(4, 3)), (Some(0), Some(0), Some(2), None));
        assert_eq!((index(-1, 3), index(-3, 3), index(-4, 3), index(1, 0)), (Some(2), Some(0), None, None));
    }

    #[test]
    fn places_that_make_no_sense_are_refused() {
        for text in ["", "[1]", "foo[", "foo[x]", "foo[1]x", "foo."] {
            assert!(Place::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse_value(b"foo[*]").is_err());
        assert!(parse_value(b"foo.bar").is_err());
        assert!(parse_assignable(b"foo[*]").is_err());
        assert!(parse_assignable(b"foo[*].bar").is_ok());
    }
}
