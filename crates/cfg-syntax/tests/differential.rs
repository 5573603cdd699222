//! What Kamailio says of the same files, where it is installed.
//!
//! It takes every file of `valid/`, refuses every file of `invalid/` in which there is an error, and prints the
//! files of `print/` as we do.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use cfg_syntax::source::Loader;
use cfg_syntax::{Options, Predefined, Severity, parse, print};

/// Files that this version judges otherwise than we do, and why.
const EXCEPTIONS: &[(&str, &str)] = &[];

struct Disk;

impl Loader for Disk {
    fn load(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Runs it; `None` where it is not installed. Whoever loops (a define in its own text does that to it) is ended.
fn kamailio(arguments: &[&OsStr]) -> Option<Output> {
    let mut child =
        Command::new("kamailio").args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut stdout = child.stdout.take()?;
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stdout, &mut bytes).map(|_| bytes).unwrap_or_default()
    });
    loop {
        if let Some(status) = child.try_wait().ok()? {
            let stdout = reader.join().ok()?;
            return Some(Output { status, stdout, stderr: Vec::new() });
        }
        if Instant::now() > deadline {
            child.kill().ok()?;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn accepts(path: &Path) -> Option<bool> {
    let output = kamailio(&[OsStr::new("-c"), OsStr::new("-f"), path.as_os_str()])?;
    Some(output.status.success())
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension() == Some(OsStr::new("cfg")))
        .collect();
    files.sort();
    files
}

fn errors(path: &Path) -> Vec<String> {
    let parsed = parse(&Disk, path, &Options::default());
    let errors = parsed.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    errors.map(|diagnostic| format!("{} {}", diagnostic.code, diagnostic.message)).collect()
}

fn is_exception(path: &Path) -> bool {
    EXCEPTIONS.iter().any(|(name, _)| path.file_name() == Some(OsStr::new(name)))
}

#[test]
fn kamailio_takes_the_valid_files() {
    let refused: Vec<PathBuf> =
        files("valid").into_iter().filter(|path| accepts(path) == Some(false)).collect();
    let unexpected: Vec<&PathBuf> = refused.iter().filter(|path| !is_exception(path)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

#[test]
fn kamailio_refuses_the_invalid_files() {
    let with_errors = files("invalid").into_iter().filter(|path| !errors(path).is_empty());
    let taken: Vec<PathBuf> = with_errors.filter(|path| accepts(path) == Some(true)).collect();
    let unexpected: Vec<&PathBuf> = taken.iter().filter(|path| !is_exception(path)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

#[test]
fn kamailio_prints_the_same() {
    let predefined = ["KAMAILIO_5", "KAMAILIO_5_6", "KAMAILIO_5_6_3"]
        .map(|name| Predefined { name: name.into(), value: Vec::new() });
    let options = Options { predefined: &predefined, ..Options::default() };
    let installed = ["/etc/kamailio/kamailio.cfg".into()].into_iter().filter(|path: &PathBuf| path.exists());
    for path in files("print").into_iter().chain(files("valid")).chain(installed) {
        let arguments = [OsStr::new("--cfg-print"), OsStr::new("-f"), path.as_os_str()];
        let Some(theirs) = kamailio(&arguments) else { return };
        let ours = print::print(&Disk, &path, &options).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&ours),
            String::from_utf8_lossy(&theirs.stdout),
            "{}",
            path.display()
        );
    }
}

/// Every example of the Debian package that Kamailio takes is read without an error.
#[test]
fn no_example_that_kamailio_takes_has_an_error() {
    let mut folders: Vec<PathBuf> = vec!["/usr/share/doc/kamailio/examples".into(), "/etc/kamailio".into()];
    let mut examples = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some(OsStr::new("cfg")) {
                examples.push(path);
            }
        }
    }
    for path in examples {
        let found = errors(&path);
        if !found.is_empty() && accepts(&path) == Some(true) {
            panic!("{}: {found:#?}", path.display());
        }
    }
}
