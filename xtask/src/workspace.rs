//! The workspace as cargo describes it: members, their targets, their direct dependencies.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::child::{Child, Failure};

/// The whole workspace.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Root directory of the repository.
    pub root: PathBuf,
    /// Where cargo puts what it builds.
    pub target_directory: PathBuf,
    /// The packages of the repository.
    pub members: Vec<Member>,
}

/// One package of the repository.
#[derive(Debug, Clone)]
pub struct Member {
    /// Name of the package.
    pub name: String,
    /// Directory of its manifest.
    pub directory: PathBuf,
    /// Its libraries, binaries, tests and benches.
    pub targets: Vec<Target>,
    /// Its direct dependencies of every kind.
    pub dependencies: Vec<Dependency>,
}

/// One thing that cargo builds.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name, as `--test NAME` and its like take it.
    pub name: String,
    /// `lib`, `bin`, `test`, `bench` or `example`.
    pub kind: String,
    /// Its first source file.
    pub source: PathBuf,
    /// Whether plain `cargo test` runs it.
    pub test: bool,
}

/// One direct dependency.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// Name of the package depended on.
    pub name: String,
    /// Whether it is a package of this repository.
    pub internal: bool,
    /// Whether it is needed to build the product: neither for tests alone nor for a build script.
    pub normal: bool,
}

/// Root of the repository, from what cargo tells the running package of this workspace.
///
/// # Errors
///
/// When the process was not started by cargo.
pub fn root() -> Result<PathBuf, Failure> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| Failure::new("start this through cargo"))?;
    match Path::new(&manifest).parent() {
        Some(root) => Ok(root.to_path_buf()),
        None => Err(Failure::new("the package has no directory above it")),
    }
}

impl Workspace {
    /// Asks cargo about the workspace at `root`; works offline.
    ///
    /// # Errors
    ///
    /// When cargo fails or answers with something else than expected.
    pub fn read(root: &Path) -> Result<Self, Failure> {
        let child = Child::cargo("metadata").args(["--format-version=1", "--no-deps", "--offline"]);
        let metadata: Value = serde_json::from_str(&child.read(root)?)
            .map_err(|error| Failure::new(format!("cargo metadata is not JSON: {error}")))?;
        Ok(Self {
            root: root.to_path_buf(),
            target_directory: text(&metadata, "target_directory").into(),
            members: list(&metadata, "packages").map(member).collect(),
        })
    }

    /// The package `name`.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn member(&self, name: &str) -> Result<&Member, Failure> {
        let found = self.members.iter().find(|member| member.name == name);
        found.ok_or_else(|| Failure::new(format!("there is no package {name}")))
    }

    /// Tests of the release binary, in `tests/system`: plain `cargo test` leaves them to xtask.
    ///
    /// # Errors
    ///
    /// When the package of the tests is missing.
    pub fn system_tests(&self) -> Result<Vec<&Target>, Failure> {
        let directory = self.root.join("tests/system");
        let tests = self.member("testkit")?.targets.iter().filter(|target| target.kind == "test");
        Ok(tests.filter(|target| target.source.starts_with(&directory)).collect())
    }

    /// Fuzz targets, in `fuzz/targets`.
    ///
    /// # Errors
    ///
    /// When the package of the targets is missing.
    pub fn fuzz_targets(&self) -> Result<Vec<&Target>, Failure> {
        Ok(self.member("tidings-fuzz")?.targets.iter().filter(|target| target.kind == "bin").collect())
    }

    /// The release binary, where `cargo build --release` leaves it.
    pub fn release_binary(&self) -> PathBuf {
        self.target_directory.join("release/tidings")
    }
}

fn member(package: &Value) -> Member {
    let manifest = PathBuf::from(text(package, "manifest_path"));
    Member {
        name: text(package, "name").into(),
        directory: manifest.parent().map(Path::to_path_buf).unwrap_or_default(),
        targets: list(package, "targets").map(target).collect(),
        dependencies: list(package, "dependencies").map(dependency).collect(),
    }
}

fn target(target: &Value) -> Target {
    Target {
        name: text(target, "name").into(),
        kind: list(target, "kind").next().and_then(Value::as_str).unwrap_or_default().into(),
        source: text(target, "src_path").into(),
        test: target["test"].as_bool().unwrap_or_default(),
    }
}

fn dependency(dependency: &Value) -> Dependency {
    Dependency {
        name: text(dependency, "name").into(),
        internal: dependency.get("path").is_some_and(Value::is_string),
        normal: dependency["kind"].is_null(),
    }
}

/// The string in `field`, empty when there is none: every field read here is documented as always present.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// The elements of the array in `field`.
pub(crate) fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}
