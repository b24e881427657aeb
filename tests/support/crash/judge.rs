use super::finding::What;
use super::promise::{Promise, is_in_quarantine};
use super::record::{check_opened, fold};
use super::subject::{Opened, Refusal, Setting, open};
use crate::disk::{Image, Place, SimulatedDisk};
use crate::script::Act;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tidings_engine::log::audit::{Beside, verify};

/// Opens a disk as the server would, and compares what it finds with what was promised.
///
/// # Errors
/// The first promise that is broken.
pub fn judge(image: &Image, promise: &Promise, setting: &Setting) -> Result<(), What> {
    guarded(|| examine(image, promise, setting))
}

/// Does something of which a panic is a finding.
///
/// # Errors
/// The finding, or what it finds itself.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, What>) -> Result<T, What> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(What::Panic(said(&*panic))))
}

fn examine(image: &Image, promise: &Promise, setting: &Setting) -> Result<(), What> {
    let disk = SimulatedDisk::of(image);
    let mut opened = open(&disk, setting).map_err(What::NotOpened)?;
    check_opened(&opened, promise)?;
    check_records(&mut opened, promise)?;
    check_state(&opened, promise)?;
    let after = disk.image();
    if let Some(file) = promise.destroyed.iter().find_map(|gone| image.find(gone).or_else(|| after.find(gone))) {
        return Err(What::ErasedBytes { file: file.to_owned() });
    }
    check_discarded(image, &after)?;
    if let Some(lost) = promise.kept.iter().find(|kept| !kept.is_in(&after)) {
        return Err(What::Discarded { file: lost.file.to_string(), offset: lost.offset, bytes: lost.bytes.len() });
    }
    go_on(&disk, opened, setting)
}

fn check_records(opened: &mut Opened, promise: &Promise) -> Result<(), What> {
    let found = opened.subject.records_after(0)?;
    let written = promise.groups.iter().flat_map(|group| &group.records);
    found.iter().zip(written).try_for_each(|(found, written)| promise.check(found, written))?;
    opened.subject.check_keyed(&found)?;
    opened.subject.check_keys(&found)?;
    let reader = opened.subject.reader();
    opened.subject.checkpoints().check(&reader, &found, promise)?;
    match found.len() as u64 == opened.head {
        true => Ok(()),
        false => Err(What::Unreadable(format!("{} of {} events are there", found.len(), opened.head))),
    }
}

fn check_state(opened: &Opened, promise: &Promise) -> Result<(), What> {
    let groups = promise.groups_up_to(opened.head).unwrap_or_default();
    let Some(last) = promise.groups[..groups].last() else { return Ok(()) };
    let found = opened.subject.digests().map_err(What::Unreadable)?;
    match last.digests.difference(&found) {
        Some(part) => Err(What::OtherState { position: opened.head, part }),
        None => Ok(()),
    }
}

/// Every byte that opening took away is in quarantine now, and what was in quarantine still is.
fn check_discarded(before: &Image, after: &Image) -> Result<(), What> {
    for (name, content) in &before.files {
        let old = &content.bytes;
        let new = after.bytes(name).unwrap_or_default();
        if new == old {
            continue;
        }
        let discarded =
            |from: usize, to: usize| What::Discarded { file: name.to_string(), offset: from, bytes: to - from };
        let differs = |index: &usize| old[*index] != new.get(*index).copied().unwrap_or_default();
        let (first, last) = ((0..old.len()).find(differs), (0..old.len()).rev().find(differs));
        let (Some(first), Some(last)) = (first, last) else { continue };
        match Place::of(name) {
            Place::Segment | Place::Quarantine if !is_in_quarantine(after, &old[first..=last]) => {
                return Err(discarded(first, last + 1));
            }
            // A segment in the making has a header at most: its first group is written after its name is durable.
            Place::Spare if old.iter().skip(HEADER_BYTES).any(|byte| *byte != 0) => {
                return Err(discarded(HEADER_BYTES, old.len()));
            }
            _ => {}
        }
    }
    Ok(())
}

const HEADER_BYTES: usize = tidings_engine::log::SEGMENT_HEADER_BYTES;

/// Work goes on after recovery, and the next start agrees with what was there then.
fn go_on(disk: &SimulatedDisk, mut opened: Opened, setting: &Setting) -> Result<(), What> {
    let mark = tidings_engine::item::Mark::Seen;
    let acts = [Act::Direct { person: 1, body_bytes: 30 }, Act::MarkAll { person: 1, mark }];
    opened.subject.commit(&acts, PROBE_TURN).map_err(|refusal| match refusal {
        Refusal::Full => What::NoGoingOn("the disk is said to be full".to_owned()),
        Refusal::Undone(error) | Refusal::Failed(error) => What::NoGoingOn(error),
    })?;
    let head = opened.subject.head();
    let digests = opened.subject.digests().map_err(What::Unreadable)?;
    let records = opened.subject.records_after(0)?;
    let reader = opened.subject.reader();
    opened.subject.checkpoints().go_on(&reader, &records)?;
    drop((reader, opened));
    verify(&disk.folder("log"), Beside::Nobody).map_err(|damage| What::Audit(damage.to_string()))?;
    let again = open(disk, setting).map_err(What::NotOpened)?;
    if again.head != head || again.quarantined.is_some() {
        let found = again.quarantined.map_or_else(String::new, |torn| format!(", {torn}"));
        return Err(What::NoGoingOn(format!(
            "the next start ends at position {} instead of {head}{found}",
            again.head
        )));
    }
    let uninterrupted = fold(setting, records.iter())?;
    for expected in [digests, uninterrupted] {
        let found = again.subject.digests().map_err(What::Unreadable)?;
        if let Some(part) = expected.difference(&found) {
            return Err(What::OtherState { position: head, part });
        }
    }
    Ok(())
}

/// A turn that no script has.
const PROBE_TURN: u64 = u64::MAX;

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}
