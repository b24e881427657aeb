//! Clients of others against the release binary: aioquic in a Python environment of its own, and web-transport-quinn in a
//! package of its own.

use std::path::{Path, PathBuf};

use crate::child::{Child, Failure};

use super::{Context, Stage};

/// The scripts in `tests/foreign` that speak over the network.
pub(super) const STAGE: Stage = Stage {
    name: "foreign",
    about: "aioquic and web-transport-quinn on the release binary (tests/foreign)",
    needs: &["install", "release"],
    plain: false,
    run,
};

/// The package whose program uses web-transport-quinn. Outside the workspace: the crate wants features of quinn that the
/// server does without, and cargo would turn them on for both.
const RUST_PACKAGE: &str = "foreign-web-transport-quinn";

/// What the environment holds.
const REQUIREMENTS: &str = "tests/foreign/requirements.txt";

fn run(context: &Context) -> Result<(), Failure> {
    let root = &context.workspace.root;
    let python = environment(&context.workspace.target_directory).join("bin/python");
    if !python.is_file() {
        let message = format!("there is no Python environment with {REQUIREMENTS} at {}", python.display());
        return Err(Failure { message, repeat: Some("cargo xtask test --only install".into()) });
    }
    let binary = context.workspace.release_binary().display().to_string();
    let python = Child::new(&python.display().to_string());
    python.clone().args(["tests/foreign/aioquic_client.py", "--binary"]).arg(binary.as_str()).run(root)?;
    let target = environment(&context.workspace.target_directory).join("rust");
    let manifest = "tests/foreign/web-transport-quinn/Cargo.toml";
    let build = Child::cargo("build").args(["--locked", "--manifest-path", manifest, "--target-dir"]);
    build.arg(target.display().to_string()).run(root)?;
    let client = target.join("debug").join(RUST_PACKAGE).display().to_string();
    python.args(["tests/foreign/rust_client.py", "--binary"]).arg(binary).args(["--client", client.as_str()]).run(root)
}

/// Makes the Python environment anew when it is not there or its requirements have changed.
pub(super) fn install(context: &Context) -> Result<(), Failure> {
    let root = &context.workspace.root;
    let folder = environment(&context.workspace.target_directory);
    let failed = |error: std::io::Error| Failure::new(format!("{REQUIREMENTS}: {error}"));
    let wanted = std::fs::read(root.join(REQUIREMENTS)).map_err(failed)?;
    // Written last, so that an installation that was cut short is made again.
    let installed = folder.join("requirements.txt");
    if std::fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    let folder_text = folder.display().to_string();
    Child::new("python3").args(["-m", "venv", "--clear"]).arg(folder_text.as_str()).run(root).map_err(|failure| {
        Failure {
            message: format!("no Python environment can be made: {}", failure.message),
            repeat: Some("sudo apt-get install python3-venv".into()),
        }
    })?;
    Child::new(&format!("{folder_text}/bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
            "--requirement",
        ])
        .arg(REQUIREMENTS)
        .run(root)?;
    std::fs::write(&installed, wanted).map_err(failed)
}

fn environment(target: &Path) -> PathBuf {
    target.join("foreign-clients")
}
