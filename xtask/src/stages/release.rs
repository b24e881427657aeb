//! The release binary that the system and browser stages use.

use crate::child::{Child, Failure};

use super::{Context, Stage};

/// `cargo run --release`: the command that the README begins with, so that it cannot stop working unseen.
pub(super) const STAGE: Stage =
    Stage { name: "release", about: "the release binary is built", needs: &[], plain: false, run };

fn run(context: &Context) -> Result<(), Failure> {
    Child::cargo("run").args(["--release", "--locked", "--", "--version"]).run(&context.workspace.root)?;
    let binary = context.workspace.release_binary();
    if binary.is_file() { Ok(()) } else { Err(Failure::new(format!("{} was not built", binary.display()))) }
}
