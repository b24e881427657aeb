//! Rules that a reader of the sources relies on, kept by a test: lengths, names, words, and that no test is forgotten.
//!
//! Each rule is a function from text to complaints, with a test of its own that it can complain.

mod closure;
mod dependencies;
mod lengths;
mod listed;
mod names;
mod sources;
mod words;

/// Fails with all complaints at once, so that one run shows all there is to mend.
fn expect_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n  {}\n", complaints.join("\n  "));
}
