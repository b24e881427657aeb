//! Parts of an answer on standard output.

use crate::command_line::fail;
use crate::exit::Exit;
use std::io::{self, Write as _};

/// Prints parts, and remembers the first that could not be.
#[derive(Default)]
pub(super) struct Printer {
    trouble: Option<io::Error>,
}

impl Printer {
    /// Prints a part, unless an earlier one could not be printed.
    pub(super) fn print(&mut self, part: &[u8]) {
        if self.trouble.is_none() {
            let mut out = io::stdout().lock();
            self.trouble = out.write_all(part).and_then(|()| out.flush()).err();
        }
    }

    /// Whether nobody takes what is printed any more.
    pub(super) const fn is_over(&self) -> bool {
        self.trouble.is_some()
    }

    /// How the process ends when all else went well.
    pub(super) fn end(self, exit: Exit) -> Exit {
        match self.trouble {
            None => exit,
            // A reader that has seen enough, such as `head`, is no failure.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Some(error) => fail(Exit::Failed, &error),
        }
    }
}
