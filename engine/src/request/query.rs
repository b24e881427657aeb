use super::fields::{name, optional_name, within};
use crate::cursor::{Cursor, CursorKind};
use crate::grant::Grant;
use crate::ids::{Position, Time};
use crate::item::Filter;
use crate::keys::{Keys, TenantTag};
use crate::limits::{Limit, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use crate::rejection::Rejection;
use serde::Deserialize;
use serde_json::Value;
use tidings_wire::{PageQuery, Severity};

/// Characters of an item id; a cursor has more.
const ITEM_ID_CHARACTERS: usize = 26;

/// Which page of an inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Which items. Archived and snoozed ones are left out unless asked for.
    pub filter: Filter,
    /// Most items: 1 to 100.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<After>,
}

impl Page {
    /// Whether it is to begin after something that is no item of the tenant, which may be another's.
    #[must_use]
    pub fn names_foreign(&self) -> bool {
        self.after == Some(After::Item(Position::ZERO))
    }
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// After this item; [`Position::ZERO`] for an id that is no item of the tenant.
    Item(Position),
    /// After the place of a page cursor.
    Cursor(Cursor),
}

/// Reads the filter of a query. `limit` and `after` are no part of it.
///
/// # Errors
/// A part that is not of its kind or beyond its limit.
pub fn filter(query: &PageQuery) -> Result<Filter, Rejection> {
    optional_name("category", query.category.as_ref())?;
    Ok(Filter {
        read: query.read,
        seen: query.seen,
        archived: query.archived,
        snoozed: query.snoozed,
        tags: query.tags.as_ref().map_or(Ok(Vec::new()), tags)?,
        severity: query.severity.as_ref().map_or(Ok(Vec::new()), severities)?,
        category: query.category.clone(),
        created_from: query.created_gte.map(Time),
        created_to: query.created_lte.map(Time),
    })
}

/// Reads a query for a page.
///
/// # Errors
/// A part that is not of its kind or beyond its limit, and a cursor that is not one of a page of this tenant.
pub fn page(keys: &Keys, grant: &Grant, query: &PageQuery) -> Result<Page, Rejection> {
    let limit = query.limit.map_or(PAGE_ITEMS_DEFAULT, |limit| limit as usize);
    if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
        return Err(Rejection::invalid("limit", format!("is {limit}, 1 to {PAGE_ITEMS_MAX} are allowed")));
    }
    let after = match query.after.as_deref() {
        None => None,
        Some(id) if id.len() == ITEM_ID_CHARACTERS => Some(After::Item(keys.notification(grant.tenant_tag, id))),
        Some(text) => {
            let what = "is no item id and no cursor of a page";
            Some(After::Cursor(cursor(keys, grant.tenant_tag, CursorKind::Page, text, ("after", what))?))
        }
    };
    let filter = filter(query)?;
    let (archived, snoozed) = (filter.archived.or(Some(false)), filter.snoozed.or(Some(false)));
    Ok(Page { filter: Filter { archived, snoozed, ..filter }, limit, after })
}

/// A cursor of one kind; `wrong` is the field, and the end of the sentence that refuses another.
pub(super) fn cursor(
    keys: &Keys,
    tenant: TenantTag,
    kind: CursorKind,
    text: &str,
    wrong: (&'static str, &'static str),
) -> Result<Cursor, Rejection> {
    let (field, what) = wrong;
    let cursor = Cursor::open(keys, tenant, text).ok_or(Rejection::ForeignCursor { field, what })?;
    if cursor.kind != kind {
        return Err(Rejection::invalid(field, what));
    }
    Ok(cursor)
}

/// `"a"`; `["a","b"]`, which is a or b; `[["a","b"],["c"]]`, which is (a or b) and c.
fn tags(value: &Value) -> Result<Vec<Vec<String>>, Rejection> {
    let wrong = || Rejection::invalid("tags", "must be a list of labels, or a list of lists of labels");
    let label = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(wrong);
    let lists = match value {
        Value::Null => Vec::new(),
        Value::String(tag) => vec![vec![tag.clone()]],
        Value::Array(values) if values.is_empty() => Vec::new(),
        Value::Array(values) if values[0].is_array() => {
            let list = |value: &Value| value.as_array().ok_or_else(wrong)?.iter().map(label).collect();
            values.iter().map(list).collect::<Result<Vec<Vec<String>>, _>>()?
        }
        Value::Array(values) => vec![values.iter().map(label).collect::<Result<_, _>>()?],
        _ => return Err(wrong()),
    };
    if lists.iter().any(Vec::is_empty) {
        return Err(Rejection::invalid("tags", "must not hold an empty list"));
    }
    let count = lists.iter().map(Vec::len).sum::<usize>();
    within(Limit::TagsCountMax, "tags", count, "labels")?;
    lists.iter().flatten().try_for_each(|tag| name("tags", tag, Limit::NameBytesMax))?;
    Ok(lists)
}

fn severities(value: &Value) -> Result<Vec<Severity>, Rejection> {
    let severity = |value: &Value| {
        Severity::deserialize(value).map_err(|_| Rejection::invalid("severity", "must be high, medium, low or none"))
    };
    let mut severities = match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().map(severity).collect::<Result<Vec<_>, _>>()?,
        one => vec![severity(one)?],
    };
    severities.sort_unstable();
    severities.dedup();
    Ok(severities)
}
