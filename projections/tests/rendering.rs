//! Items, pages and frames as the wire has them.

mod support;

use serde_json::{Value, json};
use std::sync::Arc;
use support::{Place, published, record, tenant_stream};
use tidings_engine::event::{Audience, Content, Event, Recorded};
use tidings_engine::ids::{Position, Time};
use tidings_engine::item::{Filter, Mark};
use tidings_engine::keys::Keys;
use tidings_engine::limits::{FRAME_BYTES_MAX, PAGE_BYTES_MAX};
use tidings_projections::render::{self, Rendering};
use tidings_projections::{ChangePlace, Changes, ContentSource, Delta, Place as After, Projections, Target};
use tidings_wire::{InboxName, ServerFrame};

const ADA: Place = Place { tenant: 1, person: Some(1) };

/// Every notification has the same text.
struct Texts(Option<Arc<Content>>);

impl ContentSource for Texts {
    fn content(&self, _: Position) -> Option<Arc<Content>> {
        self.0.clone()
    }
}

fn cursor(place: ChangePlace) -> String {
    format!("{}/{}", place.position, place.place)
}

fn with_rendering<T>(content: Option<Content>, then: impl FnOnce(&Rendering<'_>) -> T) -> T {
    let keys = Keys::new(&[7; 32]);
    let tag = keys.tenant_tag("acme");
    let contents = Texts(content.map(Arc::new));
    then(&Rendering { keys: &keys, tag, to: Some("ada"), contents: &contents, cursor: &cursor })
}

fn published_to_ada(count: usize) -> Vec<Recorded> {
    let mut log = Vec::new();
    for _ in 0..count {
        let published = published(Audience::People(vec![ADA.stream()]), 7);
        record(&mut log, 1, tenant_stream(1), Event::NotificationPublished(published));
    }
    log
}

fn last_delta(log: &[Recorded]) -> Delta {
    let mut projections = Projections::new();
    let mut deltas = Vec::new();
    for recorded in log {
        deltas.clear();
        projections
            .apply_live(recorded, &|target| target == Target::User(ADA.stream()), &mut deltas)
            .expect("in memory");
    }
    deltas.remove(0)
}

fn folded(log: &[Recorded]) -> Projections {
    let mut projections = Projections::new();
    log.iter().for_each(|recorded| projections.apply(recorded).expect("in memory"));
    projections
}

fn text(bytes: usize) -> Option<Content> {
    Some(Content { body: "x".repeat(bytes), ..Content::default() })
}

#[test]
fn an_item_has_every_field_the_wire_promises() {
    let content = Content {
        subject: Some("Hello".to_owned()),
        body: "World".to_owned(),
        data: Some(r#"{"a":[1,2]}"#.to_owned()),
        avatar: Some("https://example.com/a.png".to_owned()),
        actor: Some("bob".to_owned()),
        primary_action: Some(r#"{"label":"Open","isCompleted":false,"redirect":{"url":"/x"}}"#.to_owned()),
        secondary_action: None,
        redirect: Some(r#"{"url":"/y","target":"_self"}"#.to_owned()),
        group_key: Some("g".to_owned()),
        transaction_id: Some("t-1".to_owned()),
        recipient: Some("ada".to_owned()),
    };
    let mut log = published_to_ada(1);
    record(&mut log, 1, ADA.stream(), Event::ItemsMarked { mark: Mark::Read, items: vec![Position(1)] });
    let state = folded(&log).item(ADA.owner(), Position(1)).expect("in memory").unwrap();
    let item = with_rendering(Some(content), |rendering| serde_json::to_value(rendering.item(&state)).unwrap());
    let id = item["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 26);
    let wanted = json!({
        "id": id, "transactionId": "t-1", "subject": "Hello", "body": "World", "to": {"subscriberId": "ada"},
        "isRead": true, "isSeen": true, "isArchived": false, "isSnoozed": false, "isPinned": false,
        "createdAt": "2023-11-14T22:13:21.000Z", "deliveredAt": ["2023-11-14T22:13:21.000Z"],
        "readAt": "2023-11-14T22:13:22.000Z", "firstSeenAt": "2023-11-14T22:13:22.000Z",
        "avatar": "https://example.com/a.png", "actor": {"subscriberId": "bob"},
        "primaryAction": {"label": "Open", "isCompleted": false, "redirect": {"url": "/x"}},
        "channelType": "in_app", "tags": ["tag-0", "tag-1", "tag-2"], "data": {"a": [1, 2]},
        "redirect": {"url": "/y", "target": "_self"}, "category": "category-1", "groupKey": "g", "severity": "none",
    });
    assert_eq!(item, wanted);
}

#[test]
fn an_item_without_its_content_has_an_empty_text() {
    let state = folded(&published_to_ada(1)).item(ADA.owner(), Position(1)).expect("in memory").unwrap();
    let item = with_rendering(None, |rendering| rendering.item(&state));
    assert_eq!((item.body.as_str(), &item.transaction_id), ("", &item.id));
}

#[test]
fn a_page_ends_at_its_bytes_and_goes_on_after_them() {
    let mut projections = folded(&published_to_ada(20));
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = projections.page(ADA.owner(), &Filter::default(), after, 10).expect("in memory");
        let rendered = with_rendering(text(20_000), |rendering| render::page(&page, rendering));
        assert!(serde_json::to_vec(&rendered.items).unwrap().len() <= PAGE_BYTES_MAX + 1);
        assert!(!rendered.items.is_empty());
        seen.extend(rendered.items.into_iter().map(|item| item.id));
        after = rendered.next;
        if !rendered.has_more {
            break;
        }
    }
    assert_eq!((seen.len(), after), (20, Some(After(1))));
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 20);
}

/// As many changes as one command can make do not fit one frame: each frame's cursor tells what is known after it.
#[test]
fn a_large_delta_comes_in_frames_that_each_fit_and_say_where_they_end() {
    let mut log = published_to_ada(500);
    let items = (1..=500).map(Position).collect();
    let event = record(&mut log, 1, ADA.stream(), Event::ItemsMarked { mark: Mark::Archived, items });
    let delta = last_delta(&log);
    let frames = with_rendering(None, |rendering| render::delta_frames(&InboxName::Me, &delta, rendering));
    assert!(frames.len() > 1);
    let mut told = 0;
    for (index, (frame, place)) in frames.iter().enumerate() {
        assert!(tidings_wire::encode(frame).len() <= FRAME_BYTES_MAX);
        let ServerFrame::Delta { cursor: at, changes, counts, .. } = frame else { panic!("not a delta") };
        told += changes.len() as u64;
        let is_last = index + 1 == frames.len();
        let wanted = if is_last { ChangePlace::at(event) } else { ChangePlace::after(event, told) };
        assert_eq!((at, *place, counts.is_some()), (&cursor(wanted), wanted, is_last));
    }
    assert_eq!(told, 500);
}

#[test]
fn a_mark_on_all_says_its_place_its_filter_and_its_time() {
    let change = |up_to: u64, filter: &Filter| -> Value {
        let mut log = published_to_ada(9);
        let filter = filter.clone();
        let event = Event::AllItemsMarked { mark: Mark::Read, filter, up_to: Position(up_to) };
        record(&mut log, 1, ADA.stream(), event);
        let delta = last_delta(&log);
        let changes = with_rendering(None, |rendering| render::delta_changes(&delta, rendering));
        serde_json::to_value(&changes[0].0).unwrap()
    };
    let at = "2023-11-14T22:13:30.000Z";
    for everything in [9, 10] {
        let wanted = json!({"op": "marked_all", "mark": "read", "upTo": "10/0", "at": at});
        assert_eq!(change(everything, &Filter::default()), wanted);
    }
    let filter = Filter {
        seen: Some(false),
        tags: vec![vec!["tag-1".to_owned()]],
        created_from: Some(Time(5)),
        ..Filter::default()
    };
    let wanted = json!({
        "op": "marked_all", "mark": "read", "upTo": "4/0", "at": at,
        "filter": {"seen": false, "tags": [["tag-1"]], "createdGte": 5},
    });
    assert_eq!(change(4, &filter), wanted);
}

#[test]
fn catching_up_ends_at_its_bytes_and_tells_items_whole() {
    let mut log = published_to_ada(10);
    record(&mut log, 1, ADA.stream(), Event::ItemsMarked { mark: Mark::Deleted, items: vec![Position(1)] });
    let mut projections = folded(&log);
    let (mut since, mut told) = (ChangePlace::at(Position(1)), 0);
    loop {
        let Changes::Page { changes, next, done } = projections.changes(ADA.owner(), since, 100).expect("in memory")
        else {
            panic!("resync");
        };
        let rendered = with_rendering(text(20_000), |rendering| render::changed_items(&changes, rendering));
        assert!(serde_json::to_vec(&rendered.changes).unwrap().len() <= PAGE_BYTES_MAX + 1);
        told += rendered.changes.len();
        let is_cut = rendered.reached.is_some();
        since = rendered.reached.unwrap_or(next);
        if done && !is_cut {
            break;
        }
    }
    assert_eq!((told, since), (10, ChangePlace::at(Position(11))));
}
