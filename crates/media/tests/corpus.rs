//! The fuzz targets' bodies over the corpus.

#![allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]

mod bodies;

use std::path::Path;

#[test]
fn the_corpus_of_bencode_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/bencode");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        bodies::bencode(&seed);
        for cut in 0..seed.len() {
            bodies::bencode(&seed[..cut]);
        }
        seen += 1;
    }
    assert!(seen > 3, "only {seen} seeds");
}
