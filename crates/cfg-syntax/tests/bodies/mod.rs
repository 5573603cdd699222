//! What the fuzz target does with its input; `tests/corpus.rs` does it with the corpus, `tests/properties.rs` with
//! generated text.

use std::hint::black_box;
use std::io::{Error, ErrorKind};
use std::path::Path;

use cfg_syntax::ast::{Block, Expr, ExprKind, Item, Statement, StatementKind};
use cfg_syntax::diagnostic::codes;
use cfg_syntax::source::Loader;
use cfg_syntax::{Options, Parsed, Place, SourceMap, Span, parse, parse_pv, parse_template, print};

/// The text is the file, and a file that it includes as `self` is the text again.
struct Text<'a>(&'a [u8]);

impl Loader for Text<'_> {
    fn load(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        match path.to_str() {
            Some("main") => Ok(self.0.to_vec()),
            // Small, so that a text that includes itself twice cannot take minutes.
            Some("self") => Ok(self.0[..self.0.len().min(64)].to_vec()),
            _ => Err(Error::from(ErrorKind::NotFound)),
        }
    }

    fn env(&self, name: &str) -> Option<String> {
        name.len().is_multiple_of(2).then(|| name.to_owned())
    }
}

/// Reads any bytes as a configuration, prints them, and reads them as a template.
pub(crate) fn configuration(text: &[u8]) {
    let parsed = parse(&Text(text), Path::new("main"), &Options::default());
    mistakes_have_places(&parsed);
    for item in &parsed.config.items {
        if let Item::Route(route) = item {
            place(&parsed.sources, route.head);
            place(&parsed.sources, route.span);
            block(&parsed.sources, &route.body);
        }
    }
    let _ = black_box(print::print(&Text(text), Path::new("main"), &Options::default()));
    let _ = black_box(parse_template(text, &Place::nowhere()));
    let _ = black_box(parse_pv(text, &Place::nowhere()));
}

fn mistakes_have_places(parsed: &Parsed) {
    for diagnostic in &parsed.diagnostics {
        assert!(codes::ALL.iter().any(|(code, _)| *code == diagnostic.code), "{}", diagnostic.code);
        place(&parsed.sources, diagnostic.primary.span);
        for label in &diagnostic.secondary {
            place(&parsed.sources, label.span);
        }
        if let Some(fix) = &diagnostic.fix {
            place(&parsed.sources, fix.span);
        }
    }
}

fn place(sources: &SourceMap, span: Span) {
    assert!(span.start <= span.end && span.end as usize <= sources.file(span.file).text.len(), "{span:?}");
    let _ = black_box((sources.position(span), sources.text(span)));
}

fn block(sources: &SourceMap, block: &Block) {
    place(sources, block.span);
    for statement in &block.statements {
        self::statement(sources, statement);
    }
}

fn statement(sources: &SourceMap, statement: &Statement) {
    place(sources, statement.span);
    match &statement.kind {
        StatementKind::If { condition, then, otherwise } => {
            expression(sources, condition);
            block(sources, then);
            if let Some(otherwise) = otherwise {
                block(sources, otherwise);
            }
        }
        StatementKind::While { condition, body } => {
            expression(sources, condition);
            block(sources, body);
        }
        StatementKind::Switch { subject, cases } => {
            expression(sources, subject);
            for case in cases {
                place(sources, case.span);
                case.body.iter().for_each(|statement| self::statement(sources, statement));
            }
        }
        StatementKind::Assign { target, value } => {
            expression(sources, target);
            expression(sources, value);
        }
        StatementKind::Call(call) => call.arguments.iter().for_each(|argument| place(sources, argument.span)),
        StatementKind::Block(inner) => block(sources, inner),
        StatementKind::Return(Some(value))
        | StatementKind::Exit(Some(value))
        | StatementKind::Drop(Some(value)) => {
            expression(sources, value);
        }
        _ => {}
    }
}

fn expression(sources: &SourceMap, value: &Expr) {
    place(sources, value.span);
    match &value.kind {
        ExprKind::Binary { left, right, .. } => {
            expression(sources, left);
            expression(sources, right);
        }
        ExprKind::Unary { operand, .. } => expression(sources, operand),
        ExprKind::Pv(pv) => place(sources, pv.span),
        _ => {}
    }
}
