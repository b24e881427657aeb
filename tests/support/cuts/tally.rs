use std::fmt;

/// What happened in a story, or in many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Connections that were cut.
    pub cuts: u64,
    /// Of those, how many within a frame.
    pub torn: u64,
    /// How often a client came back by another carrier.
    pub carrier_changes: u64,
    /// Process ends, with a power cut each.
    pub restarts: u64,
    /// Drains.
    pub drains: u64,
    /// Deltas that were written.
    pub deltas: u64,
    /// How often a client was told that it is behind.
    pub behinds: u64,
    /// How often a client had caught up.
    pub catch_ups: u64,
    /// How often a client had to begin anew.
    pub resyncs: u64,
    /// Commands of clients that were acknowledged.
    pub commands: u64,
    /// Notifications that were published.
    pub published: u64,
}

impl Tally {
    /// Adds those of another story.
    pub fn add(&mut self, other: &Self) {
        self.cuts += other.cuts;
        self.torn += other.torn;
        self.carrier_changes += other.carrier_changes;
        self.restarts += other.restarts;
        self.drains += other.drains;
        self.deltas += other.deltas;
        self.behinds += other.behinds;
        self.catch_ups += other.catch_ups;
        self.resyncs += other.resyncs;
        self.commands += other.commands;
        self.published += other.published;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cuts, torn, carrier_changes, restarts, drains, deltas, .. } = self;
        let Self { behinds, catch_ups, resyncs, commands, published, .. } = self;
        writeln!(
            f,
            "{cuts} cuts ({torn} within a frame), {carrier_changes} changes of carrier, {restarts} restarts, {drains} drains"
        )?;
        writeln!(f, "{published} notifications, {commands} commands acknowledged, {deltas} deltas written")?;
        write!(
            f,
            "{behinds} times behind, {catch_ups} times caught up, {resyncs} times begun anew: 0 lost, 0 doubled, in order"
        )
    }
}
