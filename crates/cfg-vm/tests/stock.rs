//! Configurations that Kamailio starts get no false error: the ones that Debian's package installs, where it
//! is installed. With only the core declared, every module is "known, but not there yet"; what is told about
//! that is right and left aside.

mod support;

use std::io;
use std::path::{Path, PathBuf};

use cfg_syntax::options::Predefined;
use cfg_syntax::source::Loader;
use cfg_syntax::{Options, Severity};
use cfg_vm::known::Known;
use cfg_vm::{Catalogue, Loadable};

struct Files;

impl Loader for Files {
    fn load(&self, path: &Path) -> io::Result<Vec<u8>> {
        // The differential test puts it beside each configuration.
        if path.ends_with("common.cfg") {
            return std::fs::read(cases().join("common.cfg"));
        }
        std::fs::read(path)
    }

    fn env(&self, name: &str) -> Option<String> {
        // What the differential test sets.
        (name == "DIFFERENTIAL_TEST").then(|| "set".into()).or_else(|| std::env::var(name).ok())
    }
}

/// Errors of a file that are not about what is missing yet.
fn false_errors(path: &Path, defines: &[&str]) -> Vec<String> {
    let predefined: Vec<Predefined> =
        defines.iter().map(|name| Predefined { name: (*name).into(), value: Vec::new() }).collect();
    let options = Options { predefined: &predefined, ..Options::default() };
    let parsed = cfg_syntax::parse(&Files, path, &options);
    let outcome = cfg_vm::load(Loadable {
        config: &parsed.config,
        sources: &parsed.sources,
        catalogue: &Catalogue::default(),
        known: Known::kamailio(),
    });
    parsed
        .diagnostics
        .iter()
        .chain(&outcome.diagnostics)
        .filter(|found| found.severity == Severity::Error && !found.code.ends_with("-not-yet"))
        .map(|found| {
            let at = parsed.sources.position(found.primary.span);
            let file = parsed.sources.file(found.primary.span.file).path.display();
            format!("{file}:{}:{}: {}: {}", at.line, at.column, found.code, found.message)
        })
        .collect()
}

#[test]
fn the_stock_configuration_has_no_false_error_in_any_variant() {
    let path = Path::new("/etc/kamailio/kamailio.cfg");
    if !path.exists() {
        eprintln!("{} is not installed: nothing to check", path.display());
        return;
    }
    let variants: &[&[&str]] = &[
        &[],
        &["WITH_NAT"],
        &["WITH_AUTH", "WITH_MYSQL", "WITH_USRLOCDB"],
        &["WITH_AUTH", "WITH_IPAUTH", "WITH_MYSQL"],
        &["WITH_TLS", "WITH_ANTIFLOOD", "WITH_PRESENCE", "WITH_MYSQL"],
        &["WITH_PSTN", "WITH_ALIASDB", "WITH_SPEEDDIAL", "WITH_MULTIDOMAIN", "WITH_MYSQL", "WITH_AUTH"],
        &["WITH_ACCDB", "WITH_MYSQL", "WITH_VOICEMAIL", "WITH_BLOCK3XX", "WITH_BLOCK401407"],
        &["WITH_XMLRPC", "WITH_JSONRPC", "WITH_DEBUG", "WITH_HTABLE"],
        &["WITH_NAT", "WITH_RTPENGINE", "WITH_NATSIPPING", "WITH_PUSH"],
    ];
    for defines in variants {
        assert_eq!(false_errors(path, defines), Vec::<String>::new(), "{defines:?}");
    }
}

/// Examples of Debian's package that its Kamailio 5.6.3 accepts; it refuses the other forty.
const EXAMPLES: &[&str] = &[
    "exec/exec.cfg",
    "kamailio/logging.cfg",
    "mixed/kamailio-minimal-anycast.cfg",
    "mixed/kamailio-minimal-proxy.cfg",
    "mixed/logging.cfg",
    "pkg/kamailio-basic.cfg",
];

#[test]
fn the_packages_examples_have_no_false_error() {
    let folder = Path::new("/usr/share/doc/kamailio/examples");
    for path in EXAMPLES.iter().map(|name| folder.join(name)).filter(|path| path.exists()) {
        assert_eq!(false_errors(&path, &[]), Vec::<String>::new(), "{}", path.display());
    }
}

/// Those that the differential test sends through Kamailio, so it starts them.
#[test]
fn the_compared_configurations_have_no_false_error() {
    let mut open = vec![cases()];
    let (mut checked, mut wrong) = (0, Vec::new());
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|name| name == "kamailio.cfg") {
                wrong.extend(false_errors(&path, &[]));
                checked += 1;
            }
        }
    }
    assert!(checked > 0, "there is nothing to check");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/differential/cases")
}
