//! `#!define`, `#!undef`, `#!defexp`, `#!defenv`, `#!subst`, `#!substdef` and the command line's spellings of them.

use super::Existing;
use super::defines::MAX_DEFINES;
use super::expression;
use super::subst::{Parts, Subst};
use crate::diagnostic::{Diagnostic, codes};
use crate::lex::{Lexer, is_word_byte, read_quoted};
use crate::options::CommandLine;
use crate::source::{FileId, Span};

/// A name as a directive gives it.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) span: Span,
}

impl Lexer<'_> {
    pub(super) fn define(&mut self, existing: Existing) {
        let Some(named) = self.directive_name() else { return };
        let value = self.define_text();
        self.set_define(&named.name, &value, named.span, existing);
    }

    pub(super) fn undefine(&mut self, must_exist: bool) {
        let Some(named) = self.directive_name() else { return };
        if !self.defines.remove(&named.name) && must_exist {
            let message = format!("`{}` is not defined here", named.name);
            self.report(
                Diagnostic::warning(codes::NOT_DEFINED, named.span, message)
                    .help("use #!tryundef where it may be missing"),
            );
        }
        self.pass_line();
    }

    pub(super) fn define_expression(&mut self, quoted: bool) {
        let Some(named) = self.directive_name() else { return };
        let from = self.frame().at;
        let text = String::from_utf8_lossy(&self.define_text()).into_owned();
        let span = self.frame().span_from(from);
        match expression::evaluate(&text, &self.defines) {
            Ok(value) => {
                let text = value.to_text().into_bytes();
                let value = if quoted { quote(&text) } else { text };
                self.set_define(&named.name, &value, named.span, Existing::Refuse);
            }
            Err(reason) => self.bad_expression(&reason, span),
        }
    }

    /// `#!defenv NAME` or `#!defenv NAME=VARIABLE`.
    pub(super) fn define_env(&mut self, quoted: bool, must_exist: bool) {
        let Some(Named { name: both, span }) = self.directive_name() else { return };
        let (name, variable) = both.split_once('=').unwrap_or((&both, &both));
        match self.loader.env(variable) {
            Some(value) => {
                let value = if quoted { quote(value.as_bytes()) } else { value.into_bytes() };
                self.set_define(name, &value, span, Existing::Refuse);
            }
            None if must_exist => {
                let message = format!("the environment variable `{variable}` is not set");
                self.report(
                    Diagnostic::error(codes::ENVIRONMENT_UNSET, span, message)
                        .help("set it, or use #!trydefenv where it may be missing"),
                );
            }
            None => {}
        }
        self.pass_line();
    }

    pub(super) fn subst(&mut self) {
        if let Some((text, span)) = self.directive_string() {
            self.add_subst(&text, span);
        }
    }

    pub(super) fn subst_def(&mut self, quoted: bool) {
        if let Some((text, span)) = self.directive_string() {
            self.add_subst_def(&text, quoted, span);
        }
    }

    fn add_subst(&mut self, text: &[u8], span: Span) -> bool {
        match Subst::parse(text) {
            Ok(subst) => {
                self.substs.push(subst);
                true
            }
            Err(reason) => {
                self.report(
                    Diagnostic::error(codes::BAD_SUBST, span, format!("this is no substitution: {reason}"))
                        .help("write \"/expression/replacement/flags\"; any character may stand for `/`"),
                );
                false
            }
        }
    }

    fn add_subst_def(&mut self, text: &[u8], quoted: bool, span: Span) {
        if !self.add_subst(text, span) {
            return;
        }
        if let Ok(parts) = Parts::split(text) {
            let name = String::from_utf8_lossy(parts.expression).into_owned();
            let value = if quoted { quote(parts.replacement) } else { parts.replacement.to_vec() };
            self.set_define(&name, &value, span, Existing::Refuse);
        }
    }

    /// The predefined names and those of the command line.
    pub(crate) fn define_from_options(&mut self) {
        for predefined in self.options.predefined {
            self.set_quietly(&predefined.name, &predefined.value);
        }
        let nowhere = Span::new(FileId(0), 0, 0);
        for option in self.options.command_line {
            match option {
                CommandLine::Define(text) => {
                    let equals = text.iter().position(|byte| *byte == b'=');
                    let (name, value) =
                        equals.map_or((&text[..], &b""[..]), |at| (&text[..at], &text[at + 1..]));
                    self.set_quietly(&String::from_utf8_lossy(name), value);
                }
                CommandLine::Subst(text) => _ = self.add_subst(text, nowhere),
                CommandLine::SubstDef(text) => self.add_subst_def(text, false, nowhere),
                CommandLine::SubstDefs(text) => self.add_subst_def(text, true, nowhere),
            }
        }
    }

    fn set_quietly(&mut self, name: &str, value: &[u8]) {
        // Nobody gives 512 names outside the file; the file's own are reported.
        _ = self.defines.set(name, value, None);
    }

    fn set_define(&mut self, name: &str, value: &[u8], span: Span, existing: Existing) {
        match (self.defines.get(name).map(|entry| entry.span), existing) {
            (Some(_), Existing::Keep) => return,
            (Some(first), Existing::Refuse) => {
                let message = format!("`{name}` is already defined");
                let report = Diagnostic::error(codes::ALREADY_DEFINED, span, message)
                    .help("use #!redefine to replace it, #!trydef to keep the first");
                self.report(match first {
                    Some(first) => report.also(first, "first defined here"),
                    None => report.label("defined before the file was read, by `-A` or as a predefined name"),
                });
                return;
            }
            (Some(_), Existing::Replace) | (None, _) => {}
        }
        if self.defines.set(name, value, Some(span)).is_err() {
            let message = format!("more than {MAX_DEFINES} names are defined");
            self.report_once(
                Diagnostic::error(codes::TOO_MANY_DEFINES, span, message)
                    .help("take out definitions that are not used"),
            );
        }
    }

    /// The name after a directive; says what is wrong with it.
    pub(super) fn directive_name(&mut self) -> Option<Named> {
        let frame = self.frame();
        frame.skip_blanks();
        let from = frame.at;
        frame.advance(frame.run(|byte| is_word_byte(byte) || byte == b'='));
        let name = String::from_utf8_lossy(&frame.text[from..frame.at]).into_owned();
        let span = frame.span_from(from);
        let next = frame.peek(0);
        if !name.is_empty() && next != Some(b'-') {
            return Some(Named { name, span });
        }
        let length = frame.run(|byte| !byte.is_ascii_whitespace());
        let whole = frame.span(from, frame.at + length);
        let text = String::from_utf8_lossy(&frame.text[from..frame.at + length]).into_owned();
        self.report(
            Diagnostic::error(codes::BAD_DEFINE_NAME, whole, format!("`{text}` is no name for a define"))
                .help("a name is made of letters, digits and `_`"),
        );
        self.pass_line();
        None
    }

    /// The text of a define: to the end of the line, of which `\` takes the meaning away.
    fn define_text(&mut self) -> Vec<u8> {
        let frame = self.frame();
        frame.skip_blanks();
        let mut value = Vec::new();
        while let Some(byte) = frame.peek(0) {
            match (byte, frame.peek(1), frame.peek(2)) {
                (b'\n', ..) => break,
                (b'\\', Some(b'\n'), _) => frame.advance(2),
                (b'\\', Some(b'\r'), Some(b'\n')) => frame.advance(3),
                _ => {
                    value.push(byte);
                    frame.advance(1);
                }
            }
        }
        if value.last() == Some(&b'\r') {
            value.pop();
        }
        value
    }

    /// The `"…"` after a directive.
    fn directive_string(&mut self) -> Option<(Vec<u8>, Span)> {
        let frame = self.frame();
        frame.skip_blanks();
        let from = frame.at;
        if frame.peek(0) != Some(b'"') {
            frame.advance(frame.to_line_end());
            let span = frame.span_from(from);
            self.report(
                Diagnostic::error(codes::BAD_SUBST, span, "a string is expected after this directive")
                    .help("write \"/expression/replacement/flags\" in double quotes"),
            );
            return None;
        }
        let quoted = read_quoted(frame);
        let span = frame.span_from(from);
        Some((quoted.value, span))
    }
}

fn quote(value: &[u8]) -> Vec<u8> {
    [b"\"", value, b"\""].concat()
}
