use serde_json::{Value, json};
use tidings_engine::item::Filter;
use tidings_wire::PageQuery;

/// A filter as the wire asks for it; `None` when it matches everything.
#[must_use]
pub fn filter(filter: &Filter) -> Option<Value> {
    if *filter == Filter::default() {
        return None;
    }
    let query = PageQuery {
        limit: None,
        after: None,
        read: filter.read,
        seen: filter.seen,
        archived: filter.archived,
        snoozed: filter.snoozed,
        tags: (!filter.tags.is_empty()).then(|| json!(filter.tags)),
        severity: (!filter.severity.is_empty()).then(|| json!(filter.severity)),
        category: filter.category.clone(),
        created_gte: filter.created_from.map(|time| time.0),
        created_lte: filter.created_to.map(|time| time.0),
    };
    Some(json!(query))
}
