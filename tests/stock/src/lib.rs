//! Debian's stock configuration in a folder of its own, with what an administrator puts beside it, and what `tandem
//! check` says about it.
//!
//! The file runs as Debian ships it. Only where it names `/etc/kamailio/tls.cfg` the copy names the folder's: Debian's
//! own asks for a certificate that an administrator makes first, and a test must not write into `/etc`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test may end where it is surprised")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use databases::Folder;
use differential::server::Kind;
use serde_json::Value;

/// Where Debian's package `kamailio` puts its configuration.
const DEBIAN: &str = "/etc/kamailio";

/// The stock configuration of one test.
pub struct Stock {
    folder: Folder,
}

/// What `tandem check` told of one run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Names that Kamailio has and Tandem has not yet, such as `function rtpproxy_manage`.
    pub not_yet: BTreeSet<String>,
    /// All other errors, each with its line.
    pub errors: Vec<String>,
}

impl Stock {
    /// A copy with a certificate, and with this text as `kamailio-local.cfg`, which the stock file imports when it is
    /// there.
    pub fn with_local(local: &str) -> Self {
        let folder = Folder::new();
        let own = folder.path().to_str().unwrap().to_owned();
        let configuration = std::fs::read_to_string(format!("{DEBIAN}/kamailio.cfg")).unwrap();
        let tls = format!("{DEBIAN}/tls.cfg");
        assert_eq!(configuration.matches(&tls).count(), 1, "the stock file names {tls} once");
        std::fs::write(
            folder.path().join("kamailio.cfg"),
            configuration.replace(&tls, &format!("{own}/tls.cfg")),
        )
        .unwrap();
        let domains = std::fs::read_to_string(&tls).unwrap().replace(DEBIAN, &own);
        std::fs::write(folder.path().join("tls.cfg"), domains).unwrap();
        std::fs::write(folder.path().join("kamailio-local.cfg"), local).unwrap();
        make_certificate(folder.path());
        Self { folder }
    }

    /// Runs `tandem check` with these flags, such as `WITH_NAT`.
    pub fn check(&self, flags: &[&str]) -> Findings {
        let Some(Kind::Tandem(tandem)) = Kind::tandem() else {
            panic!("build the binary first (cargo build -p tandem), or name it in TANDEM_BIN");
        };
        let mut command = Command::new(tandem);
        command.args(["check", "--format", "json"]).current_dir(self.folder.path());
        for flag in flags {
            command.args(["-A", flag]);
        }
        let output = command.arg(self.folder.path().join("kamailio.cfg")).output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|why| panic!("{flags:?}: {why}: {}", String::from_utf8_lossy(&output.stderr)));
        let findings = findings(&document);
        let refused = !findings.errors.is_empty() || !findings.not_yet.is_empty();
        assert!(output.status.success() || refused, "{flags:?}: refused without a reason");
        findings
    }
}

fn findings(document: &Value) -> Findings {
    let mut all = Findings::default();
    for diagnostic in document["diagnostics"].as_array().unwrap() {
        let text = |name: &str| diagnostic[name].as_str().unwrap();
        let message = text("message");
        if text("code").ends_with("-not-yet") {
            all.not_yet.insert(missing_name(message));
        } else if text("severity") == "error" {
            all.errors.push(format!("line {}: {message}", diagnostic["place"]["line"]));
        }
    }
    all
}

/// The kind and the name at the start of "function `x` of module y is not in Tandem yet".
fn missing_name(message: &str) -> String {
    let mut words = message.split(' ');
    let (kind, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    format!("{kind} {}", name.trim_matches('`'))
}

/// What Debian's `tls.cfg` names, made as its comments say.
fn make_certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=stock", "-keyout", "kamailio-selfsigned.key", "-out", "kamailio-selfsigned.pem"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
