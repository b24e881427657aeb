//! A log with every type of event: made again byte by byte, and read by all three readers for ever.

use testkit::verdicts::{Files, files_of};
use tidings_engine::event::{Event, Recorded};
use tidings_engine::ids::Position;
use tidings_engine::log::{ChainCheck, MemoryStorage, Stored};

use crate::author::{Author, Draft, open, redact};
use crate::events::{content, examples};
use crate::readers::agreed;
use crate::regenerated::{are_golden, golden};
use crate::sealed::{CONTENT_KEY_ID, seal};

/// The directory of the golden log of format 1, and its events as the document gives them.
const LOG: &str = "format-1";
const EVENTS: &str = "format-1.ndjson";

#[test]
fn the_golden_log_is_what_the_engine_writes() {
    are_golden(&made().into_iter().map(|(name, bytes)| (format!("{LOG}/{name}"), bytes)).collect());
    assert_eq!(committed().len(), made().len(), "tests/golden/{LOG} has other files");
}

#[test]
fn three_readers_read_the_golden_log_alike() {
    let lines = agreed(&committed());
    are_golden(&Files::from([(EVENTS.to_owned(), lines.clone().into_bytes())]));
    assert!(lines.contains(r#""redacted":true"#) && lines.contains(r#""redacted":false"#));
}

#[test]
fn every_event_of_the_golden_log_decodes() {
    let storage = testkit::verdicts::storage_of(&committed());
    let log = open(&storage, ENTROPY);
    let records = log.reader().scan_checked(Position(1), ChainCheck::Verify);
    let types: Vec<u16> =
        records.map(|record| Recorded::decode(record.unwrap()).unwrap().envelope.event_type).collect();
    for event in examples() {
        assert!(types.contains(&event.type_number()), "the golden log has no {}", event.type_name());
    }
}

/// What the golden log's identity is made from.
pub(crate) const ENTROPY: u8 = 3;

/// The golden log as it is committed.
pub(crate) fn committed() -> Files {
    let entries = std::fs::read_dir(golden().join(LOG)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.file_name().unwrap().to_str().unwrap().into(), std::fs::read(path).unwrap())).collect()
}

/// Every example in groups of three, with a content for each publish, plain, sealed, and sealed with the actor apart; a
/// second opening in the middle, and some contents removed.
fn made() -> Files {
    let storage = MemoryStorage::new();
    let mut log = open(&storage, ENTROPY);
    let mut author = Author::default();
    let mut records = Vec::new();
    for (index, event) in examples().into_iter().enumerate() {
        let has_content = matches!(event, Event::NotificationPublished(_));
        let draft = Draft::of(1 + index as u32 % 2, 1 + (index % 3) as u8, event);
        let sealing = has_content.then_some(index % 3);
        let key_id = if matches!(sealing, Some(1 | 2)) { CONTENT_KEY_ID } else { 0 };
        let mut record = author.record(Draft { key_id, ..draft });
        record.content = match sealing {
            None => Stored::EMPTY,
            Some(0) => content().encode().into(),
            Some(way) => seal(&record.envelope, way == 2).into(),
        };
        records.push(record);
    }
    let half = records.len() / 2;
    for (index, records) in records.chunks(3).enumerate() {
        if index * 3 >= half && index * 3 < half + 3 {
            drop(log);
            log = open(&storage, ENTROPY);
        }
        log.append(records).unwrap();
    }
    redact(&mut log, &|envelope| envelope.position.0 % 4 == 0);
    drop(log);
    let mut files = files_of(&storage);
    files.retain(|name, _| name.ends_with(".seg"));
    files
}
