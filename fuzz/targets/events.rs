//! libFuzzer's entry to the body in testkit.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::events::run(data));
