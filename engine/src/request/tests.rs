use super::{After, command, filter, page, publication};
use crate::command::{Command, Inbox, Publication};
use crate::cursor::{Cursor, CursorKind};
use crate::event::Audience;
use crate::grant::{Grant, Role};
use crate::ids::{Position, Time};
use crate::item::{Filter, Mark};
use crate::keys::{Keys, StreamKind};
use crate::limits::ITEM_BYTES_MAX;
use crate::rejection::Rejection;
use serde_json::{Value, json};
use std::sync::Arc;
use tidings_wire::{CommandFrame, PageQuery, Publish, Severity};

fn keys() -> Keys {
    Keys::new(&[1; 32])
}

fn grant(keys: &Keys, role: Role) -> Arc<Grant> {
    Arc::new(Grant {
        tenant: "acme".into(),
        tenant_stream: keys.stream("acme", StreamKind::Tenant, ""),
        tenant_tag: keys.tenant_tag("acme"),
        subject: "ada".into(),
        stream: keys.stream("acme", StreamKind::User, "ada"),
        roles: vec![role],
        topics: Vec::new(),
        token_id: None,
        issued: None,
        expires: Time(i64::MAX),
        credential: crate::grant::Credential::Token,
    })
}

fn publish(change: Value) -> Result<Publication, Rejection> {
    let mut publish = json!({"to": "bob", "body": "b"});
    for (name, value) in change.as_object().unwrap() {
        publish.as_object_mut().unwrap().insert(name.clone(), value.clone());
    }
    let publish: Publish = serde_json::from_value(publish).unwrap();
    publication(&keys(), "acme", publish)
}

/// The field at fault and its code; `None`: it is taken.
fn fault(change: Value) -> Option<(&'static str, &'static str)> {
    match publish(change) {
        Ok(_) => None,
        Err(Rejection::TooLarge { field, .. }) => Some((field, "too_large")),
        Err(Rejection::Invalid { field, .. }) => Some((field, "invalid")),
        Err(other) => panic!("{other:?}"),
    }
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |value, _| json!([value]))
}

#[test]
fn every_field_takes_its_limit_and_refuses_one_more() {
    let text = |count: usize| "x".repeat(count);
    let people = |count: usize| (0..count).map(|number| format!("u{number}")).collect::<Vec<_>>();
    let names = |count: usize| json!(people(count));
    let url = |count: usize| format!("https://h/{}", text(count - 10));
    let button = |label: String| json!({"label": label});
    for (field, at_limit, one_over) in [
        ("subject", json!(text(512)), json!(text(513))),
        ("body", json!(text(16_384)), json!(text(16_385))),
        ("data", json!(text(32_766)), json!(text(32_767))),
        ("data", nested(16), nested(17)),
        ("tags", names(32), names(33)),
        ("tags", json!([text(128)]), json!([text(129)])),
        ("category", json!(text(128)), json!(text(129))),
        ("actor", json!(text(128)), json!(text(129))),
        ("groupKey", json!(text(128)), json!(text(129))),
        ("transactionId", json!(text(64)), json!(text(65))),
        ("avatar", json!(url(2_048)), json!(url(2_049))),
        ("redirect", json!({"url": url(2_048)}), json!({"url": url(2_049)})),
        ("primaryAction", button(text(128)), button(text(129))),
        ("secondaryAction", button(text(128)), button(text(129))),
        ("to", json!(text(128)), json!(text(129))),
        ("to", names(10_000), names(10_001)),
        ("to", json!([people(10_000), people(1)].concat()), names(10_001)),
        ("tags", json!([people(32), people(32)].concat()), names(33)),
    ] {
        assert_eq!(fault(json!({ field: at_limit })), None, "{field} at its limit");
        assert_eq!(fault(json!({ field: one_over })), Some((field, "too_large")), "{field} one over");
    }
}

#[test]
fn an_item_must_fit_its_limit_in_the_largest_form_it_can_be_shown_in() {
    // Each of these characters takes six bytes as JSON.
    let sized = |change: Value| match publish(change) {
        Ok(_) => None,
        Err(Rejection::TooLarge { field: "notification", found, .. }) => Some(found as usize),
        Err(other) => panic!("{other:?}"),
    };
    let body = |count: usize| "\u{1}".repeat(count);
    let over = sized(json!({"body": body(16_384)})).unwrap();
    let fits = 16_384 - (over - ITEM_BYTES_MAX).div_ceil(6);
    assert_eq!(sized(json!({"body": body(fits)})), None);
    assert!(sized(json!({"body": body(fits + 1)})).is_some());
    // Every other part counts as well, the shown form of the longest recipient too.
    for (field, value) in [
        ("subject", json!("s")),
        ("category", json!("c")),
        ("tags", json!(["t"])),
        ("data", json!(1)),
        ("avatar", json!("https://h")),
        ("actor", json!("a")),
        ("primaryAction", json!({"label": "l"})),
        ("secondaryAction", json!({"label": "l"})),
        ("redirect", json!({"url": "/"})),
        ("groupKey", json!("g")),
        ("transactionId", json!("t".repeat(40))),
        ("to", json!(["x", "bobby-tables"])),
    ] {
        assert!(sized(json!({"body": body(fits), field: value})).is_some(), "{field} does not count");
    }
}

#[test]
fn names_are_not_empty_and_hold_no_control_characters() {
    for field in ["category", "actor", "groupKey", "transactionId", "to"] {
        for name in ["", "a\u{0}", "a\nb", "\u{7f}", "\u{85}"] {
            assert_eq!(fault(json!({ field: name })), Some((field, "invalid")), "{field} {name:?}");
        }
    }
    assert_eq!(fault(json!({"to": []})), Some(("to", "invalid")));
    assert_eq!(fault(json!({"to": ["bob", ""]})), Some(("to", "invalid")));
    assert_eq!(fault(json!({"tags": [""]})), Some(("tags", "invalid")));
    assert_eq!(fault(json!({"primaryAction": {"label": ""}})), Some(("primaryAction", "invalid")));
    assert_eq!(fault(json!({"to": {"type": "topic", "topicKey": ""}})), Some(("topicKey", "invalid")));
    assert_eq!(fault(json!({"to": {"type": "role", "role": "king"}})), Some(("role", "invalid")));
}

#[test]
fn addresses_lead_to_the_web_or_to_a_path_of_the_application() {
    let urls = [
        ("https://example.com/a?b#c", true, true),
        ("HTTP://example.com", true, true),
        ("/inbox/1", false, true),
        ("/", false, true),
        ("//evil.example", false, false),
        ("/\\evil.example", false, false),
        ("/\t/evil.example", false, false),
        ("javascript:alert(1)", false, false),
        ("data:text/html,x", false, false),
        ("https:/example.com", false, false),
        ("https://", false, false),
        ("https:///evil.example", false, false),
        ("https://a b", false, false),
        (" https://example.com", false, false),
        ("inbox", false, false),
        ("", false, false),
    ];
    for (url, web, path) in urls {
        assert_eq!(fault(json!({"avatar": url})).is_none(), web, "avatar {url:?}");
        assert_eq!(fault(json!({"redirect": {"url": url}})).is_none(), path, "redirect {url:?}");
        let button = json!({"primaryAction": {"label": "l", "redirect": {"url": url}}});
        assert_eq!(fault(button).is_none(), path, "action {url:?}");
    }
    for (target, good) in [("_blank", true), ("_unfencedTop", true), ("other", false), ("", false)] {
        assert_eq!(fault(json!({"redirect": {"url": "/", "target": target}})).is_none(), good, "{target}");
    }
}

/// The socket's command and the HTTP body come through here: neither may publish at once what was meant for later.
#[test]
fn a_delay_or_an_expiry_is_refused_and_never_ignored() {
    for field in ["sendAt", "expiresAt"] {
        let change = json!({field: "2030-01-01T00:00:00.000Z"});
        assert_eq!(fault(change.clone()), Some((field, "invalid")));
        let mut frame = json!({"command": "publish", "to": "bob", "body": "b"});
        frame[field] = change[field].clone();
        assert!(
            matches!(ask(Role::Service, frame, None), Err(Rejection::Invalid { field: named, .. }) if named == field)
        );
        assert_eq!(fault(json!({field: null})), None);
    }
}

#[test]
fn a_publication_names_people_by_their_streams_once_and_keeps_its_content() {
    let keys = keys();
    let of = |name| keys.stream("acme", StreamKind::User, name);
    let found = publish(json!({
        "to": ["bob", "cem", "bob"], "subject": "s", "severity": "high", "tags": ["b", "a", "b"], "data": {"z": 1, "a": 2},
        "primaryAction": {"label": "go", "isCompleted": true}, "groupKey": "g", "transactionId": "t",
    }));
    let Publication { facts, content, .. } = found.unwrap();
    assert_eq!(facts.audience, Audience::People(vec![of("bob"), of("cem")]));
    assert_eq!((facts.severity, facts.tags), (Severity::High, vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!((facts.group, content.recipient), (Some(keys.group("acme", "g")), None));
    assert_eq!(content.primary_action.as_deref(), Some(r#"{"label":"go","isCompleted":false}"#));
    assert_eq!(content.transaction_id.as_deref(), Some("t"));
    let data: Value = serde_json::from_str(&content.data.unwrap()).unwrap();
    assert_eq!(data, json!({"z": 1, "a": 2}));
    let one = publish(json!({"to": ["bob", "bob"]})).unwrap();
    assert_eq!(one.content.recipient.as_deref(), Some("bob"));
    for (to, audience) in [
        (json!({"type": "tenant"}), Audience::Tenant),
        (json!({"type": "platform"}), Audience::Platform),
        (json!({"type": "topic", "topicKey": "k"}), Audience::Topic("k".to_owned())),
        (json!({"type": "role", "role": "auditor"}), Audience::Role(Role::Auditor)),
    ] {
        assert_eq!(publish(json!({ "to": to })).unwrap().facts.audience, audience);
    }
}

fn query(value: Value) -> PageQuery {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_filter_reads_tags_and_severities_in_each_of_their_forms() {
    let tags = |value: Value| filter(&query(json!({ "tags": value }))).map(|filter| filter.tags);
    let lists = |lists: &[&[&str]]| -> Result<Vec<Vec<String>>, Rejection> {
        Ok(lists.iter().map(|list| list.iter().map(|tag| (*tag).to_owned()).collect()).collect())
    };
    assert_eq!(tags(json!("a")), lists(&[&["a"]]));
    assert_eq!(tags(json!(["a", "b"])), lists(&[&["a", "b"]]));
    assert_eq!(tags(json!([["a", "b"], ["c"]])), lists(&[&["a", "b"], &["c"]]));
    assert_eq!(tags(json!([])), lists(&[]));
    for wrong in [json!([[]]), json!([["a"], "b"]), json!(["a", ["b"]]), json!([1]), json!({}), json!([""])] {
        assert!(matches!(tags(wrong.clone()), Err(Rejection::Invalid { field: "tags", .. })), "{wrong}");
    }
    assert!(tags(json!(vec!["t"; 32])).is_ok());
    assert!(matches!(tags(json!(vec!["t"; 33])), Err(Rejection::TooLarge { found: 33, .. })));
    assert!(matches!(tags(json!(vec![["t"]; 33])), Err(Rejection::TooLarge { found: 33, .. })));
    let severities = |value: Value| filter(&query(json!({ "severity": value }))).map(|filter| filter.severity);
    assert_eq!(severities(json!("high")), Ok(vec![Severity::High]));
    assert_eq!(severities(json!(["low", "high", "low"])), Ok(vec![Severity::High, Severity::Low]));
    assert!(severities(json!(["HIGH"])).is_err() && severities(json!(1)).is_err());
    assert!(filter(&query(json!({"category": ""}))).is_err());
}

#[test]
fn a_page_has_its_bounds_and_begins_after_an_item_or_a_place() {
    let keys = keys();
    let grant = grant(&keys, Role::User);
    let read = |value: Value| page(&keys, &grant, &query(value));
    let all = read(json!({})).unwrap();
    assert_eq!((all.limit, all.after, all.filter.archived, all.filter.snoozed), (10, None, Some(false), Some(false)));
    assert_eq!(read(json!({"archived": true})).unwrap().filter.archived, Some(true));
    for (limit, good) in [(0, false), (1, true), (100, true), (101, false)] {
        assert_eq!(read(json!({ "limit": limit })).is_ok(), good, "{limit}");
    }
    let id = keys.item_id(grant.tenant_tag, Position(7));
    assert_eq!(read(json!({ "after": id })).unwrap().after, Some(After::Item(Position(7))));
    let foreign = keys.item_id(keys.tenant_tag("other"), Position(7));
    assert_eq!(read(json!({ "after": foreign })).unwrap().after, Some(After::Item(Position::ZERO)));
    let place = |kind| Cursor { kind, epoch: 1, position: Position(2), chain: [3; 4], place: 4 };
    let sealed = |kind| place(kind).seal(&keys, grant.tenant_tag);
    let after = read(json!({"after": sealed(CursorKind::Page)})).unwrap().after;
    assert_eq!(after, Some(After::Cursor(place(CursorKind::Page))));
    assert!(read(json!({"after": sealed(CursorKind::Changes)})).is_err());
    assert!(read(json!({"after": "x"})).is_err());
}

fn ask(role: Role, frame: Value, command_id: Option<&str>) -> Result<crate::command::Request, Rejection> {
    let frame: CommandFrame = serde_json::from_value(frame).unwrap();
    let keys = keys();
    command(&keys, &grant(&keys, role), frame, command_id.map(str::to_owned))
}

#[test]
fn marks_name_items_by_position_within_their_limit() {
    let keys = keys();
    let mine = keys.item_id(keys.tenant_tag("acme"), Position(7));
    let foreign = keys.item_id(keys.tenant_tag("other"), Position(7));
    for (name, mark) in [
        ("mark_seen", Mark::Seen),
        ("mark_unseen", Mark::Unseen),
        ("mark_read", Mark::Read),
        ("mark_unread", Mark::Unread),
        ("archive", Mark::Archived),
        ("unarchive", Mark::Unarchived),
        ("delete", Mark::Deleted),
    ] {
        let found = ask(Role::User, json!({"command": name, "notifications": [mine, foreign, "x"]}), None).unwrap();
        let items = vec![Position(7), Position::ZERO, Position::ZERO];
        assert_eq!(found.command, Command::Mark { inbox: Inbox::Own, mark, items });
    }
    let many = |count| ask(Role::User, json!({"command": "delete", "notifications": vec!["x"; count]}), None);
    assert!(many(500).is_ok());
    assert!(matches!(many(501), Err(Rejection::TooLarge { found: 501, allowed: 500, .. })));
    assert!(matches!(many(0), Err(Rejection::Invalid { .. })));
}

#[test]
fn marks_on_all_take_a_filter_and_a_cursor_of_changes() {
    let keys = keys();
    let acme = keys.tenant_tag("acme");
    let cursor = Cursor { kind: CursorKind::Changes, epoch: 1, position: Position(9), chain: [0; 4], place: 0 };
    let all = |name: &str, arguments: Value| {
        let mut frame = arguments;
        frame["command"] = json!(name);
        ask(Role::TenantAdmin, frame, None).map(|request| request.command)
    };
    for (name, mark) in [
        ("mark_all_seen", Mark::Seen),
        ("mark_all_read", Mark::Read),
        ("archive_all", Mark::Archived),
        ("delete_all", Mark::Deleted),
    ] {
        let found = all(name, json!({"inbox": "tenant", "upTo": cursor.seal(&keys, acme), "filter": {"seen": true}}));
        let filter = Filter { seen: Some(true), ..Filter::default() };
        let up_to = Some(Position(9));
        assert_eq!(found, Ok(Command::MarkAll { inbox: Inbox::Tenant, mark, filter, up_to }));
    }
    let read = Filter { read: Some(true), ..Filter::default() };
    let found = all("archive_read", json!({}));
    assert_eq!(found, Ok(Command::MarkAll { inbox: Inbox::Own, mark: Mark::Archived, filter: read, up_to: None }));
    let page = Cursor { kind: CursorKind::Page, ..cursor };
    for wrong in [
        json!({"upTo": page.seal(&keys, acme)}),
        json!({"upTo": cursor.seal(&keys, keys.tenant_tag("other"))}),
        json!({"upTo": ""}),
        json!({"filter": {"limit": 1}}),
        json!({"filter": {"after": "x"}}),
        json!({"filter": {"read": false}}),
        json!({"inbox": "platform"}),
    ] {
        let no = all("archive_read", wrong.clone()).unwrap_err();
        assert_eq!(no.code(), tidings_wire::ReplyCode::Invalid, "{wrong}");
    }
}

#[test]
fn commands_need_their_rights() {
    let mark = |inbox: &str| json!({"command": "delete", "notifications": ["x"], "inbox": inbox});
    let publish = json!({"command": "publish", "to": "bob", "body": ""});
    let retract = json!({"command": "retract", "notification": "x"});
    let elsewhere = json!({"command": "publish", "to": "bob", "body": "", "tenant": "other"});
    let frames = [mark("me"), mark("tenant"), publish, retract, elsewhere];
    for (role, permitted) in [
        (Role::User, [true, false, false, false, false]),
        (Role::Service, [false, false, true, true, false]),
        (Role::TenantAdmin, [true, true, true, true, false]),
        (Role::Auditor, [false, false, false, false, false]),
    ] {
        for (frame, permitted) in frames.iter().zip(permitted) {
            let found = ask(role, frame.clone(), None);
            assert_eq!(found.is_ok(), permitted, "{role:?} {frame}");
            assert!(permitted || matches!(found, Err(Rejection::Forbidden)));
        }
    }
}

#[test]
fn a_key_comes_with_a_fingerprint_of_the_arguments_and_of_nothing_else() {
    let publish = |body: &str| json!({"command": "publish", "to": "bob", "body": body, "transactionId": "t"});
    let ask = |frame, id| ask(Role::Service, frame, id).unwrap();
    let (first, again) = (ask(publish("a"), None), ask(publish("a"), Some("c")));
    assert_eq!((first.key.as_deref(), again.key.as_deref()), (Some("t"), Some("c")));
    assert_eq!(first.fingerprint, again.fingerprint);
    assert_ne!(first.fingerprint, ask(publish("b"), None).fingerprint);
    let unkeyed = ask(json!({"command": "retract", "notification": "x"}), None);
    assert_eq!((unkeyed.key, unkeyed.fingerprint), (None, [0; 16]));
}

#[test]
fn a_command_id_has_its_limit() {
    let retract = json!({"command": "retract", "notification": "x"});
    let code = |id: &str| ask(Role::Service, retract.clone(), Some(id)).err();
    assert_eq!(code(&"c".repeat(64)), None);
    assert!(matches!(code(&"c".repeat(65)), Some(Rejection::TooLarge { .. })));
    assert!(matches!(code(""), Some(Rejection::Invalid { .. })));
    assert!(matches!(code("a\n"), Some(Rejection::Invalid { .. })));
}
