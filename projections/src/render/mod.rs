//! Items, changes and frames as the wire has them.

mod filter;
mod following;
mod frames;
mod item;
mod pages;
mod state;

pub use filter::filter;
pub use following::{StepRendered, catching_up, snapshot};
pub use frames::{ChangesRendered, changed_items, delta_changes, delta_frames};
pub use item::{item, patch};
pub use pages::{PageRendered, page};
pub use state::{STATE_VERSION, State};

use crate::changes::ChangePlace;
use crate::content::ContentSource;
use crate::item_state::ItemState;
use tidings_engine::ids::Position;
use tidings_engine::keys::{Keys, TenantTag};

/// What rendering needs besides the states: for one tenant, and for one reader or for many.
#[derive(Clone, Copy)]
pub struct Rendering<'a> {
    /// The log's keys.
    pub keys: &'a Keys,
    /// The tenant's tag.
    pub tag: TenantTag,
    /// The person whose inbox it is; absent where one encoding serves many, and for a tenant's inbox.
    pub to: Option<&'a str>,
    /// Where the texts are.
    pub contents: &'a dyn ContentSource,
    /// The cursor of a place, for this tenant.
    pub cursor: &'a dyn Fn(ChangePlace) -> String,
}

impl Rendering<'_> {
    fn id(&self, notification: Position) -> String {
        self.keys.item_id(self.tag, notification)
    }

    /// A whole item, with an empty text where its content is gone.
    #[must_use]
    pub fn item(&self, state: &ItemState) -> tidings_wire::Item {
        let content = self.contents.content(state.notification).unwrap_or_default();
        item(state, &content, self.keys, self.tag, self.to)
    }
}
