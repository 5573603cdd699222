//! The fuzz target's corpus, as a normal test.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod bodies;

#[test]
fn the_corpus_is_read_without_a_panic() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/cfg_syntax");
    for entry in std::fs::read_dir(corpus).expect("the corpus is part of the repository") {
        bodies::configuration(&std::fs::read(entry.unwrap().path()).unwrap());
    }
}
