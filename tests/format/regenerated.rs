//! Golden files: made again by today's code and compared with what is committed, never written over.

use std::path::PathBuf;

use testkit::verdicts::Files;
use xtask::workspace::root;

/// Where the golden files are.
pub(crate) fn golden() -> PathBuf {
    root().unwrap().join("tests/golden")
}

/// Checks that the golden files are exactly those `made`, by their names. Those that are not are left where cargo keeps
/// what tests write, for a person to look at and to copy.
///
/// A file of a released version is never to change: then the code is wrong, or the format needs a new number.
#[track_caller]
pub(crate) fn are_golden(made: &Files) {
    let mut complaints = Vec::new();
    for (name, made) in made {
        let committed = golden().join(name);
        let found = std::fs::read(&committed);
        if found.as_ref().is_ok_and(|found| found == made) {
            continue;
        }
        let beside = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("golden").join(name);
        std::fs::create_dir_all(beside.parent().unwrap()).unwrap();
        std::fs::write(&beside, made).unwrap();
        let how = if found.is_ok() { "is not" } else { "is missing:" };
        complaints.push(format!("tests/golden/{name} {how} what this code makes, see {}", beside.display()));
    }
    assert!(complaints.is_empty(), "\n  {}\n", complaints.join("\n  "));
}
