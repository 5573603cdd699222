//! Read, check, print configurations; read templates.

#![no_main]

#[path = "../../crates/cfg-syntax/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::configuration(data));
