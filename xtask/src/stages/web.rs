//! The web client's own tests under Node, and a syntax check of every script.

use std::path::{Path, PathBuf};

use crate::child::{Child, Failure};

use super::{Context, Stage};

/// The scripts of `clients/web` and `tests/browser`.
pub(super) const STAGE: Stage = Stage {
    name: "web",
    about: "node --test of the web client, node --check of every script",
    needs: &["install"],
    plain: false,
    run,
};

fn run(context: &Context) -> Result<(), Failure> {
    let root = &context.workspace.root;
    let mut scripts = scripts_under(root, Path::new("clients/web"))?;
    let tests: Vec<String> = scripts.iter().filter(|script| is_test(script)).map(shown).collect();
    if tests.is_empty() {
        return Err(Failure::new("clients/web has no *.test.js and no *.test.mjs"));
    }
    scripts.extend(scripts_under(root, Path::new("tests/browser"))?);
    for script in &scripts {
        Child::new("node").arg("--check").arg(shown(script)).run(root)?;
    }
    Child::new("node").args(["--test", "--test-reporter=spec"]).args(tests).run(root)
}

fn shown(path: impl AsRef<Path>) -> String {
    path.as_ref().display().to_string()
}

fn is_test(path: &Path) -> bool {
    path.to_str().is_some_and(|name| name.ends_with(".test.js") || name.ends_with(".test.mjs"))
}

/// Scripts below `directory`, relative to `root`, without what npm installed; sorted.
fn scripts_under(root: &Path, directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error| Failure::new(format!("cannot list {}: {error}", directory.display()));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(directory)).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = directory.join(entry.file_name());
        let is_directory = entry.file_type().map_err(unreadable)?.is_dir();
        let is_script = path.extension().is_some_and(|extension| extension == "js" || extension == "mjs");
        match (is_directory, is_script) {
            (true, _) if entry.file_name() != "node_modules" => found.extend(scripts_under(root, &path)?),
            (false, true) => found.push(path),
            _ => {}
        }
    }
    found.sort();
    Ok(found)
}
