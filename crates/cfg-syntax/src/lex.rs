//! From bytes to tokens: one pass over the files with the preprocessor in it.
//!
//! Directives, includes and defines act while the text is read, so lexer and preprocessor share one state. The
//! lexer knows no grammar but two things: the string after `loadmodule` defines `MOD_…`, and `include_file` and
//! `import_file` are replaced by a file.

mod input;
mod string;
pub(crate) mod token;
mod word;

use std::path::Path;
use std::rc::Rc;

use crate::diagnostic::{Diagnostic, codes};
use crate::options::Options;
use crate::preprocess::{Conditions, Defines, Subst};
use crate::source::{FileId, Loader, SourceMap, Span};

pub(crate) use input::{Frame, Origin, is_word_byte, is_word_start};
pub(crate) use string::{escape, read_quoted};
use token::{Punct, Token, TokenKind};
pub(crate) use word::is_name_byte;

/// Bytes that defines may put in their names' places, in all; each use counts for some at least.
const MAX_EXPANSION: usize = 4 << 20;
const LEAST_EXPANSION: usize = 16;
/// Bytes that included files may have, in all.
const MAX_INCLUDED: usize = 64 << 20;

/// The lexer's results.
pub(crate) struct Lexed {
    /// The last one is [`TokenKind::End`].
    pub(crate) tokens: Vec<Token>,
    pub(crate) sources: SourceMap,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) defines: Defines,
}

pub(crate) struct Lexer<'a> {
    pub(crate) loader: &'a dyn Loader,
    pub(crate) options: &'a Options<'a>,
    pub(crate) sources: SourceMap,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// What is being read, innermost last.
    pub(crate) input: Vec<Frame>,
    pub(crate) defines: Defines,
    pub(crate) substs: Vec<Subst>,
    pub(crate) conditions: Conditions,
    expanded: usize,
    included: usize,
    included_files: usize,
    tokens: Vec<Token>,
    spaced: bool,
    on_new_line: bool,
    /// How many tokens have been looked at for `loadmodule`.
    modules_seen: usize,
}

/// Reads `path` and everything that it includes.
pub(crate) fn lex(loader: &dyn Loader, path: &Path, options: &Options<'_>) -> Lexed {
    let mut lexer = Lexer::new(loader, options);
    lexer.open_first(path);
    while !lexer.input.is_empty() {
        if lexer.conditions.skip() {
            lexer.skip();
        } else {
            lexer.step();
        }
    }
    lexer.finish()
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(loader: &'a dyn Loader, options: &'a Options<'a>) -> Self {
        Self {
            loader,
            options,
            sources: SourceMap::default(),
            diagnostics: Vec::new(),
            input: Vec::new(),
            defines: Defines::default(),
            substs: Vec::new(),
            conditions: Conditions::default(),
            expanded: 0,
            included: 0,
            included_files: 0,
            tokens: Vec::new(),
            spaced: false,
            on_new_line: true,
            modules_seen: 0,
        }
    }

    /// The frame that is being read; there is one whenever a rule runs.
    pub(crate) fn frame(&mut self) -> &mut Frame {
        self.input.last_mut().expect("a rule runs only while there is input")
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reports unless the same was just said of the same place.
    pub(crate) fn report_once(&mut self, diagnostic: Diagnostic) {
        let said =
            |last: &Diagnostic| (last.code, last.primary.span) == (diagnostic.code, diagnostic.primary.span);
        if !self.diagnostics.last().is_some_and(said) {
            self.report(diagnostic);
        }
    }

    /// Accounts for the text of a define; `false` when there is too much.
    fn may_expand(&mut self, bytes: usize) -> bool {
        self.expanded = self.expanded.saturating_add(bytes.max(LEAST_EXPANSION));
        self.expanded <= MAX_EXPANSION
    }

    /// Accounts for an included file; `false` when there is too much.
    pub(crate) fn may_include(&mut self, bytes: usize, most_files: usize) -> bool {
        self.included = self.included.saturating_add(bytes);
        self.included_files += 1;
        self.included <= MAX_INCLUDED && self.included_files <= most_files
    }

    /// Reads one token, comment, directive or run of white space.
    fn step(&mut self) {
        let frame = self.frame();
        let Some(byte) = frame.peek(0) else {
            self.end_frame();
            return;
        };
        match (byte, frame.peek(1)) {
            (b'\n', _) => {
                frame.advance(1);
                (self.spaced, self.on_new_line) = (true, true);
            }
            (b' ' | b'\t' | b'\r', _) => {
                frame.skip_blanks();
                self.spaced = true;
            }
            (b'#' | b'!', Some(b'!')) if self.directive() => self.spaced = true,
            (b'#', _) | (b'/', Some(b'/')) => self.line_comment(),
            (b'/', Some(b'*')) => self.block_comment(),
            (b'"', _) => self.quoted(),
            (b'\'', _) => self.raw(),
            (b'$', _) => self.pseudo_variable(),
            (b'@', _) => self.select(),
            (b'0'..=b'9', _) => self.number(),
            _ if is_word_start(byte) => self.word(),
            _ => self.mark(byte),
        }
    }

    fn mark(&mut self, byte: u8) {
        let frame = self.frame();
        let (kind, length) = match Punct::at_start(frame.rest()) {
            Some((punct, length)) => (TokenKind::Punct(punct), length),
            None => (TokenKind::Stray(byte), 1),
        };
        frame.advance(length);
        let span = frame.span_from(frame.at - length);
        self.push(kind, span);
    }

    fn push(&mut self, kind: TokenKind, span: Span) {
        let (spaced, on_new_line) = (self.spaced, self.on_new_line);
        (self.spaced, self.on_new_line) = (false, false);
        self.tokens.push(Token { kind, span, spaced, on_new_line });
    }

    /// A comment to the end of the line; one in the text of a define hides the rest of the line that uses it.
    fn line_comment(&mut self) {
        self.spaced = true;
        loop {
            let frame = self.frame();
            frame.advance(frame.to_line_end());
            if frame.peek(0).is_some() {
                return;
            }
            let Origin::Define { name, used_at } = frame.origin.clone() else { return };
            self.input.pop();
            let hides = |frame: &Frame| !frame.rest()[..frame.to_line_end()].trim_ascii().is_empty();
            if self.input.last().is_some_and(hides) {
                let message = format!("the comment in the text of `{name}` hides the rest of this line");
                self.report(
                    Diagnostic::warning(codes::COMMENT_IN_DEFINE, used_at, message)
                        .help("put the comment of a #!define on a line of its own"),
                );
            }
        }
    }

    fn block_comment(&mut self) {
        self.spaced = true;
        let frame = self.frame();
        let from = frame.at;
        let mut depth = 0usize;
        while let Some(byte) = frame.peek(0) {
            match (byte, frame.peek(1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    frame.advance(2);
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    frame.advance(2);
                    if depth == 0 {
                        return;
                    }
                }
                _ => frame.advance(1),
            }
        }
        let span = frame.span(from, from + 2);
        self.report(
            Diagnostic::warning(
                codes::UNCLOSED_COMMENT,
                span,
                "this comment is not closed and hides the rest of the file",
            )
            .label(format!("{depth} `/*` without `*/`"))
            .help("close it with `*/`; comments nest, so each `/*` inside it needs one as well"),
        );
    }

    /// Goes back to what was read before the frame that has ended.
    fn end_frame(&mut self) {
        if let Some(frame) = self.input.pop()
            && frame.is_file()
        {
            (self.spaced, self.on_new_line) = (true, true);
        }
    }

    /// Defines `MOD_…` for each `loadmodule` that was not met before.
    pub(crate) fn meet_modules(&mut self) {
        for at in self.modules_seen..self.tokens.len() {
            if let Some(name) = module_at(&self.tokens, at)
                && self.options.modules.loads(&name)
            {
                let span = self.tokens[at].span;
                // A module that is loaded twice keeps its name; a full table is reported where a define meets it.
                _ = self.defines.set(&format!("MOD_{name}"), b"", Some(span));
            }
        }
        self.modules_seen = self.tokens.len();
    }

    fn finish(mut self) -> Lexed {
        self.meet_modules();
        self.report_open_conditions();
        let end = self.sources.files().next().map_or(0, |(_, file)| file.text.len() as u32);
        let span = Span::new(FileId(0), end, end);
        self.tokens.push(Token { kind: TokenKind::End, span, spaced: true, on_new_line: true });
        let Self { tokens, sources, diagnostics, defines, .. } = self;
        Lexed { tokens, sources, diagnostics, defines }
    }

    /// Begins to read a file that is already loaded.
    pub(crate) fn open(&mut self, path: &Path, text: Vec<u8>) {
        let shared: Rc<[u8]> = text.as_slice().into();
        let file = self.sources.add(path, text);
        self.input.push(Frame::new(shared, Origin::File(file)));
        (self.spaced, self.on_new_line) = (true, true);
    }
}

/// The name of the module, if the string at `at` is what a `loadmodule` loads.
fn module_at(tokens: &[Token], at: usize) -> Option<String> {
    let TokenKind::Str(string) = &tokens[at].kind else { return None };
    let before = at.checked_sub(1)?;
    let keyword = if tokens[before].is(Punct::ParenOpen) { before.checked_sub(1)? } else { before };
    let loads = tokens[keyword].is_word("loadmodule") || tokens[keyword].is_word("loadmodulex");
    let path = String::from_utf8_lossy(string);
    let file = path.rsplit('/').next()?;
    loads.then(|| file.strip_suffix(".so").unwrap_or(file).to_owned())
}
