//! From any bytes to a script, so that a fuzzer can write one.

use super::step::{From, Step, Which};
use crate::source::Source;

/// Most steps of one script; what follows is ignored.
const STEPS_COUNT_MAX: usize = 256;

/// Reads the bytes as steps. Every input is a script, and what is missing at its end counts as zeros.
#[must_use]
pub fn decode(data: &[u8]) -> Vec<Step> {
    let mut source = Source::new(data);
    let mut steps = Vec::new();
    while steps.len() < STEPS_COUNT_MAX
        && let Some(kind) = source.byte()
    {
        steps.push(source.step(kind));
    }
    steps
}

impl Source<'_> {
    fn which(&mut self) -> Which {
        match self.number() % 5 {
            0 | 1 => Which::Me,
            2 | 3 => Which::Tenant,
            _ => Which::Platform,
        }
    }

    fn from(&mut self) -> From {
        match self.number() % 6 {
            0 | 1 => From::Nowhere,
            2 => From::Own,
            3 => From::Older,
            4 => From::Foreign,
            _ => From::Garbage,
        }
    }

    fn fetch_stream(&mut self) -> bool {
        self.number() % 4 == 3
    }

    fn step(&mut self, kind: u8) -> Step {
        match kind % 28 {
            0 => Step::Hello { token: self.number(), which: self.which(), from: self.from() },
            1 => Step::Refresh(self.number()),
            2 => Step::Subscribe(self.which(), self.from()),
            3 => Step::Unsubscribe(self.which()),
            4 => Step::Command { fetch_stream: self.fetch_stream() },
            5 => Step::Fetch { fetch_stream: self.fetch_stream(), which: self.which() },
            6 => Step::Ack,
            7 => Step::Ping,
            8 => Step::Pong,
            9 => Step::Nonsense,
            10 => Step::Bytes { fetch_stream: self.fetch_stream(), bytes: self.bytes().to_vec() },
            11 => Step::TooLarge,
            12 => Step::NotText,
            13 => Step::Alive,
            14..=17 => {
                Step::Change { which: self.which(), item: self.byte().unwrap_or_default(), bytes: self.number() * 8 }
            }
            18..=20 => Step::Serve { choice: self.number() },
            21 => Step::Unasked { choice: self.number(), which: self.which() },
            22 | 23 => Step::Write(self.number() % 8),
            24 => Step::WriteFetched,
            25 => Step::Wait(self.number() as i64 * 250),
            26 => Step::Drain,
            _ => Step::Close,
        }
    }
}
