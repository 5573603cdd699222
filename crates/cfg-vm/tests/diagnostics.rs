//! One mistake a file, and what is said about it. `UPDATE_GOLDEN=1 cargo test` writes the answers anew.

mod support;

use std::fmt::Write as _;
use std::path::Path;

use cfg_syntax::{Diagnostic, Severity, SourceMap, Span};
use support::{catalogue, load_text};

/// Plain text; the terminal's and the editors' renderings live with the binary.
fn render(found: &Diagnostic, sources: &SourceMap, file: &str) -> String {
    let at = sources.position(found.primary.span);
    let severity = if found.severity == Severity::Error { "error" } else { "warning" };
    let mut text =
        format!("{file}:{}:{}: {severity}[{}]: {}\n", at.line, at.column, found.code, found.message);
    text.push_str(&marked(sources, found.primary.span, &found.primary.text));
    for label in &found.secondary {
        text.push_str(&marked(sources, label.span, &label.text));
    }
    if let Some(help) = &found.help {
        let _ = writeln!(text, "  = help: {help}");
    }
    if let Some(fix) = &found.fix {
        let _ = writeln!(text, "  = fix: {}", fix.replacement);
    }
    text
}

/// The line that a span begins in, with carets below it.
fn marked(sources: &SourceMap, span: Span, label: &str) -> String {
    let at = sources.position(span);
    let source = sources.file(span.file);
    let line = source.text.split(|byte| *byte == b'\n').nth(at.line as usize - 1).unwrap_or_default();
    let line = String::from_utf8_lossy(line).replace('\t', " ");
    let start = at.column as usize - 1;
    let length = ((span.end - span.start) as usize).clamp(1, line.len().saturating_sub(start).max(1));
    let carets = "^".repeat(length);
    let number = at.line.to_string();
    let margin = " ".repeat(number.len());
    format!("{number} | {line}\n{margin} | {}{carets} {label}", " ".repeat(start)).trim_end().to_owned()
        + "\n"
}

#[test]
fn each_mistake_is_told_once_at_its_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder is there")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "cfg"))
        .collect();
    files.sort();
    let catalogue = catalogue();
    let mut wrong = Vec::new();
    for path in &files {
        let name = path.file_name().expect("a file").to_string_lossy();
        let loaded = load_text(&std::fs::read(path).expect("readable"), &catalogue);
        let rendered: Vec<String> =
            loaded.diagnostics.iter().map(|found| render(found, &loaded.sources, &name)).collect();
        // A use of what is not there yet comes with the warning about its module.
        let alone = loaded.diagnostics.iter().filter(|found| found.code != "module-not-yet").count();
        if rendered.len() != 1 && alone != 1 {
            wrong.push(format!("{name}: {} diagnostics, not 1\n{}", rendered.len(), rendered.concat()));
        }
        let is_error = loaded.outcome.diagnostics.iter().any(|found| found.severity == Severity::Error);
        assert_eq!(loaded.outcome.program.is_none(), is_error, "{name}");
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, rendered.concat()).expect("writable");
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if expected != rendered.concat() {
            wrong.push(format!("{name}:\n{}--- expected\n{expected}", rendered.concat()));
        }
    }
    assert!(files.len() >= 40, "{} files", files.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
