//! The bodies of the fuzz targets: one function each, from bytes to a panic when a promise is broken.
//!
//! `fuzz/targets` gives them to libFuzzer, `cargo xtask test` runs that for a while; plain `cargo test` replays the
//! committed inputs of `fuzz/corpus`. To add a target: a file here with a `run`, a line in [`TARGETS`], a file in
//! `fuzz/targets` with its `[[bin]]`, and at least one input in `fuzz/corpus`. A test names whichever is missing.

mod asked;
mod marks;
mod said;

pub use marks::{reach, reached};

pub mod damage;
pub mod events;
pub mod frame;
pub mod group;
pub mod http;
pub mod keyring;
pub mod proxy;
pub mod session;
pub mod stream;
pub mod token;
pub mod verifier;

/// One fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct FuzzTarget {
    /// Name of its corpus; the binary is `fuzz_` and this.
    pub name: &'static str,
    /// Panics when the bytes break a promise.
    pub run: fn(&[u8]),
    /// What the committed inputs reach together, so that the fuzzer starts behind every gate and not before it.
    pub marks: &'static [&'static str],
}

/// All targets.
pub const TARGETS: &[FuzzTarget] = &[
    FuzzTarget { name: "damage", run: damage::run, marks: &["refused", "told", "undone"] },
    FuzzTarget { name: "events", run: events::run, marks: events::MARKS },
    FuzzTarget {
        name: "frame",
        run: frame::run,
        marks: &["varint", "refused", "hello", "command", "fetch", "subscribe"],
    },
    FuzzTarget { name: "group", run: group::run, marks: &["refused", "decoded", "several records"] },
    FuzzTarget { name: "http", run: http::run, marks: http::MARKS },
    FuzzTarget { name: "keyring", run: keyring::run, marks: &["refused", "told", "destroyed", "slots"] },
    FuzzTarget { name: "proxy", run: proxy::run, marks: proxy::MARKS },
    FuzzTarget { name: "session", run: session::run, marks: session::MARKS },
    FuzzTarget { name: "stream", run: stream::run, marks: &["frame", "cut frame", "too large"] },
    FuzzTarget { name: "token", run: token::run, marks: token::MARKS },
    FuzzTarget { name: "verifier", run: verifier::run, marks: &["sound", "damaged"] },
];
