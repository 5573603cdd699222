//! `#!subst` rules: `/expression/replacement/flags` over every later string.
//!
//! The expression is a POSIX extended one. The `regex` crate finds the leftmost match as POSIX does; of several
//! alternatives that match there it takes the first, POSIX the longest.

use regex::bytes::{Regex, RegexBuilder};

/// A rule.
#[derive(Debug)]
pub(crate) struct Subst {
    expression: Regex,
    replacement: Vec<Piece>,
    global: bool,
}

#[derive(Debug, PartialEq)]
enum Piece {
    Literal(Vec<u8>),
    /// `\0` to `\9`.
    Group(usize),
}

/// The three parts of a rule, before anything is compiled.
#[derive(Debug, PartialEq)]
pub(crate) struct Parts<'a> {
    separator: u8,
    pub(crate) expression: &'a [u8],
    pub(crate) replacement: &'a [u8],
    flags: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Splits at the separator, which is the first byte; `\` takes the separator's meaning away.
    pub(crate) fn split(text: &'a [u8]) -> Result<Self, String> {
        let (&separator, rest) = text.split_first().ok_or("the rule is empty")?;
        if separator == b'\\' {
            return Err("a backslash cannot separate the parts".into());
        }
        let part = |rest: &'a [u8], name: &str| {
            let missing = || format!("there is no `{}` after the {name}", char::from(separator));
            let end = find_separator(rest, separator).ok_or_else(missing)?;
            Ok::<_, String>((&rest[..end], &rest[end + 1..]))
        };
        let (expression, rest) = part(rest, "expression")?;
        let (replacement, flags) = part(rest, "replacement")?;
        if expression.is_empty() {
            return Err("the expression is empty".into());
        }
        Ok(Self { separator, expression, replacement, flags })
    }
}

fn find_separator(text: &[u8], separator: u8) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|&byte| {
        let found = byte == separator && !escaped;
        escaped = byte == b'\\' && !escaped;
        found
    })
}

impl Subst {
    /// Compiles a rule, or says in words what is wrong with it.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let parts = Parts::split(text)?;
        let mut builder = RegexBuilder::new(&pattern(parts.expression, parts.separator));
        // In POSIX a dot takes any character, a line end too, unless the flag `s` asks for lines.
        builder.unicode(false).dot_matches_new_line(true).size_limit(1 << 20);
        let mut global = false;
        for &flag in parts.flags {
            match flag {
                b'g' => global = true,
                b'i' => _ = builder.case_insensitive(true),
                b's' => _ = builder.dot_matches_new_line(false).multi_line(true),
                other => return Err(format!("unknown flag `{}`; there are g, i and s", char::from(other))),
            }
        }
        let expression = builder.build().map_err(|error| explain(&error))?;
        let replacement = pieces(parts.replacement, parts.separator)?;
        let groups = expression.captures_len() - 1;
        let beyond = replacement.iter().find_map(|piece| match piece {
            Piece::Group(group) if *group > groups => Some(*group),
            _ => None,
        });
        match beyond {
            Some(group) => Err(format!("the replacement names group {group}, the expression has {groups}")),
            None => Ok(Self { expression, replacement, global }),
        }
    }

    /// The text with the rule applied, if it matches. Empty matches change nothing, as in Kamailio.
    pub(crate) fn apply(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut copied = 0;
        let mut matched = false;
        for captures in self.expression.captures_iter(text) {
            let whole = captures.get(0)?;
            if whole.is_empty() {
                break;
            }
            matched = true;
            out.extend_from_slice(&text[copied..whole.start()]);
            copied = whole.end();
            for piece in &self.replacement {
                match piece {
                    Piece::Literal(bytes) => out.extend_from_slice(bytes),
                    Piece::Group(n) => {
                        out.extend_from_slice(captures.get(*n).map_or(b"", |group| group.as_bytes()))
                    }
                }
            }
            if !self.global {
                break;
            }
        }
        out.extend_from_slice(&text[copied..]);
        matched.then_some(out)
    }
}

/// The line of the engine's message that says what is wrong.
fn explain(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or(&text).trim_start_matches("error: ").to_owned()
}

/// The expression in the engine's syntax: in POSIX brackets a backslash and a `[` are ordinary characters, and
/// `\` before the separator stands for the separator.
fn pattern(text: &[u8], separator: u8) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail.first()) {
            (b'\\', Some(&next)) => {
                if next != separator {
                    out.push('\\');
                }
                push_byte(&mut out, next);
                rest = &tail[1..];
            }
            (b'[', _) => match brackets(tail) {
                Some(length) => {
                    push_brackets(&mut out, &tail[..length]);
                    rest = &tail[length..];
                }
                None => out.push('['),
            },
            _ => push_byte(&mut out, byte),
        }
    }
    out
}

fn push_byte(out: &mut String, byte: u8) {
    if byte.is_ascii() {
        out.push(char::from(byte));
    } else {
        out.push_str(&format!("\\x{byte:02X}"));
    }
}

/// The length of what follows `[`, up to and with the closing `]`.
fn brackets(text: &[u8]) -> Option<usize> {
    let mut at = usize::from(text.first() == Some(&b'^'));
    // A `]` that stands first is a member.
    at += usize::from(text.get(at) == Some(&b']'));
    while let Some(byte) = text.get(at) {
        match (byte, text.get(at + 1)) {
            (b'[', Some(kind @ (b':' | b'.' | b'='))) => {
                let class = text[at + 2..].windows(2).position(|pair| pair == [*kind, b']'])?;
                at += class + 4;
            }
            (b']', _) => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

fn push_brackets(out: &mut String, text: &[u8]) {
    out.push('[');
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let class = byte == b'[' && text.get(at + 1) == Some(&b':');
        if class && let Some(length) = text[at..].windows(2).position(|pair| pair == b":]") {
            out.push_str(&String::from_utf8_lossy(&text[at..at + length + 2]));
            at += length + 2;
            continue;
        }
        let last = at + 1 == text.len();
        let leading = at == 0 || (at == 1 && text[0] == b'^');
        match byte {
            b'\\' | b'[' | b'&' | b'~' => out.extend(['\\', char::from(byte)]),
            b']' if leading && !last => out.push_str("\\]"),
            b'^' if at > 0 => out.push_str("\\^"),
            _ => push_byte(out, byte),
        }
        at += 1;
    }
}

fn pieces(text: &[u8], separator: u8) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            literal.push(byte);
            continue;
        }
        let Some((&escaped, tail)) = tail.split_first() else { break };
        rest = tail;
        match escaped {
            b'0'..=b'9' => {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                pieces.push(Piece::Group(usize::from(escaped - b'0')));
            }
            b'n' => literal.push(b'\n'),
            b'r' => literal.push(b'\r'),
            b't' => literal.push(b'\t'),
            b'\\' => literal.push(b'\\'),
            _ if escaped == separator => literal.push(separator),
            _ => return Err(format!("unknown escape `\\{}` in the replacement", char::from(escaped))),
        }
    }
    pieces.push(Piece::Literal(literal));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(rule: &str, text: &str) -> Option<String> {
        let changed = Subst::parse(rule.as_bytes()).unwrap().apply(text.as_bytes());
        changed.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn replaces_once_or_everywhere() {
        assert_eq!(applied("/AA/b/", "AA AA"), Some("b AA".into()));
        assert_eq!(applied("!AA!b!g", "AA AA"), Some("b b".into()));
        assert_eq!(applied("/aa/b/i", "AA"), Some("b".into()));
        assert_eq!(applied("/AA/b/", "aa"), None);
    }

    #[test]
    fn groups_and_escapes_stand_in_the_replacement() {
        assert_eq!(applied("/BB/[\\0]/g", "BB"), Some("[BB]".into()));
        assert_eq!(applied("/(C)(D)/<\\2&\\1>/", "CD"), Some("<D&C>".into()));
        assert_eq!(applied("/a\\/b/x\\/y/", "a/b"), Some("x/y".into()));
    }

    #[test]
    fn brackets_are_posix_brackets() {
        assert_eq!(applied("/[\\.]/x/g", "a.b\\c"), Some("axbxc".into()));
        assert_eq!(applied("/[]a]/x/g", "a]b"), Some("xxb".into()));
        assert_eq!(applied("/[^]a]/x/g", "a]b"), Some("a]x".into()));
        assert_eq!(applied("/[[:digit:]a&&b]/x/g", "1a&b"), Some("xxxx".into()));
    }

    #[test]
    fn empty_matches_change_nothing() {
        assert_eq!(applied("/z*$/Z/", "abc"), None);
    }

    #[test]
    fn a_bad_rule_says_why() {
        let reason = |rule: &str| Subst::parse(rule.as_bytes()).unwrap_err();
        assert_eq!(reason("/a/b"), "there is no `/` after the replacement");
        assert_eq!(reason("/a/b/x"), "unknown flag `x`; there are g, i and s");
        assert_eq!(reason("/a(/b/"), "unclosed group");
        assert_eq!(reason("/a/\\1/"), "the replacement names group 1, the expression has 0");
    }
}
