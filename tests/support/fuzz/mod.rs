//! The bodies of the fuzz targets: one function each, from bytes to a panic when a promise is broken.
//!
//! `fuzz/targets` gives them to libFuzzer, `cargo xtask test` runs that for a while; plain `cargo test` replays the
//! committed inputs of `fuzz/corpus`. To add a target: a file here with a `run`, a line in [`TARGETS`], a file in
//! `fuzz/targets` with its `[[bin]]`, and at least one input in `fuzz/corpus`. A test names whichever is missing.

pub mod damage;
pub mod frame;
pub mod group;
pub mod keyring;
pub mod session;
pub mod verifier;

/// One fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct FuzzTarget {
    /// Name of its corpus; the binary is `fuzz_` and this.
    pub name: &'static str,
    /// Panics when the bytes break a promise.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[FuzzTarget] = &[
    FuzzTarget { name: "damage", run: damage::run },
    FuzzTarget { name: "frame", run: frame::run },
    FuzzTarget { name: "group", run: group::run },
    FuzzTarget { name: "keyring", run: keyring::run },
    FuzzTarget { name: "session", run: session::run },
    FuzzTarget { name: "verifier", run: verifier::run },
];
