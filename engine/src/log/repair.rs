//! Carrying out a plan. Damaged bytes are durable in quarantine before anything is changed, and a crash at any step leaves a
//! log that can be inspected and repaired again.

use super::error::LogError;
use super::inspect::inspect;
use super::plan::{Action, Cut, Plan, Region};
use super::recovery::{DIRECTORY, free_name};
use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use super::sidecar;
use super::space::{SPARE, remove_spare};
use super::storage::{Storage, StorageError};
use super::watermark::Watermark;
use crate::ids::Position;
use thiserror::Error;

/// Why a repair was not done.
#[derive(Debug, Error)]
pub enum RepairError {
    /// The log is not as it was when the plan was made. Nothing was changed.
    #[error("the log is not as it was found: {}", now.as_ref().map_or_else(
        || "there is nothing to repair".to_owned(), |id| format!("the plan for what is there now is {id}")))]
    Changed {
        /// Name of the plan for what is there now.
        now: Option<String>,
    },
    /// The log is in use, or of another format, or the storage fails. Inspect it anew.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Gives the lock back, whatever happens.
struct Unlock<'a>(&'a dyn Storage);

impl Drop for Unlock<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

/// Carries out the plan with this id, if the log is still as it was found. Takes the lock meanwhile.
///
/// # Errors
/// [`RepairError::Changed`] and [`LogError::Locked`]: nothing was changed. After another error inspect the log anew.
pub fn repair(storage: &dyn Storage, id: &str, known_durable: Position) -> Result<Plan, RepairError> {
    storage.lock().map_err(LogError::from)?;
    let _unlock = Unlock(storage);
    let plan = inspect(storage, known_durable)?.plan;
    let Some(plan) = plan.as_ref().filter(|plan| plan.id == id) else {
        return Err(RepairError::Changed { now: plan.map(|plan| plan.id) });
    };
    carry_out(storage, plan).map_err(LogError::from)?;
    Ok(plan.clone())
}

fn carry_out(storage: &dyn Storage, plan: &Plan) -> Result<(), StorageError> {
    note(storage, plan)?;
    match &plan.action {
        Action::Header { segment, header } => {
            save(storage, &Region { segment: segment.clone(), offset: 0, bytes: SEGMENT_HEADER_BYTES as u64 })?;
            storage.write_at(segment, 0, &header.encode())?;
            storage.sync_data(segment)
        }
        Action::Bit { segment, flip } => {
            save(storage, &Region { segment: segment.clone(), offset: flip.offset, bytes: 1 })?;
            let mut byte = [0];
            storage.read_at(segment, flip.offset, &mut byte)?;
            storage.write_at(segment, flip.offset, &[byte[0] ^ flip.mask])?;
            storage.sync_data(segment)
        }
        Action::Length { segment, header } => {
            let bytes = storage.file_bytes(segment)?;
            save(storage, &Region { segment: segment.clone(), offset: 0, bytes })?;
            remove_spare(storage)?;
            storage.create(SPARE, header.bytes)?;
            pieces(bytes.min(header.bytes), |at, chunk| {
                storage.read_at(segment, at, chunk)?;
                storage.write_at(SPARE, at, chunk)
            })?;
            storage.sync_data(SPARE)?;
            storage.rename(SPARE, segment)?;
            storage.sync_directory("")
        }
        Action::Strays(files) => files.iter().try_for_each(|name| put_away(storage, name)),
        Action::End(region) => {
            save(storage, region)?;
            clear(storage, region)
        }
        Action::Cut(cut) => carry_out_cut(storage, cut),
    }
}

/// The damage stays visible until the new segment, which carries the new epoch, is in its place: a crash never leaves a log
/// that looks sound and has lost events.
fn carry_out_cut(storage: &dyn Storage, cut: &Cut) -> Result<(), StorageError> {
    if let Some(region) = &cut.tail {
        save(storage, region)?;
    }
    let next = cut.next.file_name();
    if cut.moved.contains(&next) {
        let bytes = storage.file_bytes(&next)?;
        save(storage, &Region { segment: next.clone(), offset: 0, bytes })?;
    }
    begin(storage, &cut.next)?;
    for name in cut.moved.iter().rev().filter(|name| **name != next) {
        put_away(storage, name)?;
    }
    Watermark::reset(storage, Position(cut.next.first.0 - 1), cut.next.chain)?;
    cut.tail.as_ref().map_or(Ok(()), |region| clear(storage, region))
}

/// Makes the segment in which the log goes on, in the place of one of that name.
pub(crate) fn begin(storage: &dyn Storage, header: &SegmentHeader) -> Result<(), StorageError> {
    remove_spare(storage)?;
    storage.create(SPARE, header.bytes)?;
    storage.write_at(SPARE, 0, &header.encode())?;
    storage.sync_data(SPARE)?;
    let name = header.file_name();
    storage.rename(SPARE, &name)?;
    storage.sync_directory("")?;
    forget_sidecar(storage, &name);
    Ok(())
}

/// Moves a segment file as it is.
fn put_away(storage: &dyn Storage, name: &str) -> Result<(), StorageError> {
    storage.rename(name, &free_name(storage, name, "seg")?)?;
    // In this order: the file has a durable name at any time.
    storage.sync_directory(DIRECTORY)?;
    storage.sync_directory("")?;
    forget_sidecar(storage, name);
    Ok(())
}

/// It would not fit any more, and be made anew.
fn forget_sidecar(storage: &dyn Storage, segment: &str) {
    if let Some(name) = sidecar::file_name(segment) {
        let _ = storage.remove(&name);
    }
}

/// Copies bytes to a file of their own, durably.
fn save(storage: &dyn Storage, region: &Region) -> Result<(), StorageError> {
    let name = free_name(storage, &format!("{}-{}", region.segment, region.offset), "damaged")?;
    storage.create(&name, region.bytes)?;
    pieces(region.bytes, |at, chunk| {
        storage.read_at(&region.segment, region.offset + at, chunk)?;
        storage.write_at(&name, at, chunk)
    })?;
    storage.sync_data(&name)?;
    storage.sync_directory(DIRECTORY)
}

/// Replaces bytes by zeros, durably.
fn clear(storage: &dyn Storage, region: &Region) -> Result<(), StorageError> {
    pieces(region.bytes, |at, chunk| storage.write_at(&region.segment, region.offset + at, chunk))?;
    storage.sync_data(&region.segment)
}

/// Writes down what is about to be done, beside the bytes that it is done to.
fn note(storage: &dyn Storage, plan: &Plan) -> Result<(), StorageError> {
    let text = format!("plan {}\n{}\n{plan}\n", plan.id, plan.damage);
    let name = free_name(storage, &format!("repair-{}", plan.id), "txt")?;
    storage.create(&name, text.len() as u64)?;
    storage.write_at(&name, 0, text.as_bytes())?;
    storage.sync_data(&name)?;
    storage.sync_directory(DIRECTORY)
}

fn pieces(bytes: u64, mut each: impl FnMut(u64, &mut [u8]) -> Result<(), StorageError>) -> Result<(), StorageError> {
    let up_to = |left: u64| usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
    let mut chunk = vec![0; up_to(bytes)];
    let mut at = 0;
    while at < bytes {
        let count = up_to(bytes - at);
        each(at, &mut chunk[..count])?;
        at += count as u64;
    }
    Ok(())
}

const CHUNK_BYTES: usize = 1024 * 1024;
