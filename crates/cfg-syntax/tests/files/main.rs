//! Every file of `valid/` is read without a word and gives the tree of its snapshot; every file of `invalid/` gives
//! the mistakes of its snapshot, and is named for the one it is about; every file of `print/` is preprocessed as its
//! snapshot says (which was compared with Kamailio's, see `differential.rs`).

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod tree;

use std::fmt::Write;
use std::path::Path;

use cfg_syntax::source::Loader;
use cfg_syntax::{Options, Parsed, Severity, parse, print};

/// Files beside the tests; the environment is empty but for one name.
struct Files;

impl Loader for Files {
    fn load(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn env(&self, name: &str) -> Option<String> {
        (name == "SET_FOR_TESTS").then(|| "from the environment".to_owned())
    }
}

fn read(path: &Path) -> Parsed {
    parse(&Files, path, &Options::default())
}

/// The mistakes as plain text, one with everything that belongs to it after the other.
fn report(parsed: &Parsed) -> String {
    let mut out = String::new();
    let place = |span| {
        let at = parsed.sources.position(span);
        let file =
            parsed.sources.file(span.file).path.file_name().map(|name| name.to_string_lossy().into_owned());
        format!("{}:{}:{}", file.unwrap_or_default(), at.line, at.column)
    };
    for diagnostic in &parsed.diagnostics {
        let severity = if diagnostic.severity == Severity::Error { "error" } else { "warning" };
        let source = String::from_utf8_lossy(parsed.sources.text(diagnostic.primary.span));
        let at = place(diagnostic.primary.span);
        writeln!(out, "{at} {severity} {}: {}", diagnostic.code, diagnostic.message).unwrap();
        writeln!(out, "    at {:?} {}", source.escape_debug().to_string(), diagnostic.primary.text).unwrap();
        for label in &diagnostic.secondary {
            writeln!(out, "    see {} {}", place(label.span), label.text).unwrap();
        }
        if let Some(help) = &diagnostic.help {
            writeln!(out, "    help: {help}").unwrap();
        }
        if let Some(fix) = &diagnostic.fix {
            writeln!(out, "    fix: {} -> {:?}", place(fix.span), fix.replacement).unwrap();
        }
    }
    out
}

fn snapshot(folder: &str, path: &Path, value: &str) {
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../{folder}/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, value));
}

fn valid(path: &Path) -> datatest_stable::Result<()> {
    let parsed = read(path);
    assert_eq!(report(&parsed), "");
    snapshot("valid", path, &tree::config(&parsed.config));
    Ok(())
}

fn invalid(path: &Path) -> datatest_stable::Result<()> {
    let parsed = read(path);
    assert!(!parsed.diagnostics.is_empty(), "there is nothing wrong with it");
    snapshot("invalid", path, &report(&parsed));
    Ok(())
}

fn printed(path: &Path) -> datatest_stable::Result<()> {
    snapshot("print", path, &String::from_utf8(print::print(&Files, path, &Options::default())?)?);
    Ok(())
}

datatest_stable::harness! {
    { test = valid, root = "tests/valid", pattern = r"\.cfg$" },
    { test = invalid, root = "tests/invalid", pattern = r"\.cfg$" },
    { test = printed, root = "tests/print", pattern = r"\.cfg$" },
}
