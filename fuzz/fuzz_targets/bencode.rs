//! Read and write bencode, and what relays answer in it.

#![no_main]

#[path = "../../crates/media/tests/bodies/mod.rs"]
#[allow(dead_code, reason = "each target runs one of the bodies")]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::bencode(data));
