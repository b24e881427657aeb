use testkit::disk::Lie;

/// What is to be proved, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arguments {
    pub(crate) proof: Proof,
    /// Distinct crash states wanted.
    pub(crate) states: usize,
    /// Where workloads come from.
    pub(crate) seed: u64,
    /// The bug that is planted.
    pub(crate) lie: Option<Lie>,
    /// How many threads work.
    pub(crate) threads: usize,
}

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proof {
    /// Enumerate crash states.
    Crash,
    /// One crash state again.
    Replay { workload: usize, operation: Option<usize>, subset: Option<usize> },
    /// Inject faults.
    Faults,
    /// Flip so many bits.
    Flips(usize),
    /// Plant every bug.
    Plants,
    /// Cut connections in virtual time, so often.
    Cuts(u64),
    /// One story of cuts again.
    Story(u64),
    /// Show workloads and bugs.
    List,
}

impl Arguments {
    /// Reads the words of the command line.
    ///
    /// # Errors
    /// A sentence that says which word is wrong.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut words = words;
        let mut arguments =
            Self { proof: Proof::Crash, states: STATES_COUNT, seed: SEED, lie: None, threads: THREADS_COUNT };
        match words.next().as_deref() {
            Some("crash") => {}
            Some("faults") => arguments.proof = Proof::Faults,
            Some("flips") => arguments.proof = Proof::Flips(FLIPS_COUNT),
            Some("plants") => arguments.proof = Proof::Plants,
            Some("cuts") => arguments.proof = Proof::Cuts(CUTS_COUNT),
            other => {
                return Err(format!("there is no proof {other:?}; there are crash, cuts, faults, flips and plants"));
            }
        }
        let (mut workload, mut operation, mut subset) = (None, None, None);
        while let Some(word) = words.next() {
            let mut number = || number(&word, words.next());
            match word.as_str() {
                "--states" => arguments.states = number()?,
                "--flips" => arguments.proof = Proof::Flips(number()?),
                "--cuts" => arguments.proof = Proof::Cuts(number()? as u64),
                "--story" => arguments.proof = Proof::Story(number()? as u64),
                "--seed" => arguments.seed = number()? as u64,
                "--threads" => arguments.threads = number()?,
                "--workload" => workload = Some(number()?),
                "--operation" => operation = Some(number()?),
                "--subset" => subset = Some(number()?),
                "--plant" => arguments.lie = Some(words.next().ok_or("--plant needs a name")?.parse()?),
                "--list" => arguments.proof = Proof::List,
                other => return Err(format!("{other:?} is not known")),
            }
        }
        if let Some(workload) = workload {
            arguments.proof = Proof::Replay { workload, operation, subset };
        }
        Ok(arguments)
    }
}

/// Crash states in a run that was not told how many.
const STATES_COUNT: usize = 100_000;

/// Flips in a run that was not told how many.
const FLIPS_COUNT: usize = 10_000;

/// Cuts in a run that was not told how many.
const CUTS_COUNT: u64 = 10_000;

const SEED: u64 = 1;

const THREADS_COUNT: usize = 2;

fn number(option: &str, word: Option<String>) -> Result<usize, String> {
    let word = word.ok_or_else(|| format!("{option} needs a number"))?;
    word.parse().map_err(|_| format!("{option} takes a whole number, not {word:?}"))
}
