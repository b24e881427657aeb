use super::promise::Promise;
use super::record::Recording;
use crate::chance::Chance;
use crate::disk::{Image, Loss, LossKind, Medium, Operation, OperationKind, Place, losses, random_loss};
use std::collections::HashSet;

/// A disk as a power cut left it.
#[derive(Clone, Debug)]
pub struct CrashState<'a> {
    /// How many operations were done.
    pub operation: usize,
    /// Which loss it was there.
    pub subset: usize,
    /// What was done last, and to what.
    pub done: (OperationKind, Place),
    /// What kind of loss it was.
    pub lost: LossKind,
    /// The disk.
    pub image: Image,
    /// Its hash.
    pub hash: [u8; 16],
    /// What must be found on it.
    pub promise: &'a Promise,
}

/// Hands out crash states of a recording until `each` says stop: at every operation, those of [`losses`] first, and then
/// mixtures until there are `wanted` distinct images. A state comes again when more was promised of it.
pub fn enumerate<'a>(recording: &'a Recording, wanted: usize, each: &mut dyn FnMut(CrashState<'a>) -> bool) {
    let mut seen = Seen::default();
    let fixed = points(recording).map(|point| losses(&point.medium).len()).sum::<usize>();
    // With more losses than wanted each operation gives its share of them, spread over all kinds.
    let stride = (fixed / (2 * wanted).max(1)).max(1);
    for point in points(recording) {
        let losses = losses(&point.medium);
        for (subset, loss) in losses.iter().enumerate() {
            if !(subset + point.operation).is_multiple_of(stride) && subset > 1 {
                continue;
            }
            if !seen.hand_out(recording, &point, subset, loss, each) {
                return;
            }
        }
    }
    let mut round = 0;
    while seen.images.len() < wanted && round < ROUNDS_COUNT_MAX {
        let before = seen.images.len();
        for point in points(recording).filter(|point| point.medium.has_unsynced()) {
            let first = losses(&point.medium).len() + round * MIXTURES_COUNT;
            for subset in first..first + MIXTURES_COUNT {
                let loss = mixture(recording, point.operation, subset);
                if !seen.hand_out(recording, &point, subset, &loss, each) {
                    return;
                }
            }
        }
        if seen.images.len() == before {
            return;
        }
        round += 1;
    }
}

/// The loss with this number after so many operations, with the disk that it happens to.
pub(super) fn loss_at(recording: &Recording, operation: usize, subset: usize) -> Option<(Medium, Loss)> {
    let point = points(recording).nth(operation)?;
    let fixed = losses(&point.medium).get(subset).copied();
    let loss = fixed.unwrap_or_else(|| mixture(recording, operation, subset));
    Some((point.medium, loss))
}

/// Mixtures tried at each operation in one round.
const MIXTURES_COUNT: usize = 24;

const ROUNDS_COUNT_MAX: usize = 40;

fn mixture(recording: &Recording, operation: usize, subset: usize) -> Loss {
    random_loss(Chance::of(recording.setting.script.seed, &[operation as u64, subset as u64]).number())
}

/// The disk after so many operations.
struct Point {
    operation: usize,
    done: (OperationKind, Place),
    medium: Medium,
}

fn points(recording: &Recording) -> impl Iterator<Item = Point> + '_ {
    let mut medium = Medium::default();
    let begin = Point { operation: 0, done: (OperationKind::Begin, Place::Disk), medium: medium.clone() };
    let others = recording.operations.iter().enumerate().map(move |(index, operation): (usize, &Operation)| {
        medium.perform(operation);
        Point { operation: index + 1, done: (operation.kind(), operation.place()), medium: medium.clone() }
    });
    std::iter::once(begin).chain(others)
}

#[derive(Default)]
struct Seen {
    images: HashSet<[u8; 16]>,
    judged: HashSet<([u8; 16], usize)>,
}

impl Seen {
    /// Hands the state out unless it was before; says whether to go on.
    fn hand_out<'a>(
        &mut self,
        recording: &'a Recording,
        point: &Point,
        subset: usize,
        loss: &Loss,
        each: &mut dyn FnMut(CrashState<'a>) -> bool,
    ) -> bool {
        let image = point.medium.after(loss);
        let hash = image.hash();
        let (number, promise) = recording.promise(point.operation);
        self.images.insert(hash);
        if !self.judged.insert((hash, number)) {
            return true;
        }
        let (operation, done, lost) = (point.operation, point.done, loss.kind(&point.medium));
        each(CrashState { operation, subset, done, lost, image, hash, promise })
    }
}
