//! `name-addr` and `addr-spec`: the value of From, To, Contact, Route and their kin (RFC 3261 §20.10, §25.1).

use std::borrow::Cow;

use memchr::memchr;

use crate::error::{HeaderError, Rule};
use crate::grammar::{decimal, offset_in, quoted_end, trim, trim_end, trim_start, unquote};
use crate::params::Params;
use crate::uri::{Uri, bare_end};

/// One address with its parameters, borrowed from where it stands.
#[derive(Clone, Copy, Debug)]
pub struct NameAddr<'a> {
    /// The display name as written, quotes included; empty when there is none.
    pub display: &'a [u8],
    /// The URI as written, without its brackets; `*` for a wildcard Contact.
    pub uri_text: &'a [u8],
    /// Whether the URI stands in angle brackets.
    pub bracketed: bool,
    /// The header's parameters as written, without the first semicolon.
    pub params_text: &'a [u8],
    raw: &'a [u8],
}

impl<'a> NameAddr<'a> {
    /// Takes one address apart; `raw` is one value, not a list.
    ///
    /// Without brackets, everything after the first `;` belongs to the header, not to the URI (RFC 3261 §20.10).
    ///
    /// # Errors
    /// When a quote or bracket is not closed, or something other than parameters follows the URI. Positions count
    /// from the start of `raw`.
    pub fn parse(raw: &'a [u8]) -> Result<Self, HeaderError> {
        if let Some(addr) = Self::with_loose_display(raw) {
            return Ok(addr);
        }
        let (addr, end) = Self::parse_first(raw)?;
        match trim_start(&raw[end..]) {
            [] => Ok(addr),
            _ => Err(HeaderError::new(Rule::AfterBracket, end)),
        }
    }

    /// `Watson, Thomas <sip:…>`: a display name without quotes that has a comma. RFC 3261 wants quotes then (the verdict
    /// says so); in a header of one value it is clear what is meant, and Kamailio takes it.
    fn with_loose_display(raw: &'a [u8]) -> Option<Self> {
        let open = memchr(b'<', raw)?;
        let display = trim(&raw[..open]);
        if !display.contains(&b',') || display.contains(&b'"') || display.contains(&b':') {
            return None;
        }
        let close = open + memchr(b'>', &raw[open..])?;
        let (params_text, end) = params_after(raw, close + 1).ok()?;
        let uri_text = trim(&raw[open + 1..close]);
        (end == raw.len()).then_some(Self { display, uri_text, bracketed: true, params_text, raw })
    }

    /// Takes the first address of a list apart, and gives the offset where it ends: at a comma or the end.
    ///
    /// # Errors
    /// As [`NameAddr::parse`].
    pub fn parse_first(raw: &'a [u8]) -> Result<(Self, usize), HeaderError> {
        let start = offset_in(raw, trim_start(raw));
        let (display, open) = match raw.get(start) {
            None => return Err(HeaderError::new(Rule::Empty, start)),
            Some(b'"') => quoted_display(raw, start)?,
            Some(_) => match token_display(raw, start) {
                Some(found) => found,
                None => return Ok(Self::bare(raw, start)),
            },
        };
        let uri_start = open + 1;
        let length = memchr(b'>', &raw[uri_start..]).ok_or_else(|| HeaderError::new(Rule::Bracket, open))?;
        let close = uri_start + length;
        let uri_text = trim(&raw[uri_start..close]);
        let (params_text, end) = params_after(raw, close + 1)?;
        Ok((Self { display, uri_text, bracketed: true, params_text, raw }, end))
    }

    /// An `addr-spec` without brackets.
    fn bare(raw: &'a [u8], start: usize) -> (Self, usize) {
        let end =
            crate::grammar::find_outside(&raw[start..], b',').map_or(raw.len(), |length| start + length);
        let text = trim_end(&raw[start..end]);
        let (uri_text, rest) = text.split_at(bare_end(text));
        let params_text =
            memchr(b';', rest).map_or_else(|| &rest[rest.len()..], |semicolon| &rest[semicolon + 1..]);
        (Self { display: &raw[start..start], uri_text, bracketed: false, params_text, raw }, end)
    }

    /// The URI.
    ///
    /// # Errors
    /// As [`Uri::parse`]; positions count from the start of the value.
    pub fn uri(&self) -> Result<Uri<'a>, HeaderError> {
        let by = offset_in(self.raw, self.uri_text);
        Uri::parse(self.uri_text).map_err(|error| error.shifted(crate::span::offset(by)))
    }

    /// The display name without quotes and escapes.
    pub fn display_unquoted(&self) -> Cow<'a, [u8]> {
        unquote(self.display)
    }

    /// Whether this is the Contact `*` (RFC 3261 §10.2.2).
    pub fn is_star(&self) -> bool {
        self.uri_text == b"*" && !self.bracketed
    }

    /// The header's parameters.
    pub fn params(&self) -> Params<'a> {
        Params::of_header(self.params_text)
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params().value(b"tag")
    }

    /// The `q` parameter in thousandths, 0 to 1000; `None` when it is absent or no q-value.
    pub fn q(&self) -> Option<u16> {
        q_value(self.params().value(b"q")?)
    }

    /// The `expires` parameter in seconds. Absent and unreadable are told apart: an unreadable one is
    /// `Some(Err(..))`, its position counted from the start of the value.
    pub fn expires(&self) -> Option<Result<u32, HeaderError>> {
        let text = self.params().value(b"expires")?;
        Some(decimal(text).ok_or_else(|| HeaderError::new(Rule::Number, offset_in(self.raw, text))))
    }

    /// The `+sip.instance` parameter without quotes, with its angle brackets (RFC 5626 §4.1).
    pub fn instance(&self) -> Option<Cow<'a, [u8]>> {
        self.params().value(b"+sip.instance").map(unquote)
    }

    /// The `reg-id` parameter (RFC 5626 §4.2).
    pub fn reg_id(&self) -> Option<u32> {
        decimal(self.params().value(b"reg-id")?)
    }
}

/// A quoted display name at `start`, and the offset of the `<` after it.
fn quoted_display(raw: &[u8], start: usize) -> Result<(&[u8], usize), HeaderError> {
    let end = quoted_end(raw, start).ok_or_else(|| HeaderError::new(Rule::Quote, start))?;
    let open = offset_in(raw, trim_start(&raw[end..]));
    match raw.get(open) {
        Some(b'<') => Ok((&raw[start..end], open)),
        _ => Err(HeaderError::new(Rule::DisplayName, end)),
    }
}

/// A display name of tokens at `start`, and the offset of the `<` after it; `None` when no bracket opens before the
/// value ends.
fn token_display(raw: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let length = raw[start..].iter().position(|byte| matches!(byte, b'<' | b'"' | b',' | b';'))?;
    let open = start + length;
    (raw[open] == b'<').then(|| (trim_end(&raw[start..open]), open))
}

/// The parameters that follow a closing bracket, and the offset where the value ends.
fn params_after(raw: &[u8], at: usize) -> Result<(&[u8], usize), HeaderError> {
    let start = offset_in(raw, trim_start(&raw[at..]));
    match raw.get(start) {
        None | Some(b',') => Ok((&raw[start..start], start)),
        Some(b';') => {
            let rest = &raw[start + 1..];
            let length = crate::grammar::find_outside(rest, b',').unwrap_or(rest.len());
            Ok((trim_end(&rest[..length]), start + 1 + length))
        }
        Some(_) => Err(HeaderError::new(Rule::AfterBracket, start)),
    }
}

/// `0`, `0.5`, `1.000` (RFC 3261 §25.1, qvalue) in thousandths.
pub(crate) fn q_value(text: &[u8]) -> Option<u16> {
    let (whole, fraction) = match memchr(b'.', text) {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &text[text.len()..]),
    };
    if fraction.len() > 3 || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let whole = if whole.is_empty() && !fraction.is_empty() { 0 } else { decimal(whole)? };
    let mut thousandths = 0;
    for place in 0..3 {
        thousandths = thousandths * 10 + fraction.get(place).map_or(0, |digit| u16::from(digit - b'0'));
    }
    match (whole, thousandths) {
        (0, _) => Some(thousandths),
        (1, 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> NameAddr<'_> {
        NameAddr::parse(text.as_bytes()).expect("an address")
    }

    #[test]
    fn a_quoted_display_name_is_kept_as_written() {
        let addr = parse(r#""J \"R\" <x>" <sip:jr@example.com;lr>;tag=a;q=0.5"#);
        assert_eq!(addr.display, br#""J \"R\" <x>""#);
        assert_eq!(addr.display_unquoted().as_ref(), br#"J "R" <x>"#);
        assert_eq!(addr.uri_text, b"sip:jr@example.com;lr");
        assert_eq!(addr.tag(), Some(b"a".as_slice()));
        assert_eq!(addr.q(), Some(500));
    }

    #[test]
    fn without_brackets_parameters_belong_to_the_header() {
        let addr = parse("sip:a@b;tag=1;expires=60");
        assert_eq!(addr.uri_text, b"sip:a@b");
        assert!(!addr.bracketed);
        assert_eq!(addr.tag(), Some(b"1".as_slice()));
        assert_eq!(addr.expires(), Some(Ok(60)));
    }

    #[test]
    fn token_display_names_and_stars() {
        let addr = parse("Bell, Alexander".split(',').next().unwrap_or_default());
        assert_eq!(addr.display, b"");
        let addr = parse("A. G. Bell   <sip:agb@bell-telephone.com> ;tag=x");
        assert_eq!(addr.display, b"A. G. Bell");
        assert_eq!(addr.tag(), Some(b"x".as_slice()));
        assert!(parse(" * ").is_star());
        assert!(!parse("<*>").is_star());
    }

    #[test]
    fn errors_say_where() {
        let error = |text: &str| NameAddr::parse(text.as_bytes()).expect_err("no address");
        assert_eq!(error("\"Joe <sip:a@b>"), HeaderError::new(Rule::Quote, 0));
        assert_eq!(error("Joe <sip:a@b"), HeaderError::new(Rule::Bracket, 4));
        assert_eq!(error("<sip:a@b> x"), HeaderError::new(Rule::AfterBracket, 10));
        assert_eq!(error("\"Joe\" sip:a@b"), HeaderError::new(Rule::DisplayName, 5));
        assert_eq!(error("  "), HeaderError::new(Rule::Empty, 2));
    }

    #[test]
    fn q_values() {
        assert_eq!(q_value(b"1"), Some(1000));
        assert_eq!(q_value(b"1.0"), Some(1000));
        assert_eq!(q_value(b"0.7"), Some(700));
        assert_eq!(q_value(b".25"), Some(250));
        assert_eq!(q_value(b"1.1"), None);
        assert_eq!(q_value(b"."), None);
        assert_eq!(q_value(b"0.1234"), None);
    }
}
