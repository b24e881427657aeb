//! The state as parts of a snapshot. Everything is as it is, numbers included, and each part can be read without another.

use super::State;
use super::chunks::CHUNK_COUNT;
use super::differences;
use super::inbox::Inbox;
use super::tenant::Tenant;
use crate::ids::TenantId;
use crate::snapshot::Sink;

/// How a part is to be read. Parts of a tenant come after the one that begins it.
pub(super) mod tag {
    pub(crate) const HEAD: u8 = 1;
    pub(crate) const NAMES: u8 = 2;
    pub(crate) const ERASED: u8 = 3;
    pub(crate) const TOPICS: u8 = 4;
    pub(crate) const STREAMS: u8 = 5;
    pub(crate) const INBOXES: u8 = 6;
    pub(crate) const ANSWERS: u8 = 7;
    pub(crate) const TENANT: u8 = 8;
    pub(crate) const STRINGS: u8 = 9;
    pub(crate) const KINDS: u8 = 10;
    pub(crate) const NOTIFICATIONS: u8 = 11;
    pub(crate) const AUDIENCE: u8 = 12;
    pub(crate) const RETRACTIONS: u8 = 13;
    pub(crate) const END: u8 = 14;
    pub(crate) const REVOCATIONS: u8 = 15;
    pub(crate) const API_KEYS: u8 = 16;
    pub(crate) const CONSENTS: u8 = 17;
    pub(crate) const SETTINGS: u8 = 18;
    pub(crate) const DELIVERED: u8 = 19;
}

/// Rows of a part: chunks of a list are never split.
const ROWS_COUNT: usize = 8 * CHUNK_COUNT;

/// Bytes after which a part of inboxes ends: 512 KiB.
const INBOXES_BYTES: usize = 512 * 1024;

/// What stands in place of the first entry of the list for everyone where nothing of it was taken over.
pub(super) const NO_RUNS: u32 = u32::MAX;

impl State {
    /// Gives the whole state to a sink.
    pub(crate) fn write_parts<E>(&self, sink: &mut Sink<'_, E>) -> Result<(), E> {
        sink.part(tag::HEAD, &(self.position.0, self.time.0, self.key_max, self.checkpoint_key))?;
        sink.parts(tag::NAMES, self.tenant_ids.iter().map(|(name, id)| (name, id.0)), |(name, _)| name.len() + 16)?;
        sink.parts(tag::ERASED, self.erased.iter().map(|(stream, key)| (stream.0, *key)), |_| 20)?;
        let sets = (1..=self.topics.count()).map(|number| self.topics.bytes(u32::try_from(number).unwrap_or(u32::MAX)));
        sink.parts(tag::TOPICS, sets, |set| set.len() + 8)?;
        for (id, tenant) in &self.tenants {
            tenant.write_parts(*id, sink)?;
        }
        sink.rows(tag::STREAMS, ROWS_COUNT, self.streams.iter().map(|stream| stream.to_bytes()))?;
        self.write_inboxes(sink)?;
        sink.rows(tag::ANSWERS, ROWS_COUNT, self.answers.iter().map(|key| key.to_bytes()))?;
        sink.parts(tag::REVOCATIONS, self.access.revocation_rows(), |_| 80)?;
        sink.parts(tag::API_KEYS, self.access.key_rows(), |_| 80)?;
        sink.parts(tag::CONSENTS, self.consents.rows(), |(.., said)| 64 + said.len() * 160)?;
        sink.parts(tag::SETTINGS, self.consents.tenant_rows(), |(_, _, _, critical, _)| 40 + critical.len() * 136)?;
        sink.parts(tag::DELIVERED, self.delivered.rows(), |_| 40)?;
        sink.part(tag::END, &(self.streams.count() as u64, self.inboxes.count() as u64))
    }

    fn write_inboxes<E>(&self, sink: &mut Sink<'_, E>) -> Result<(), E> {
        let mut part = Vec::with_capacity(INBOXES_BYTES);
        for inbox in self.inboxes.iter() {
            inbox.write(&mut part);
            if part.len() >= INBOXES_BYTES {
                sink.bytes(tag::INBOXES, &part)?;
                part.clear();
            }
        }
        sink.bytes(tag::INBOXES, &part)
    }
}

impl Tenant {
    fn write_parts<E>(&self, id: TenantId, sink: &mut Sink<'_, E>) -> Result<(), E> {
        sink.part(tag::TENANT, &(id.0, self.sequence, self.stream.map(|stream| stream.0)))?;
        sink.parts(tag::STRINGS, self.strings.iter(), |text| text.len() + 8)?;
        let kinds = self.kinds.iter().map(|kind| (kind.severity as u8, kind.category, &kind.tags));
        sink.parts(tag::KINDS, kinds, |(.., tags)| tags.len() * 4 + 16)?;
        let mut notifications = self.notifications.iter().copied();
        loop {
            let part = differences::encode(notifications.by_ref().take(ROWS_COUNT));
            if part.is_empty() {
                break;
            }
            sink.bytes(tag::NOTIFICATIONS, &part)?;
        }
        sink.rows(tag::AUDIENCE, ROWS_COUNT, self.audience.iter().map(|ordinal| ordinal.to_le_bytes()))?;
        sink.rows(tag::RETRACTIONS, ROWS_COUNT, self.retractions.iter().map(|one| one.to_bytes()))
    }
}

impl Inbox {
    /// Four numbers, then the items and the runs.
    fn write(&self, part: &mut Vec<u8>) {
        let (from, runs) = self.shared().map_or((NO_RUNS, &[][..]), |shared| (shared.from(), shared.runs()));
        let count = |count: usize| u32::try_from(count).expect("an inbox has a bounded number of items");
        for number in [self.retractions(), count(self.items().len()), from, count(runs.len())] {
            part.extend_from_slice(&number.to_le_bytes());
        }
        self.items().iter().for_each(|item| part.extend_from_slice(&item.to_bytes()));
        runs.iter().for_each(|run| part.extend_from_slice(&run.to_bytes()));
    }
}
