//! Prints a preprocessed configuration as `kamailio --cfg-print` does: `cfg_print FILE [NAME[=VALUE]…]`.

use std::io::Write;
use std::path::Path;

use cfg_syntax::source::Loader;
use cfg_syntax::{CommandLine, Options, Predefined, print};

struct Disk;

impl Loader for Disk {
    fn load(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: cfg_print FILE [NAME[=VALUE]…]")?;
    let command_line: Vec<CommandLine> =
        arguments.map(|define| CommandLine::Define(define.into_bytes())).collect();
    let predefined = ["KAMAILIO_5", "KAMAILIO_5_6", "KAMAILIO_5_6_3"]
        .map(|name| Predefined { name: name.into(), value: Vec::new() });
    let options = Options { predefined: &predefined, command_line: &command_line, ..Options::default() };
    std::io::stdout().write_all(&print::print(&Disk, Path::new(&path), &options)?)?;
    Ok(())
}
