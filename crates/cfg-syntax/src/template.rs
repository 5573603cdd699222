//! Text with pseudo-variables in it: what stands in function arguments, in `$…(…)` and in transformations.
//!
//! The parser uses it for each `$…` of an expression, `cfg-vm` for the strings of functions that evaluate them,
//! and at run time for text that is evaluated then. A name reaches as far as letters, digits, `_`, `.` and `?`
//! do: `$si:` is `$si` and a colon, `$si.` asks for a variable `si.`, which there is not.

mod transformation;

use std::rc::Rc;

use crate::ast::{Name, Pv, PvIndex, Template, TemplatePart, Transformation};
use crate::diagnostic::{Diagnostic, codes};
use crate::lex::{escape, is_name_byte};
use crate::source::{FileId, SourceMap, Span, Spanned};

/// Variables inside each other's parentheses.
const MAX_DEPTH: usize = 24;

/// Where a text stands, so that parts of it have places of their own.
///
/// They have where the text stands in its file as it is, or with escapes. Where substitutions or defines have
/// changed it, each part has the place of the whole.
#[derive(Clone, Copy, Debug)]
pub struct Place<'s> {
    span: Span,
    source: &'s [u8],
}

impl<'s> Place<'s> {
    /// The place of a value whose token has this span, with its quotes if it has any.
    pub fn in_string(sources: &'s SourceMap, span: Span) -> Self {
        Self { span, source: sources.text(span) }
    }

    /// The place of text that stands in no file.
    pub fn nowhere() -> Self {
        Self { span: Span::new(FileId(0), 0, 0), source: b"" }
    }

    /// Where the bytes of `text` stand in the file.
    fn origin(&self, text: &[u8]) -> Origin {
        let quotes = usize::from(matches!(self.source.first(), Some(b'"' | b'\'')));
        let start = self.span.start + quotes as u32;
        let Some(inside) = self.source.get(quotes..self.source.len().saturating_sub(quotes)) else {
            return Origin::Whole;
        };
        if text.is_empty() {
            Origin::Whole
        } else if inside == text {
            Origin::From(start)
        } else if self.source.starts_with(b"\"") {
            unescaped(inside, text, start).map_or(Origin::Whole, Origin::Each)
        } else {
            Origin::Whole
        }
    }
}

/// Where the bytes of a text stand in the file.
#[derive(Clone, Debug)]
enum Origin {
    /// One after the other from here.
    From(u32),
    /// Each at its own place, and the end: between them are escapes.
    Each(Rc<[u32]>),
    /// Not one by one.
    Whole,
}

/// The places of the bytes of `text`, if it is what `inside` becomes by its escapes.
fn unescaped(inside: &[u8], text: &[u8], start: u32) -> Option<Rc<[u32]>> {
    let (mut value, mut places) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(byte) = inside.get(at) {
        let length = match byte {
            b'\\' => escape(&inside[at..], &mut value),
            // Another string begins.
            b'"' => return None,
            _ => {
                value.push(*byte);
                1
            }
        };
        places.resize(value.len(), start + at as u32);
        at += length;
    }
    places.push(start + at as u32);
    (value == text).then(|| places.into())
}

/// The mistake is boxed: it is large, and rare.
type Fallible<T> = Result<T, Box<Diagnostic>>;

/// Reads one pseudo-variable that is the whole text.
///
/// # Errors
/// What is wrong with it, at the exact spot if the place is verbatim.
pub fn parse_pv(text: &[u8], place: &Place<'_>) -> Result<Pv, Box<Diagnostic>> {
    let mut reader = Reader::new(text, place);
    let pv = reader.pv()?;
    if reader.at == text.len() {
        return Ok(pv);
    }
    let rest = String::from_utf8_lossy(reader.rest()).into_owned();
    let span = reader.span(reader.at, text.len());
    let message = format!("`{rest}` follows the pseudo-variable");
    let help = "put a blank or an operator between the two";
    Err(Diagnostic::error(codes::BAD_VARIABLE, span, message).help(help).into())
}

/// Reads text with pseudo-variables; each that cannot be read is reported and left out.
pub fn parse_template(text: &[u8], place: &Place<'_>) -> (Template, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let template = Reader::new(text, place).template(&mut diagnostics);
    (template, diagnostics)
}

/// A text and how far it was read.
struct Reader<'a> {
    text: &'a [u8],
    /// The place of the whole.
    whole: Span,
    origin: Origin,
    /// Where the text begins in the one that the origin is of.
    base: usize,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a [u8], place: &Place<'_>) -> Self {
        Self { text, whole: place.span, origin: place.origin(text), base: 0, at: 0, depth: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn span(&self, from: usize, to: usize) -> Span {
        let (from, to) = (self.base + from, self.base + to);
        match &self.origin {
            Origin::From(start) => Span::new(self.whole.file, start + from as u32, start + to as u32),
            Origin::Each(places) => Span::new(self.whole.file, places[from], places[to]),
            Origin::Whole => self.whole,
        }
    }

    fn run(&mut self, test: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.rest().iter().take_while(|byte| test(**byte)).count();
        let run = &self.rest()[..length];
        self.at += length;
        run
    }

    fn skip_blanks(&mut self) {
        self.run(|byte| byte.is_ascii_whitespace());
    }

    fn name(&mut self) -> Name {
        let from = self.at;
        let name = String::from_utf8_lossy(self.run(is_name_byte)).into_owned();
        Spanned::new(name, self.span(from, self.at))
    }

    /// At one byte.
    fn error(&self, at: usize, message: impl Into<String>) -> Diagnostic {
        let end = (at + 1).min(self.text.len());
        Diagnostic::error(codes::BAD_VARIABLE, self.span(at.min(end), end), message)
    }

    /// Whether a pseudo-variable begins here, and not just a dollar sign.
    fn at_variable(&self) -> bool {
        self.peek() == Some(b'$')
            && self.text.get(self.at + 1).is_some_and(|next| *next == b'(' || is_name_byte(*next))
    }

    /// Text to the end; where a variable cannot be read, goes on behind it.
    fn template(&mut self, diagnostics: &mut Vec<Diagnostic>) -> Template {
        let mut parts = Parts::default();
        let span = self.span(self.at, self.text.len());
        while let Some(byte) = self.peek() {
            if byte != b'$' {
                parts.literal.extend_from_slice(self.run(|byte| byte != b'$'));
            } else if self.rest().starts_with(b"$$") {
                parts.literal.push(b'$');
                self.at += 2;
            } else {
                let from = self.at;
                match self.pv() {
                    Ok(pv) => parts.pv(pv),
                    Err(diagnostic) => {
                        diagnostics.push(*diagnostic);
                        self.at = self.at.max(from + 1);
                    }
                }
            }
        }
        Template { parts: parts.finish(), span }
    }

    /// As [`Self::template`], but a `$` that begins no variable stands for itself.
    fn inner_template(&mut self) -> Fallible<Template> {
        let mut parts = Parts::default();
        let span = self.span(0, self.text.len());
        while let Some(byte) = self.peek() {
            if self.rest().starts_with(b"$$") {
                parts.literal.push(b'$');
                self.at += 2;
            } else if self.at_variable() {
                parts.pv(self.pv()?);
            } else {
                parts.literal.push(byte);
                self.at += 1;
            }
        }
        Ok(Template { parts: parts.finish(), span })
    }

    /// `$name`, `$name(inner)`, `$(name(inner)[index]{transformation}…)`.
    fn pv(&mut self) -> Fallible<Pv> {
        if self.depth >= MAX_DEPTH {
            let diagnostic = self.error(self.at, "pseudo-variables are nested too deeply");
            return Err(diagnostic.help("take parts of it into variables of their own").into());
        }
        self.depth += 1;
        let pv = self.pv_inside();
        self.depth -= 1;
        pv
    }

    fn pv_inside(&mut self) -> Fallible<Pv> {
        let from = self.at;
        if self.peek() != Some(b'$') {
            return Err(self.error(from, "a pseudo-variable is expected").help("begin it with `$`").into());
        }
        self.at += 1;
        let long = self.peek() == Some(b'(');
        self.at += usize::from(long);
        let name = self.name();
        if name.node.is_empty() {
            return Err(self.nameless(from, long).into());
        }
        let inner = if self.peek() == Some(b'(') { Some(self.inner()?) } else { None };
        let (index, transformations) = if long { self.long_form(from)? } else { (None, Vec::new()) };
        Ok(Pv { name, inner, index, transformations, span: self.span(from, self.at) })
    }

    fn nameless(&self, from: usize, long: bool) -> Diagnostic {
        if long {
            return self
                .error(self.at, "a name is expected after `$(`")
                .help("write the name without blanks, as in $(ru{uri.user})");
        }
        self.error(from, "a `$` that begins no pseudo-variable").help("write `$$` for a dollar sign")
    }

    /// `[index]{transformation}…)` of the long form.
    fn long_form(&mut self, from: usize) -> Fallible<(Option<PvIndex>, Vec<Transformation>)> {
        let index = if self.peek() == Some(b'[') { Some(self.index()?) } else { None };
        let mut transformations = Vec::new();
        loop {
            // Blanks may stand behind a transformation, and nowhere else.
            if !transformations.is_empty() {
                self.skip_blanks();
            }
            match self.peek() {
                Some(b'{') => transformations.push(self.transformation()?),
                Some(b')') => {
                    self.at += 1;
                    return Ok((index, transformations));
                }
                Some(other) => {
                    let message = format!("`{}` is unexpected here", char::from(other).escape_default());
                    return Err(self
                        .error(self.at, message)
                        .help("`[index]`, `{transformation}` or `)` can follow")
                        .into());
                }
                None => {
                    return Err(self
                        .error(from, "this pseudo-variable is not closed")
                        .label("a `)` is missing")
                        .help("close `$(` with `)`")
                        .into());
                }
            }
        }
    }

    /// `(…)`, in which parentheses balance; what is in it is a template.
    fn inner(&mut self) -> Fallible<Template> {
        let open = self.at;
        let Some(length) = balanced(self.rest()) else {
            self.at = self.text.len();
            return Err(self.error(open, "this parenthesis is not closed").help("close it with `)`").into());
        };
        let text = &self.rest()[1..length - 1];
        let (origin, base) = (self.origin.clone(), self.base + self.at + 1);
        self.at += length;
        Reader { text, whole: self.whole, origin, base, at: 0, depth: self.depth }.inner_template()
    }

    /// `[3]`, `[-1]`, `[*]`, `[$var(i)]`.
    fn index(&mut self) -> Fallible<PvIndex> {
        let open = self.at;
        self.at += 1;
        let from = self.at;
        let index = match self.peek() {
            Some(b'*') => {
                self.at += 1;
                PvIndex::All(self.span(from, self.at))
            }
            Some(b'$') => PvIndex::Pv(Box::new(self.pv()?)),
            _ => {
                let digits = self.run(|byte| byte == b'-' || byte.is_ascii_digit());
                let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
                let Some(number) = number else {
                    return Err(self
                        .error(from, "this is no index")
                        .help("write a number, `*`, or a pseudo-variable, without blanks")
                        .into());
                };
                PvIndex::At(Spanned::new(number, self.span(from, self.at)))
            }
        };
        if self.peek() != Some(b']') {
            return Err(self
                .error(open, "this bracket is not closed")
                .help("close the index with `]`")
                .into());
        }
        self.at += 1;
        Ok(index)
    }
}

/// The parts of a template, and the text that is being gathered for the next.
#[derive(Default)]
struct Parts {
    parts: Vec<TemplatePart>,
    literal: Vec<u8>,
}

impl Parts {
    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.parts.push(TemplatePart::Text(std::mem::take(&mut self.literal)));
        }
    }

    fn pv(&mut self, pv: Pv) {
        self.flush();
        self.parts.push(TemplatePart::Pv(Box::new(pv)));
    }

    fn finish(mut self) -> Vec<TemplatePart> {
        self.flush();
        self.parts
    }
}

/// The length of `(…)` up to the parenthesis that closes the first.
fn balanced(text: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at + 1),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}
