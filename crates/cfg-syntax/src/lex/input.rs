//! What is being read: files, and the texts of defines in the middle of them.

use std::rc::Rc;

use crate::source::{FileId, Span};

/// Where a frame's bytes come from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    File(FileId),
    /// The text of a define; what is read from it has the place where its name was used.
    Define {
        name: String,
        used_at: Span,
    },
}

/// A text and how far it was read.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) text: Rc<[u8]>,
    pub(crate) at: usize,
    pub(crate) origin: Origin,
}

impl Frame {
    pub(crate) fn new(text: Rc<[u8]>, origin: Origin) -> Self {
        Self { text, at: 0, origin }
    }

    pub(crate) fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    pub(crate) fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    pub(crate) fn advance(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.text.len());
    }

    /// The place of the bytes `from..to` of this frame.
    pub(crate) fn span(&self, from: usize, to: usize) -> Span {
        match &self.origin {
            Origin::File(file) => {
                let end = to.min(self.text.len());
                Span::new(*file, from.min(end) as u32, end as u32)
            }
            Origin::Define { used_at, .. } => *used_at,
        }
    }

    /// The place of what was read since `from`.
    pub(crate) fn span_from(&self, from: usize) -> Span {
        self.span(from, self.at)
    }

    /// How many of the next bytes satisfy the test.
    pub(crate) fn run(&self, test: impl Fn(u8) -> bool) -> usize {
        self.rest().iter().take_while(|byte| test(**byte)).count()
    }

    pub(crate) fn skip_blanks(&mut self) {
        self.advance(self.run(|byte| matches!(byte, b' ' | b'\t' | b'\r')));
    }

    /// How many bytes there are before the end of the line.
    pub(crate) fn to_line_end(&self) -> usize {
        self.run(|byte| byte != b'\n')
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self.origin, Origin::File(_))
    }
}

pub(crate) fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

pub(crate) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
