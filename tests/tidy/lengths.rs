//! Files and functions that one can read at a sitting.

use crate::expect_none;
use crate::sources::{Source, with_extension};

/// Most lines of a source file, tests included.
const FILE_LINES_MAX: usize = 500;

/// Most lines of a function, from its first to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn no_file_is_longer_than_500_lines() {
    let sources = with_extension(&["rs", "js", "mjs", "css", "html", "ts"]);
    expect_none(&sources.iter().filter_map(long_file).collect::<Vec<_>>());
}

#[test]
fn no_function_is_longer_than_70_lines() {
    let sources = with_extension(&["rs", "js", "mjs"]);
    expect_none(&sources.iter().flat_map(long_functions).collect::<Vec<_>>());
}

fn long_file(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    (lines > FILE_LINES_MAX).then(|| format!("{}: {lines} lines, at most {FILE_LINES_MAX} are allowed", source.path))
}

/// Relies on the formatter: a function ends at the first line that closes a brace where its first line began.
fn long_functions(source: &Source) -> Vec<String> {
    let starts: fn(&str) -> bool = if source.extension() == "rs" { starts_rust } else { starts_script };
    let lines: Vec<&str> = source.text.lines().collect();
    let mut complaints = Vec::new();
    for (first, line) in lines.iter().enumerate().filter(|(_, line)| starts(line)) {
        let indent = indent_of(line);
        let rest = lines[first + 1..].iter().position(|line| indent_of(line) == indent && closes(line));
        let length = rest.map_or(1, |rest| rest + 2);
        if length > FUNCTION_LINES_MAX {
            let place = format!("{}:{}", source.path, first + 1);
            complaints.push(format!("{place}: {length} lines, at most {FUNCTION_LINES_MAX} are allowed"));
        }
    }
    complaints
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// A line that ends a function: `}` and what may follow it, or the `;` of one without a body.
fn closes(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('}') || (line.starts_with(')') && line.ends_with(';'))
}

fn starts_rust(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let qualifier =
        |word: &&str| ["const", "async", "unsafe", "extern", "\"C\""].contains(word) || word.starts_with("pub");
    let is_function = words.iter().find(|word| !qualifier(word)) == Some(&"fn");
    is_function && !line.ends_with('}') && !line.ends_with(';')
}

/// A named function, a method, or an arrow with a body, but not a call that takes one: `describe("…", () => {`.
fn starts_script(line: &str) -> bool {
    let start =
        line.trim_start().trim_start_matches("export ").trim_start_matches("default ").trim_start_matches("static ");
    let start = start.trim_start_matches("async ");
    let control = ["if", "for", "while", "switch", "catch", "}", "return", "await", "else"];
    let is_control = control.iter().any(|word| start.starts_with(word));
    let is_named = start.starts_with("function ") || start.starts_with("function*");
    let is_assigned = start.starts_with("const ") && start.ends_with("=> {");
    let is_method = !is_control && start.ends_with(") {") && !start.contains("=>") && start.contains('(');
    line.ends_with('{') && (is_named || is_assigned || is_method)
}

#[cfg(test)]
mod tests {
    use super::{Source, long_file, long_functions};

    #[test]
    fn the_501st_line_is_one_too_many() {
        assert_eq!(long_file(&Source::of("a.rs", &"x\n".repeat(500))), None);
        assert!(long_file(&Source::of("a.rs", &"x\n".repeat(501))).unwrap().contains("501 lines"));
    }

    #[test]
    fn the_71st_line_of_a_function_is_one_too_many() {
        for (path, head) in [
            ("a.rs", "pub(crate) const fn a(b: u8) -> u8 {"),
            ("a.rs", "async fn a("),
            ("a.mjs", "async a(b, c) {"),
            ("a.mjs", "static a() {"),
            ("a.mjs", "export async function a(b, c) {"),
            ("a.mjs", "const a = (b) => {"),
        ] {
            let function =
                |lines: usize| Source::of(path, &format!("  {head}\n{}  }}\n", "    x;\n".repeat(lines - 2)));
            assert!(long_functions(&function(70)).is_empty(), "{head}");
            assert_eq!(long_functions(&function(71)).len(), 1, "{head}");
        }
    }

    #[test]
    fn a_block_that_is_no_function_has_no_limit() {
        for head in ["for (const a of b) {", "describe('x', () => {", "class A {"] {
            let block = format!("{head}\n{}}}\n", "  x;\n".repeat(90));
            assert!(long_functions(&Source::of("a.js", &block)).is_empty(), "{head}");
        }
    }

    #[test]
    fn a_declaration_without_a_body_has_no_length() {
        let text = format!(
            "trait T {{\n    fn a(\n        &self,\n    ) -> u8;\n    fn b();\n{}}}\n",
            "    // x\n".repeat(90)
        );
        assert!(long_functions(&Source::of("a.rs", &text)).is_empty());
    }
}
