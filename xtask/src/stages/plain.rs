//! Plain `cargo test`: everything that needs neither root nor network nor browser.

use crate::child::{Child, Failure};

use super::{Context, Stage};

/// The stage that `cargo test` alone does too.
pub(super) const STAGE: Stage = Stage {
    name: "plain",
    about: "cargo test: unit and property tests, promises, layering, tidiness",
    needs: &[],
    plain: true,
    run,
};

fn run(context: &Context) -> Result<(), Failure> {
    let test = Child::cargo("test").args(["--workspace", "--exclude", "tidings-fuzz", "--locked", "--no-fail-fast"]);
    test.run(&context.workspace.root)
}
