//! The query parameters of a page as the wire's page query.

use super::query::Query;
use tidings_engine::rejection::Rejection;
use tidings_wire::PageQuery;

/// Reads the parameters. Whether the values are in range is decided where they are used.
///
/// # Errors
/// `Invalid` for a value that is not of its kind.
pub(super) fn page_query(query: &Query) -> Result<PageQuery, Rejection> {
    let flag = |name| query.parsed::<bool>(name, "true or false");
    let moment = |name| query.parsed::<i64>(name, "milliseconds since 1970");
    Ok(PageQuery {
        limit: query.parsed("limit", "a whole number")?,
        after: query.text("after")?.map(str::to_owned),
        read: flag("read")?,
        seen: flag("seen")?,
        archived: flag("archived")?,
        snoozed: flag("snoozed")?,
        tags: query.groups("tags")?,
        severity: query.one_or_many("severity"),
        category: query.text("category")?.map(str::to_owned),
        created_gte: moment("createdGte")?,
        created_lte: moment("createdLte")?,
    })
}
