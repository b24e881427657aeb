use super::finding::What;
use crate::disk::Image;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tidings_engine::log::{Record, Stored};

/// One group as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its records.
    pub records: Vec<Record>,
    /// State and projections after it in an uninterrupted run.
    pub digests: Digests,
}

/// What an uninterrupted run comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// Of the state; all zero for a log alone.
    pub state: [u8; 32],
    /// Of the projections; all zero for a log alone.
    pub projections: [u8; 32],
}

impl Digests {
    /// Which part of `found` differs.
    #[must_use]
    pub fn difference(&self, found: &Self) -> Option<&'static str> {
        match (self.state == found.state, self.projections == found.projections) {
            (true, true) => None,
            (false, _) => Some("the state"),
            (true, false) => Some("the projections"),
        }
    }
}

/// Bytes of a torn group that recovery put away, or was about to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where they stood.
    pub file: Arc<str>,
    /// From where on.
    pub offset: usize,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Kept {
    /// Whether the disk has them, in their place or in quarantine.
    #[must_use]
    pub fn is_in(&self, image: &Image) -> bool {
        let end = self.offset + self.bytes.len();
        let in_place = image.bytes(&self.file).and_then(|bytes| bytes.get(self.offset..end));
        in_place == Some(&self.bytes) || is_in_quarantine(image, &self.bytes)
    }
}

/// Whether a file in quarantine holds these bytes.
#[must_use]
pub fn is_in_quarantine(image: &Image, wanted: &[u8]) -> bool {
    let quarantined = image.files.iter().filter(|(name, _)| name.starts_with("log/quarantine/"));
    wanted.is_empty()
        || quarantined
            .map(|(_, content)| &content.bytes)
            .any(|bytes| bytes.windows(wanted.len()).any(|window| window == wanted))
}

/// What must be found after a crash at some moment.
#[derive(Clone, Debug, Default)]
pub struct Promise {
    /// The groups of the log, those that may be there included.
    pub groups: Vec<Arc<Group>>,
    /// How many of them were acknowledged.
    pub acknowledged: usize,
    /// What recovery put away.
    pub kept: Arc<Vec<Kept>>,
    /// Positions whose content was removed for good.
    pub redacted: Arc<BTreeSet<u64>>,
    /// Bytes that are on the disk no more: keys that were destroyed.
    pub destroyed: Arc<Vec<Vec<u8>>>,
    /// Checkpoints whose keeping returned, by their names.
    pub checkpoints: Arc<BTreeMap<String, Vec<u8>>>,
    /// Whether more contents are being removed: any may be gone already.
    pub is_redacting: bool,
}

impl Promise {
    /// Whether a record found is what was written, or what redaction was to leave of it.
    ///
    /// # Errors
    /// How it differs.
    pub fn check(&self, found: &Record, written: &Record) -> Result<(), What> {
        let position = found.envelope.position.0;
        let is_whole = found == written;
        let must_be_gone = self.redacted.contains(&position);
        if is_whole && !must_be_gone {
            return Ok(());
        }
        let left = Record { content: Stored::Redacted(written.content.hash()), ..written.clone() };
        if *found == left && (must_be_gone || self.is_redacting) {
            return Ok(());
        }
        Err(if is_whole { What::ErasedIsBack { position } } else { What::WrongData { position } })
    }

    /// Position of the last acknowledged event; 0 when there is none.
    #[must_use]
    pub fn acknowledged_position(&self) -> u64 {
        count(&self.groups[..self.acknowledged])
    }

    /// Where the log may end.
    #[must_use]
    pub fn ends(&self) -> Vec<u64> {
        (self.acknowledged..=self.groups.len()).map(|groups| count(&self.groups[..groups])).collect()
    }

    /// How many groups a log has that ends there; `None` within a group.
    #[must_use]
    pub fn groups_up_to(&self, position: u64) -> Option<usize> {
        (0..=self.groups.len()).find(|groups| count(&self.groups[..*groups]) == position)
    }
}

fn count(groups: &[Arc<Group>]) -> u64 {
    groups.iter().map(|group| group.records.len() as u64).sum()
}
