//! How the keeping of checkpoints stands, for whoever asks whether the server is ready.

use parking_lot::Mutex;
use std::collections::BTreeSet;

/// Something that an operator should look into. The texts name no path: they are told to everyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// No sink outside the data directory is configured.
    NoSink,
    /// The folder in the data directory cannot be written.
    DataFailed,
    /// A sink cannot be written or read.
    SinkFailed,
    /// There is no key that the log adopted.
    NoKey,
    /// A kept checkpoint disagrees with the log.
    Disagrees,
    /// A kept checkpoint was signed by another key, is of another log, or is none.
    Doubtful,
    /// The log cannot be read.
    LogFailed,
}

impl Trouble {
    const ALL: [Self; 7] = [
        Self::NoSink,
        Self::DataFailed,
        Self::SinkFailed,
        Self::NoKey,
        Self::Disagrees,
        Self::Doubtful,
        Self::LogFailed,
    ];

    /// The word in `/metrics`.
    const fn word(self) -> &'static str {
        match self {
            Self::NoSink => "no_sink",
            Self::DataFailed => "data_failed",
            Self::SinkFailed => "sink_failed",
            Self::NoKey => "no_key",
            Self::Disagrees => "disagrees",
            Self::Doubtful => "doubtful",
            Self::LogFailed => "log_failed",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::NoSink => "no checkpoint sink outside the data directory is configured",
            Self::DataFailed => "checkpoints cannot be written to the data directory",
            Self::SinkFailed => "a checkpoint sink failed",
            Self::NoKey => "checkpoints are not signed: the log has not adopted their key",
            Self::Disagrees => "checkpoints are not signed: one that was kept disagrees with the log",
            Self::Doubtful => {
                "a kept checkpoint is unreadable, of another log, or signed by another key, and disagrees"
            }
            Self::LogFailed => "checkpoints are not signed: the log cannot be read",
        }
    }
}

/// What is wrong now.
#[derive(Debug, Default)]
pub struct Status {
    troubles: Mutex<BTreeSet<Trouble>>,
}

impl Status {
    /// One sentence for each thing that an operator should look into.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        self.troubles.lock().iter().map(|trouble| trouble.text()).collect()
    }

    /// Each trouble by its word, and whether it is there.
    pub(crate) fn troubles(&self) -> [(&'static str, bool); Trouble::ALL.len()] {
        let troubles = self.troubles.lock();
        Trouble::ALL.map(|trouble| (trouble.word(), troubles.contains(&trouble)))
    }

    pub(super) fn set(&self, trouble: Trouble, is_so: bool) {
        let mut troubles = self.troubles.lock();
        if is_so {
            troubles.insert(trouble)
        } else {
            troubles.remove(&trouble)
        };
    }
}
