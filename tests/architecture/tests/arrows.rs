//! ARCHITECTURE.md's arrows and invariants, checked over `cargo metadata` and the sources.

#![allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Our crates and what each may use of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("sip-message", &[]),
    ("sip-transaction", &["sip-message"]),
    ("cfg-syntax", &[]),
    ("cfg-vm", &["cfg-syntax"]),
    ("transport", &["sip-message"]),
    ("control", &[]),
    ("engine", &["sip-message", "cfg-syntax", "cfg-vm", "transport"]),
    ("modules", &["sip-message", "sip-transaction", "cfg-syntax", "cfg-vm", "transport", "engine"]),
    ("store", &[]),
    ("media", &["sip-message"]),
    (
        "modules-data",
        &[
            "sip-message",
            "sip-transaction",
            "cfg-syntax",
            "cfg-vm",
            "transport",
            "store",
            "engine",
            "modules",
        ],
    ),
    (
        "modules-net",
        &[
            "sip-message",
            "cfg-syntax",
            "cfg-vm",
            "transport",
            "control",
            "media",
            "engine",
            "modules",
            "modules-data",
        ],
    ),
    (
        "tandem",
        &[
            "sip-message",
            "cfg-syntax",
            "cfg-vm",
            "transport",
            "control",
            "store",
            "engine",
            "modules",
            "modules-data",
            "modules-net",
        ],
    ),
];

/// What protocol crates and the engine must not reach, even through others.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("sip-message", &["tokio", "mio", "socket2", "nix", "serde_json", "hyper"]),
    ("sip-transaction", &["tokio", "mio", "socket2", "nix", "serde_json", "hyper"]),
    ("cfg-syntax", &["tokio", "mio", "socket2", "nix", "serde_json", "hyper"]),
    ("cfg-vm", &["tokio", "mio", "socket2", "nix", "serde_json", "hyper"]),
    ("engine", &["serde_json", "hyper", "axum"]),
    ("modules", &["serde_json", "hyper", "axum"]),
];

const PROTOCOL: &[&str] = &["sip-message", "sip-transaction", "cfg-syntax", "cfg-vm"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Normal dependencies by package name, over the whole graph.
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name_of: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
        .collect();
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        let uses = node["deps"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dep| dep["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null()));
        let uses = uses.map(|dep| name_of[dep["pkg"].as_str().unwrap()].to_owned());
        graph.entry(name_of[node["id"].as_str().unwrap()].to_owned()).or_default().extend(uses);
    }
    graph
}

fn reachable(graph: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(name) = next.pop() {
        for used in &graph[&name] {
            if seen.insert(used.clone()) {
                next.push(used.clone());
            }
        }
    }
    seen
}

#[test]
fn arrows_point_down_only() {
    let graph = graph();
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in ARROWS {
        for used in graph[*name].iter().filter(|used| ours.contains(used.as_str())) {
            assert!(
                allowed.contains(&used.as_str()),
                "{name} must not use {used} (ARCHITECTURE.md, the picture)"
            );
        }
    }
}

#[test]
fn every_crate_has_its_place_in_the_picture() {
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(ARROWS.iter().any(|(known, _)| *known == name), "crates/{name} is in no layer; draw it");
    }
}

#[test]
fn protocol_crates_and_engine_do_not_reach_what_they_must_not_know() {
    let graph = graph();
    for (name, forbidden) in FORBIDDEN {
        let reached = reachable(&graph, name);
        for other in *forbidden {
            assert!(!reached.contains(*other), "{name} reaches {other} (ARCHITECTURE.md, invariants)");
        }
    }
}

#[test]
fn protocol_crates_forbid_unsafe_code() {
    for name in PROTOCOL {
        let lib = std::fs::read_to_string(root().join("crates").join(name).join("src/lib.rs")).unwrap();
        assert!(lib.contains("#![forbid(unsafe_code)]"), "{name} must forbid unsafe code");
    }
}

#[test]
fn engine_names_no_module() {
    let modules: Vec<String> = std::fs::read_dir(root().join("crates/modules/src"))
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.unwrap();
            entry.file_type().unwrap().is_dir().then(|| entry.file_name().into_string().unwrap())
        })
        // `core` is always there, and two letters are also a header's short name in a select.
        .filter(|name| name != "core" && name.len() > 2)
        .collect();
    for file in sources(&root().join("crates/engine/src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for module in &modules {
            assert!(!code.contains(&format!("\"{module}\"")), "{} names module {module}", file.display());
        }
    }
}

#[test]
fn unsafe_code_stands_in_its_places_with_its_proof() {
    let allowed = ["crates/transport/src", "crates/tandem/src/daemon.rs", "crates/tandem/src/memory.rs"];
    for crate_name in ARROWS.iter().map(|(name, _)| name) {
        for file in sources(&root().join("crates").join(crate_name).join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            let place = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let lines: Vec<&str> = text.lines().collect();
            for (at, line) in lines.iter().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                if !code.contains("unsafe {") && !code.contains("unsafe impl") {
                    continue;
                }
                assert!(allowed.iter().any(|prefix| place.starts_with(prefix)), "{place}:{}: unsafe", at + 1);
                let above = &lines[at.saturating_sub(6)..=at];
                assert!(
                    above.iter().any(|line| line.contains("SAFETY:")),
                    "{place}:{}: no SAFETY proof",
                    at + 1
                );
            }
        }
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
