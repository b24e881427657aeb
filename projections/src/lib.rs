//! The inboxes: pure folds of the log into what people see, with counts, pages, catching up and deltas.
//!
//! [`Projections`] takes durable events in the order of the log, and nothing else: no clock, configuration or content.
//! Folding the log again from position 1 gives the same inboxes; [`Projections::digest`] proves it.
//!
//! * [`Projections::apply`] rebuilds; [`Projections::apply_live`] also tells what changed as [`Delta`]s.
//! * A publish to the tenant is one entry in one shared list, whoever may see it. Each inbox takes new entries of that list
//!   over when it is asked or marked, never on publish.
//! * An inbox is columns by ordinal with a bitset for each state, severity, tag and category: every filter is AND, OR and
//!   a count of bits, so counts are exact however many items there are.
//! * Inboxes that nobody looks at go to a [`BlockStore`], and come back when they are asked for. The store is a snapshot too:
//!   [`Projections::open`] goes on where it was left. It is disposable, and every row of it is checked when it is read.
//! * [`render`] writes items, changes and frames for the wire. Content comes through [`ContentSource`], from outside.

mod as_of;
mod audiences;
mod block;
mod changes;
mod columns;
mod content;
mod delivery;
mod delta;
mod digest;
mod entry;
mod facets;
mod facts;
mod fold;
mod inbox;
mod item_state;
mod kept;
mod ledger;
mod marks;
mod memory_blocks;
mod page;
mod projections;
pub mod render;
mod resident;
mod row;
mod shared_list;
mod snapshot;
mod state_digest;
mod step;
mod store;
mod table;
mod tombstones;
mod withheld;

pub use as_of::InboxAsOf;
pub use audiences::Audiences;
pub use changes::{ChangePlace, ChangedItem, Changes, ItemChange, ResyncReason};
pub use content::ContentSource;
pub use delta::{Delta, DeltaChange, Target};
pub use item_state::ItemState;
pub use memory_blocks::MemoryBlocks;
pub use page::{Page, Place};
pub use projections::{Owner, Projections};
pub use snapshot::{Chains, Keeping};
pub use state_digest::{LOG_STATE_VERSION, StateDigest, TENANT_STATE_VERSION};
pub use store::{Batch, BlockError, BlockStore, Edit, SHELF_BYTES, Shelf, StoreError};
pub use withheld::pushed_changes;
