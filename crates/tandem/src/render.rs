//! Diagnostics for people and for editors.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use cfg_syntax::{Diagnostic, FileId, Severity, SourceMap, Span};
use serde_json::{Value, json};

/// One diagnostic as compilers show them, with colours on a terminal only.
pub(crate) fn text(diagnostic: &Diagnostic, sources: &SourceMap, colours: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let texts = Texts::new(sources);
    let primary = texts.file(diagnostic.primary.span.file);
    let mut snippet = snippet(primary).annotation(
        AnnotationKind::Primary
            .span(primary.range(diagnostic.primary.span))
            .label(label(&diagnostic.primary.text)),
    );
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        diagnostic.secondary.iter().partition(|other| other.span.file == diagnostic.primary.span.file);
    for other in here {
        snippet = snippet
            .annotation(AnnotationKind::Context.span(primary.range(other.span)).label(label(&other.text)));
    }
    let mut group = level.primary_title(&diagnostic.message).id(diagnostic.code).element(snippet);
    for other in elsewhere {
        let file = texts.file(other.span.file);
        let annotation = AnnotationKind::Context.span(file.range(other.span)).label(label(&other.text));
        group = group.element(self::snippet(file).annotation(annotation));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    renderer.decor_style(DecorStyle::Ascii).render(&[group])
}

fn snippet(file: &FileText) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    Snippet::source(file.text.as_str()).path(file.path.as_str()).line_start(1).fold(true)
}

fn label(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// One diagnostic for editors.
pub(crate) fn json(diagnostic: &Diagnostic, sources: &SourceMap) -> Value {
    let place = |span: Span| {
        let start = sources.position(span);
        let end = sources.position(Span { start: span.end, ..span });
        json!({
            "file": sources.file(span.file).path.to_string_lossy(),
            "line": start.line,
            "column": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        })
    };
    let secondary: Vec<_> = diagnostic
        .secondary
        .iter()
        .map(|other| json!({"place": place(other.span), "text": other.text}))
        .collect();
    json!({
        "code": diagnostic.code,
        "severity": match diagnostic.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "message": diagnostic.message,
        "place": place(diagnostic.primary.span),
        "label": diagnostic.primary.text,
        "also": secondary,
        "help": diagnostic.help,
        "fix": diagnostic.fix.as_ref().map(|fix| json!({"place": place(fix.span), "replacement": fix.replacement})),
    })
}

/// The files as text that can be shown; offsets stay, because each byte that is no UTF-8 becomes one `?`.
struct Texts(Vec<FileText>);

struct FileText {
    path: String,
    text: String,
}

impl Texts {
    fn new(sources: &SourceMap) -> Self {
        let file = |(_, file): (FileId, &cfg_syntax::source::SourceFile)| FileText {
            path: file.path.to_string_lossy().into_owned(),
            text: file
                .text
                .utf8_chunks()
                .flat_map(|chunk| [chunk.valid().to_owned(), "?".repeat(chunk.invalid().len())])
                .collect(),
        };
        Self(sources.files().map(file).collect())
    }

    fn file(&self, id: FileId) -> &FileText {
        &self.0[usize::from(id.0)]
    }
}

impl FileText {
    /// A span as a range that ends on characters.
    fn range(&self, span: Span) -> Range<usize> {
        let floor = |at: u32| {
            let mut at = (at as usize).min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.start);
        start..floor(span.end).max(start)
    }
}
