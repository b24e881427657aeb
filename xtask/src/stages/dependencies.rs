//! What we build on: licences, sources and banned crates, as `deny.toml` has them.
//!
//! cargo-deny is the full check, and takes minutes to build on a new machine: `--long` installs and runs it. Each run
//! makes the part of it that can be made from `cargo metadata`, by the same file.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::child::{Child, Failure};
use crate::licences;
use crate::workspace::{list, text};

use super::{Context, Stage};

/// Licences, bans and sources.
pub(super) const STAGE: Stage = Stage {
    name: "dependencies",
    about: "licences, sources and banned crates by deny.toml (with --long by cargo-deny too)",
    needs: &[],
    plain: false,
    run,
};

/// The parts of `deny.toml` that are checked here.
#[derive(Debug)]
struct Policy {
    platforms: BTreeSet<String>,
    licences: BTreeSet<String>,
    exceptions: Vec<(String, BTreeSet<String>)>,
    banned: BTreeSet<String>,
    registries: BTreeSet<String>,
}

fn run(context: &Context) -> Result<(), Failure> {
    let root = &context.workspace.root;
    let policy = Policy::read(&root.join("deny.toml"))?;
    let metadata = Child::cargo("metadata").args(["--format-version=1", "--locked"]).read(root)?;
    let metadata: Value = serde_json::from_str(&metadata)
        .map_err(|error| Failure::new(format!("cargo metadata is not JSON: {error}")))?;
    let built = built(root, &policy)?;
    let packages = list(&metadata, "packages").filter(|package| built.contains(&shown(package)));
    let complaints: Vec<String> = packages.flat_map(|package| policy.complaints(package)).collect();
    if !complaints.is_empty() {
        return Err(Failure::new(complaints.join("\n  ")));
    }
    if context.long { run_cargo_deny(root) } else { Ok(()) }
}

/// The packages that are really built on one of the platforms, as `name vVERSION`.
///
/// `cargo metadata` also lists what no enabled feature asks for.
fn built(root: &Path, policy: &Policy) -> Result<BTreeSet<String>, Failure> {
    let mut built = BTreeSet::new();
    for platform in &policy.platforms {
        let tree = Child::cargo("tree").args(["--workspace", "--locked", "--edges=normal,build,dev", "--prefix=none"]);
        let lines = tree.args(["--target", platform.as_str()]).read(root)?;
        built.extend(lines.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")));
    }
    Ok(built)
}

fn shown(package: &Value) -> String {
    format!("{} v{}", text(package, "name"), text(package, "version"))
}

fn run_cargo_deny(root: &Path) -> Result<(), Failure> {
    if Child::cargo("deny").arg("--version").read(root).is_err() {
        Child::cargo("install").args(["cargo-deny", "--locked"]).run(root)?;
    }
    Child::cargo("deny").args(["--workspace", "check", "bans", "licenses", "sources"]).run(root)
}

impl Policy {
    fn read(path: &Path) -> Result<Self, Failure> {
        let bad = |what: &dyn std::fmt::Display| Failure::new(format!("{}: {what}", path.display()));
        let source = std::fs::read_to_string(path).map_err(|error| bad(&error))?;
        Self::parse(&source).map_err(|error| bad(&error))
    }

    fn parse(source: &str) -> Result<Self, String> {
        let file: toml::Table = source.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let at = |section: &str, key: &str| file.get(section).and_then(|section| section.get(key));
        let tables = |section, key| at(section, key).and_then(toml::Value::as_array).into_iter().flatten();
        let field = |table: &toml::Value, key| strings(table.get(key)).into_iter().next();
        let policy = Self {
            platforms: strings(at("graph", "targets")),
            licences: strings(at("licenses", "allow")),
            exceptions: tables("licenses", "exceptions")
                .filter_map(|entry| Some((field(entry, "crate")?, strings(entry.get("allow")))))
                .collect(),
            banned: tables("bans", "deny").filter_map(|entry| field(entry, "crate")).collect(),
            registries: strings(at("sources", "allow-registry")),
        };
        let needed = [
            (&policy.platforms, "graph.targets"),
            (&policy.licences, "licenses.allow"),
            (&policy.banned, "bans.deny"),
            (&policy.registries, "sources.allow-registry"),
        ];
        if let Some((_, name)) = needed.iter().find(|(list, _)| list.is_empty()) {
            return Err(format!("{name} is empty"));
        }
        Ok(policy)
    }

    /// What is wrong with one package of `cargo metadata`.
    fn complaints(&self, package: &Value) -> Vec<String> {
        let (name, version) = (text(package, "name"), text(package, "version"));
        let mut complaints = Vec::new();
        if self.banned.contains(name) {
            complaints.push(format!("{name} {version} is banned by deny.toml"));
        }
        // No source: a package of this repository.
        let source = text(package, "source");
        if !source.is_empty() && !self.registries.iter().any(|url| source == format!("registry+{url}")) {
            complaints.push(format!("{name} {version} comes from {source}"));
        }
        let mut allowed = self.licences.clone();
        allowed.extend(self.exceptions.iter().filter(|(of, _)| of == name).flat_map(|(_, extra)| extra.clone()));
        match licences::is_allowed(text(package, "license"), &allowed) {
            Ok(true) => {}
            Ok(false) => complaints.push(format!("{name} {version} has the licence {:?}", text(package, "license"))),
            Err(error) => complaints.push(format!("{name} {version}: {error}")),
        }
        complaints
    }
}

/// The string, or all strings of the array, in `value`.
fn strings(value: Option<&toml::Value>) -> BTreeSet<String> {
    match value {
        Some(toml::Value::String(one)) => BTreeSet::from([one.clone()]),
        Some(toml::Value::Array(many)) => many.iter().filter_map(toml::Value::as_str).map(String::from).collect(),
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Policy;

    const POLICY: &str = r#"
        [graph]
        targets = ["x86_64-unknown-linux-gnu"]
        [licenses]
        allow = ["MIT"]
        exceptions = [{ crate = "fuzzer", allow = ["NCSA"] }]
        [bans]
        deny = [{ crate = "ring", reason = "one crypto library" }]
        [sources]
        allow-registry = ["https://registry.example"]
    "#;

    fn complaints(name: &str, licence: &str, source: Option<&str>) -> usize {
        let package = json!({ "name": name, "version": "1.0.0", "license": licence, "source": source });
        Policy::parse(POLICY).unwrap().complaints(&package).len()
    }

    #[test]
    fn a_banned_crate_a_foreign_source_and_a_foreign_licence_are_each_found() {
        let registry = Some("registry+https://registry.example");
        assert_eq!(complaints("serde", "MIT OR Apache-2.0", registry), 0);
        assert_eq!(complaints("ours", "MIT", None), 0);
        assert_eq!(complaints("ring", "MIT", registry), 1);
        assert_eq!(complaints("serde", "MIT", Some("git+https://registry.example/serde")), 1);
        assert_eq!(complaints("serde", "GPL-3.0", registry), 1);
        assert_eq!(complaints("serde", "", registry), 1);
    }

    #[test]
    fn an_exception_covers_the_crate_it_names_alone() {
        let registry = Some("registry+https://registry.example");
        assert_eq!(complaints("fuzzer", "MIT AND NCSA", registry), 0);
        assert_eq!(complaints("serde", "MIT AND NCSA", registry), 1);
    }

    #[test]
    fn a_policy_that_allows_or_bans_nothing_is_refused() {
        assert!(Policy::parse("[licenses]\nallow = [\"MIT\"]").is_err());
    }
}
