//! Words that have no place in finished sources.

use crate::expect_none;
use crate::sources::{Source, with_extension};

/// The rules that match these very words are the one place where they stand.
const EXEMPT: &str = "tests/tidy/words.rs";

/// Unfinished work, and paths of somebody's machine.
const EVERYWHERE: [&str; 7] = ["TODO", "FIXME", "XXX", "HACK", "/root/", "/home/", "/Users/"];

/// What makes a Rust test that can pass without testing, or fail by the clock.
const IN_RUST: [&str; 3] = ["#[ignore", "thread::sleep(", "time::sleep("];

/// The same in scripts.
const IN_SCRIPTS: [&str; 6] = ["waitForTimeout(", ".skip(", ".only(", "it.todo(", "test.todo(", "debugger;"];

#[test]
fn no_source_is_unfinished_or_names_a_machine() {
    let sources = with_extension(&["rs", "js", "mjs", "ts", "css", "html", "toml", "md", "json", "yml"]);
    expect_none(&sources.iter().flat_map(|source| found(source, &EVERYWHERE)).collect::<Vec<_>>());
}

#[test]
fn no_test_is_switched_off_and_none_sleeps() {
    let rust = with_extension(&["rs"]);
    let in_rust = rust.iter().filter(|source| holds_tests(source)).flat_map(|source| found(source, &IN_RUST));
    let scripts = with_extension(&["js", "mjs"]);
    let in_scripts =
        scripts.iter().filter(|source| source.path.contains("test")).flat_map(|source| found(source, &IN_SCRIPTS));
    expect_none(&in_rust.chain(in_scripts).collect::<Vec<_>>());
}

/// A file of tests, or one with tests at its end.
fn holds_tests(source: &Source) -> bool {
    source.path.starts_with("tests/") || source.path.contains("/tests") || source.text.contains("#[cfg(test)]")
}

fn found(source: &Source, words: &[&str]) -> Vec<String> {
    if source.path == EXEMPT {
        return Vec::new();
    }
    let lines = source.text.lines().enumerate();
    let places = lines.flat_map(|(index, line)| {
        let words = words.iter().filter(move |word| stands_in(line, word));
        words.map(move |word| format!("{}:{}: {word}", source.path, index + 1))
    });
    places.collect()
}

/// Whether the word is in the line; a path only where it begins there: `acme/root/admin` is none.
fn stands_in(line: &str, word: &str) -> bool {
    let begins = |at: usize| !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '.');
    line.match_indices(word).any(|(at, _)| !word.starts_with('/') || begins(at))
}

#[cfg(test)]
mod tests {
    use super::{EVERYWHERE, IN_RUST, IN_SCRIPTS, Source, found};

    #[test]
    fn each_word_is_found_with_its_place() {
        assert_eq!(found(&Source::of("a.rs", "x\n// TODO: y\n"), &EVERYWHERE), ["a.rs:2: TODO"]);
        assert_eq!(found(&Source::of("a.rs", "open(\"/home/ada/x\")"), &EVERYWHERE), ["a.rs:1: /home/"]);
        assert!(found(&Source::of("a.rs", "acme/root/admin"), &EVERYWHERE).is_empty());
        assert_eq!(found(&Source::of("a.rs", "#[ignore = \"slow\"]"), &IN_RUST).len(), 1);
        assert_eq!(found(&Source::of("a.rs", "tokio::time::sleep(second).await;"), &IN_RUST).len(), 1);
        assert_eq!(found(&Source::of("a.js", "test.skip(\"x\")"), &IN_SCRIPTS).len(), 1);
        assert!(found(&Source::of("a.rs", "tokio::time::timeout(second, reply)"), &IN_RUST).is_empty());
    }
}
