//! `docs/limits.md` against the table in the engine.

use std::fmt::Write as _;
use std::path::Path;
use tidings_engine::limits::{Limit, Set};

const BEGIN: &str = "<!-- made from the table in engine/src/limits -->\n";
const END: &str = "<!-- end -->\n";

/// `65536` as `65,536`.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn unit(name: &str) -> &'static str {
    match name {
        _ if name.ends_with("_ms_max") || name.ends_with("_ms") => " ms",
        _ if name.ends_with("_bytes_max") => " bytes",
        _ if name.ends_with("_per_second") => " a second",
        _ if name.ends_with("_per_minute_max") => " a minute",
        _ => "",
    }
}

fn table() -> String {
    let mut text = String::from("| limit | default | of one | over it | set for | what it counts |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for limit in Limit::ALL {
        let row = limit.describe();
        let set = match row.set {
            Set::Fixed => "",
            Set::Node => "node",
            Set::Tenant => "node, tenant",
        };
        let (value, unit) = (grouped(row.default), unit(row.name));
        writeln!(text, "| `{}` | {value}{unit} | {} | {} | {set} | {} |", row.name, row.scope, row.told, row.about)
            .expect("a text can be written to");
    }
    text
}

/// With `TIDINGS_WRITE_DOCS` set it writes the table instead.
#[test]
fn the_document_says_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/limits.md");
    let text = std::fs::read_to_string(&path).expect("the document is there");
    let (before, rest) = text.split_once(BEGIN).expect("the table has a beginning");
    let (found, after) = rest.split_once(END).expect("the table has an end");
    let table = table();
    if std::env::var_os("TIDINGS_WRITE_DOCS").is_some() {
        let text = format!("{before}{BEGIN}{table}{END}{after}");
        std::fs::write(&path, text).expect("the document can be written");
        return;
    }
    for (found, expected) in found.lines().zip(table.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found, table, "rows are missing; TIDINGS_WRITE_DOCS=1 writes them");
}

#[test]
fn every_limit_that_the_document_names_exists() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/limits.md");
    let text = std::fs::read_to_string(&path).expect("the document is there");
    for word in text.split('`').skip(1).step_by(2) {
        let is_name = ["_max", "_burst", "_per_second", "_ms"].iter().any(|end| word.ends_with(end));
        assert!(!is_name || Limit::of(word).is_some(), "{word} is no limit");
    }
}
