//! The fuzz targets' bodies over the committed corpus.

mod bodies;

use std::fs;
use std::path::PathBuf;

fn each(folder: &str, body: fn(&[u8])) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(folder);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let data = fs::read(entry.expect("an entry").path()).expect("a file");
        body(&data);
        // Cut off anywhere, and with any byte another, it is no worse.
        for at in 0..data.len() {
            body(&data[..at]);
            let mut other = data.clone();
            other[at] ^= 0x83;
            body(&other);
        }
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

#[test]
fn packets_of_the_corpus() {
    each("binrpc", bodies::packet);
}

#[test]
fn requests_of_the_corpus() {
    each("json_rpc", bodies::request);
}
