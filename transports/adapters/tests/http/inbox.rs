//! Pages, counts and marks.

use super::{ADA, DATA, Fake, KNOWN, ask, assets, call, fake, request, site};
use axum::body::Body;
use serde_json::{Value, json};
use std::sync::Arc;
use tidings_adapters::http::Question;
use tidings_engine::command::{Command, Inbox};
use tidings_engine::item::{Filter, Mark};
use tidings_wire::{InboxName, PageQuery};

const PAGE: &str = "/v1/inbox/notifications";
const ADMIN: &str = "acme/ruth/tenant_admin";

fn asked_page(fake: &Fake) -> (InboxName, PageQuery) {
    match fake.asked.lock().pop() {
        Some(Question::Page { inbox, query }) => (inbox, query),
        other => panic!("no page was asked for but {other:?}"),
    }
}

#[tokio::test]
async fn a_page_is_asked_for_as_the_parameters_say() {
    let fake = fake();
    let after = fake.id("acme", KNOWN);
    let path = format!(
        "{PAGE}?limit=20&after={after}&read=false&seen=true&archived=true&snoozed=false&tags[0][]=a&tags[1][]=b&severity[]=high\
         &severity[]=low&category=billing&createdGte=5&createdLte=9"
    );
    let answer = call(&fake, ADA, "GET", &path, None).await;
    let filter = json!({
        "read": false, "seen": true, "archived": true, "snoozed": false, "tags": [["a"], ["b"]],
        "severity": ["high", "low"], "category": "billing", "createdGte": 5, "createdLte": 9,
    });
    let (inbox, query) = asked_page(&fake);
    let mut expected = filter.clone();
    expected["limit"] = json!(20);
    expected["after"] = json!(after);
    assert_eq!((inbox, serde_json::to_value(query).unwrap()), (InboxName::Me, expected));
    let answer = answer.json();
    assert_eq!((&answer["hasMore"], &answer["filter"]), (&json!(true), &filter));
    assert_eq!(answer["data"][0]["id"], fake.id("acme", KNOWN));
}

#[tokio::test]
async fn a_page_without_parameters_is_the_default_one_of_the_callers_inbox() {
    let fake = fake();
    assert_eq!(call(&fake, ADA, "GET", PAGE, None).await.json()["filter"], json!({}));
    assert_eq!(asked_page(&fake), (InboxName::Me, PageQuery::default()));
    assert_eq!(call(&fake, ADMIN, "GET", &format!("{PAGE}?inbox=tenant"), None).await.status, 200);
    assert_eq!(asked_page(&fake).0, InboxName::Tenant);
}

#[tokio::test]
async fn a_parameter_that_is_wrong_or_unknown_is_refused_by_name() {
    let fake = fake();
    for (query, start) in [
        ("limit=x", "limit "),
        ("read=1", "read "),
        ("createdGte=now", "createdGte "),
        ("inbox=audit", "inbox "),
        ("inbox=topic:a", "inbox "),
        ("category=a&category=b", "category "),
        ("data=%7B%7D", "query "),
        ("raed=true", "query "),
        ("after=%ff", "query "),
    ] {
        let answer = call(&fake, ADA, "GET", &format!("{PAGE}?{query}"), None).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid"), "{query}");
        assert!(answer.json()["detail"].as_str().unwrap().starts_with(start), "{answer:?}");
    }
    assert!(fake.asked.lock().is_empty());
}

async fn count(fake: &Arc<Fake>, filters: &str) -> super::Answer {
    let encoded: String = filters.bytes().map(|byte| format!("%{byte:02X}")).collect();
    call(fake, ADA, "GET", &format!("{PAGE}/count?filters={encoded}"), None).await
}

#[tokio::test]
async fn each_count_comes_with_its_filter() {
    let fake = fake();
    let answer = count(&fake, r#"[{"read":false,"severity":"high"},{"tags":["a","b"]},{}]"#).await;
    let data = json!([
        {"count": 0, "filter": {"read": false, "severity": "high"}},
        {"count": 1, "filter": {"tags": ["a", "b"]}},
        {"count": 2, "filter": {}},
    ]);
    assert_eq!(answer.json(), json!({ "data": data }));
    let Some(Question::Count { filters, .. }) = fake.asked.lock().pop() else { panic!("no count was asked for") };
    assert_eq!((filters[0].read, filters[1].tags.len()), (Some(false), 1));
    // What a page leaves out unless it is asked for, a count leaves out too.
    assert_eq!((filters[2].archived, filters[2].snoozed), (Some(false), Some(false)));
    let overall = call(&fake, ADA, "GET", &format!("{PAGE}/count"), None).await;
    assert_eq!(overall.json(), json!({"data": [{"count": 0, "filter": {}}]}));
}

#[tokio::test]
async fn a_filter_that_is_not_understood_is_named_and_counts_nothing() {
    let fake = fake();
    for (filters, detail) in [
        ("{}", "filters must be a JSON list of filters"),
        ("[", "filters must be a JSON list of filters"),
        ("[]", "filters must hold at least one filter"),
        ("[{},1]", "filters[1] must be an object"),
        (r#"[{"limit":1}]"#, "filters[0].limit is not known or not of its kind"),
        (r#"[{"raed":true}]"#, "filters[0].raed is not known or not of its kind"),
        (r#"[{},{"read":"yes"}]"#, "filters[1].read is not known or not of its kind"),
    ] {
        let answer = count(&fake, filters).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["detail"]), (400, &json!(detail)));
    }
    assert_eq!(count(&fake, &json!(vec![json!({}); 32]).to_string()).await.status, 200);
    assert_eq!(count(&fake, &json!(vec![json!({}); 33]).to_string()).await.code(), "too_large");
}

#[tokio::test]
async fn a_mark_on_one_answers_with_the_item_as_it_is_then() {
    let fake = fake();
    let id = fake.id("acme", KNOWN);
    for (tail, mark) in [
        ("read", Mark::Read),
        ("unread", Mark::Unread),
        ("seen", Mark::Seen),
        ("unseen", Mark::Unseen),
        ("archive", Mark::Archived),
        ("unarchive", Mark::Unarchived),
    ] {
        let answer = call(&fake, ADA, "PATCH", &format!("{PAGE}/{id}/{tail}"), None).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["data"]["id"]), (200, &json!(id)));
        let command = fake.submitted.lock().pop().unwrap().command;
        assert_eq!(command, Command::Mark { inbox: Inbox::Own, mark, items: vec![KNOWN] });
    }
    let gone = call(&fake, ADMIN, "DELETE", &format!("{PAGE}/{id}/delete?inbox=tenant"), None).await;
    assert_eq!((gone.status.as_u16(), gone.body.len()), (204, 0));
    let command = fake.submitted.lock().pop().unwrap().command;
    assert_eq!(command, Command::Mark { inbox: Inbox::Tenant, mark: Mark::Deleted, items: vec![KNOWN] });
}

#[tokio::test]
async fn the_applications_own_data_keeps_its_text() {
    let fake = fake();
    let one = format!("{PAGE}/{}/read", fake.id("acme", KNOWN));
    for (method, path) in [("GET", PAGE), ("PATCH", one.as_str())] {
        let answer = call(&fake, ADA, method, path, None).await;
        assert!(String::from_utf8(answer.body).unwrap().contains(&format!(r#""data":{DATA}"#)));
    }
}

async fn bulk(fake: &Arc<Fake>, tail: &str, body: Option<Value>) -> super::Answer {
    call(fake, ADA, "POST", &format!("{PAGE}/{tail}"), body).await
}

#[tokio::test]
async fn a_mark_on_many_is_for_the_named_ones_or_for_all_that_match() {
    let fake = fake();
    for (tail, mark) in
        [("read", Mark::Read), ("seen", Mark::Seen), ("archive", Mark::Archived), ("delete", Mark::Deleted)]
    {
        assert_eq!(bulk(&fake, tail, Some(json!({"notificationIds": [fake.id("acme", KNOWN)]}))).await.status, 204);
        let command = fake.submitted.lock().pop().unwrap().command;
        assert_eq!(command, Command::Mark { inbox: Inbox::Own, mark, items: vec![KNOWN] });
        for body in [None, Some(json!({}))] {
            assert_eq!(bulk(&fake, tail, body).await.status, 204);
            let command = fake.submitted.lock().pop().unwrap().command;
            assert!(matches!(command, Command::MarkAll { mark: set, .. } if set == mark), "{command:?}");
        }
    }
    assert_eq!(bulk(&fake, "read", Some(json!({"tags": [["a"], ["b"]]}))).await.status, 204);
    let command = fake.submitted.lock().pop().unwrap().command;
    let Command::MarkAll { filter, up_to, .. } = command else { panic!("not a mark on all but {command:?}") };
    assert_eq!((filter.tags, up_to), (vec![vec!["a".to_owned()], vec!["b".to_owned()]], None));
    assert_eq!(bulk(&fake, "read-archive", None).await.status, 204);
    let command = fake.submitted.lock().pop().unwrap().command;
    let Command::MarkAll { filter: Filter { read, .. }, mark, .. } = command else { panic!("{command:?}") };
    assert_eq!((read, mark), (Some(true), Mark::Archived));
}

#[tokio::test]
async fn a_mark_on_many_that_names_nobody_marks_nothing() {
    let fake = fake();
    for body in [json!({"notificationIds": []}), json!({"data": "{}"}), json!({"tags": 5}), json!({"ids": ["a"]})] {
        let answer = bulk(&fake, "read", Some(body)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid"), "{answer:?}");
    }
    let archive = bulk(&fake, "read-archive", Some(json!({"notificationIds": ["a"]}))).await;
    assert_eq!(archive.status, 400);
    let asked = request("POST", "/v1/inbox/notifications/read").header("authorization", format!("Bearer {ADA}"));
    let text = ask(&site(&fake, assets()), asked.body(Body::from("{}")).unwrap()).await;
    assert_eq!(text.status, 415);
    assert!(fake.submitted.lock().is_empty());
}
