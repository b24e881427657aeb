//! Licence expressions as crates declare them: `MIT OR Apache-2.0`, `(A OR B) AND C`, `A WITH e`, and the old `A/B`.

use std::collections::BTreeSet;

/// Whether `expression` can be satisfied with licences from `allowed` alone.
///
/// # Errors
///
/// A sentence when the expression cannot be read; such a crate needs a decision, not a guess.
pub fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, next: 0, allowed };
    let verdict = parser.alternatives()?;
    if parser.next == words.len() { Ok(verdict) } else { Err(format!("cannot read the licence {expression:?}")) }
}

/// One pass over the words; OR binds weaker than AND.
struct Parser<'a> {
    words: &'a [&'a str],
    next: usize,
    allowed: &'a BTreeSet<String>,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Result<bool, String> {
        let mut verdict = self.conjunction()?;
        while self.take("OR") {
            verdict |= self.conjunction()?;
        }
        Ok(verdict)
    }

    fn conjunction(&mut self) -> Result<bool, String> {
        let mut verdict = self.term()?;
        while self.take("AND") {
            verdict &= self.term()?;
        }
        Ok(verdict)
    }

    fn term(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let verdict = self.alternatives()?;
            return if self.take(")") { Ok(verdict) } else { Err("a licence lacks a closing parenthesis".into()) };
        }
        let Some(name) = self.words.get(self.next).filter(|word| !["OR", "AND", "WITH", ")"].contains(word)) else {
            return Err("a licence lacks a name where one is due".into());
        };
        self.next += 1;
        if !self.take("WITH") {
            return Ok(self.allowed.contains(*name));
        }
        let Some(exception) = self.words.get(self.next) else {
            return Err(format!("{name} WITH what?"));
        };
        self.next += 1;
        Ok(self.allowed.contains(&format!("{name} WITH {exception}")) || self.allowed.contains(*name))
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.get(self.next) == Some(&word);
        self.next += usize::from(found);
        found
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::is_allowed;

    fn check(expression: &str) -> Result<bool, String> {
        is_allowed(expression, &BTreeSet::from(["MIT".to_owned(), "Zlib".to_owned(), "BSL-1.0".to_owned()]))
    }

    #[test]
    fn one_allowed_alternative_is_enough_and_every_conjunct_is_needed() {
        for good in ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "(GPL-3.0 OR MIT) AND Zlib", "MIT WITH some-exception"] {
            assert_eq!(check(good), Ok(true), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND GPL-3.0", "MPL-2.0", "(MIT OR Zlib) AND GPL-3.0", "mit"] {
            assert_eq!(check(bad), Ok(false), "{bad}");
        }
    }

    #[test]
    fn an_expression_that_cannot_be_read_is_an_error_not_a_yes() {
        for broken in ["", "MIT OR", "(MIT", "MIT)", "MIT Zlib", "MIT WITH"] {
            assert!(check(broken).is_err(), "{broken:?} was read");
        }
    }
}
