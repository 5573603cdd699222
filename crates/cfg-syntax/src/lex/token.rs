//! What the lexer hands to the parser.

use crate::source::Span;

/// A token after preprocessing.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
    /// White space, a comment or a directive stands before it.
    pub(crate) spaced: bool,
    /// A line ended before it.
    pub(crate) on_new_line: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// `[A-Za-z_][A-Za-z0-9_]*`
    Word(String),
    /// A number; the digits as written serve addresses.
    Number {
        value: i64,
        text: String,
    },
    /// Begins with a digit and is no number (`1f`): a part of a host or address.
    Mixed(String),
    /// `"…"` or `'…'`, decoded.
    Str(Vec<u8>),
    /// A pseudo-variable, from `$`.
    Pv(Vec<u8>),
    /// `@…`
    Select(String),
    Punct(Punct),
    /// A byte that begins nothing.
    Stray(u8),
    /// After the last token, for ever.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Punct {
    Assign,
    Eq,
    Ne,
    Match,
    Lt,
    Gt,
    Le,
    Ge,
    ShiftLeft,
    ShiftRight,
    AndAnd,
    OrOr,
    And,
    Or,
    Xor,
    Tilde,
    Not,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Comma,
    Semicolon,
    Colon,
    Dot,
    Question,
    ParenOpen,
    ParenClose,
    BraceOpen,
    BraceClose,
    BracketOpen,
    BracketClose,
}

/// Longest first, so that a scan from the top finds the longest.
const PUNCTUATION: &[(&str, Punct)] = &[
    ("==", Punct::Eq),
    ("!=", Punct::Ne),
    ("=~", Punct::Match),
    ("<=", Punct::Le),
    (">=", Punct::Ge),
    ("<<", Punct::ShiftLeft),
    (">>", Punct::ShiftRight),
    ("&&", Punct::AndAnd),
    ("||", Punct::OrOr),
    ("=", Punct::Assign),
    ("<", Punct::Lt),
    (">", Punct::Gt),
    ("&", Punct::And),
    ("|", Punct::Or),
    ("^", Punct::Xor),
    ("~", Punct::Tilde),
    ("!", Punct::Not),
    ("+", Punct::Plus),
    ("-", Punct::Minus),
    ("*", Punct::Star),
    ("/", Punct::Slash),
    ("%", Punct::Percent),
    (",", Punct::Comma),
    (";", Punct::Semicolon),
    (":", Punct::Colon),
    (".", Punct::Dot),
    ("?", Punct::Question),
    ("(", Punct::ParenOpen),
    (")", Punct::ParenClose),
    ("{", Punct::BraceOpen),
    ("}", Punct::BraceClose),
    ("[", Punct::BracketOpen),
    ("]", Punct::BracketClose),
];

impl Punct {
    /// The longest mark that begins `bytes`, and its length.
    pub(crate) fn at_start(bytes: &[u8]) -> Option<(Self, usize)> {
        PUNCTUATION
            .iter()
            .find(|(text, _)| bytes.starts_with(text.as_bytes()))
            .map(|(text, punct)| (*punct, text.len()))
    }

    pub(crate) fn text(self) -> &'static str {
        PUNCTUATION.iter().find(|(_, punct)| *punct == self).map_or("", |(text, _)| text)
    }
}

impl Token {
    pub(crate) fn is(&self, punct: Punct) -> bool {
        self.kind == TokenKind::Punct(punct)
    }

    /// The word, if it is one.
    pub(crate) fn word(&self) -> Option<&str> {
        if let TokenKind::Word(word) = &self.kind { Some(word) } else { None }
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    /// How it reads inside hosts and addresses, where it can stand there.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            TokenKind::Word(text) | TokenKind::Mixed(text) | TokenKind::Number { text, .. } => Some(text),
            TokenKind::Punct(punct) => Some(punct.text()),
            _ => None,
        }
    }

    /// How a message names it: ``` `;` ```, `a string`, `the end of the file`.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            TokenKind::Word(text) | TokenKind::Mixed(text) | TokenKind::Number { text, .. } => {
                format!("`{text}`")
            }
            TokenKind::Str(_) => "a string".into(),
            TokenKind::Pv(text) => format!("`{}`", String::from_utf8_lossy(text)),
            TokenKind::Select(text) => format!("`{text}`"),
            TokenKind::Punct(punct) => format!("`{}`", punct.text()),
            TokenKind::Stray(byte) if byte.is_ascii_graphic() => format!("`{}`", char::from(*byte)),
            TokenKind::Stray(byte) => format!("the byte 0x{byte:02x}"),
            TokenKind::End => "the end of the file".into(),
        }
    }
}
