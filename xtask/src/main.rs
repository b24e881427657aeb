//! The command behind `cargo xtask`; everything it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    if xtask::instrument::requested() {
        return xtask::instrument::run_compiler(std::env::args_os().skip(1));
    }
    xtask::command::main(std::env::args().skip(1))
}
