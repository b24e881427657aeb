//! What documents name as proof exists: files, and tests written `file::name`.

use crate::expect_none;
use crate::sources::with_extension;
use std::collections::BTreeMap;

/// Documents whose tables name files and tests.
const DOCUMENTS: [&str; 3] = ["docs/audit-closure.md", "docs/security.md", "docs/security-events.md"];

/// Rows that the audit has.
const ROWS: [&str; 19] =
    ["V1", "V2", "V3", "V4", "V5", "M1", "M2", "M3", "P1", "P2", "P3", "G1", "G2", "G3", "O1", "O2", "S1", "S2", "S3"];

#[test]
fn every_file_and_test_that_a_document_names_exists() {
    let rust: BTreeMap<String, String> =
        with_extension(&["rs"]).into_iter().map(|source| (source.path, source.text)).collect();
    let documents = with_extension(&["md"]).into_iter().filter(|source| DOCUMENTS.contains(&source.path.as_str()));
    let documents: Vec<_> = documents.collect();
    assert_eq!(documents.len(), DOCUMENTS.len(), "a document is missing");
    let root = xtask::workspace::root().unwrap();
    let exists = |path: &str| root.join(path).exists();
    let complaints = documents.iter().flat_map(|document| {
        wrong(&document.text, &rust, exists).into_iter().map(|what| format!("{}: {what}", document.path))
    });
    expect_none(&complaints.collect::<Vec<_>>());
}

#[test]
fn every_row_of_the_audit_is_answered_by_a_test_or_said_to_be_open() {
    let documents = with_extension(&["md"]);
    let closure = documents.iter().find(|source| source.path == DOCUMENTS[0]).unwrap();
    let rows: Vec<Vec<&str>> = closure.text.lines().filter(|line| line.starts_with("| ")).map(cells).collect();
    let answered = |id: &&&str| rows.iter().any(|row| row[0] == **id && (row[4].contains("::") || !row[5].is_empty()));
    let complaints =
        ROWS.iter().filter(|id| !answered(id)).map(|id| format!("{id} is neither proven nor said to be open"));
    expect_none(&complaints.collect::<Vec<_>>());
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split(" |").map(str::trim).collect()
}

/// What of the names in backquotes is not there.
fn wrong(document: &str, rust: &BTreeMap<String, String>, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let quoted = document.split('`').skip(1).step_by(2);
    let mut found = Vec::new();
    for name in quoted {
        match name.split_once("::") {
            Some((path, test)) if path.ends_with(".rs") => match rust.get(path) {
                None => found.push(format!("there is no file {path}")),
                Some(text) if !has_test(text, test) => found.push(format!("{path} has no test {test}")),
                Some(_) => {}
            },
            None if is_path(name) && !exists(name) => found.push(format!("there is no file {name}")),
            _ => {}
        }
    }
    found
}

/// Whether a function of this name stands right after an attribute that makes it a test.
fn has_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_it =
        |line: &str| [format!("fn {name}("), format!("async fn {name}(")].iter().any(|start| line.starts_with(start));
    lines
        .windows(2)
        .any(|pair| is_it(pair[1]) && (pair[0].starts_with("#[test]") || pair[0].starts_with("#[tokio::test")))
}

/// Whether a name in a document is a path of the repository.
fn is_path(name: &str) -> bool {
    let first = name.split('/').next().unwrap_or_default();
    let ours =
        ["clients", "deploy", "docs", "engine", "fuzz", "projections", "server", "tests", "transports", "verifier"];
    name.contains('/') && ours.contains(&first) && !name.contains([' ', '*', '{'])
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, wrong};

    #[test]
    fn what_is_not_there_is_named() {
        let source = "#[test]\nfn a_promise() {}\n\nfn no_test() {}\n";
        let rust = BTreeMap::from([("engine/src/x.rs".to_owned(), source.to_owned())]);
        let exists = |path: &str| path == "engine/src/x.rs";
        let wrong = |text: &str| wrong(text, &rust, exists).len();
        assert_eq!(wrong("`engine/src/x.rs::a_promise` and `engine/src/x.rs`, `POST /v1/x`, `a::b`"), 0);
        assert_eq!(wrong("`engine/src/x.rs::a_promis`"), 1);
        assert_eq!(wrong("`engine/src/x.rs::no_test`"), 1);
        assert_eq!(wrong("`engine/src/y.rs::a_promise` and `engine/src/y.rs`"), 2);
    }
}
