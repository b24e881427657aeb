//! The tests in `tests/system`: the release binary as users run it, with `strace`, signals and real sockets.
//!
//! Their `[[test]]` entries say `test = false`, so plain `cargo test` leaves them to this stage; the list is the manifest.

use crate::child::{Child, Failure};

use super::{Context, Stage};

/// The tests of the release binary.
pub(super) const STAGE: Stage = Stage {
    name: "system",
    about: "the release binary under strace, SIGKILL and hostile clients (tests/system)",
    needs: &["install", "release"],
    plain: false,
    run,
};

/// How often the crash test kills the server; from 50 it has seen each way in which a batch can end.
const KILLS_COUNT: &str = "50";

/// The same in a long run.
const KILLS_COUNT_LONG: &str = "200";

fn run(context: &Context) -> Result<(), Failure> {
    let tests = context.workspace.system_tests()?;
    if tests.is_empty() {
        return Err(Failure::new("tests/Cargo.toml lists no test of tests/system"));
    }
    let named = tests.iter().flat_map(|target| ["--test", target.name.as_str()]);
    // With --workspace the dependencies have the features that the plain stage built them with.
    let test = Child::cargo("test").args(["--workspace", "--locked", "--no-fail-fast"]).args(named);
    let binary = context.workspace.release_binary().display().to_string();
    let kills = if context.long { KILLS_COUNT_LONG } else { KILLS_COUNT };
    test.env("TIDINGS_BINARY", binary).env("TIDINGS_KILLS", kills).run(&context.workspace.root)
}
