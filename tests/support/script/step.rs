use std::fmt;
use tidings_engine::item::Mark;

/// What a script works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// A log alone, with records of arbitrary bytes.
    Log,
    /// An engine: publishing, marking, people.
    Engine,
}

/// One thing within a batch. A log alone takes each for a record of its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A person is seen.
    Observe(usize),
    /// Something is published to one person.
    Direct {
        /// To whom.
        person: usize,
        /// Bytes of the body.
        body_bytes: usize,
    },
    /// Something is published to everyone.
    Everyone {
        /// Bytes of the body.
        body_bytes: usize,
    },
    /// Something that was published is taken back.
    Retract(usize),
    /// A person marks an item.
    Mark {
        /// Who.
        person: usize,
        /// How.
        mark: Mark,
        /// Which, counted from the newest.
        item: usize,
    },
    /// A person marks all items.
    MarkAll {
        /// Who.
        person: usize,
        /// How.
        mark: Mark,
    },
    /// A person is erased.
    Erase(usize),
    /// The log adopts the key that signs its checkpoints.
    AdoptKey,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A batch, which is one group unless it is larger than one.
    Commit(Vec<Act>),
    /// Makes the next segment ahead.
    Prepare,
    /// Reads everything.
    Read,
    /// Erases a person.
    Erase(usize),
    /// Writes a snapshot of the state.
    Snapshot,
    /// Signs a checkpoint, keeps it, and thins out those that are not needed any more.
    Checkpoint,
    /// Makes the indexes of what is sealed.
    Index,
    /// Rewrites what is sealed without some contents, by this seed.
    Redact(u64),
    /// Closes and opens again.
    Reopen,
    /// The power is cut, and what is open is opened again from what is left. The seed says what is lost.
    PowerCut(u64),
}

/// A seeded piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Number of the workload.
    pub workload: usize,
    /// What it works on.
    pub level: Level,
    /// Bytes of a segment.
    pub segment_bytes: u64,
    /// Where identities and keys come from.
    pub seed: u64,
    /// What is done.
    pub steps: Vec<Step>,
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Observe(person) => write!(f, "observe {person}"),
            Self::Direct { person, body_bytes } => write!(f, "publish {body_bytes} bytes to {person}"),
            Self::Everyone { body_bytes } => write!(f, "publish {body_bytes} bytes to everyone"),
            Self::Retract(item) => write!(f, "retract {item}"),
            Self::Mark { person, mark, item } => write!(f, "{person} marks {item} {mark:?}"),
            Self::Erase(person) => write!(f, "erase {person}"),
            Self::AdoptKey => f.write_str("adopt the key of checkpoints"),
            Self::MarkAll { person, mark } => write!(f, "{person} marks all {mark:?}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit(acts) => {
                let acts: Vec<_> = acts.iter().map(Act::to_string).collect();
                write!(f, "commit [{}]", acts.join(", "))
            }
            Self::Prepare => f.write_str("prepare"),
            Self::Read => f.write_str("read"),
            Self::Erase(person) => write!(f, "erase {person}"),
            Self::Snapshot => f.write_str("snapshot"),
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::Index => f.write_str("index"),
            Self::Redact(seed) => write!(f, "redact {seed}"),
            Self::Reopen => f.write_str("reopen"),
            Self::PowerCut(seed) => write!(f, "power cut {seed}"),
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "workload {}: {:?}, segments of {} bytes", self.workload, self.level, self.segment_bytes)?;
        self.steps.iter().enumerate().try_for_each(|(index, step)| writeln!(f, "  {index:>3} {step}"))
    }
}
