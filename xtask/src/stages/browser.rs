//! The browser suites: real Chromium and real Firefox against the release binary.

use crate::child::{Child, Failure};

use super::{Context, Stage};

/// `tests/browser`.
pub(super) const STAGE: Stage = Stage {
    name: "browser",
    about: "Chromium and Firefox, by clicks, on the release binary (tests/browser)",
    needs: &["install", "release"],
    plain: false,
    run,
};

fn run(context: &Context) -> Result<(), Failure> {
    let binary = context.workspace.release_binary().display().to_string();
    Child::new("node").args(["tests/browser/run.mjs", "--binary"]).arg(binary).run(&context.workspace.root)
}
