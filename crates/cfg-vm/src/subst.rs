//! `sed`-like substitutions, `/expression/replacement/flags`, as `subst()` and `{re.subst,…}` take them.
//!
//! In the replacement `\1` to `\9` are groups, `\0` is the whole match, `\n`, `\r`, `\t` and `\\` are what they
//! are in C, and `$…` are pseudo-variables. Flags: `g` all matches, `i` either case, `s` one line (`.` matches
//! line ends, `^` and `$` only the ends).

use std::ops::Range;
use std::sync::OnceLock;

use cfg_syntax::Place;
use cfg_syntax::ast::TemplatePart;

use crate::bound::BoundPv;
use crate::regex::{Flags, Regex};
use crate::value::Str;

/// A parsed substitution. The separator is whatever stands first.
#[derive(Debug)]
pub struct Subst {
    regex: Regex,
    parts: Vec<Part>,
    all: bool,
}

#[derive(Debug)]
enum Part {
    Text(Vec<u8>),
    Group(usize),
    Pv(SubstPv),
}

/// A pseudo-variable in a replacement.
#[derive(Debug)]
pub struct SubstPv {
    /// As written, with its `$`.
    pub text: Box<[u8]>,
    bound: OnceLock<Option<BoundPv>>,
}

impl SubstPv {
    /// Binds it at the first use; none if it cannot be bound.
    pub fn bound(&self, bind: impl FnOnce(&[u8]) -> Option<BoundPv>) -> Option<&BoundPv> {
        self.bound.get_or_init(|| bind(&self.text)).as_ref()
    }
}

/// What becomes of one match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// What is replaced.
    pub range: Range<usize>,
    /// By what.
    pub text: Vec<u8>,
}

impl Subst {
    /// Parses it.
    ///
    /// # Errors
    /// One line for people: a part is missing, a flag is none, or the expression does not work.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let (separator, rest) =
            text.split_first().ok_or("a substitution looks like /expression/replacement/flags")?;
        if separator.is_ascii_alphanumeric() || *separator == b'\\' {
            return Err("a substitution begins with its separator, such as /".into());
        }
        let (pattern, rest) =
            until(rest, *separator).ok_or("the expression is not ended by the separator")?;
        let (replacement, flags) =
            until(rest, *separator).ok_or("the replacement is not ended by the separator")?;
        let mut regex_flags = Flags { ignore_case: false, newline: true };
        let mut all = false;
        for flag in flags {
            match flag {
                b'g' => all = true,
                b'i' => regex_flags.ignore_case = true,
                b's' => regex_flags.newline = false,
                other => return Err(format!("`{}` is no flag; g, i and s are", char::from(*other))),
            }
        }
        let pattern = unseparated(pattern, *separator);
        let regex = Regex::posix(&pattern, regex_flags).map_err(|error| error.0)?;
        Ok(Self { regex, parts: parts(&unseparated(replacement, *separator))?, all })
    }

    /// Pseudo-variables in the replacement, for binding them at load.
    pub fn pvs(&self) -> impl Iterator<Item = &SubstPv> {
        self.parts.iter().filter_map(|part| if let Part::Pv(pv) = part { Some(pv) } else { None })
    }

    /// Finds what is to be replaced: the first match, or all with flag `g`. `value` gives the text of each
    /// pseudo-variable in the replacement, evaluated once for each match.
    pub fn replacements(&self, text: &[u8], value: &mut dyn FnMut(&SubstPv) -> Str) -> Vec<Replacement> {
        let mut found = Vec::new();
        let mut from = 0;
        while from <= text.len() {
            let Some(groups) = self.regex.captures_at(text, from) else { break };
            let Some(whole) = groups[0].clone() else { break };
            let mut made = Vec::new();
            for part in &self.parts {
                match part {
                    Part::Text(part) => made.extend_from_slice(part),
                    Part::Group(group) => {
                        if let Some(range) = groups.get(*group).cloned().flatten() {
                            made.extend_from_slice(&text[range]);
                        }
                    }
                    Part::Pv(pv) => made.extend_from_slice(&value(pv)),
                }
            }
            from = if whole.is_empty() { whole.end + 1 } else { whole.end };
            found.push(Replacement { range: whole, text: made });
            if !self.all {
                break;
            }
        }
        found
    }

    /// The new text; none if nothing matched.
    pub fn apply(&self, text: &[u8], value: &mut dyn FnMut(&SubstPv) -> Str) -> Option<Vec<u8>> {
        let replacements = self.replacements(text, value);
        if replacements.is_empty() {
            return None;
        }
        let mut result = Vec::with_capacity(text.len());
        let mut at = 0;
        for replacement in &replacements {
            result.extend_from_slice(&text[at..replacement.range.start]);
            result.extend_from_slice(&replacement.text);
            at = replacement.range.end;
        }
        result.extend_from_slice(&text[at..]);
        Some(result)
    }
}

/// The text before a separator that no backslash precedes, and what follows it.
fn until(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == separator && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    Some((&text[..end], &text[end + 1..]))
}

/// A separator behind a backslash stands for itself.
fn unseparated(text: &[u8], separator: u8) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'\\', Some(next)) if **next == separator => {}
            (b'\\', Some(next)) => {
                plain.extend([b'\\', **next]);
                bytes.next();
            }
            _ => plain.push(*byte),
        }
    }
    plain
}

fn parts(replacement: &[u8]) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut text = Vec::new();
    let mut rest = replacement;
    while let Some((byte, after)) = rest.split_first() {
        match rest {
            [b'\\', digit @ b'0'..=b'9', after @ ..] => {
                flush(&mut text, &mut parts);
                parts.push(Part::Group(usize::from(digit - b'0')));
                rest = after;
            }
            [b'\\', escaped, after @ ..] => {
                text.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => *other,
                });
                rest = after;
            }
            [b'$', ..] => {
                let length = pv_length(rest)?;
                if length == 0 {
                    text.push(b'$');
                    rest = &rest[2.min(rest.len())..];
                } else {
                    flush(&mut text, &mut parts);
                    parts.push(Part::Pv(SubstPv { text: rest[..length].into(), bound: OnceLock::new() }));
                    rest = &rest[length..];
                }
            }
            _ => {
                text.push(*byte);
                rest = after;
            }
        }
    }
    flush(&mut text, &mut parts);
    Ok(parts)
}

fn flush(text: &mut Vec<u8>, parts: &mut Vec<Part>) {
    if !text.is_empty() {
        parts.push(Part::Text(std::mem::take(text)));
    }
}

/// How far the pseudo-variable reaches that a text begins with; 0 for `$$`, one dollar.
fn pv_length(text: &[u8]) -> Result<usize, String> {
    if text.starts_with(b"$$") {
        return Ok(0);
    }
    let (template, found) = cfg_syntax::parse_template(text, &Place::nowhere());
    match (template.parts.first(), found.into_iter().next()) {
        (Some(TemplatePart::Pv(_)), None) => {
            // The shortest text that is this pseudo-variable and no more.
            (2..=text.len())
                .rev()
                .find(|length| cfg_syntax::parse_pv(&text[..*length], &Place::nowhere()).is_ok())
                .ok_or_else(|| "this pseudo-variable cannot be read".into())
        }
        (_, Some(found)) => Err(found.message),
        _ => Err("this pseudo-variable cannot be read".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(subst: &str, text: &str) -> Option<String> {
        let subst = Subst::parse(subst.as_bytes()).expect(subst);
        let made = subst.apply(text.as_bytes(), &mut |pv| Str::copy(&[b"<", &*pv.text, b">"].concat()));
        made.map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn replaces_the_first_or_all() {
        assert_eq!(apply("/b/X/", "abab").as_deref(), Some("aXab"));
        assert_eq!(apply("/b/X/g", "abab").as_deref(), Some("aXaX"));
        assert_eq!(apply("/B/X/gi", "abab").as_deref(), Some("aXaX"));
        assert_eq!(apply("/z/X/g", "abab"), None);
    }

    #[test]
    fn takes_groups_escapes_and_other_separators() {
        assert_eq!(apply(r"/^sip:(.*)@(.*)$/sip:\2@\1/", "sip:a@b").as_deref(), Some("sip:b@a"));
        assert_eq!(apply(r"/b/[\0]/", "abc").as_deref(), Some("a[b]c"));
        assert_eq!(apply("/a/[&]/", "a").as_deref(), Some("[&]"));
        assert_eq!(apply(r"#a/b#c\#d\\#", "a/b").as_deref(), Some(r"c#d\"));
        assert_eq!(apply(r"/a/\r\n/", "a").as_deref(), Some("\r\n"));
    }

    #[test]
    fn reads_pseudo_variables_in_the_replacement() {
        assert_eq!(apply("/b/$rU-$var(x)$$/", "abc").as_deref(), Some("a<$rU>-<$var(x)>$c"));
        assert_eq!(apply("/b/$(avp(x)[0]{s.len})!/", "b").as_deref(), Some("<$(avp(x)[0]{s.len})>!"));
    }

    #[test]
    fn lines_are_lines_unless_told() {
        assert_eq!(apply("/^b.*$/X/", "a\nbc\nd").as_deref(), Some("a\nX\nd"));
        assert_eq!(apply("/b.*$/X/s", "a\nbc\nd").as_deref(), Some("a\nX"));
    }

    #[test]
    fn says_what_is_missing() {
        for wrong in ["", "/a", "/a/b", "/a/b/x", "/(/b/", "abc"] {
            assert!(Subst::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn empty_matches_do_not_loop() {
        assert_eq!(apply("/x*/-/g", "abc").as_deref(), Some("-a-b-c-"));
    }
}
