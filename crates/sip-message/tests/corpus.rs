//! The fuzz targets' bodies over the committed corpus and RFC 4475's messages.

mod bodies;

use std::fs;
use std::path::PathBuf;

fn each(folder: &str, body: fn(&[u8])) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        body(&fs::read(&path).expect("a file"));
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

#[test]
fn messages_of_the_corpus() {
    each("../../fuzz/corpus/sip_message", bodies::message);
    each("tests/rfc4475", bodies::message);
}

#[test]
fn uris_of_the_corpus() {
    each("../../fuzz/corpus/sip_uri", bodies::uri);
}

#[test]
fn streams_of_the_corpus() {
    each("../../fuzz/corpus/sip_framer", bodies::framer);
    each("tests/rfc4475", bodies::framer);
}
