//! From POSIX extended syntax, as the C library of Linux reads it, to the `regex` crate's.

use std::fmt::Write as _;

use super::{Flags, RegexError};

/// What became of a pattern.
#[derive(Debug)]
pub(super) struct Translation {
    pub(super) pattern: String,
    /// The first match may not be the longest.
    pub(super) is_ambiguous: bool,
}

pub(super) fn translate(pattern: &[u8], flags: Flags) -> Result<Translation, RegexError> {
    let mut translator = Translator {
        rest: pattern,
        flags,
        out: String::with_capacity(pattern.len() * 2),
        groups: Vec::new(),
        atom: None,
        repeated: false,
        choices: 0,
    };
    while let Some((byte, rest)) = translator.rest.split_first() {
        translator.rest = rest;
        translator.byte(*byte)?;
    }
    if !translator.groups.is_empty() {
        return Err(wrong("a ( is not closed"));
    }
    Ok(Translation { pattern: translator.out, is_ambiguous: translator.choices > 1 })
}

fn wrong(text: &str) -> RegexError {
    RegexError(text.into())
}

struct Translator<'a> {
    rest: &'a [u8],
    flags: Flags,
    out: String,
    /// Where open groups begin in the output.
    groups: Vec<usize>,
    /// Where the atom begins that a repetition would repeat.
    atom: Option<usize>,
    /// It is repeated already.
    repeated: bool,
    /// Alternations and repetitions: more than one, or one alternation, and lengths may compete.
    choices: u32,
}

impl Translator<'_> {
    fn byte(&mut self, byte: u8) -> Result<(), RegexError> {
        match byte {
            b'(' => {
                self.groups.push(self.out.len());
                self.out.push('(');
                self.nothing();
            }
            b')' => match self.groups.pop() {
                Some(start) => {
                    self.out.push(')');
                    self.atom = Some(start);
                    self.repeated = false;
                }
                // Unmatched, it stands for itself.
                None => self.literal(b')'),
            },
            b'|' => {
                self.out.push('|');
                self.choices += 2;
                self.nothing();
            }
            b'*' | b'+' | b'?' => {
                self.repeat()?;
                self.out.push(byte.into());
            }
            b'{' => self.interval()?,
            b'^' | b'$' => {
                // `$` is the very end, not before a last newline.
                self.out.push_str(match (byte, self.flags.newline) {
                    (b'^', _) => "^",
                    (_, true) => "$",
                    (_, false) => "\\z",
                });
                self.nothing();
            }
            b'.' => {
                self.begin();
                self.out.push('.');
            }
            b'[' => self.bracket()?,
            b'\\' => self.escape()?,
            _ => self.literal(byte),
        }
        Ok(())
    }

    fn nothing(&mut self) {
        self.atom = None;
        self.repeated = false;
    }

    fn begin(&mut self) {
        self.atom = Some(self.out.len());
        self.repeated = false;
    }

    fn literal(&mut self, byte: u8) {
        self.begin();
        self.raw(byte);
    }

    fn raw(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() {
            self.out.push(byte.into());
        } else {
            // Writing to a string does not fail.
            let _ = write!(self.out, "\\x{byte:02x}");
        }
    }

    /// Prepares the last atom for a repetition; one on top of another repeats the whole.
    fn repeat(&mut self) -> Result<(), RegexError> {
        let start = self.atom.ok_or_else(|| wrong("there is nothing to repeat before *, +, ? or {"))?;
        if self.repeated {
            self.out.insert_str(start, "(?:");
            self.out.push(')');
        }
        self.repeated = true;
        self.choices += 1;
        Ok(())
    }

    fn interval(&mut self) -> Result<(), RegexError> {
        let end = self.rest.iter().position(|b| *b == b'}').ok_or_else(|| wrong("a { is not closed"))?;
        let inner =
            std::str::from_utf8(&self.rest[..end]).map_err(|_| wrong("between { and } stand numbers"))?;
        let (least, most) = match inner.split_once(',') {
            None => (inner, Some(inner)),
            Some((least, "")) => (if least.is_empty() { "0" } else { least }, None),
            Some((least, most)) => (if least.is_empty() { "0" } else { least }, Some(most)),
        };
        let number = |text: &str| text.parse::<u16>().map_err(|_| wrong("between { and } stand numbers"));
        let least = number(least)?;
        let most = most.map(number).transpose()?;
        if most.is_some_and(|most| most < least) {
            return Err(wrong("the numbers between { and } are the wrong way round"));
        }
        self.repeat()?;
        match most {
            Some(most) if most == least => {
                self.choices -= 1;
                let _ = write!(self.out, "{{{least}}}");
            }
            Some(most) => {
                let _ = write!(self.out, "{{{least},{most}}}");
            }
            None => {
                let _ = write!(self.out, "{{{least},}}");
            }
        }
        self.rest = &self.rest[end + 1..];
        Ok(())
    }

    fn escape(&mut self) -> Result<(), RegexError> {
        let (byte, rest) = self.rest.split_first().ok_or_else(|| wrong("it ends in a backslash"))?;
        self.rest = rest;
        match byte {
            b'1'..=b'9' => {
                return Err(wrong("it refers back to a group, which cannot be done in bounded time"));
            }
            b'w' | b'W' | b's' | b'S' => {
                self.begin();
                self.out.push('\\');
                self.out.push((*byte).into());
            }
            b'b' | b'B' | b'<' | b'>' | b'`' | b'\'' => {
                self.out.push_str(match byte {
                    b'b' => "\\b",
                    b'B' => "\\B",
                    b'<' => "\\b{start}",
                    b'>' => "\\b{end}",
                    b'`' => "\\A",
                    _ => "\\z",
                });
                self.nothing();
            }
            _ => self.literal(*byte),
        }
        Ok(())
    }

    /// `[…]`: a backslash means itself in it.
    fn bracket(&mut self) -> Result<(), RegexError> {
        self.begin();
        self.out.push('[');
        let negated = self.rest.first() == Some(&b'^');
        if negated {
            self.rest = &self.rest[1..];
            self.out.push_str(if self.flags.newline { "^\\n" } else { "^" });
        }
        let mut is_first = true;
        loop {
            if !is_first && self.rest.first() == Some(&b']') {
                self.rest = &self.rest[1..];
                self.out.push(']');
                return Ok(());
            }
            is_first = false;
            if let Some(rest) = self.rest.strip_prefix(b"[:") {
                self.class(rest)?;
                continue;
            }
            let from = self.bracket_byte()?;
            let is_range = matches!(self.rest, [b'-', next, ..] if *next != b']');
            self.raw(from);
            if is_range {
                self.rest = &self.rest[1..];
                let to = self.bracket_byte()?;
                if to < from {
                    return Err(wrong("a range in [ ] is the wrong way round"));
                }
                self.out.push('-');
                self.raw(to);
                if matches!(self.rest, [b'-', next, ..] if *next != b']') {
                    return Err(wrong("a range in [ ] begins where another ends"));
                }
            }
        }
    }

    fn class(&mut self, rest: &[u8]) -> Result<(), RegexError> {
        const NAMES: [&str; 12] = [
            "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
            "upper", "xdigit",
        ];
        let end =
            rest.windows(2).position(|pair| pair == b":]").ok_or_else(|| wrong("a [: is not closed"))?;
        let name = NAMES.iter().find(|name| name.as_bytes() == &rest[..end]);
        let name = name.ok_or_else(|| {
            RegexError(format!("there is no character class [:{}:]", String::from_utf8_lossy(&rest[..end])))
        })?;
        let _ = write!(self.out, "[:{name}:]");
        self.skip(end + 4);
        Ok(())
    }

    /// A byte in brackets, also as `[.x.]` or `[=x=]`.
    fn bracket_byte(&mut self) -> Result<u8, RegexError> {
        match self.rest {
            [] => Err(wrong("a [ is not closed")),
            [b'[', open @ (b'.' | b'='), byte, close, b']', ..] if open == close => {
                let byte = *byte;
                self.skip(5);
                Ok(byte)
            }
            [b'[', b'.' | b'=', ..] => Err(wrong("only single characters can stand in [. .] and [= =]")),
            [byte, ..] => {
                let byte = *byte;
                self.skip(1);
                Ok(byte)
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }
}
