//! What of an inbox is pushed to those who follow it, where its person does not allow all to be.
//!
//! A subscription shows an inbox in which withheld items are not there: no snapshot, delta, page of catching up and no count
//! in these has them. That something is gone is told all the same, by its id alone: somebody may hold it from a page.

use crate::changes::{ChangedItem, ItemChange};
use crate::delta::{Delta, DeltaChange};
use crate::page::Page;
use crate::projections::{Owner, Projections};
use crate::store::BlockError;
use tidings_engine::consent::Withheld;
use tidings_engine::item::Filter;
use tidings_wire::Counts;

/// The changes of a page of catching up that are pushed.
#[must_use]
pub fn pushed_changes(changes: Vec<ChangedItem>, withheld: Option<&Withheld>) -> Vec<ChangedItem> {
    let Some(withheld) = withheld else { return changes };
    let is_pushed = |changed: &ChangedItem| match &changed.change {
        ItemChange::Current { item, .. } => !withheld.withholds(item.published.category.as_deref()),
        ItemChange::Removed(_) => true,
    };
    changes.into_iter().filter(is_pushed).collect()
}

impl Delta {
    /// What of it is pushed; `None`: nothing. Its counts are those of all items still.
    #[must_use]
    pub fn pushed(mut self, withheld: &Withheld) -> Option<Self> {
        match &mut self.change {
            DeltaChange::Added(item) if withheld.withholds(item.published.category.as_deref()) => {
                // What dropped off for it is gone.
                self.change = DeltaChange::Removed(vec![self.dropped.take()?]);
            }
            DeltaChange::Changed(items) => {
                items.retain(|item| !withheld.withholds(item.published.category.as_deref()));
                if items.is_empty() {
                    return None;
                }
            }
            DeltaChange::Added(_) | DeltaChange::Removed(_) | DeltaChange::MarkedAll { .. } => {}
        }
        Some(self)
    }

    /// The category of what it adds; `None` where it adds nothing.
    #[must_use]
    pub fn added_category(&self) -> Option<Option<&str>> {
        match &self.change {
            DeltaChange::Added(item) => Some(item.published.category.as_deref()),
            _ => None,
        }
    }
}

impl Projections {
    /// Exact counts of what of an inbox is pushed.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn pushed_counts(&mut self, owner: Owner, withheld: Option<&Withheld>) -> Result<Counts, BlockError> {
        let Some(withheld) = withheld else { return self.counts(owner) };
        let table = self.table(owner)?;
        Ok(table.map(|table| table.facets.counts_of(table.facets.pushed(withheld))).unwrap_or_default())
    }

    /// The newest items of an inbox that match and are pushed: at most `limit`.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn pushed_page(
        &mut self,
        owner: Owner,
        filter: &Filter,
        withheld: Option<&Withheld>,
        limit: usize,
    ) -> Result<Page, BlockError> {
        let Some(withheld) = withheld else { return self.page(owner, filter, None, limit) };
        let Some(table) = self.table(owner)? else { return Ok(Page::default()) };
        let mut matching = table.matching(filter);
        matching.intersect_with(&table.facets.pushed(withheld));
        Ok(table.newest(matching, None, limit))
    }
}
