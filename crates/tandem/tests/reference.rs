//! `docs/reference` is what the modules' tables say.

#![allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

fn pages(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn the_reference_pages_are_as_the_tables_make_them() {
    let folder = std::env::temp_dir().join(format!("tandem-reference-{}", std::process::id()));
    let status =
        Command::new(env!("CARGO_BIN_EXE_tandem")).args(["reference", "--to"]).arg(&folder).status().unwrap();
    assert!(status.success());
    let made = pages(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    let kept = pages(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference"));
    assert_eq!(made.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>(), "run `make docs`");
    for (name, page) in &made {
        assert_eq!(page, &kept[name], "docs/reference/{name} is out of date; run `make docs`");
    }
}
