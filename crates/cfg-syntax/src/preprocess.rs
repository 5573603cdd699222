//! Directives: `#!define` and its kin, `#!ifdef`, `#!subst`, `include_file`.
//!
//! `#!` and `!!` are the same. What begins with `#!` and is no directive is a comment, as in Kamailio; a warning
//! says so.

mod condition;
mod define;
mod defines;
mod expression;
mod include;
mod subst;

use crate::diagnostic::{Diagnostic, codes};
use crate::lex::{Frame, Lexer};
use crate::source::Span;

pub(crate) use condition::Conditions;
pub use defines::Define;
pub(crate) use defines::Defines;
pub(crate) use subst::Subst;

/// What stands after the sigil.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directive {
    Define(Existing),
    Undefine {
        must_exist: bool,
    },
    DefineExpression {
        quoted: bool,
    },
    DefineEnv {
        quoted: bool,
        must_exist: bool,
    },
    Subst,
    SubstDef {
        quoted: bool,
    },
    If(Test),
    Else,
    Endif,
    Include {
        must_exist: bool,
    },
    /// `#!KAMAILIO` and the other modes, which change nothing.
    Mode,
}

/// What happens to a name that is already defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    Refuse,
    Keep,
    Replace,
}

/// What decides whether the text after a directive is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Defined,
    NotDefined,
    Expression,
}

const DIRECTIVES: &[(&str, Directive)] = &[
    ("define", Directive::Define(Existing::Refuse)),
    ("def", Directive::Define(Existing::Refuse)),
    ("trydefine", Directive::Define(Existing::Keep)),
    ("trydef", Directive::Define(Existing::Keep)),
    ("redefine", Directive::Define(Existing::Replace)),
    ("redef", Directive::Define(Existing::Replace)),
    ("undefine", Directive::Undefine { must_exist: true }),
    ("undef", Directive::Undefine { must_exist: true }),
    ("tryundefine", Directive::Undefine { must_exist: false }),
    ("tryundef", Directive::Undefine { must_exist: false }),
    ("defexp", Directive::DefineExpression { quoted: false }),
    ("defexps", Directive::DefineExpression { quoted: true }),
    ("defenv", Directive::DefineEnv { quoted: false, must_exist: true }),
    ("defenvs", Directive::DefineEnv { quoted: true, must_exist: true }),
    ("trydefenv", Directive::DefineEnv { quoted: false, must_exist: false }),
    ("trydefenvs", Directive::DefineEnv { quoted: true, must_exist: false }),
    ("subst", Directive::Subst),
    ("substdef", Directive::SubstDef { quoted: false }),
    ("substdefs", Directive::SubstDef { quoted: true }),
    ("ifdef", Directive::If(Test::Defined)),
    ("ifndef", Directive::If(Test::NotDefined)),
    ("ifexp", Directive::If(Test::Expression)),
    ("else", Directive::Else),
    ("endif", Directive::Endif),
    ("include_file", Directive::Include { must_exist: true }),
    ("import_file", Directive::Include { must_exist: false }),
    ("KAMAILIO", Directive::Mode),
    ("OPENSER", Directive::Mode),
    ("SER", Directive::Mode),
    ("MAXCOMPAT", Directive::Mode),
    ("ALL", Directive::Mode),
];

/// The directive at the start of `text`, and the length of sigil and word.
pub(crate) fn directive_at(text: &[u8]) -> Option<(Directive, usize)> {
    if !(text.starts_with(b"#!") || text.starts_with(b"!!")) {
        return None;
    }
    let word = &text[2..2 + word_length(&text[2..])];
    let (_, directive) = DIRECTIVES.iter().find(|(name, _)| name.as_bytes() == word)?;
    Some((*directive, 2 + word.len()))
}

fn word_length(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

impl Lexer<'_> {
    /// Obeys what stands at `#!` or `!!`; `false` when it is no directive (`!!` may be two negations).
    pub(crate) fn directive(&mut self) -> bool {
        self.meet_modules();
        let frame = self.frame();
        let Some((directive, length)) = directive_at(frame.rest()) else {
            return self.no_directive();
        };
        if !frame.is_file() {
            return false;
        }
        let from = frame.at;
        frame.advance(length);
        let span = frame.span_from(from);
        if is_complete(directive, frame) {
            self.warn_of_missing_line_end(directive, span);
            self.obey(directive, span);
        } else {
            self.incomplete(directive, span);
        }
        true
    }

    pub(crate) fn obey(&mut self, directive: Directive, span: Span) {
        match directive {
            Directive::Define(existing) => self.define(existing),
            Directive::Undefine { must_exist } => self.undefine(must_exist),
            Directive::DefineExpression { quoted } => self.define_expression(quoted),
            Directive::DefineEnv { quoted, must_exist } => self.define_env(quoted, must_exist),
            Directive::Subst => self.subst(),
            Directive::SubstDef { quoted } => self.subst_def(quoted),
            Directive::If(test) => self.begin_condition(test, span),
            Directive::Else => self.otherwise(span),
            Directive::Endif => self.end_condition(span),
            Directive::Include { must_exist } => self.include(span, must_exist),
            Directive::Mode => self.pass_line(),
        }
    }

    /// Kamailio does not see an `#!endif` at the very end of a file.
    fn warn_of_missing_line_end(&mut self, directive: Directive, span: Span) {
        let frame = self.frame();
        if matches!(directive, Directive::Else | Directive::Endif)
            && frame.to_line_end() == frame.rest().len()
        {
            let message = "Kamailio does not see a directive whose line has no end";
            self.report(
                Diagnostic::warning(codes::INCOMPLETE_DIRECTIVE, span, message)
                    .help("end the file with an empty line"),
            );
        }
    }

    /// A comment that looks like a directive.
    fn no_directive(&mut self) -> bool {
        let frame = self.frame();
        if frame.peek(0) == Some(b'!') {
            return false;
        }
        let from = frame.at;
        let length = 2 + word_length(&frame.rest()[2..]);
        let word = String::from_utf8_lossy(&frame.rest()[2..length]).into_owned();
        let span = frame.span(from, from + length);
        let is_file = frame.is_file();
        if !is_file || word.is_empty() {
            return false;
        }
        frame.advance(frame.to_line_end());
        let message = format!("`#!{word}` is no directive; the line is a comment");
        let report = Diagnostic::warning(codes::UNKNOWN_DIRECTIVE, span, message);
        self.report(match closest(&word) {
            Some(name) => report.help(format!("did you mean `#!{name}`?")).fix(span, format!("#!{name}")),
            None => report.help("begin a comment with `# `"),
        });
        true
    }

    /// A directive without what it needs is a comment in Kamailio; where that unbalances the file, it is an error.
    pub(crate) fn incomplete(&mut self, directive: Directive, span: Span) {
        let frame = self.frame();
        let from = frame.at;
        frame.advance(frame.to_line_end());
        let rest = frame.span_from(from);
        const HELP: &str = "put the comment on a line of its own";
        match directive {
            Directive::Endif => {
                self.report(
                    Diagnostic::error(codes::TEXT_AFTER_DIRECTIVE, rest, "`#!endif` must end its line")
                        .label("this keeps it from being a directive")
                        .help(HELP),
                );
                self.end_condition(span);
            }
            Directive::Else => {
                let message = "`#!else` must end its line; this one is a comment";
                self.report(
                    Diagnostic::warning(codes::TEXT_AFTER_DIRECTIVE, rest, message)
                        .label("this keeps it from being a directive")
                        .help(HELP),
                );
            }
            _ => {
                let message = "nothing follows this directive, so it is a comment";
                self.report(
                    Diagnostic::warning(codes::INCOMPLETE_DIRECTIVE, span, message)
                        .help("give it its name or take it out"),
                );
            }
        }
    }

    pub(crate) fn pass_line(&mut self) {
        let frame = self.frame();
        frame.advance(frame.to_line_end());
    }
}

/// Whether the rest of the line lets the word be a directive.
pub(crate) fn is_complete(directive: Directive, frame: &Frame) -> bool {
    let blanks = frame.run(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
    let at_line_end = matches!(frame.peek(blanks), None | Some(b'\n'));
    match directive {
        Directive::Else | Directive::Endif => at_line_end,
        Directive::Mode | Directive::Include { .. } => true,
        _ => !at_line_end,
    }
}

/// The directive that a misspelt one was meant to be.
fn closest(word: &str) -> Option<&'static str> {
    DIRECTIVES
        .iter()
        .map(|(name, _)| (distance(word, name), *name))
        .filter(|(distance, name)| *distance <= 2 && *distance < name.len() / 2)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's distance of two short words.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().take(LONGEST).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(!x.eq_ignore_ascii_case(&y));
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
