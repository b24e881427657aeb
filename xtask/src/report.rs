//! All that `cargo xtask` itself prints; the tools it starts print for themselves.

#![expect(clippy::print_stdout, reason = "printing is what this module is for")]

use std::time::Duration;

use crate::child::Failure;
use crate::stages::Stage;

/// How a stage ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything in it passed.
    Passed,
    /// Something in it failed.
    Failed(Failure),
    /// It could not run, because the named stage failed; counts as failed.
    Blocked(&'static str),
}

/// One line of the final table.
#[derive(Debug, Clone)]
pub struct Row {
    /// Name of the stage.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// Wall time, zero when it did not run.
    pub time: Duration,
}

/// Prints text as it is, with a line end.
pub fn say(text: &str) {
    println!("{text}");
}

/// Announces the stage that starts now.
pub fn announce(stage: &Stage) {
    println!("\n==> {}: {}", stage.name, stage.about);
}

/// Says how the stage ended and how long it took.
pub fn conclude(row: &Row) {
    match &row.outcome {
        Outcome::Passed => println!("<== {} passed in {}", row.name, clock(row.time)),
        Outcome::Failed(failure) => {
            println!("<== {} FAILED after {}", row.name, clock(row.time));
            print_failure(row.name, failure);
        }
        Outcome::Blocked(by) => println!("<== {} could not run because {by} failed", row.name),
    }
}

/// Prints the table of all stages, the failures once more, and the count as the last line.
pub fn table(rows: &[Row]) {
    println!("\n{:<14} {:<10} {:>7}", "stage", "result", "time");
    for row in rows {
        let result = match &row.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed(_) => "FAILED",
            Outcome::Blocked(_) => "NOT RUN",
        };
        println!("{:<14} {:<10} {:>7}", row.name, result, clock(row.time));
    }
    let total = rows.iter().map(|row| row.time).sum();
    println!("{:<14} {:<10} {:>7}", "all", "", clock(total));
    for row in rows {
        match &row.outcome {
            Outcome::Passed => {}
            Outcome::Failed(failure) => print_failure(row.name, failure),
            Outcome::Blocked(by) => println!("\n{}: not run because {by} failed", row.name),
        }
    }
    let passed = rows.iter().filter(|row| row.outcome == Outcome::Passed).count();
    println!("\n{passed} passed, {} failed", rows.len() - passed);
}

fn print_failure(stage: &str, failure: &Failure) {
    println!("\n{stage}: {}", failure.message);
    if let Some(command) = &failure.repeat {
        println!("  repeat it with: {command}");
    }
    println!("  or the whole stage: cargo xtask test --only {stage}");
}

/// Minutes and seconds, as `m:ss`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::clock;

    #[test]
    fn a_time_is_minutes_and_two_digits_of_seconds() {
        assert_eq!(clock(Duration::from_millis(5_900)), "0:05");
        assert_eq!(clock(Duration::from_secs(754)), "12:34");
    }
}
