//! The command line of `cargo xtask`, read without a library so that the command itself is built in seconds.

use std::path::PathBuf;

/// What `cargo xtask` and `cargo xtask help` print.
pub const HELP: &str = "\
cargo xtask test [--only STAGE]... [--long] [--seconds N] [--list]
    Installs what is missing and runs every stage. A missing part fails the run, nothing is skipped.
    --only STAGE   that stage with what it needs; may be repeated
    --long         600 s for each fuzz target, a million crash states, 200 kills, and cargo-deny besides our own check
    --seconds N    N seconds for each fuzz target (15 unless --long)
    --list         names the stages and what each does

cargo xtask fuzz [TARGET]... [--seconds N] [--input FILE] [--plants]
    Fuzzes the named targets, or all, on the stable compiler.
    --seconds N    how long each (60)
    --input FILE   runs one target on one input, as found in fuzz/artifacts
    --plants       plants a bug for each target in a copy of the repository; fails when one is not found within 60 s

cargo xtask crash [--states N] [--seed S] [--plant NAME] [--list]
    Cuts the power at every storage operation of every workload and judges what is found. A finding prints the command
    that shows it again (--workload W --operation O --subset K). docs/testing.md tells how to read the histogram.
    --states N     distinct crash states wanted (100000)
    --seed S       other workloads (1)
    --plant NAME   with a bug in the storage; fails with the first finding
    --list         shows the workloads, and the bugs that can be planted

cargo xtask flips [--flips N] [--seed S]
    Flips single bits in every field of real disks: each is reported with its place, or harmless.

cargo xtask faults [--seed S]
    Makes every storage operation of every workload fail: nothing is acknowledged afterwards, and nothing is lost.

cargo xtask cuts [--cuts N] [--seed S] [--story K]
    Cuts connections and processes in virtual time: nothing is lost, doubled or out of order, and everyone converges. Then
    plants every bug, and fails when one is not found.
    --cuts N       how many (10000)
    --story K      that story alone

cargo xtask plants [--seed S]
    Plants every bug and says what found it; fails when one is not found.

cargo xtask bench [ARGUMENT]...
    Runs the benches; the arguments go to them. `log` is all that concerns the log.
";

/// A parsed command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// `test`
    Test(Test),
    /// `test --list`
    List,
    /// `fuzz`
    Fuzz(Fuzz),
    /// `crash`, `cuts`, `flips`, `faults` or `plants`, with what follows
    Proof(Vec<String>),
    /// `bench`, with what goes to the benches
    Bench(Vec<String>),
    /// `help`
    Help,
}

/// What `test` shall do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Test {
    /// The stages asked for; all when empty.
    pub only: Vec<String>,
    /// Whether the slow parts run too.
    pub long: bool,
    /// Seconds for each fuzz target, if given.
    pub seconds: Option<u64>,
}

/// What `fuzz` shall do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fuzz {
    /// The targets asked for; all when empty.
    pub targets: Vec<String>,
    /// Seconds for each target, if given.
    pub seconds: Option<u64>,
    /// One input to run instead of fuzzing.
    pub input: Option<PathBuf>,
    /// Whether bugs are planted that the targets must find.
    pub plants: bool,
}

impl Arguments {
    /// Reads the words after `cargo xtask`.
    ///
    /// # Errors
    ///
    /// A sentence that says which word is wrong.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        match words.next().as_deref() {
            None | Some("help" | "--help" | "-h") => Ok(Self::Help),
            Some("test") => parse_test(words),
            Some("fuzz") => parse_fuzz(words),
            Some(proof @ ("crash" | "cuts" | "flips" | "faults" | "plants")) => {
                Ok(Self::Proof(std::iter::once(proof.to_owned()).chain(words).collect()))
            }
            Some("bench") => Ok(Self::Bench(words.collect())),
            Some(other) => Err(format!("there is no command {other:?}")),
        }
    }
}

fn parse_test(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut test = Test::default();
    let mut list = false;
    while let Some(word) = words.next() {
        match word.as_str() {
            "--only" => test.only.push(value(&word, words.next())?),
            "--seconds" => test.seconds = Some(seconds(&word, words.next())?),
            "--long" => test.long = true,
            "--list" => list = true,
            "--help" | "-h" => return Ok(Arguments::Help),
            other => return Err(format!("test does not know {other:?}")),
        }
    }
    Ok(if list { Arguments::List } else { Arguments::Test(test) })
}

fn parse_fuzz(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut fuzz = Fuzz::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => fuzz.seconds = Some(seconds(&word, words.next())?),
            "--plants" => fuzz.plants = true,
            "--input" => fuzz.input = Some(value(&word, words.next())?.into()),
            "--help" | "-h" => return Ok(Arguments::Help),
            option if option.starts_with('-') => return Err(format!("fuzz does not know {option:?}")),
            target => fuzz.targets.push(target.into()),
        }
    }
    if fuzz.input.is_some() && fuzz.targets.len() != 1 {
        return Err("--input needs exactly one target".into());
    }
    Ok(Arguments::Fuzz(fuzz))
}

fn value(option: &str, word: Option<String>) -> Result<String, String> {
    word.ok_or_else(|| format!("{option} needs a value"))
}

fn seconds(option: &str, word: Option<String>) -> Result<u64, String> {
    let word = value(option, word)?;
    match word.parse() {
        Ok(seconds) if seconds > 0 => Ok(seconds),
        _ => Err(format!("{option} takes a whole number of seconds from 1, not {word:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Fuzz, Test};

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn every_option_reaches_its_field() {
        let test = Test { only: vec!["lint".into(), "fuzz".into()], long: true, seconds: Some(3) };
        assert_eq!(parse("test --only lint --only fuzz --long --seconds 3"), Ok(Arguments::Test(test)));
        assert_eq!(parse("test --list"), Ok(Arguments::List));
        let fuzz = Fuzz { targets: vec!["frame".into()], seconds: Some(9), input: Some("a/b".into()), plants: false };
        assert_eq!(parse("fuzz frame --seconds 9 --input a/b"), Ok(Arguments::Fuzz(fuzz)));
        assert_eq!(parse("bench decide --quick"), Ok(Arguments::Bench(vec!["decide".into(), "--quick".into()])));
        let proof = ["crash", "--plant", "x"].map(String::from).to_vec();
        assert_eq!(parse("crash --plant x"), Ok(Arguments::Proof(proof)));
        assert_eq!(parse(""), Ok(Arguments::Help));
    }

    #[test]
    fn a_wrong_word_is_refused_not_ignored() {
        for line in ["tset", "test lint", "test --only", "test --seconds 0", "fuzz --fast", "fuzz --input x"] {
            assert!(parse(line).is_err(), "{line} was accepted");
        }
    }
}
