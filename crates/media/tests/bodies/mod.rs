//! What the fuzz targets do; the crate's own tests run it over the corpus.

use media::bencode::Value;
use media::ng::Reply;

/// Bencode that is read is written back to the same value, and a reply made of it can be looked at.
pub(crate) fn bencode(data: &[u8]) {
    let Ok(value) = Value::read(data) else { return };
    let mut out = Vec::new();
    value.write(&mut out);
    assert_eq!(Value::read(&out).as_ref(), Ok(&value), "written bencode reads as what it was");
    if let Ok(reply) = Reply::read(data) {
        let _ = (reply.sdp(), reply.totals(), reply.json(false));
    }
}
