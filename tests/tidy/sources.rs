//! The files of the repository, without what tools put there.

use std::path::{Path, PathBuf};

use xtask::workspace::root;

/// Directories that tools fill.
const NOT_OURS: [&str; 7] = ["target", "node_modules", ".git", "tidings-data", "artifacts", "coverage", "corpus"];

/// One text file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Path from the root, with `/`.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

impl Source {
    /// A source for a test of a rule.
    #[cfg(test)]
    pub(crate) fn of(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// What the name ends with after its last dot.
    pub(crate) fn extension(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

/// All files with one of these extensions.
pub(crate) fn with_extension(extensions: &[&str]) -> Vec<Source> {
    let root = root().unwrap();
    let mut sources = Vec::new();
    for path in paths() {
        let source = Source { path, text: String::new() };
        if extensions.contains(&source.extension()) {
            let text = std::fs::read_to_string(root.join(&source.path))
                .unwrap_or_else(|error| panic!("{}: {error}", source.path));
            sources.push(Source { text, ..source });
        }
    }
    assert!(!sources.is_empty(), "no file ends with any of {extensions:?}");
    sources
}

/// Paths of all files from the root, sorted.
pub(crate) fn paths() -> Vec<String> {
    let root = root().unwrap();
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found.sort();
    found
}

fn walk(root: &Path, directory: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path: PathBuf = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            walk(root, &path, found);
        } else if kind.is_file() {
            let relative = path.strip_prefix(root).unwrap();
            found.push(
                relative.components().map(|part| part.as_os_str().to_str().unwrap()).collect::<Vec<_>>().join("/"),
            );
        }
    }
}
