//! Pages and counts.

use super::api::{Api, Foreign, Question, Reading};
use super::calling::Call;
use super::page_query::page_query;
use super::problem::Refusal;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use tidings_engine::limits::{COUNT_FILTERS_MAX, Limit};
use tidings_engine::rejection::Rejection;
use tidings_engine::request;
use tidings_wire::{Item, PageQuery};

/// Most characters of a field's name that a refusal repeats: 64.
const NAME_CHARACTERS_MAX: usize = 64;

/// One page. Never made a JSON value on the way: the application's own `data` keeps its text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    data: Vec<Item>,
    has_more: bool,
    filter: PageQuery,
}

/// `GET /v1/inbox/notifications`.
pub(super) async fn page<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let query = page_query(&call.query)?;
    if request::page(call.api().keys(), &call.grant, &query)?.names_foreign() {
        call.api().foreign(Foreign::Notification, call.caller(), &call.grant);
    }
    let filter = PageQuery { limit: None, after: None, ..query.clone() };
    match call.read(Question::Page { inbox: call.inbox.clone(), query }).await? {
        Reading::Page { items, has_more, .. } => Ok(Json(Page { data: items, has_more, filter }).into_response()),
        _ => Err(Rejection::Internal.into()),
    }
}

/// `GET /v1/inbox/notifications/count`. Each count comes with its filter as it was written; without `filters` there is one
/// count, of all that a page without a filter shows.
pub(super) async fn counts<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let told = filters(call.query.text("filters")?)?;
    // By the rules of a page, so that a count is the number of items on all pages of its filter.
    let filter = |query| request::page(call.api().keys(), &call.grant, query).map(|page| page.filter);
    let filters = told.iter().map(|(_, query)| filter(query)).collect::<Result<Vec<_>, _>>()?;
    match call.read(Question::Count { inbox: call.inbox.clone(), filters }).await? {
        Reading::Count(counts) if counts.len() == told.len() => {
            let data =
                counts.into_iter().zip(told).map(|(count, (filter, _))| json!({ "count": count, "filter": filter }));
            Ok(Json(json!({ "data": data.collect::<Vec<_>>() })).into_response())
        }
        _ => Err(Rejection::Internal.into()),
    }
}

fn filters(text: Option<&str>) -> Result<Vec<(Value, PageQuery)>, Refusal> {
    let Some(text) = text else { return Ok(vec![(json!({}), PageQuery::default())]) };
    let Ok(Value::Array(values)) = serde_json::from_str(text) else {
        return Err(Rejection::invalid("filters", "must be a JSON list of filters").into());
    };
    if values.is_empty() {
        return Err(Rejection::invalid("filters", "must hold at least one filter").into());
    }
    if values.len() > COUNT_FILTERS_MAX {
        let (found, allowed) = (values.len() as u64, COUNT_FILTERS_MAX as u64);
        let (limit, field, unit) = (Limit::CountFiltersMax, "filters", "filters");
        return Err(Rejection::TooLarge { limit, field, found, allowed, unit }.into());
    }
    values.into_iter().enumerate().map(filter).collect()
}

fn filter((place, value): (usize, Value)) -> Result<(Value, PageQuery), Refusal> {
    let Value::Object(fields) = &value else {
        return Err(Refusal::invalid(format!("filters[{place}] must be an object")));
    };
    for (name, field) in fields {
        let is_place = matches!(name.as_str(), "limit" | "after");
        if is_place || serde_json::from_value::<PageQuery>(json!({ name: field })).is_err() {
            let name: String = name.chars().take(NAME_CHARACTERS_MAX).collect();
            return Err(Refusal::invalid(format!("filters[{place}].{name} is not known or not of its kind")));
        }
    }
    let query = serde_json::from_value(value.clone());
    let query = query.map_err(|_| Refusal::invalid(format!("filters[{place}] is not a filter")))?;
    Ok((value, query))
}
