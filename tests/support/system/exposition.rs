//! The text of `/metrics`, and the table that documents it.

use super::document::{rows, table_after};
use std::collections::{BTreeMap, BTreeSet};

/// All series of one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Family {
    /// Its name.
    pub(crate) name: String,
    /// `counter`, `gauge` or `histogram`.
    pub(crate) kind: String,
    /// Names of its labels.
    pub(crate) labels: BTreeSet<String>,
}

/// The families of a document's table.
pub(crate) fn documented(document: &str) -> BTreeSet<Family> {
    let bare = |cell: &str| cell.trim_matches('`').to_owned();
    let labels = |cell: &str| cell.split(", ").filter(|label| !label.is_empty()).map(bare).collect();
    let table = rows(table_after(document, "## Monitoring"));
    let family = |row: Vec<String>| Family { name: bare(&row[0]), kind: row[1].clone(), labels: labels(&row[2]) };
    table.into_iter().map(family).collect()
}

/// Names of the families that a server may be without: their last column begins with `Only`.
pub(crate) fn conditional(document: &str) -> BTreeSet<String> {
    let table = rows(table_after(document, "## Monitoring")).into_iter();
    table.filter(|row| row[3].starts_with("Only ")).map(|row| row[0].trim_matches('`').to_owned()).collect()
}

/// The families of a text in the exposition format.
pub(crate) fn families(text: &str) -> BTreeSet<Family> {
    let mut found: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let family = Family { name: name.to_owned(), kind: kind.to_owned(), labels: BTreeSet::new() };
            found.insert(name.to_owned(), family);
        } else if let Some((series, _)) = sample(line) {
            let (name, labels) = parts(&series);
            let name = if found.contains_key(&name) { name.as_str() } else { base(&name) };
            let family = found.get_mut(name).unwrap_or_else(|| panic!("{name} has no type"));
            family.labels.extend(labels.into_iter().filter(|label| label != "le"));
        }
    }
    found.into_values().collect()
}

/// Each series with its value.
pub(crate) fn samples(text: &str) -> BTreeMap<String, f64> {
    text.lines().filter_map(sample).collect()
}

fn sample(line: &str) -> Option<(String, f64)> {
    let (series, value) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
    Some((series.to_owned(), value.parse().ok()?))
}

/// The name of a histogram, from that of one of its series.
pub(crate) fn base(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// The name of a series, and of its labels.
pub(crate) fn parts(series: &str) -> (String, Vec<String>) {
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
    (name.to_owned(), labels.map(|(label, _)| label.trim_end_matches('!').trim().to_owned()).collect())
}
