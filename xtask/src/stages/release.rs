//! The release binary that the system and browser stages use.

use crate::child::{Child, Failure};

use super::{Context, Stage};

/// `cargo build --release`.
pub(super) const STAGE: Stage =
    Stage { name: "release", about: "the release binary is built", needs: &[], plain: false, run };

fn run(context: &Context) -> Result<(), Failure> {
    Child::cargo("build").args(["--release", "-p", "tidings-server", "--locked"]).run(&context.workspace.root)?;
    let binary = context.workspace.release_binary();
    if binary.is_file() { Ok(()) } else { Err(Failure::new(format!("{} was not built", binary.display()))) }
}
