use super::step::{Act, Level, Script, Step};
use crate::chance::Chance;
use tidings_engine::item::Mark;

/// How many workloads there are.
pub const WORKLOADS_COUNT: usize = 64;

/// People of a script.
const PEOPLE_COUNT: usize = 3;

/// Steps of a script, but for the first and those that make up for what chance left out.
const STEPS_COUNT: usize = 14;

const MARKS: [Mark; 7] =
    [Mark::Seen, Mark::Unseen, Mark::Read, Mark::Unread, Mark::Archived, Mark::Unarchived, Mark::Deleted];

/// The workload with this number. Two in five work on the log alone.
#[must_use]
pub fn workload(seed: u64, number: usize) -> Script {
    let mut chance = Chance::of(seed, &[number as u64]);
    let level = if number % 5 < 2 { Level::Log } else { Level::Engine };
    let segment_bytes = *chance.pick(&[8 * 1024, 8 * 1024, 12 * 1024, 16 * 1024]);
    let mut author = Author { chance, level };
    let mut steps = vec![author.commit()];
    steps.extend((0..STEPS_COUNT).map(|_| author.step()));
    author.complete(&mut steps);
    Script { workload: number, level, segment_bytes, seed: author.chance.number(), steps }
}

struct Author {
    chance: Chance,
    level: Level,
}

impl Author {
    fn step(&mut self) -> Step {
        match self.chance.below(22) {
            0 => Step::Reopen,
            1 => Step::PowerCut(self.chance.number()),
            2 => Step::Prepare,
            3 => Step::Read,
            4 => Step::Redact(self.chance.number()),
            5 => Step::Index,
            6 => Step::Snapshot,
            7 => Step::Erase(self.chance.below(PEOPLE_COUNT)),
            8 | 9 => Step::Checkpoint,
            _ => self.commit(),
        }
    }

    /// What each workload is to have: a restart, a power cut, an erasure, a snapshot, a redaction, an index, a checkpoint before
    /// and one after, and work after them.
    fn complete(&mut self, steps: &mut Vec<Step>) {
        let seeds = [self.chance.number(), self.chance.number()];
        let erased = self.chance.below(PEOPLE_COUNT);
        let (cut, redact) = (Step::PowerCut(seeds[0]), Step::Redact(seeds[1]));
        for wanted in [Step::Erase(erased), Step::Snapshot, Step::Reopen, cut, redact, Step::Index, Step::Checkpoint] {
            let kind = std::mem::discriminant(&wanted);
            if !steps.iter().any(|step| std::mem::discriminant(step) == kind) {
                let at = steps.len() / 2 + self.chance.below(steps.len() / 2);
                steps.insert(at, wanted);
            }
        }
        steps.extend([Step::Checkpoint, self.commit()]);
    }

    fn commit(&mut self) -> Step {
        let count = match self.chance.below(8) {
            0..=3 => 1,
            4..=6 => 2 + self.chance.below(3),
            _ => 5 + self.chance.below(6),
        };
        Step::Commit((0..count).map(|_| self.act()).collect())
    }

    fn act(&mut self) -> Act {
        let person = self.chance.below(PEOPLE_COUNT);
        let mark = *self.chance.pick(&MARKS);
        match self.chance.below(12) {
            0 => Act::Observe(person),
            1..=4 => Act::Direct { person, body_bytes: self.body_bytes() },
            5 | 6 => Act::Everyone { body_bytes: self.body_bytes() },
            7 => Act::Retract(self.chance.below(6)),
            8..=10 => Act::Mark { person, mark, item: self.chance.below(6) },
            _ => Act::MarkAll { person, mark },
        }
    }

    /// Mostly small; now and then several sectors, and on a log alone now and then more than a segment.
    fn body_bytes(&mut self) -> usize {
        match (self.chance.below(24), self.level) {
            (0, Level::Log) => 9_000 + self.chance.below(8_000),
            (0 | 1, _) => 2_000 + self.chance.below(3_000),
            (2..=6, _) => 300 + self.chance.below(900),
            _ => 1 + self.chance.below(120),
        }
    }
}
