//! The preprocessed text, byte for byte as `kamailio --cfg-print` prints it.
//!
//! That is less than the parser sees: conditions and includes are carried out, defines are remembered for the
//! conditions but not put in their names' places, and substitutions are left alone. Comments stay. Strings are
//! not told from other text, so that a `//` in one begins a comment and a directive in one is obeyed.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Severity, codes};
use crate::lex::{Frame, Lexer};
use crate::options::Options;
use crate::preprocess::{Directive, Test, directive_at};
use crate::source::Loader;

/// Why a configuration cannot be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintError {
    /// The file in which the mistake is.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for PrintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.message)
    }
}

impl std::error::Error for PrintError {}

/// Preprocesses `path` and gives what is left.
///
/// # Errors
/// The first file that cannot be read or directive that Kamailio does not survive.
pub fn print(loader: &dyn Loader, path: &Path, options: &Options<'_>) -> Result<Vec<u8>, PrintError> {
    let mut printer = Printer { lexer: Lexer::new(loader, options), out: Vec::new() };
    printer.lexer.open_first(path);
    printer.check()?;
    while !printer.lexer.input.is_empty() {
        if printer.lexer.conditions.skip() {
            printer.skip();
        } else {
            printer.step();
        }
        printer.check()?;
    }
    Ok(printer.out)
}

struct Printer<'a> {
    lexer: Lexer<'a>,
    out: Vec<u8>,
}

impl Printer<'_> {
    /// The first error that ends Kamailio's printing; it lives with doubled names and unbalanced conditions.
    fn check(&mut self) -> Result<(), PrintError> {
        const HARMLESS: &[&str] = &[codes::ALREADY_DEFINED, codes::STRAY_ENDIF, codes::MISSING_ENDIF];
        let fatal = self.lexer.diagnostics.drain(..).find(|diagnostic| {
            diagnostic.severity == Severity::Error && !HARMLESS.contains(&diagnostic.code)
        });
        let Some(diagnostic) = fatal else { return Ok(()) };
        let span = diagnostic.primary.span;
        Err(PrintError {
            file: self.lexer.sources.file(span.file).path.clone(),
            line: self.lexer.sources.position(span).line,
            message: diagnostic.message,
        })
    }

    /// Gives out the next bytes as they are.
    fn echo(&mut self, bytes: usize) {
        let frame = self.lexer.frame();
        let from = frame.at;
        frame.advance(bytes);
        let to = frame.at;
        self.out.extend_from_slice(&frame.text[from..to]);
    }

    fn echo_line(&mut self) {
        let length = self.lexer.frame().to_line_end();
        self.echo(length);
    }

    fn step(&mut self) {
        let frame = self.lexer.frame();
        let text = frame.text.clone();
        let rest = &text[frame.at..];
        if rest.is_empty() {
            self.lexer.input.pop();
            return;
        }
        if let Some((directive, length)) = directive_at(rest)
            && is_seen(directive, &rest[length..])
        {
            self.directive(directive, length);
            return;
        }
        match (rest[0], rest.get(1)) {
            (b'#', _) | (b'/', Some(b'/')) => self.echo_line(),
            (b'/', Some(b'*')) => self.echo(block_comment(rest)),
            (b'i', _) if rest.starts_with(b"include_file") => self.include(true, b"include_file".len()),
            (b'i', _) if rest.starts_with(b"import_file") => self.include(false, b"import_file".len()),
            (b'l', _) if rest.starts_with(b"loadmodule") => self.module(),
            _ => {
                let length = 1 + rest[1..].iter().take_while(|byte| !b"#!/il".contains(byte)).count();
                self.echo(length);
            }
        }
    }

    /// `include_file` or `import_file`, and its sigil if it has one, are `length` bytes.
    fn include(&mut self, must_exist: bool, length: usize) {
        let frame = self.lexer.frame();
        let from = frame.at;
        frame.advance(length);
        let span = frame.span_from(from);
        // Line ends between the word and the path stay.
        let blanks = frame.rest().iter().take_while(|byte| byte.is_ascii_whitespace());
        self.out.extend(blanks.filter(|byte| **byte == b'\n'));
        self.lexer.include(span, must_exist);
    }

    fn directive(&mut self, directive: Directive, length: usize) {
        let frame = self.lexer.frame();
        let from = frame.at;
        match directive {
            Directive::If(test) => {
                frame.advance(length);
                self.condition(test, from);
            }
            Directive::Else | Directive::Endif => {
                frame.advance(length);
                let span = frame.span_from(from);
                pass_line(frame);
                if directive == Directive::Else {
                    self.lexer.otherwise(span);
                } else {
                    self.lexer.end_condition(span);
                }
            }
            Directive::Include { must_exist } => self.include(must_exist, length),
            Directive::Define(_) | Directive::DefineEnv { .. } => {
                frame.advance(length);
                let span = frame.span_from(from);
                self.lexer.obey(directive, span);
                let frame = self.lexer.frame();
                let to = frame.at;
                self.out.extend_from_slice(&frame.text[from..to]);
            }
            _ => self.echo_line(),
        }
    }

    /// What stands behind the name is given out, the line's end is not.
    fn condition(&mut self, test: Test, from: usize) {
        let span = self.lexer.frame().span_from(from);
        let holds = self.lexer.test(test);
        self.lexer.conditions.open(span, holds);
        let frame = self.lexer.frame();
        let length = frame.to_line_end();
        if !frame.rest()[..length].trim_ascii().is_empty() {
            self.echo(length);
        }
        pass_line(self.lexer.frame());
    }

    fn skip(&mut self) {
        let frame = self.lexer.frame();
        let Some(ahead) = frame.rest().windows(2).position(|pair| matches!(pair, b"#!" | b"!!")) else {
            self.lexer.input.pop();
            return;
        };
        frame.advance(ahead);
        match directive_at(frame.rest()) {
            Some((directive @ (Directive::If(_) | Directive::Else | Directive::Endif), length))
                if is_seen(directive, &frame.rest()[length..]) =>
            {
                self.directive(directive, length);
            }
            _ => frame.advance(1),
        }
    }

    /// `loadmodule "name"`: defines `MOD_name`; a second time leaves a remark in the text, as Kamailio does.
    fn module(&mut self) {
        let keyword = b"loadmodule".len();
        let rest = self.lexer.frame().rest();
        let blanks = rest[keyword..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let word = &rest[keyword + blanks..];
        let word = &word[..word.iter().take_while(|byte| !byte.is_ascii_whitespace()).count()];
        let length = keyword + blanks + word.len();
        let inside = match word {
            [open @ (b'"' | b'\''), path @ .., close] if open == close => path,
            _ => return self.echo(keyword),
        };
        let path = String::from_utf8_lossy(inside).into_owned();
        let remark = format!(
            "\n# ***** ERROR: unable to set cfg define for module: {}\n",
            String::from_utf8_lossy(word)
        );
        self.echo(length);
        let file = path.rsplit('/').next().unwrap_or(&path);
        let name = format!("MOD_{}", file.strip_suffix(".so").unwrap_or(file));
        if self.lexer.defines.contains(&name) || self.lexer.defines.set(&name, b"", None).is_err() {
            self.out.extend_from_slice(remark.as_bytes());
        }
    }
}

/// Whether Kamailio sees a directive where this text follows.
fn is_seen(directive: Directive, rest: &[u8]) -> bool {
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    match directive {
        Directive::Else | Directive::Endif => rest.get(blanks) == Some(&b'\n'),
        Directive::If(Test::Expression) => false,
        Directive::Include { .. } => true,
        _ => blanks > 0 && rest.get(blanks).is_some_and(|byte| *byte != b'\n'),
    }
}

fn pass_line(frame: &mut Frame) {
    frame.advance(frame.to_line_end() + 1);
}

/// The length of a comment, with those inside it; of the whole text if it is not closed.
fn block_comment(text: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < text.len() {
        match text[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}
