//! Source files and places in them.

use std::path::{Path, PathBuf};

/// A file of one [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u16);

/// A byte range in one file.
///
/// What a `#!define` put in its place carries the span of the name that was replaced, so that a message
/// points at what the user wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A range in a file.
    pub fn new(file: FileId, start: u32, end: u32) -> Self {
        Self { file, start, end }
    }

    /// From the start of `self` to the end of `other`; `self` when they lie in different files.
    pub fn to(self, other: Self) -> Self {
        if self.file == other.file { Self { end: other.end.max(self.end), ..self } } else { self }
    }
}

/// A value and the place where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// The value.
    pub node: T,
    /// Its place.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Puts a value and its place together.
    pub fn new(node: T, span: Span) -> Self {
        Self { node, span }
    }
}

/// One source file, kept whole for messages.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The path as it was asked for.
    pub path: PathBuf,
    /// The bytes; configurations may hold any encoding.
    pub text: Vec<u8>,
    line_starts: Vec<u32>,
}

/// All files that one configuration is made of; [`FileId`] 0 is the one that was named.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

/// A place as people count: both from 1, the column in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineColumn {
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
}

impl SourceMap {
    /// Adds a file and gives its id.
    pub fn add(&mut self, path: impl Into<PathBuf>, text: Vec<u8>) -> FileId {
        let mut line_starts = vec![0];
        line_starts.extend(text.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i as u32 + 1));
        let id = FileId(self.files.len() as u16);
        self.files.push(SourceFile { path: path.into(), text, line_starts });
        id
    }

    /// The file behind an id of this map.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// All files, in the order in which they were read.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(i, f)| (FileId(i as u16), f))
    }

    /// Line and column of a span's first byte.
    pub fn position(&self, span: Span) -> LineColumn {
        let starts = &self.file(span.file).line_starts;
        let line = starts.partition_point(|s| *s <= span.start);
        LineColumn { line: line as u32, column: span.start - starts[line - 1] + 1 }
    }

    /// The bytes of a span.
    pub fn text(&self, span: Span) -> &[u8] {
        &self.file(span.file).text[span.start as usize..span.end as usize]
    }
}

/// Reads files for `include_file` and `import_file`; the tests give one over a map.
pub trait Loader {
    /// The file's bytes, or why it cannot be read.
    fn load(&self, path: &Path) -> std::io::Result<Vec<u8>>;
    /// An environment variable, for `#!defenv`.
    fn env(&self, name: &str) -> Option<String>;
}
