//! `name=value;…` as Kamailio reads it: lists of parameters that must be wholly well-formed.

use std::borrow::Cow;

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    pub(super) name: &'a [u8],
    /// The value as written; none without `=`.
    pub(super) value: Option<&'a [u8]>,
}

impl<'a> Pair<'a> {
    /// The value without its quotes; empty when there is none.
    pub(super) fn unquoted(&self) -> Cow<'a, [u8]> {
        match self.value.unwrap_or_default() {
            [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => Cow::Borrowed(inner),
            plain => Cow::Borrowed(plain),
        }
    }
}

/// Reads a list. None when a name is missing, or anything stands between a value and the separator.
pub(super) fn parse(text: &[u8], separator: u8) -> Option<Vec<Pair<'_>>> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_ascii();
    while !rest.is_empty() {
        let (pair, after) = one(rest, separator)?;
        pairs.push(pair);
        rest = after.trim_ascii_start();
    }
    Some(pairs)
}

fn one(text: &[u8], separator: u8) -> Option<(Pair<'_>, &[u8])> {
    let length = text.iter().position(|byte| *byte == separator || *byte == b'=').unwrap_or(text.len());
    let name = text[..length].trim_ascii();
    if name.is_empty() || name.iter().any(u8::is_ascii_whitespace) {
        return None;
    }
    if text.get(length) != Some(&b'=') {
        return Some((Pair { name, value: None }, text.get(length + 1..).unwrap_or_default()));
    }
    let value_text = text[length + 1..].trim_ascii_start();
    let end = match value_text.first() {
        Some(quote @ (b'"' | b'\'')) => quoted_end(value_text, *quote)?,
        _ => value_text
            .iter()
            .position(|byte| *byte == separator || byte.is_ascii_whitespace())
            .unwrap_or(value_text.len()),
    };
    let after = value_text[end..].trim_ascii_start();
    let after = match after.first() {
        None => after,
        Some(byte) if *byte == separator => &after[1..],
        Some(_) => return None,
    };
    Some((Pair { name, value: Some(&value_text[..end]) }, after))
}

fn quoted_end(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    loop {
        match *text.get(at)? {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Option<Vec<(String, String)>> {
        let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pairs = parse(text.as_bytes(), b';')?;
        Some(pairs.iter().map(|pair| (text_of(pair.name), text_of(&pair.unquoted()))).collect())
    }

    #[test]
    fn names_and_values_are_told_apart() {
        let expected =
            [("a", "1"), ("b", "quoted v"), ("c", "3"), ("d", "")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(pairs("a=1;b=\"quoted v\"; c = 3 ;d"), Some(expected.to_vec()));
        assert_eq!(pairs(""), Some(Vec::new()));
    }

    #[test]
    fn one_mistake_spoils_the_list() {
        for wrong in ["a = 1 ; b= two three ;c=;", "=;;x", ";a=1", "a=\"open"] {
            assert_eq!(pairs(wrong), None, "{wrong}");
        }
    }
}
