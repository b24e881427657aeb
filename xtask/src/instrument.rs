//! Coverage for the fuzz targets on the stable compiler.
//!
//! libFuzzer steers by counters that LLVM's `sancov` pass adds; the pass is reachable through `-C passes`, which is
//! stable. Passing it by `RUSTFLAGS` would rebuild every dependency. So cargo is told that xtask is the compiler of the
//! workspace's own packages (`RUSTC_WORKSPACE_WRAPPER`): it adds the flags and calls the real one. Dependencies stay as
//! the tests built them, and cargo keeps the two kinds of our own packages apart.
//!
//! Cargo knows the wrapper by its path only: after a change of `FLAGS`, touch the sources that shall be built anew.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// Set for a cargo whose workspace compiler is xtask.
pub const VARIABLE: &str = "TIDINGS_XTASK_INSTRUMENTS";

/// What is added to each compilation: counters, comparisons that the fuzzer can see through, and speed.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Copt-level=2",
];

/// Whether this process was started as the compiler of an instrumented build.
pub fn requested() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Calls the compiler named by the first argument with the rest, and with `FLAGS` when it compiles something.
pub fn run_compiler(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let Some((compiler, rest)) = arguments.split_first() else {
        return ExitCode::FAILURE;
    };
    let mut command = Command::new(compiler);
    command.args(rest);
    if rest.iter().any(|argument| argument == "--emit" || argument.to_string_lossy().starts_with("--emit=")) {
        command.args(FLAGS);
    }
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
