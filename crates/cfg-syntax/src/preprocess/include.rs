//! `include_file` and `import_file`, with `#!` or without.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, codes};
use crate::lex::{Lexer, Origin};
use crate::source::{FileId, Span};

/// Files that may be open inside each other, as in Kamailio.
const MAX_DEPTH: usize = 10;
/// The longest path that Kamailio takes.
const MAX_PATH: usize = 128;
/// Files of one configuration; far fewer than a [`FileId`] can number.
const MAX_FILES: usize = 4096;
/// Beyond this a span could not tell the place.
const MAX_FILE_SIZE: usize = 1 << 30;

impl Lexer<'_> {
    /// Opens the file that the caller named.
    pub(crate) fn open_first(&mut self, path: &Path) {
        let (text, failure) = match self.loader.load(path) {
            Ok(text) if text.len() <= MAX_FILE_SIZE => (text, None),
            Ok(_) => (Vec::new(), Some("it is larger than 1 GiB".to_owned())),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        self.open(path, text);
        if let Some(reason) = failure {
            let message = format!("cannot read `{}`: {reason}", path.display());
            self.report(
                Diagnostic::error(codes::CANNOT_READ, Span::new(FileId(0), 0, 0), message)
                    .help("check the path and its permissions"),
            );
        }
        self.define_from_options();
    }

    /// Reads the path after the keyword and opens it.
    pub(crate) fn include(&mut self, keyword: Span, must_exist: bool) {
        let Some((name, span)) = self.included_path(keyword) else { return };
        let depth = self.input.iter().filter(|frame| frame.is_file()).count();
        if depth > MAX_DEPTH {
            let message = format!("files include each other more than {MAX_DEPTH} deep");
            self.report(
                Diagnostic::error(codes::INCLUDE_DEPTH, span, message)
                    .help("look for a file that includes itself"),
            );
            return;
        }
        match self.load_included(&name) {
            Ok((path, text)) => {
                if text.len() <= MAX_FILE_SIZE && self.may_include(text.len(), MAX_FILES) {
                    self.open(&path, text);
                    return;
                }
                let message = "this file makes the configuration too large";
                self.report_once(
                    Diagnostic::error(codes::TOO_MUCH_TEXT, span, message)
                        .help("look for files that include each other several times"),
                );
            }
            Err(error) if must_exist || error.kind() != std::io::ErrorKind::NotFound => {
                let message = format!("cannot read `{name}`: {error}");
                let help = if must_exist {
                    "a relative path is looked up in the working directory, then beside the including file; \
                     use import_file for a file that may be missing"
                } else {
                    "only a file that does not exist is passed over"
                };
                self.report(Diagnostic::error(codes::CANNOT_READ, span, message).help(help));
            }
            Err(_) => {}
        }
    }

    /// The `"path"` after the keyword: quoted, without blanks, and nothing right behind it.
    fn included_path(&mut self, keyword: Span) -> Option<(String, Span)> {
        let frame = self.frame();
        frame.advance(frame.run(|byte| byte.is_ascii_whitespace()));
        let from = frame.at;
        frame.advance(frame.run(|byte| !byte.is_ascii_whitespace()));
        let word = &frame.text[from..frame.at];
        let inside = word.strip_prefix(b"\"").and_then(|word| word.strip_suffix(b"\""));
        let span = frame.span_from(from);
        let Some(mut path) = inside.map(<[u8]>::to_vec) else {
            let help = if word.first() == Some(&b'"') {
                "write include_file \"path\", with no blank in the path and a blank or line end behind it"
            } else {
                "write include_file \"path\""
            };
            let span = if word.is_empty() { keyword } else { span };
            let message = "a file name in double quotes is expected";
            self.report(Diagnostic::error(codes::BAD_INCLUDE, span, message).help(help));
            return None;
        };
        for subst in &self.substs {
            if let Some(changed) = subst.apply(&path) {
                path = changed;
            }
        }
        if path.is_empty() || path.len() >= MAX_PATH {
            let message = format!("a file name of {} bytes", path.len());
            self.report(
                Diagnostic::error(codes::BAD_INCLUDE, span, message)
                    .help(format!("a name has at least 1 byte and less than {MAX_PATH}")),
            );
            return None;
        }
        Some((String::from_utf8_lossy(&path).into_owned(), span))
    }

    /// As named, then beside the including file.
    fn load_included(&self, name: &str) -> std::io::Result<(PathBuf, Vec<u8>)> {
        let named = Path::new(name);
        let first = self.loader.load(named).map(|text| (named.to_owned(), text));
        if named.is_absolute() || first.is_ok() {
            return first;
        }
        let including = self.input.iter().rev().find_map(|frame| match frame.origin {
            Origin::File(file) => Some(self.sources.file(file).path.as_path()),
            Origin::Define { .. } => None,
        });
        let Some(beside) = including.and_then(Path::parent).map(|directory| directory.join(named)) else {
            return first;
        };
        self.loader.load(&beside).map(|text| (beside, text))
    }
}
