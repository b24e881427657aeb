use super::samples::{content, events, published, recorded};
use super::schema::{fault, published as schema};
use crate::audit::{EVENT_TYPES, Line, RangeEnd, Seen, TenantChain, View, canonical};
use crate::event::{Audience, Content, Event};
use crate::ids::StreamId;
use crate::keys::Keys;
use crate::limits::PAGE_BYTES_MAX;
use crate::log::{Chain, LogId, Stored};
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn keys() -> Keys {
    Keys::new(&[7; 32])
}

fn tenant(keys: &Keys) -> View<'_> {
    View::Tenant { keys, tag: keys.tenant_tag("acme") }
}

fn text(event: Event, stored: Stored, content: Option<&Content>, view: View<'_>) -> String {
    let (record, recorded) = recorded(event, stored);
    Line::new(&Seen::read(&record, &recorded), content, view).text()
}

fn whole() -> Stored {
    Stored::from(content().encode())
}

#[test]
fn every_type_of_event_is_a_line_of_the_published_schema_for_every_reader() {
    let (keys, schema, content) = (keys(), schema(), content());
    let mut types = BTreeSet::new();
    for event in events() {
        types.insert((event.type_number(), event.type_name()));
        let redacted = Stored::Redacted(whole().hash());
        for stored in [Stored::EMPTY, whole(), redacted] {
            for shown in [None, Some(&content)] {
                for view in [View::Platform, tenant(&keys)] {
                    let line = text(event.clone(), stored.clone(), shown, view);
                    assert!(!line.contains('\n'));
                    let value = serde_json::from_str(&line).unwrap();
                    assert_eq!(fault(&schema, &schema, &value), None, "{line}");
                }
            }
        }
    }
    let known: BTreeSet<_> = EVENT_TYPES.iter().copied().collect();
    assert_eq!(types, known, "a type is without a sample, or not in the list of types");
    let listed = schema.pointer("/$defs/event/properties/type/enum").unwrap();
    assert_eq!(*listed, json!(EVENT_TYPES.iter().map(|(_, name)| name).collect::<Vec<_>>()));
}

#[test]
fn the_schema_refuses_what_is_not_of_it() {
    let schema = schema();
    let line: Value = serde_json::from_str(&text(events().remove(0), Stored::EMPTY, None, View::Platform)).unwrap();
    assert_eq!(fault(&schema, &schema, &line), None);
    for (name, value) in [
        ("type", json!("SubjectErased")),
        ("typeNumber", json!(2)),
        ("leaf", json!("00")),
        ("tenantSequence", json!(0)),
        ("facts", json!({ "name": "acme", "more": 1 })),
        ("unknown", json!(1)),
        ("stream", Value::Null),
    ] {
        let mut wrong = line.clone();
        wrong[name] = value;
        assert!(fault(&schema, &schema, &wrong).is_some(), "{wrong}");
    }
}

#[test]
fn the_end_of_a_reading_is_of_the_schema_too() {
    let schema = schema();
    let platform = RangeEnd {
        events: 3,
        more: true,
        cursor: Some("c".to_owned()),
        position: Some(9),
        chain: Some("0".repeat(64)),
        error: Some("why".to_owned()),
    };
    for end in [RangeEnd::default(), platform] {
        let value = serde_json::from_str(&end.text()).unwrap();
        assert_eq!(fault(&schema, &schema, &value), None, "{value}");
    }
}

/// Nothing that tells of the log as a whole: its positions, the numbers of tenants and keys, and hashes from which the
/// position can be found by trying.
#[test]
fn a_tenants_auditor_is_shown_nothing_that_counts_other_tenants() {
    let keys = keys();
    for event in events() {
        let line = text(event, whole(), None, tenant(&keys));
        let value: Value = serde_json::from_str(&line).unwrap();
        for name in ["position", "tenant", "keyId", "leaf", "factsHash"] {
            assert!(value.get(name).is_none(), "{line}");
        }
        for number in ["70007", "70,007", "4242", "991199", "77"] {
            let hidden = line.replace(value["contentHash"].as_str().unwrap(), "");
            let found = hidden.contains(&format!(":{number}")) || hidden.contains(&format!("[{number}"));
            assert!(!found, "{number} in {line}");
        }
    }
}

#[test]
fn content_is_there_when_it_is_given_alone_and_its_hash_always() {
    let (keys, stored, content) = (keys(), whole(), content());
    let hash = HEXLOWER.encode(&stored.hash());
    for (stored, is_redacted) in [(stored.clone(), false), (Stored::Redacted(stored.hash()), true)] {
        let line: Value =
            serde_json::from_str(&text(published(Audience::Tenant), stored, None, tenant(&keys))).unwrap();
        assert_eq!((&line["content"], &line["redacted"]), (&Value::Null, &json!(is_redacted)));
        assert_eq!(line["contentHash"], hash);
        assert!(!line.to_string().contains("canary"));
    }
    let line = text(published(Audience::Tenant), stored, Some(&content), tenant(&keys));
    assert!(line.contains("canary-body"));
    assert!(
        line.contains(r#""data":{"b":1.10,"a":12345678901234567890123}"#),
        "the application's text as it was given"
    );
}

/// What the schema says of `leaf` and the chain, done with what stands in the line and nothing else.
#[test]
fn leaf_and_chain_follow_from_the_line() {
    let (record, recorded) = recorded(published(Audience::Tenant), whole());
    let line = Line::new(&Seen::read(&record, &recorded), None, View::Platform).text();
    let line: Value = serde_json::from_str(&line).unwrap();
    let hex = |value: &Value| HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap();
    let number = |name: &str| line[name].as_u64().unwrap();
    let mut bytes = vec![0];
    bytes.extend(number("position").to_le_bytes());
    bytes.extend(u32::try_from(number("tenant")).unwrap().to_le_bytes());
    bytes.extend(number("tenantSequence").to_le_bytes());
    bytes.extend(hex(&line["stream"]));
    bytes.extend(number("revision").to_le_bytes());
    bytes.extend(u16::try_from(number("typeNumber")).unwrap().to_le_bytes());
    bytes.extend(u16::try_from(number("version")).unwrap().to_le_bytes());
    bytes.extend(hex(&line["command"]));
    bytes.extend(u16::try_from(number("commandIndex")).unwrap().to_le_bytes());
    let time = crate::ids::Time::parse(line["time"].as_str().unwrap()).unwrap();
    bytes.extend(time.0.to_le_bytes());
    bytes.extend(u32::try_from(number("keyId")).unwrap().to_le_bytes());
    bytes.extend(hex(&line["factsHash"]));
    bytes.extend(hex(&line["contentHash"]));
    let leaf = digest(&SHA256, &bytes);
    assert_eq!(hex(&line["leaf"]), leaf.as_ref());
    let before = Chain::start(LogId([1; 16]));
    let after = digest(&SHA256, &[&before.0[..], leaf.as_ref()].concat());
    assert_eq!(before.then(&record.leaf()).0, after.as_ref());
}

#[test]
fn a_line_that_is_too_long_for_a_frame_says_what_it_goes_without() {
    let (keys, schema) = (keys(), schema());
    let people =
        (0..10_000_u32).map(|number| StreamId([&number.to_le_bytes()[..], &[0; 12]].concat().try_into().unwrap()));
    let large = Content { body: "\"".repeat(16_384), data: Some(format!("\"{}\"", "x".repeat(32_000))), ..content() };
    let (record, recorded) = recorded(published(Audience::People(people.collect())), whole());
    let line = Line::new(&Seen::read(&record, &recorded), Some(&large), tenant(&keys));
    assert!(line.text().len() > 300_000);
    let cut = line.clone().text_within(PAGE_BYTES_MAX);
    assert!(cut.len() <= PAGE_BYTES_MAX);
    let value: Value = serde_json::from_str(&cut).unwrap();
    assert_eq!(fault(&schema, &schema, &value), None);
    assert_eq!((&value["cut"], &value["facts"]["audience"]["count"]), (&json!(["content", "people"]), &json!(10_000)));
    assert_eq!(line.clone().text_within(1_000_000), line.text(), "what fits stays whole");
}

/// The tenant chain from nothing but the lines, as an auditor would make it with any JSON library.
#[test]
fn the_tenant_chain_follows_from_the_lines_and_is_the_same_with_content_and_after_redaction() {
    let keys = keys();
    let (mut of_lines, mut by_hand) = (TenantChain::default(), [0; 32]);
    let (mut with_content, mut redacted) = (TenantChain::default(), TenantChain::default());
    for event in events() {
        let (record, recorded_whole) = recorded(event.clone(), whole());
        let line = Line::new(&Seen::read(&record, &recorded_whole), None, tenant(&keys));
        of_lines = of_lines.then(&line);
        let mut value: Value = serde_json::from_str(&line.text()).unwrap();
        for name in ["content", "redacted"] {
            value.as_object_mut().unwrap().remove(name);
        }
        let hash = digest(&SHA256, canonical(&value).as_bytes());
        let both = digest(&SHA256, &[&by_hand[..], hash.as_ref()].concat());
        by_hand = both.as_ref().try_into().unwrap();
        with_content =
            with_content.then(&Line::new(&Seen::read(&record, &recorded_whole), Some(&content()), tenant(&keys)));
        let (record, recorded) = recorded(event, Stored::Redacted(whole().hash()));
        redacted = redacted.then(&Line::new(&Seen::read(&record, &recorded), None, tenant(&keys)));
    }
    assert_eq!(of_lines.0, by_hand);
    assert_eq!((with_content, redacted), (of_lines, of_lines));
}

#[test]
fn canonical_json_is_sorted_without_white_space() {
    let value = json!({ "b": [1, { "z": null, "a": "ä\n\"" }], "a": true });
    assert_eq!(canonical(&value), r#"{"a":true,"b":[1,{"a":"ä\n\"","z":null}]}"#);
}
