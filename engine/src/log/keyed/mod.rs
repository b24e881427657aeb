//! Events by their stream and by their tenant, without reading the others.
//!
//! Where they stand is told, for the segment being written and those sealed just now, by a list in memory, and for the
//! others by a sidecar file a segment, `index/NNNNNNNN.sidx`. Neither is ever believed: each record that they lead to is
//! checked, and must be the next of its stream or tenant. A sidecar that is missing, damaged or stale costs time and
//! nothing else: its segment is read through, and [`LogReader::index_segments`] writes it anew.
//!
//! [`LogReader::index_segments`]: super::LogReader::index_segments

mod blocks;
mod located;
mod scan;
mod sidecar;

pub(crate) use located::{Located, Place, places};
pub use scan::KeyedScan;
pub(super) use sidecar::build_missing;

use super::envelope::Envelope;
use crate::ids::{StreamId, TenantId};

/// Whose events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Stream(StreamId),
    Tenant(TenantId),
}

impl Key {
    /// Number of an event among those of the key; `None` when it is none of them.
    pub(super) fn number(self, envelope: &Envelope) -> Option<u64> {
        match self {
            Self::Stream(stream) => (envelope.stream == stream).then_some(envelope.revision.0),
            Self::Tenant(tenant) => (envelope.tenant == tenant).then_some(envelope.tenant_sequence),
        }
    }
}
