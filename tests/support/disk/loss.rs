use super::medium::{File, Medium, SECTOR_BYTES};
use crate::chance::Chance;
use std::fmt;

/// What a power cut takes of all that was not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Which changes of names.
    pub names: NameLoss,
    /// What of one file.
    pub focus: Option<(usize, FileLoss)>,
    /// What of every other file.
    pub others: FileLoss,
}

/// Which of the changes of names that were not durable are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameLoss {
    /// None.
    Nothing,
    /// All but the first so many.
    After(usize),
    /// This one alone.
    Only(usize),
    /// Each by a bit of this seed.
    Random(u64),
}

/// What of a file's unsynced writes is lost. Sectors are numbered in the order of their first write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileLoss {
    /// Nothing.
    Nothing,
    /// All.
    All,
    /// What is behind so many bytes, the length included.
    Length(usize),
    /// The sectors from this one on: a lost tail.
    From(usize),
    /// The sectors before this one: they were written in another order.
    Before(usize),
    /// This sector alone.
    Only(usize),
    /// All but this sector.
    AllBut(usize),
    /// This sector is torn at a byte; of its neighbours those before and those after are kept or lost.
    Torn {
        /// Which sector.
        at: usize,
        /// Where in it.
        byte: usize,
        /// Whether the bytes before are new and those after are old; else the other way round.
        is_head_new: bool,
        /// Whether the sectors before it are kept.
        keeps_before: bool,
        /// Whether the sectors after it are kept.
        keeps_after: bool,
    },
    /// Each sector holds any of the values that were written to it, by this seed, and one may be torn.
    Random(u64),
}

/// Kinds of losses, as the histogram counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossKind {
    /// Nothing was lost.
    Nothing,
    /// All that was not synced.
    All,
    /// The end.
    Tail,
    /// A sector within.
    Hole,
    /// What was written first, while what was written later was kept.
    Reordered,
    /// A sector is half new, half old.
    Torn,
    /// A file is shorter than it was made.
    Length,
    /// A creation, renaming or removal.
    Names,
    /// Any mixture.
    Mixture,
}

impl LossKind {
    /// All kinds, in the order of the histogram's columns.
    pub const ALL: [Self; 9] = [
        Self::Nothing,
        Self::All,
        Self::Tail,
        Self::Hole,
        Self::Reordered,
        Self::Torn,
        Self::Length,
        Self::Names,
        Self::Mixture,
    ];
}

impl Loss {
    /// Everything is kept: what a program sees while the power is on.
    pub const NOTHING: Self = Self { names: NameLoss::Nothing, focus: None, others: FileLoss::Nothing };

    /// Everything is lost that no sync covered.
    pub const ALL: Self = Self { names: NameLoss::After(0), focus: None, others: FileLoss::All };

    pub(super) fn of(&self, file: usize) -> FileLoss {
        match (self.focus, self.others) {
            (Some((focus, loss)), _) if focus == file => loss,
            (_, FileLoss::Random(seed)) => FileLoss::Random(Chance::of(seed, &[file as u64]).number()),
            (_, others) => others,
        }
    }

    /// What kind of loss it is on this disk.
    #[must_use]
    pub fn kind(&self, medium: &Medium) -> LossKind {
        let loses_names = (0..medium.name_changes_count()).any(|change| !self.names.keeps(change));
        let of_bytes = match self.focus.map_or(self.others, |(_, loss)| loss) {
            FileLoss::Random(_) => return LossKind::Mixture,
            _ if loses_names => return LossKind::Names,
            FileLoss::Nothing => LossKind::Nothing,
            FileLoss::All => LossKind::All,
            FileLoss::From(_) => LossKind::Tail,
            FileLoss::Only(_) => LossKind::Hole,
            FileLoss::Before(_) | FileLoss::AllBut(_) => LossKind::Reordered,
            FileLoss::Torn { .. } => LossKind::Torn,
            FileLoss::Length(_) => LossKind::Length,
        };
        if medium.unsynced().is_empty() { LossKind::Nothing } else { of_bytes }
    }

    /// The loss in words, with the names of files.
    #[must_use]
    pub fn describe(&self, medium: &Medium) -> String {
        let names = (medium.name_changes_count(), self.names);
        let mut parts = vec![match names {
            (0, _) => "no change of names was pending".to_owned(),
            (count, NameLoss::Nothing) => format!("all {count} changes of names kept"),
            (count, NameLoss::After(kept)) => format!("{kept} of {count} changes of names kept"),
            (count, NameLoss::Only(lost)) => format!("of {count} changes of names number {lost} lost"),
            (count, NameLoss::Random(_)) => {
                let kept: Vec<_> = (0..count).filter(|change| self.names.keeps(*change)).collect();
                format!("of {count} changes of names kept {kept:?}")
            }
        }];
        for (index, file) in medium.unsynced() {
            let name = medium.name_of(index).map_or("a file without a name", |name| name);
            parts.push(format!("{name}: of {} unsynced sectors {}", file.sectors().len(), self.of(index)));
        }
        parts.join("; ")
    }
}

impl NameLoss {
    pub(super) fn keeps(self, change: usize) -> bool {
        match self {
            Self::Nothing => true,
            Self::After(kept) => change < kept,
            Self::Only(lost) => change != lost,
            Self::Random(seed) => Chance::of(seed, &[change as u64]).one_in(2),
        }
    }
}

impl FileLoss {
    /// How many of the `writes` to the sector `at` are kept.
    pub(super) fn kept(self, at: usize, writes: usize) -> usize {
        let is_kept = match self {
            Self::Nothing | Self::Length(_) => true,
            Self::All => false,
            Self::From(first) => at < first,
            Self::Before(first) => at >= first,
            Self::Only(lost) => at != lost,
            Self::AllBut(kept) => at == kept,
            Self::Torn { at: torn, keeps_before, keeps_after, .. } => {
                (at < torn && keeps_before) || (at > torn && keeps_after)
            }
            Self::Random(seed) => return Chance::of(seed, &[at as u64]).below(writes + 1),
        };
        if is_kept { writes } else { 0 }
    }

    /// Which sector is torn, at which byte, and whether what is before the byte is new.
    pub(super) fn torn(self, sectors_count: usize) -> Option<(usize, usize, bool)> {
        match self {
            Self::Torn { at, byte, is_head_new, .. } => Some((at, byte, is_head_new)),
            Self::Random(seed) if sectors_count > 0 => {
                let mut chance = Chance::of(seed, &[u64::MAX]);
                let torn = (chance.below(sectors_count), chance.below(SECTOR_BYTES), chance.one_in(2));
                chance.one_in(3).then_some(torn)
            }
            _ => None,
        }
    }
}

/// Every loss that is tried at this point, in a fixed order. Mixtures are not among them: see [`random_loss`].
#[must_use]
pub fn losses(medium: &Medium) -> Vec<Loss> {
    let unsynced = medium.unsynced();
    let mut all = Vec::new();
    for names in name_losses(medium.name_changes_count()) {
        for others in [FileLoss::Nothing, FileLoss::All] {
            all.push(Loss { names, focus: None, others });
            // With one file there are no others that could be kept or lost.
            if others == FileLoss::All && unsynced.len() == 1 {
                continue;
            }
            for (index, file) in &unsynced {
                all.extend(file_losses(file).into_iter().map(|loss| Loss {
                    names,
                    focus: Some((*index, loss)),
                    others,
                }));
            }
        }
    }
    all
}

/// A mixture of losses.
#[must_use]
pub fn random_loss(seed: u64) -> Loss {
    let mut chance = Chance::new(seed);
    let names = if chance.one_in(2) { NameLoss::Nothing } else { NameLoss::Random(chance.number()) };
    Loss { names, focus: None, others: FileLoss::Random(chance.number()) }
}

fn name_losses(count: usize) -> Vec<NameLoss> {
    let mut all = vec![NameLoss::Nothing];
    all.extend((0..count).map(NameLoss::After));
    // The last one alone is what `After` loses first.
    all.extend((0..count.saturating_sub(1)).map(NameLoss::Only));
    all
}

fn file_losses(file: &File) -> Vec<FileLoss> {
    let count = file.sectors().len();
    let mut all = Vec::new();
    if file.is_emptied() {
        let length = file.length();
        let lengths = [0, length / 3, length / 2 + 1, length.saturating_sub(SECTOR_BYTES), length.saturating_sub(1)];
        all.extend(lengths.map(FileLoss::Length));
    }
    for at in spread(count) {
        if at > 0 {
            all.extend([FileLoss::From(at), FileLoss::Before(at)]);
        }
        if at > 0 && at + 1 < count {
            all.extend([FileLoss::Only(at), FileLoss::AllBut(at)]);
        }
        let byte = 1 + Chance::of(at as u64, &[count as u64]).below(SECTOR_BYTES - 1);
        let torn = |is_head_new, keeps_before, keeps_after| FileLoss::Torn {
            at,
            byte,
            is_head_new,
            keeps_before,
            keeps_after,
        };
        all.push(torn(true, true, false));
        all.push(torn(true, true, true));
        all.push(torn(false, true, true));
        if count > 1 {
            all.push(torn(true, false, true));
        }
    }
    all
}

/// Sectors that are tried one by one: all of a few; of many the first, the last, and some between.
fn spread(count: usize) -> Vec<usize> {
    const ENDS: usize = 5;
    if count <= 3 * ENDS {
        return (0..count).collect();
    }
    let middle = (1..=ENDS).map(|part| ENDS + part * (count - 2 * ENDS) / (ENDS + 1));
    (0..ENDS).chain(middle).chain(count - ENDS..count).collect()
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "names {:?}, ", self.names)?;
        match self.focus {
            Some((file, loss)) => write!(f, "file {file} {loss}, others {}", self.others),
            None => write!(f, "files {}", self.others),
        }
    }
}

impl fmt::Display for FileLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("none lost"),
            Self::All => f.write_str("all lost"),
            Self::Length(bytes) => write!(f, "cut to {bytes} bytes"),
            Self::From(at) => write!(f, "lost from number {at} on"),
            Self::Before(at) => write!(f, "lost before number {at}"),
            Self::Only(at) => write!(f, "lost number {at} alone"),
            Self::AllBut(at) => write!(f, "lost all but number {at}"),
            Self::Torn { at, byte, is_head_new, keeps_before, keeps_after } => {
                let word = |kept: &bool| if *kept { "kept" } else { "lost" };
                let new = if *is_head_new { "before" } else { "after" };
                write!(f, "number {at} torn, new {new} byte {byte}, ")?;
                write!(f, "those before {}, those after {}", word(keeps_before), word(keeps_after))
            }
            Self::Random(seed) => write!(f, "mixed by seed {seed}"),
        }
    }
}

impl fmt::Display for LossKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "none",
            Self::All => "all",
            Self::Tail => "tail",
            Self::Hole => "hole",
            Self::Reordered => "reordered",
            Self::Torn => "torn",
            Self::Length => "length",
            Self::Names => "names",
            Self::Mixture => "mixture",
        })
    }
}
