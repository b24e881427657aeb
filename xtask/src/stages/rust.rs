//! What the Rust tools say about the sources: form, lints, documentation.

use crate::child::{Child, Failure};

use super::{Context, Stage};

/// `cargo fmt`.
pub(super) const FORMAT: Stage =
    Stage { name: "format", about: "the sources are as rustfmt writes them", needs: &[], plain: false, run: format };

/// `cargo clippy`.
pub(super) const LINT: Stage =
    Stage { name: "lint", about: "clippy finds nothing, in any target", needs: &["install"], plain: false, run: lint };

/// `cargo doc`.
pub(super) const DOCS: Stage =
    Stage { name: "docs", about: "the documentation builds without a warning", needs: &[], plain: false, run: docs };

fn format(context: &Context) -> Result<(), Failure> {
    Child::cargo("fmt").args(["--all", "--check"]).run(&context.workspace.root)
}

fn lint(context: &Context) -> Result<(), Failure> {
    let clippy = || Child::cargo("clippy").args(["--workspace", "--locked"]);
    let strict = ["--", "-D", "warnings"];
    clippy().arg("--all-targets").args(strict).run(&context.workspace.root)?;
    // `--all-targets` passes over what plain `cargo test` does not run.
    let system = context.workspace.system_tests()?;
    let named = system.iter().flat_map(|target| ["--test", target.name.as_str()]);
    clippy().args(named).args(strict).run(&context.workspace.root)
}

fn docs(context: &Context) -> Result<(), Failure> {
    let doc = Child::cargo("doc").args(["--workspace", "--no-deps", "--locked"]);
    doc.env("RUSTDOCFLAGS", "-Dwarnings").run(&context.workspace.root)
}
