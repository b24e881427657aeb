//! Redaction: sealed segments rewritten without contents that nobody can read any more.
//!
//! Two steps, so that the long one needs no writer: [`LogReader::rewrite`] makes the new file beside the old one, from any
//! thread, and [`Log::adopt`] puts it in the old one's place. Leaves cover a content by its hash, which stays in the
//! record, so chain, roots and checkpoints are what they were.

use super::chain::Chain;
use super::directory::Segment;
use super::error::LogError;
use super::group::{self, Group, GroupContext, group_bytes};
use super::reader::LogReader;
use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use super::storage::{Storage, StorageError};
use super::stored::Stored;
use super::walk::{Step, Walk};
use super::writer::Log;
use super::{Envelope, What};
use crate::ids::Position;

/// A sealed segment's new file, durable under a name of its own. Dropped, it is removed when the log is next opened.
#[derive(Debug)]
pub struct Rewritten {
    draft: String,
    segment: Segment,
    groups: Vec<(Position, u64)>,
    /// How many contents were removed.
    pub contents: u64,
    /// Bytes of the old file less those of the new one.
    pub freed_bytes: u64,
}

impl LogReader {
    /// Numbers of the segments that nothing is appended to any more.
    #[must_use]
    pub fn sealed_segments(&self) -> Vec<u32> {
        self.shared.index().sealed().iter().map(|segment| segment.header.number).collect()
    }

    /// Writes a sealed segment anew without the contents that `is_gone` names, durably. `None`: there are none in it, and
    /// nothing was written. Only one rewriting of a segment may be under way.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] when the segment is not what was written: it is left as it is. [`LogError::Full`] and
    /// [`LogError::Storage`] leave at most a draft, which the next opening removes.
    ///
    /// # Panics
    /// When no sealed segment has this number.
    pub fn rewrite(&self, number: u32, is_gone: &dyn Fn(&Envelope) -> bool) -> Result<Option<Rewritten>, LogError> {
        let sealed = self.shared.index().sealed().get(number as usize - 1).cloned();
        let old = sealed.expect("the number is of a sealed segment");
        let storage = &*self.shared.storage;
        let mut draft = Draft { bytes: vec![0; SEGMENT_HEADER_BYTES], groups: Vec::new(), contents: 0 };
        let mut walk = Walk::whole(old.clone());
        let mut chain = old.header.chain;
        loop {
            let offset = walk.offset();
            match walk.step(storage) {
                Step::Group(_, group) => {
                    chain = draft.group(group, chain, old.header.identity.salt, is_gone).map_err(|what| {
                        LogError::Corrupt(super::Damage { segment: old.name.to_string(), offset, ..walk.damage(what) })
                    })?;
                }
                Step::End => break,
                Step::Invalid(damage) => return Err(damage.into()),
            }
        }
        if draft.contents == 0 {
            return Ok(None);
        }
        Ok(Some(draft.write(storage, &old)?))
    }
}

impl<S: Storage> Log<S> {
    /// Puts a rewritten segment in the place of the old one: readers see the one or the other, and so does a crash.
    ///
    /// # Errors
    /// [`LogError::Storage`] poisons the log, as a failed append does.
    pub fn adopt(&mut self, rewritten: Rewritten) -> Result<(), LogError> {
        self.writable()?;
        let Rewritten { draft, segment, groups, .. } = rewritten;
        // Readers that meet the new file with an old place wait here for the new places.
        let mut index = self.shared.index_mut();
        let renamed = self.storage.rename(&draft, &segment.name);
        if renamed.is_ok() {
            index.replace(segment, &groups);
        }
        drop(index);
        renamed.and_then(|()| self.storage.sync_directory("")).map_err(|error| self.poison(error))
    }
}

/// The new file as it grows.
struct Draft {
    bytes: Vec<u8>,
    groups: Vec<(Position, u64)>,
    contents: u64,
}

impl Draft {
    /// Takes over a group without what is gone, and gives the chain after it.
    fn group(
        &mut self,
        group: Group,
        chain: Chain,
        salt: u64,
        is_gone: &dyn Fn(&Envelope) -> bool,
    ) -> Result<Chain, What> {
        let Group { header, mut records, chain: after } = group;
        for record in &mut records {
            // What is shorter than its hash would grow; sealed content never is.
            let is_worth = record.content.bytes().is_some_and(|bytes| bytes.len() >= 32);
            if is_worth && is_gone(&record.envelope) {
                record.content = Stored::Redacted(record.content.hash());
                self.contents += 1;
            }
        }
        let context = GroupContext { term: header.term, durable_through: header.durable_through, salt, chain };
        self.groups.push((header.first, self.bytes.len() as u64));
        let start = self.bytes.len();
        self.bytes.reserve(group_bytes(&records));
        let mut encoded = Vec::new();
        if group::encode_into(&records, &context, &mut encoded, |_| ()) != after {
            return Err(What::Chain);
        }
        self.bytes.truncate(start);
        self.bytes.extend_from_slice(&encoded);
        Ok(after)
    }

    fn write(mut self, storage: &dyn Storage, old: &Segment) -> Result<Rewritten, LogError> {
        let bytes = (self.bytes.len() as u64).next_multiple_of(4096);
        let header = SegmentHeader { bytes, redactions: old.header.redactions + 1, ..old.header };
        self.bytes[..SEGMENT_HEADER_BYTES].copy_from_slice(&header.encode());
        let draft = format!("{DRAFT_PREFIX}{:08}", header.number);
        let written = storage
            .create(&draft, bytes)
            .and_then(|()| storage.write_at(&draft, 0, &self.bytes))
            .and_then(|()| storage.sync_data(&draft));
        written.map_err(|error| match error {
            StorageError::Full { .. } => LogError::Full,
            error => LogError::Storage(error),
        })?;
        Ok(Rewritten {
            draft,
            segment: Segment { name: old.name.clone(), header },
            groups: self.groups,
            contents: self.contents,
            freed_bytes: old.header.bytes.saturating_sub(bytes),
        })
    }
}

/// Start of the names of files that are to replace a segment.
const DRAFT_PREFIX: &str = "redacting-";

/// Removes what an interrupted redaction left behind: the old file is still in its place.
pub(crate) fn remove_drafts(storage: &dyn Storage) -> Result<(), StorageError> {
    let names = storage.list("")?;
    names.iter().filter(|name| name.starts_with(DRAFT_PREFIX)).try_for_each(|name| storage.remove(name))
}
