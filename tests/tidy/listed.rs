//! No test, bench or fuzz target that nothing runs: cargo passes in silence over files that no manifest lists.

use std::collections::BTreeSet;
use std::path::Path;

use xtask::workspace::{Target, Workspace, root};

use crate::expect_none;
use crate::sources::paths;

#[test]
fn every_test_bench_and_fuzz_target_is_listed_in_a_manifest() {
    let workspace = Workspace::read(&root().unwrap()).unwrap();
    let targets = || workspace.members.iter().flat_map(|member| &member.targets);
    let listed: BTreeSet<String> = targets().map(|target| relative(&workspace.root, &target.source)).collect();
    expect_none(&unlisted(&paths(), &listed));
}

#[test]
fn plain_cargo_test_runs_all_but_the_system_tests_and_xtask_runs_those() {
    let workspace = Workspace::read(&root().unwrap()).unwrap();
    let system: BTreeSet<&str> = workspace.system_tests().unwrap().iter().map(|target| target.name.as_str()).collect();
    let targets = workspace.members.iter().flat_map(|member| &member.targets);
    expect_none(&targets.filter_map(|target| wrongly_run(target, &system)).collect::<Vec<_>>());
}

/// Files that look like a test, bench or fuzz target of their own and are none.
fn unlisted(paths: &[String], listed: &BTreeSet<String>) -> Vec<String> {
    let roots = paths.iter().filter(|path| is_target(path) && !listed.contains(*path));
    roots.map(|path| format!("{path} is listed in no manifest, so nothing runs it")).collect()
}

/// Whether a file stands where only first files of targets stand.
fn is_target(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["tests", name] | ["tests", "system", name] | ["fuzz", "targets", name] | ["benches", name] => {
            name.ends_with(".rs")
        }
        // A test or bench of several files.
        ["tests", _, "main.rs"] | ["tests", "system", _, "main.rs"] | ["benches", _, "main.rs"] => true,
        // Integration tests of a package beside its sources.
        [.., package, "tests", name] => *package != "src" && !path.contains("/src/") && name.ends_with(".rs"),
        _ => false,
    }
}

fn wrongly_run(target: &Target, system: &BTreeSet<&str>) -> Option<String> {
    let is_system = system.contains(target.name.as_str());
    match target.kind.as_str() {
        "test" if is_system && target.test => Some(format!("{} needs test = false: xtask runs it", target.name)),
        "test" if !is_system && !target.test => Some(format!("{} has test = false, so nothing runs it", target.name)),
        "lib" if !target.test => Some(format!("{} has test = false, so its unit tests never run", target.name)),
        _ => None,
    }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Target, unlisted, wrongly_run};

    #[test]
    fn a_file_that_no_manifest_lists_is_found_wherever_targets_stand() {
        let roots = [
            "tests/resume.rs",
            "tests/system/crash.rs",
            "tests/tidy/main.rs",
            "fuzz/targets/frame.rs",
            "benches/append.rs",
            "engine/tests/decide.rs",
        ];
        let modules =
            ["tests/tidy/words.rs", "tests/support/fuzz/mod.rs", "engine/src/log/tests/mod.rs", "xtask/src/main.rs"];
        let paths: Vec<String> = roots.iter().chain(&modules).map(|path| (*path).to_owned()).collect();
        assert_eq!(unlisted(&paths, &BTreeSet::new()).len(), roots.len());
        assert!(unlisted(&paths, &paths.iter().cloned().collect()).is_empty());
    }

    #[test]
    fn a_test_that_is_run_twice_or_never_is_found() {
        let system = BTreeSet::from(["system_crash"]);
        let target = |name: &str, test| Target { name: name.into(), kind: "test".into(), source: "x".into(), test };
        assert!(wrongly_run(&target("system_crash", true), &system).is_some());
        assert!(wrongly_run(&target("resume", false), &system).is_some());
        assert_eq!(wrongly_run(&target("system_crash", false), &system), None);
        assert_eq!(wrongly_run(&target("resume", true), &system), None);
    }
}
