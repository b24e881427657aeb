//! One golden file for each type and version of an event: the bytes of its facts, and what they say.

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor, value};
use serde_json::{Value, json};
use tidings_engine::event::{
    Audience, AuditedRead, Channel, DecodeError, Event, Facts, Recorded, RevokedTokens, Setting,
};
use tidings_engine::grant::Role;
use tidings_engine::ids::StreamId;
use tidings_engine::item::Mark;
use tidings_engine::log::{Record, Stored};
use tidings_wire::Severity;

use crate::author::{Author, Draft};
use crate::events::examples;
use crate::regenerated::{are_golden, golden};

#[test]
fn every_type_of_event_in_the_code_has_an_example() {
    let of_the_code: Vec<String> = variants::<Event>().iter().copied().map(String::from).collect();
    let numbers: Vec<u16> = by_type().keys().copied().collect();
    let names: Vec<String> = by_type().values().map(|events| events[0].type_name().to_owned()).collect();
    assert_eq!(names, of_the_code, "events without an example in tests/format/events.rs, or out of order");
    assert_eq!(numbers, (1..=names.len() as u16).collect::<Vec<_>>(), "type numbers have a gap");
}

/// Their numbers are in the log too, so a new word needs an example as much as a new event.
#[test]
fn every_word_that_an_event_can_hold_is_in_an_example() {
    let said = serde_json::to_string(&examples()).unwrap();
    let words = [
        variants::<Audience>(),
        variants::<AuditedRead>(),
        variants::<Mark>(),
        variants::<Role>(),
        variants::<Severity>(),
        variants::<RevokedTokens>(),
        variants::<Channel>(),
        variants::<Setting>(),
    ];
    let missing: Vec<_> = words.concat().into_iter().filter(|word| !said.contains(&format!("\"{word}\""))).collect();
    assert!(missing.is_empty(), "tests/format/events.rs has no example of {missing:?}");
}

#[test]
fn the_golden_file_of_each_type_and_its_current_version_is_what_the_code_writes() {
    let files = by_type().into_iter().map(|(number, events)| {
        let version = events[0].version();
        let cases: Vec<Value> = events.iter().map(case).collect();
        let name = events[0].type_name();
        let file = json!({ "type": number, "version": version, "name": name, "cases": cases });
        let text = serde_json::to_string_pretty(&file).unwrap() + "\n";
        (format!("events/{}", file_name(number, version)), text.into_bytes())
    });
    are_golden(&files.collect());
}

#[test]
fn every_golden_event_of_every_version_is_read_as_what_it_said() {
    for (number, events) in by_type() {
        for version in 1..=events[0].version() {
            let path = golden().join("events").join(file_name(number, version));
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let file: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&file["type"], &file["version"]), (&json!(number), &json!(version)));
            let cases = file["cases"].as_array().unwrap();
            assert!(!cases.is_empty());
            for case in cases {
                let facts = HEXLOWER.decode(case["facts"].as_str().unwrap().as_bytes()).unwrap();
                let read = Recorded::decode(record(number, version, facts)).unwrap().facts;
                assert_eq!(serde_json::to_value(&read).unwrap(), case["says"], "{}", path.display());
            }
        }
    }
    let files = std::fs::read_dir(golden().join("events")).unwrap().count();
    let versions: u16 = by_type().values().map(|events| events[0].version()).sum();
    assert_eq!(files, usize::from(versions), "tests/golden/events has files of events that the code does not know");
}

/// A reader never guesses: what a later program wrote is refused by its kind, and so is what fits only nearly.
#[test]
fn an_event_of_a_later_type_version_or_codec_is_refused_and_so_is_one_that_does_not_fit() {
    let refused =
        |number, version, facts: &[u8]| Recorded::decode(record(number, version, facts.to_vec())).unwrap_err();
    let later = u16::try_from(by_type().len()).unwrap() + 1;
    for (number, events) in by_type() {
        let known = events[0].version();
        assert_eq!(Event::version_of(number), Some(known));
        let facts = Facts { actor: StreamId([0; 16]), fingerprint: [0; 16], event: events[0].clone() }.encode();
        for found in [0, known + 1] {
            let refusal = DecodeError::Version { event_type: number, found, known };
            assert_eq!(refused(number, found, &facts), refusal);
            // By its number alone: what a later version put there need not be readable.
            assert_eq!(refused(number, found, b"?"), refusal);
        }
        assert_eq!(refused(later, 1, &facts), DecodeError::Type { found: later });
        let other_codec = [&[9], &facts[1..]].concat();
        assert_eq!(refused(number, known, &other_codec), DecodeError::Codec { found: 9 });
        let malformed = DecodeError::Malformed { part: "facts" };
        assert_eq!(refused(number % (later - 1) + 1, 1, &facts), malformed);
        assert_eq!(refused(number, known, &[&facts[..], &[0]].concat()), malformed);
        assert_eq!(refused(number, known, &facts[..facts.len() - 1]), malformed);
    }
    assert_eq!((Event::version_of(0), Event::version_of(later)), (None, None));
}

fn file_name(number: u16, version: u16) -> String {
    format!("{number:02}-v{version}.json")
}

fn by_type() -> BTreeMap<u16, Vec<Event>> {
    let mut by_type: BTreeMap<u16, Vec<Event>> = BTreeMap::new();
    for event in examples() {
        by_type.entry(event.type_number()).or_default().push(event);
    }
    by_type
}

fn case(event: &Event) -> Value {
    let facts = Facts { actor: StreamId([0xac; 16]), fingerprint: [0xf0; 16], event: event.clone() };
    json!({ "facts": HEXLOWER.encode(&facts.encode()), "says": facts })
}

fn record(number: u16, version: u16, facts: Vec<u8>) -> Record {
    let draft = Draft {
        tenant: 1,
        stream: 1,
        kind: (number, version),
        facts: Bytes::from(facts),
        content: Bytes::new(),
        key_id: 0,
    };
    Record { content: Stored::EMPTY, ..Author::default().record(draft) }
}

/// Names of the variants of an enum, as its decoder knows them.
fn variants<T: Deserialize<'static>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    assert!(T::deserialize(AskVariants(&mut names)).is_err());
    assert!(!names.is_empty(), "{} is no longer an enum", std::any::type_name::<T>());
    names
}

/// A deserializer without data: it only notes which variants it is asked for.
struct AskVariants<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for AskVariants<'_> {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("there is no data"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = variants;
        Err(serde::de::Error::custom("there is no data"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
