//! Every direct dependency has its reason in `docs/dependencies.md`, and nothing else has a line there.

use std::collections::BTreeSet;

use xtask::workspace::{Workspace, root};

use crate::expect_none;

#[test]
fn every_direct_dependency_has_a_line_with_its_reason_and_every_line_a_dependency() {
    let root = root().unwrap();
    let workspace = Workspace::read(&root).unwrap();
    let dependencies = workspace.members.iter().flat_map(|member| &member.dependencies);
    let mut used: BTreeSet<String> = dependencies.filter(|one| !one.internal).map(|one| one.name.clone()).collect();
    used.extend(npm_dependencies(&std::fs::read_to_string(root.join("tests/browser/package.json")).unwrap()));
    let document = std::fs::read_to_string(root.join("docs/dependencies.md")).unwrap();
    expect_none(&complaints(&used, &document));
}

#[test]
fn nothing_in_the_root_manifest_is_unused() {
    let root = root().unwrap();
    let workspace = Workspace::read(&root).unwrap();
    let used: BTreeSet<&str> =
        workspace.members.iter().flat_map(|member| &member.dependencies).map(|one| one.name.as_str()).collect();
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let unused = workspace_dependencies(&manifest).into_iter().filter(|name| !used.contains(name.as_str()));
    expect_none(&unused.map(|name| format!("Cargo.toml lists {name}, which no package uses")).collect::<Vec<_>>());
}

/// The document's lines are rows of tables that begin with the name in backticks and have three filled cells.
fn complaints(used: &BTreeSet<String>, document: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut listed = BTreeSet::new();
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let name = cells[0].trim_matches('`').to_owned();
        if cells.len() != 3 || cells.iter().any(|cell| cell.is_empty()) {
            complaints.push(format!("{name}: a line has the name, what it is for, and what was rejected"));
        }
        if !listed.insert(name.clone()) {
            complaints.push(format!("{name} is listed twice"));
        }
    }
    complaints.extend(used.difference(&listed).map(|name| format!("{name} has no line in docs/dependencies.md")));
    complaints
        .extend(listed.difference(used).map(|name| format!("docs/dependencies.md lists {name}, which nothing uses")));
    complaints
}

fn npm_dependencies(manifest: &str) -> Vec<String> {
    let manifest: serde_json::Value = serde_json::from_str(manifest).unwrap();
    let sections = ["dependencies", "devDependencies"].into_iter().filter_map(|section| manifest[section].as_object());
    sections.flat_map(|section| section.keys().cloned()).collect()
}

/// Names of the external ones in the section `[workspace.dependencies]`, one a line.
fn workspace_dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let lines = section.take_while(|line| !line.starts_with('['));
    let external = lines.filter(|line| !line.contains("path ="));
    external.filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{complaints, npm_dependencies, workspace_dependencies};

    #[test]
    fn a_missing_a_stale_a_double_and_a_bare_line_are_each_found() {
        let used = BTreeSet::from(["serde".to_owned(), "bytes".to_owned()]);
        let serde = "| `serde` | records | nothing else fits |\n";
        let bytes = "| `bytes` | shared payloads | Arc<[u8]> |\n";
        assert!(complaints(&used, &format!("{serde}{bytes}")).is_empty());
        assert_eq!(complaints(&used, serde).len(), 1);
        assert_eq!(complaints(&used, &format!("{serde}{bytes}| `rand` | dice | none |\n")).len(), 1);
        assert_eq!(complaints(&used, &format!("{serde}{bytes}{bytes}")).len(), 1);
        assert_eq!(complaints(&used, &format!("{serde}| `bytes` | | x |\n")).len(), 1);
    }

    #[test]
    fn both_kinds_of_manifest_are_read() {
        assert_eq!(npm_dependencies(r#"{"dependencies":{"a":"1"},"devDependencies":{"b":"2"}}"#), ["a", "b"]);
        let manifest = "[package]\nx = 1\n[workspace.dependencies]\na = \"1\"\n\nb = { path = \"b\" }\nd = { version = \"1\" }\n[lints]\nc = 1\n";
        assert_eq!(workspace_dependencies(manifest), ["a", "d"]);
    }
}
