//! Questions to the projections: pages, counts, single items.

use crate::inbox::{InboxThread, owner};
use serde_json::{Value, json};
use tidings_adapters::http::{Question, Reading};
use tidings_engine::grant::{Grant, Right};
use tidings_engine::item::Filter;
use tidings_engine::rejection::Rejection;
use tidings_engine::request::{self, After, Page};
use tidings_projections::render::{self, Rendering};
use tidings_projections::{Owner, Place};
use tidings_wire::InboxName;

impl InboxThread {
    /// Answers a question, as far as the grant permits it.
    pub(crate) fn read(&mut self, grant: &Grant, question: &Question) -> Result<Reading, Rejection> {
        match question {
            Question::Page { inbox, query } => self.page(grant, inbox, &request::page(&self.keys, grant, query)?),
            Question::Count { inbox, filters } => {
                let owner = permitted(grant, inbox)?;
                let filters: Vec<Filter> = filters.iter().cloned().map(shown).collect();
                let counts = self.ask(|projections| {
                    filters.iter().map(|filter| projections.count(owner, filter)).collect::<Result<_, _>>()
                })?;
                Ok(Reading::Count(counts))
            }
            Question::Item { inbox, notification } => {
                let owner = permitted(grant, inbox)?;
                let state = self.ask(|projections| projections.item(owner, *notification))?;
                let state = state.ok_or(Rejection::NotFound)?;
                let item = self.rendered(grant, owner, |rendering| rendering.item(&state));
                Ok(Reading::Item(Box::new(item)))
            }
        }
    }

    /// One page, as far as the grant permits it.
    pub(crate) fn page(&mut self, grant: &Grant, inbox: &InboxName, page: &Page) -> Result<Reading, Rejection> {
        let owner = permitted(grant, inbox)?;
        // The order key of an item is the position of its delivery: an id tells its place, also once it is gone. An id that
        // was never this inbox's is nobody's, or its place would tell about another's inbox.
        let after = match page.after {
            Some(After::Item(position)) => match self.ask(|projections| projections.remembers(owner, position))? {
                true => Some(Place(position.0)),
                false => return Err(Rejection::NotFound),
            },
            Some(After::Cursor(cursor)) => Some(Place(cursor.place)),
            None => None,
        };
        let (page, counts) = self.ask(|projections| {
            Ok((projections.page(owner, &page.filter, after, page.limit)?, projections.counts(owner)?))
        })?;
        let rendered = self.rendered(grant, owner, |rendering| render::page(&page, rendering));
        Ok(Reading::Page { items: rendered.items, has_more: rendered.has_more, counts })
    }

    /// Renders for one reader.
    pub(crate) fn rendered<T>(&self, grant: &Grant, owner: Owner, render: impl FnOnce(&Rendering<'_>) -> T) -> T {
        let to = matches!(owner, Owner::User(_)).then_some(&*grant.subject);
        let cursor = |place| self.sealed(grant.tenant_tag, place);
        render(&Rendering { keys: &self.keys, tag: grant.tenant_tag, to, contents: &self.contents, cursor: &cursor })
    }
}

/// Whose inbox a name means, if the grant may read it.
fn permitted(grant: &Grant, inbox: &InboxName) -> Result<Owner, Rejection> {
    let right = match inbox {
        InboxName::Me => Right::OwnInbox,
        InboxName::Tenant => Right::ReadTenantInbox,
        InboxName::Platform => Right::PlatformInbox,
        InboxName::Audit => Right::Audit,
        InboxName::Topic(_) => Right::OwnInbox,
    };
    if !grant.permits(right) {
        return Err(Rejection::Forbidden);
    }
    owner(grant, inbox).ok_or_else(|| Rejection::invalid("inbox", "is not offered yet"))
}

/// What a list shows unless it is asked for something else: neither archived nor snoozed items.
pub(crate) fn shown(mut filter: Filter) -> Filter {
    filter.archived.get_or_insert(false);
    filter.snoozed.get_or_insert(false);
    filter
}

/// A page as the result of a reply.
pub(crate) fn json(reading: Reading) -> Value {
    match reading {
        Reading::Page { items, has_more, counts } => json!({ "items": items, "hasMore": has_more, "counts": counts }),
        Reading::Count(counts) => json!({ "counts": counts }),
        Reading::Item(item) => json!({ "item": item }),
    }
}
