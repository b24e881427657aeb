//! Marks on one item and on many.

use super::api::{Api, Question, Reading};
use super::body::Object;
use super::calling::{Call, Data, told};
use super::problem::Refusal;
use super::routes::BulkMarking;
use axum::Json;
use axum::http::StatusCode;
use axum::response::Response;
use tidings_engine::rejection::Rejection;
use tidings_wire::{BulkMark, CommandFrame, Mark, Marked, PageQuery};

/// `PATCH /v1/inbox/notifications/{id}/…` and its `DELETE`: the item as it is afterwards, or nothing when it is gone.
pub(super) async fn one<A: Api>(call: Call<'_, A>, mark: Mark) -> Result<Response, Refusal> {
    let marked = Marked { notifications: vec![call.id.clone()], inbox: Some(call.inbox.clone()) };
    let done = call.submit(command(mark, marked)).await?;
    if mark == Mark::Deleted {
        return Ok(told(&done, StatusCode::NO_CONTENT));
    }
    let notification = call.api().keys().notification(call.grant.tenant_tag, &call.id);
    match call.read(Question::Item { inbox: call.inbox.clone(), notification }).await? {
        Reading::Item(item) => Ok(told(&done, Json(Data { data: item }))),
        _ => Err(Rejection::Internal.into()),
    }
}

/// `POST /v1/inbox/notifications/read` and the like: the ids that are named, else all that match.
pub(super) async fn many<A: Api>(mut call: Call<'_, A>, marking: BulkMarking) -> Result<Response, Refusal> {
    let chosen = chosen(call.body.take().unwrap_or_default())?;
    let inbox = Some(call.inbox.clone());
    let frame = match chosen {
        Chosen::Items(notifications) => {
            let mark = mark_of(marking).ok_or_else(|| Rejection::invalid("notificationIds", "cannot be named here"))?;
            command(mark, Marked { notifications, inbox })
        }
        Chosen::Matching(filter) => command_on_all(marking, BulkMark { filter, up_to: None, inbox }),
    };
    let done = call.submit(frame).await?;
    Ok(told(&done, StatusCode::NO_CONTENT))
}

/// What a mark on many is for.
#[derive(Debug, PartialEq)]
enum Chosen {
    Items(Vec<String>),
    Matching(Option<PageQuery>),
}

/// An empty list of ids is refused, and never taken for "all".
fn chosen(mut body: Object) -> Result<Chosen, Rejection> {
    let mut take = |name| body.remove(name).filter(|value| !value.is_null());
    let (ids, tags, data) = (take("notificationIds"), take("tags"), take("data"));
    if data.is_some() {
        return Err(Rejection::invalid("data", "is not indexed and cannot be filtered by"));
    }
    if !body.is_empty() {
        return Err(Rejection::invalid("body", "holds a field that this route does not know"));
    }
    match (ids, tags) {
        (Some(_), Some(_)) => Err(Rejection::invalid("notificationIds", "and tags exclude each other")),
        (Some(ids), None) => match serde_json::from_value::<Vec<String>>(ids) {
            Ok(ids) if !ids.is_empty() => Ok(Chosen::Items(ids)),
            _ => Err(Rejection::invalid("notificationIds", "must be a list of at least one id")),
        },
        (None, Some(tags)) => Ok(Chosen::Matching(Some(PageQuery { tags: Some(tags), ..PageQuery::default() }))),
        (None, None) => Ok(Chosen::Matching(None)),
    }
}

fn command(mark: Mark, marked: Marked) -> CommandFrame {
    match mark {
        Mark::Seen => CommandFrame::MarkSeen(marked),
        Mark::Unseen => CommandFrame::MarkUnseen(marked),
        Mark::Read => CommandFrame::MarkRead(marked),
        Mark::Unread => CommandFrame::MarkUnread(marked),
        Mark::Archived => CommandFrame::Archive(marked),
        Mark::Unarchived => CommandFrame::Unarchive(marked),
        Mark::Deleted => CommandFrame::Delete(marked),
    }
}

fn command_on_all(marking: BulkMarking, bulk: BulkMark) -> CommandFrame {
    match marking {
        BulkMarking::Read => CommandFrame::MarkAllRead(bulk),
        BulkMarking::Seen => CommandFrame::MarkAllSeen(bulk),
        BulkMarking::Archive => CommandFrame::ArchiveAll(bulk),
        BulkMarking::ReadArchive => CommandFrame::ArchiveRead(bulk),
        BulkMarking::Delete => CommandFrame::DeleteAll(bulk),
    }
}

/// The mark for items that are named; archiving what is read names none.
const fn mark_of(marking: BulkMarking) -> Option<Mark> {
    match marking {
        BulkMarking::Read => Some(Mark::Read),
        BulkMarking::Seen => Some(Mark::Seen),
        BulkMarking::Archive => Some(Mark::Archived),
        BulkMarking::Delete => Some(Mark::Deleted),
        BulkMarking::ReadArchive => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Chosen, PageQuery, chosen};
    use serde_json::{Value, json};

    fn check(body: Value) -> Result<Chosen, ()> {
        chosen(body.as_object().unwrap().clone()).map_err(|_| ())
    }

    #[test]
    fn a_bulk_body_chooses_ids_or_labels_or_all_and_never_all_by_mistake() {
        assert_eq!(check(json!({})), Ok(Chosen::Matching(None)));
        assert_eq!(check(json!({"tags": null, "data": null})), Ok(Chosen::Matching(None)));
        assert_eq!(check(json!({"notificationIds": ["a"]})), Ok(Chosen::Items(vec!["a".to_owned()])));
        let tagged = PageQuery { tags: Some(json!(["a"])), ..PageQuery::default() };
        assert_eq!(check(json!({"tags": ["a"]})), Ok(Chosen::Matching(Some(tagged))));
        for wrong in [
            json!({"data": "{}"}),
            json!({"notificationIds": []}),
            json!({"notificationIds": "a"}),
            json!({"notificationIds": [1]}),
            json!({"notificationIds": ["a"], "tags": ["b"]}),
            json!({"notificationIDs": ["a"]}),
        ] {
            assert_eq!(check(wrong.clone()), Err(()), "{wrong} was taken");
        }
    }
}
