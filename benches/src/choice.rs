//! What the command line of a bench asks for.

/// What `log` stands for on the command line: everything about the log that can be trusted.
const LOG: [&str; 4] = ["append", "erase", "keyring", "replay"];

/// Whether, and how much of, a bench is to run.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    divisor: u64,
}

impl Choice {
    /// What the arguments say to the bench `name`: `None` when they name others. `log` names four at once, `--quick` asks for
    /// a tenth of the work.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let mut names = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
        let is_wanted =
            names.peek().is_none() || names.any(|wanted| wanted == name || (wanted == "log" && LOG.contains(&name)));
        let divisor = if arguments.iter().any(|argument| argument == "--quick") { 10 } else { 1 };
        is_wanted.then_some(Self { divisor })
    }

    /// So many of `count`, one at least.
    #[must_use]
    pub const fn of_count(self, count: u64) -> u64 {
        let part = count / self.divisor;
        if part == 0 { 1 } else { part }
    }
}
