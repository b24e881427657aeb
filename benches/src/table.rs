//! Tables on standard output, and how their numbers read.

#![expect(clippy::print_stdout, reason = "what was measured is the output of this package")]

use std::time::Duration;

/// A table under way.
#[derive(Debug)]
pub struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one with these columns.
    #[must_use]
    pub fn new(title: &str, columns: &[&str]) -> Self {
        Self { title: title.to_owned(), rows: vec![columns.iter().map(|column| (*column).to_owned()).collect()] }
    }

    /// Adds a row: one cell a column.
    pub fn row(&mut self, cells: &[String]) {
        self.rows.push(cells.to_vec());
    }

    /// Prints it: the first column to the left, numbers to the right.
    pub fn print(&self) {
        let columns = self.rows[0].len();
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max())
            .map(Option::unwrap_or_default)
            .collect();
        println!("\n{}", self.title);
        for (number, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, width))| match column {
                    0 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                })
                .collect();
            println!("  {}", cells.join("  ").trim_end());
            if number == 0 {
                println!("  {}", widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  "));
            }
        }
    }
}

/// An aim, and whether it was reached: `≥ 50 k/s: reached`.
#[must_use]
pub fn judged(aim: &str, is_reached: bool) -> String {
    format!("{aim}: {}", if is_reached { "reached" } else { "missed" })
}

/// Prints a line of its own.
pub fn say(line: &str) {
    println!("{line}");
}

/// `count` in `time` as a rate: `412 k/s`.
#[must_use]
pub fn rate(count: u64, time: Duration) -> String {
    let per_second = per_second(count, time);
    match per_second {
        value if value >= 10e6 => format!("{:.1} M/s", value / 1e6),
        value if value >= 1e6 => format!("{:.2} M/s", value / 1e6),
        value if value >= 10e3 => format!("{:.0} k/s", value / 1e3),
        value if value >= 1e3 => format!("{:.1} k/s", value / 1e3),
        value => format!("{value:.0} /s"),
    }
}

/// `count` in `time` for each second.
#[must_use]
pub fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

/// A duration in the unit that reads best.
#[must_use]
pub fn time(time: Duration) -> String {
    let ns = time.as_nanos() as f64;
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 10e3 => format!("{:.2} µs", ns / 1e3),
        ns if ns < 1e6 => format!("{:.0} µs", ns / 1e3),
        ns if ns < 10e6 => format!("{:.2} ms", ns / 1e6),
        ns if ns < 1e9 => format!("{:.0} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

/// How often `part` is in `whole`: `1.24 x`.
#[must_use]
pub fn ratio(part: f64, whole: f64) -> String {
    format!("{:.2} x", part / whole.max(1e-12))
}

/// The ratio of two durations.
#[must_use]
pub fn ratio_of(part: Duration, whole: Duration) -> String {
    ratio(part.as_secs_f64(), whole.as_secs_f64())
}
