use super::open::OpenError;
use crate::event::Recorded;
use crate::ids::Position;
use crate::log::LogReader;
use crate::snapshot::{Ignored, Snapshots};
use crate::state::State;

/// How the state was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folding {
    /// The last event in the snapshot that it began with; 0 when every event of the log was read.
    pub snapshot: Position,
    /// Snapshots that were passed by.
    pub ignored: Vec<Ignored>,
}

/// The state after every durable event: the newest snapshot that fits the log, and what came after it.
pub(super) fn fold(reader: &LogReader, snapshots: Option<&Snapshots>) -> Result<(State, Folding), OpenError> {
    let (state, ignored) = snapshots.map(|snapshots| snapshots.newest(reader)).unwrap_or_default();
    let mut state = state.unwrap_or_default();
    let folding = Folding { snapshot: state.position(), ignored };
    for record in reader.scan(state.position().next()) {
        let record = record?;
        let position = record.envelope.position;
        let recorded = Recorded::decode(record).map_err(|source| OpenError::Event { position, source })?;
        state.apply(&recorded);
    }
    Ok((state, folding))
}
