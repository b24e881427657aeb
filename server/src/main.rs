//! The `tidings` binary: everything is in the library, so that tests start the same server in their own process.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tidings_server::command_line::run()
}
