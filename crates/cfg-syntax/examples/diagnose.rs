//! Reads a configuration and lists what is wrong with its text: `diagnose FILE…`.

use std::path::Path;

use cfg_syntax::source::Loader;
use cfg_syntax::{Options, parse};

struct Disk;

impl Loader for Disk {
    fn load(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

#[allow(clippy::print_stdout, reason = "it is what this program is for")]
fn main() {
    for path in std::env::args().skip(1) {
        let parsed = parse(&Disk, Path::new(&path), &Options::default());
        for d in &parsed.diagnostics {
            let at = parsed.sources.position(d.primary.span);
            let file = parsed.sources.file(d.primary.span.file).path.display();
            println!("{file}:{}:{}: {} {}", at.line, at.column, d.code, d.message);
        }
        println!("{path}: {} items", parsed.config.items.len());
    }
}
