//! `{class.name,argument,…}`.

use super::{Fallible, Reader};
use crate::ast::{Transformation, TransformationArg};
use crate::diagnostic::{Diagnostic, codes};
use crate::source::Spanned;

impl Reader<'_> {
    /// At `{`.
    pub(super) fn transformation(&mut self) -> Fallible<Transformation> {
        let open = self.at;
        self.at += 1;
        let name = self.name();
        if !name.node.contains('.') {
            let end = self.at;
            return Err(self
                .bad_transformation(open, end, "this is no transformation")
                .help("write `{class.name}` without blanks, as in {s.len}")
                .into());
        }
        let mut arguments = Vec::new();
        loop {
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    let argument = self.argument(&name.node, arguments.len())?;
                    arguments.push(argument);
                }
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Transformation { name, arguments, span: self.span(open, self.at) });
                }
                Some(byte) if byte.is_ascii_whitespace() => self.at += 1,
                Some(byte) => {
                    let message =
                        format!("`{}` is unexpected in a transformation", char::from(byte).escape_default());
                    let diagnostic = self.bad_transformation(self.at, self.at + 1, &message);
                    return Err(diagnostic.help("`,` and an argument, or `}` can follow").into());
                }
                None => {
                    let message = "this transformation is not closed";
                    return Err(self
                        .bad_transformation(open, open + 1, message)
                        .help("close it with `}`")
                        .into());
                }
            }
        }
    }

    fn bad_transformation(&self, from: usize, to: usize, message: &str) -> Diagnostic {
        Diagnostic::error(codes::BAD_TRANSFORMATION, self.span(from, to), message)
    }

    /// Behind a comma.
    fn argument(&mut self, transformation: &str, index: usize) -> Fallible<TransformationArg> {
        match (transformation, index) {
            ("s.select", 1) => {
                if let Some(length) = separator_length(self.rest()) {
                    return Ok(self.text_argument(length));
                }
            }
            // Slashes, commas and flags are all one.
            ("re.subst", 0) => {
                let length = self.rest().iter().take_while(|byte| **byte != b'}').count();
                return Ok(self.text_argument(length));
            }
            _ => {}
        }
        self.skip_blanks();
        if self.at_variable() {
            let pv = self.pv()?;
            self.skip_blanks();
            return Ok(TransformationArg::Pv(Box::new(pv)));
        }
        let length = self.rest().iter().take_while(|byte| !matches!(byte, b',' | b'}')).count();
        Ok(self.text_argument(length))
    }

    fn text_argument(&mut self, length: usize) -> TransformationArg {
        let from = self.at;
        self.at += length;
        TransformationArg::Text(Spanned::new(self.text[from..self.at].to_vec(), self.span(from, self.at)))
    }
}

/// `s.select` takes any one character for its separator, also `,` and `}`.
fn separator_length(text: &[u8]) -> Option<usize> {
    match text {
        [b'\\', _, b'}', ..] => Some(2),
        [_, b'}', ..] => Some(1),
        _ => None,
    }
}
