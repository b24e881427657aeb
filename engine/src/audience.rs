//! Who sees what was published to an audience: one rule for `decide` and for the projections.

use crate::ids::Position;

/// Whether a person whose interval began with the event `since` sees what was published to an audience at `published`.
/// What came before the person was known is not theirs; what came later is, however late they look.
#[must_use]
pub const fn is_visible(since: Position, published: Position) -> bool {
    since.0 != 0 && published.0 > since.0
}
