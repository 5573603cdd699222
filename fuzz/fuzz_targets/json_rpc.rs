//! Read and write JSON-RPC requests.

#![no_main]

#[path = "../../crates/control/tests/bodies/mod.rs"]
#[allow(dead_code, reason = "each target runs one of the bodies")]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::request(data));
