//! From tokens to the tree: recursive descent with recovery.
//!
//! A rule that cannot go on has said why, and returns [`Reported`]; the statement or item around it passes over
//! the rest of itself and goes on. So each mistake is told once, and all of them in one run.

mod calls;
mod expressions;
mod items;
mod listen;
mod modules;
mod operands;
mod recovery;
mod reserved;
mod routes;
mod statements;
mod switch;

use std::collections::HashSet;
use std::path::Path;

use crate::ast::{Config, Name, RouteKind, Text};
use crate::diagnostic::{Diagnostic, codes};
use crate::lex::token::{Punct, Token, TokenKind};
use crate::lex::{Lexed, lex};
use crate::options::Options;
use crate::preprocess::Define;
use crate::source::{Loader, SourceMap, Span, Spanned};

/// A configuration, and everything that is wrong with its text.
#[derive(Debug)]
pub struct Parsed {
    /// The tree; where something could not be read, less than was meant.
    pub config: Config,
    /// The files that were read.
    pub sources: SourceMap,
    /// In the order of their places.
    pub diagnostics: Vec<Diagnostic>,
    /// What was defined at the end, in the order in which it was defined.
    pub defines: Vec<Define>,
}

/// Reads `path` and all that it includes. Never fails: mistakes are in [`Parsed::diagnostics`].
pub fn parse(loader: &dyn Loader, path: &Path, options: &Options<'_>) -> Parsed {
    let Lexed { tokens, sources, diagnostics, defines } = lex(loader, path, options);
    let mut parser = Parser::new(&tokens, &sources);
    let config = parser.config();
    // What the lexer has complained of, the parser could not read either.
    let known: HashSet<Span> = diagnostics.iter().map(|diagnostic| diagnostic.primary.span).collect();
    let mut all = diagnostics;
    all.extend(parser.diagnostics.into_iter().filter(|diagnostic| !known.contains(&diagnostic.primary.span)));
    all.sort_by_key(|diagnostic| (diagnostic.primary.span.file, diagnostic.primary.span.start));
    Parsed { config, sources, diagnostics: all, defines: defines.into_list() }
}

/// An error that was reported: the rule gives up, the one around it recovers.
#[derive(Debug)]
struct Reported;

type Parse<T> = Result<T, Reported>;

/// Blocks, or parentheses and signs, inside each other.
const MAX_DEPTH: usize = 100;
/// Operators in one expression; whoever walks the tree recurses this deep at most.
const MAX_OPERATORS: usize = 1000;

struct Parser<'a> {
    tokens: &'a [Token],
    sources: &'a SourceMap,
    at: usize,
    diagnostics: Vec<Diagnostic>,
    depth: usize,
    operators: usize,
    route: Option<RouteKind>,
    /// Inside the parentheses of a call.
    in_call: bool,
    braces: recovery::Braces,
    /// The token at which a statement was given up: a block there is no second mistake.
    given_up_at: Option<usize>,
}

impl<'a> Parser<'a> {
    fn new(tokens: &'a [Token], sources: &'a SourceMap) -> Self {
        Self {
            tokens,
            sources,
            at: 0,
            diagnostics: Vec::new(),
            depth: 0,
            operators: 0,
            route: None,
            in_call: false,
            braces: recovery::Braces::default(),
            given_up_at: None,
        }
    }

    fn peek(&self) -> &'a Token {
        self.nth(0)
    }

    fn nth(&self, ahead: usize) -> &'a Token {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    fn bump(&mut self) -> &'a Token {
        let token = self.peek();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn at_end(&self) -> bool {
        self.peek().kind == TokenKind::End
    }

    fn is(&self, punct: Punct) -> bool {
        self.peek().is(punct)
    }

    fn is_word(&self, word: &str) -> bool {
        self.peek().is_word(word)
    }

    fn eat(&mut self, punct: Punct) -> Option<Span> {
        self.is(punct).then(|| self.bump().span)
    }

    /// The place of the token before this one; of this one at the start.
    fn previous(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    /// From a span to the last token that was taken.
    fn since(&self, start: Span) -> Span {
        start.to(self.previous())
    }

    /// The place behind the last token.
    fn gap(&self) -> Span {
        let previous = self.previous();
        Span::new(previous.file, previous.end, previous.end)
    }

    /// Where to point when something else is expected: at the next token, or behind the last one when the line ends there.
    fn here(&self) -> Span {
        let next = self.peek();
        if self.at > 0 && (next.on_new_line || next.kind == TokenKind::End) { self.gap() } else { next.span }
    }

    fn report(&mut self, diagnostic: Diagnostic) -> Reported {
        self.diagnostics.push(diagnostic);
        Reported
    }

    /// Reports that `what` is missing here.
    fn expected(&mut self, code: &'static str, what: &str, help: &str) -> Reported {
        let next = self.peek();
        if let TokenKind::Stray(_) = next.kind {
            return self.stray(next);
        }
        if let TokenKind::Mixed(text) = &next.kind
            && code == codes::EXPECTED_EXPRESSION
        {
            return self.bad_number(text, next.span);
        }
        let message = format!("{what} is expected, but {} was found", next.describe());
        let span = self.here();
        self.report(Diagnostic::error(code, span, message).help(help))
    }

    fn stray(&mut self, token: &Token) -> Reported {
        let message = format!("{} means nothing here", token.describe());
        self.report(
            Diagnostic::error(codes::STRAY_CHARACTER, token.span, message)
                .help("take it out, or put the text into quotes"),
        )
    }

    fn bad_number(&mut self, text: &str, span: Span) -> Reported {
        let octal = text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
        let help = if octal {
            "a number that begins with 0 is octal and has the digits 0 to 7; take the 0 away"
        } else {
            "write it in decimal, as 0x1F, 017 or 101b, or put it into quotes"
        };
        self.report(Diagnostic::error(codes::BAD_NUMBER, span, format!("`{text}` is no number")).help(help))
    }

    fn expect(&mut self, punct: Punct, help: &str) -> Parse<Span> {
        if let Some(span) = self.eat(punct) {
            return Ok(span);
        }
        Err(self.expected(codes::EXPECTED_TOKEN, &format!("`{}`", punct.text()), help))
    }

    /// A string token.
    fn string(&mut self, what: &str, help: &str) -> Parse<Text> {
        let token = self.peek();
        if let TokenKind::Str(string) = &token.kind {
            self.bump();
            return Ok(Spanned::new(string.clone(), token.span));
        }
        Err(self.expected(codes::EXPECTED_VALUE, what, help))
    }

    fn word(&mut self) -> Option<Name> {
        let token = self.peek();
        let word = token.word()?;
        self.bump();
        Some(Spanned::new(word.to_owned(), token.span))
    }

    /// Reports a bare name that is a word of the language; it is taken all the same.
    fn check_name(&mut self, name: &str, span: Span, help: &str) {
        if reserved::is_reserved(name) {
            let message = format!("`{name}` is a word of the language and no name");
            self.report(Diagnostic::error(codes::RESERVED_WORD, span, message).help(help));
        }
    }

    /// A number without sign.
    fn number(&mut self) -> Option<Spanned<i64>> {
        let token = self.peek();
        let TokenKind::Number { value, .. } = token.kind else { return None };
        self.bump();
        Some(Spanned::new(value, token.span))
    }

    /// `yes`, `off` and the like, which are numbers.
    fn boolean(&self) -> Option<i64> {
        match self.peek().word()? {
            "yes" | "true" | "on" | "enable" => Some(1),
            "no" | "false" | "off" | "disable" => Some(0),
            _ => None,
        }
    }

    /// Runs a rule one level deeper, unless that is too deep.
    fn deeper<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth >= MAX_DEPTH {
            let span = self.peek().span;
            return Err(self.report(
                Diagnostic::error(
                    codes::TOO_DEEP,
                    span,
                    format!("this is nested more than {MAX_DEPTH} deep"),
                )
                .help("move the inner part into a route of its own"),
            ));
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }
}

/// `a`, `b` or `c`: for messages.
fn closest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    names
        .iter()
        .map(|name| (crate::preprocess::distance(word, name), *name))
        .filter(|(distance, name)| *distance <= 2 && *distance < name.len() / 2)
        .min()
        .map(|(_, name)| name)
}
