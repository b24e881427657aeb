//! The binary under test, run to its end.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

/// How a command ended and what it said.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

/// Where the binary is.
pub(crate) fn path() -> PathBuf {
    let named = std::env::var_os("TIDINGS_BINARY");
    PathBuf::from(named.expect("TIDINGS_BINARY names the release binary; `cargo xtask test` builds it and sets it"))
}

/// Runs `tidings` with `arguments` and waits for its end.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: &[A]) -> Finished {
    let output = Command::new(path()).args(arguments).output().expect("the binary under test can be started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the command line speaks UTF-8");
    Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// As [`run`], beside what else the test does.
pub(crate) async fn run_beside<A: AsRef<OsStr> + Send + 'static>(arguments: Vec<A>) -> Finished {
    tokio::task::spawn_blocking(move || run(&arguments)).await.expect("running a command does not panic")
}

impl Finished {
    /// Standard output of a command that must have done its work.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self.stdout
    }
}
