//! A header's body taken apart at its commas or semicolons, with everything where it stands.

use std::ops::Range;

/// The pieces between separators that stand neither in quotes nor in angle brackets.
pub(super) fn split(text: &[u8], separator: u8) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = closing_quote(text, at),
            b'<' => at += text[at..].iter().position(|&byte| byte == b'>').unwrap_or(0),
            _ if byte == separator => {
                pieces.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    pieces.push(start..text.len());
    pieces
}

/// The quote that closes the one at `at`, or the text's end.
fn closing_quote(text: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while let Some(&byte) = text.get(next) {
        match byte {
            b'"' => return next,
            b'\\' => next += 2,
            _ => next += 1,
        }
    }
    text.len()
}

/// A piece without the white space at its ends.
pub(super) fn trimmed(text: &[u8], piece: &Range<usize>) -> Range<usize> {
    let inner = &text[piece.clone()];
    let start = piece.start + (inner.len() - inner.trim_ascii_start().len());
    start..start + inner.trim_ascii().len()
}

/// What goes when a piece goes: with the separator after it, or, being the last, the one before it. None when it is
/// all there is.
pub(super) fn removal(pieces: &[Range<usize>], index: usize) -> Option<Range<usize>> {
    let piece = &pieces[index];
    match pieces.get(index + 1) {
        Some(next) => Some(piece.start..next.start),
        None if index > 0 => Some(piece.start - 1..piece.end),
        None => None,
    }
}

/// A parameter, as `name=value`.
pub(super) struct Param {
    /// All of it, without white space at its ends.
    pub(super) whole: Range<usize>,
    /// Which piece it is.
    pub(super) piece: usize,
}

/// Finds a parameter by name among pieces.
pub(super) fn find_param(text: &[u8], pieces: &[Range<usize>], name: &[u8]) -> Option<Param> {
    pieces.iter().enumerate().find_map(|(piece, range)| {
        let whole = trimmed(text, range);
        let written = &text[whole.clone()];
        let end = written.iter().position(|&byte| byte == b'=').unwrap_or(written.len());
        written[..end].trim_ascii().eq_ignore_ascii_case(name).then_some(Param { whole, piece })
    })
}

/// `name=value`, or the name alone if there is no value.
pub(super) fn param_text(name: &[u8], value: &[u8]) -> Vec<u8> {
    if value.is_empty() { name.to_vec() } else { [name, b"=", value].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str, separator: u8) -> Vec<&str> {
        split(text.as_bytes(), separator).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn quotes_and_brackets_hide_separators() {
        assert_eq!(pieces("v1;x=1, v2;y=\"3, \\\"4\";x=5", b','), ["v1;x=1", " v2;y=\"3, \\\"4\";x=5"]);
        assert_eq!(pieces("<sip:a,b@c>,d", b','), ["<sip:a,b@c>", "d"]);
        assert_eq!(pieces("", b','), [""]);
        assert_eq!(pieces("\"open, a", b','), ["\"open, a"]);
    }

    #[test]
    fn a_piece_goes_with_one_separator() {
        let text = "100rel, timer , path";
        let pieces = split(text.as_bytes(), b',');
        let without = |index| {
            let gone = removal(&pieces, index).unwrap();
            format!("{}{}", &text[..gone.start], &text[gone.end..])
        };
        assert_eq!(without(0), " timer , path");
        assert_eq!(without(1), "100rel, path");
        assert_eq!(without(2), "100rel, timer ");
        assert_eq!(removal(&split(b"one", b','), 0), None);
    }

    #[test]
    fn parameters_are_found_by_name() {
        let text = b"v2; Y = \"3\" ;x";
        let pieces = split(text, b';');
        let found = |name: &[u8]| find_param(text, &pieces, name).map(|param| &text[param.whole]);
        assert_eq!(found(b"y"), Some(b"Y = \"3\"".as_slice()));
        assert_eq!(found(b"x"), Some(b"x".as_slice()));
        assert_eq!(found(b"z"), None);
    }
}
