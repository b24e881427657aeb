//! Tables of the documents, for tests that hold the real binary against them.

/// The first table after a heading, without its head.
///
/// # Panics
/// There is none.
#[track_caller]
pub(crate) fn table_after<'a>(document: &'a str, heading: &str) -> Vec<&'a str> {
    let after = document.lines().skip_while(|line| *line != heading).skip(1);
    let table = after.take_while(|line| !line.starts_with("## ")).skip_while(|line| !line.starts_with('|'));
    let lines: Vec<&str> = table.take_while(|line| line.starts_with('|')).collect();
    assert!(lines.len() > 2, "there is no table after {heading:?}");
    lines[2..].to_vec()
}

/// The cells of each row.
pub(crate) fn rows(lines: Vec<&str>) -> Vec<Vec<String>> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.into_iter().map(cells).collect()
}
