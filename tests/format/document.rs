//! The example in `docs/log-format.md` is a test vector: every reader reads it as it says, and the engine writes it.

use testkit::verdicts::{Files, files_of};
use tidings_engine::event::{Audience, Content, Event, Published};
use tidings_engine::ids::StreamId;
use tidings_engine::log::MemoryStorage;
use tidings_wire::Severity;
use xtask::workspace::root;

use crate::author::{Author, Draft, open, redact};
use crate::hexdump::{Parts, dump, read};
use crate::readers::agreed;

#[test]
fn the_engine_writes_the_documents_example_byte_for_byte() {
    let files = example();
    let shown = block("hexdump");
    let made = dump(&files, &PARTS);
    assert!(shown == made, "the document's hexdump is not what the engine writes:\n\n{made}");
    assert_eq!(read(&shown), files, "the hexdump leaves bytes out that are not zero");
}

#[test]
fn every_reader_reads_the_documents_example_as_the_document_says() {
    let lines = agreed(&read(&block("hexdump")));
    let said = block("json");
    assert!(lines == said, "the document's events are not what the readers read:\n\n{lines}");
}

/// Text of the one code block of this language.
fn block(language: &str) -> String {
    let document = std::fs::read_to_string(root().unwrap().join("docs/log-format.md")).unwrap();
    let start = format!("```{language}\n");
    let mut parts = document.split(&start);
    let block = parts.nth(1).unwrap_or_else(|| panic!("the document has no block of {language}"));
    assert!(parts.next().is_none(), "the document has two blocks of {language}");
    block.split("```").next().unwrap().to_owned()
}

/// Three events in two groups, each in a segment of its own; the content of the second event was removed.
fn example() -> Files {
    let storage = MemoryStorage::new();
    let mut log = open(&storage, 7);
    let mut author = Author::default();
    let to_one = published(Audience::People(vec![StreamId([0x22; 16])]), Severity::None);
    // Sealed bytes are as random; these are as long as it takes for the next group to need a new segment.
    let sealed = [&[2, 0, 0][..], &[0x5e; 3600]].concat();
    let hello = Content { subject: Some("Hello".into()), body: "Read me.".into(), ..Content::default() };
    let first = Draft::of(1, 0x11, Event::TenantCreated { name: "acme".into() });
    let second = Draft::of(1, 0x11, to_one).with_content(1, sealed.into());
    let third = published(Audience::Tenant, Severity::High);
    let third = Draft::of(1, 0x11, third).with_content(0, hello.encode());
    log.append(&[author.record(first), author.record(second)]).unwrap();
    log.append(&[author.record(third)]).unwrap();
    redact(&mut log, &|envelope| envelope.position.0 == 2);
    drop(log);
    let mut files = files_of(&storage);
    files.retain(|name, _| name.ends_with(".seg"));
    files
}

fn published(audience: Audience, severity: Severity) -> Event {
    Event::NotificationPublished(Published {
        audience,
        severity,
        category: None,
        tags: vec!["news".into()],
        workflow: None,
        expires: None,
        group: None,
    })
}

const PARTS: [Parts; 3] = [
    Parts {
        facts: &[
            (1, "FACTS codec 1: postcard"),
            (16, "actor"),
            (16, "fingerprint"),
            (1, "variant 0: TenantCreated"),
            (1, "name: 4 bytes"),
            (4, "name"),
        ],
        content: &[],
    },
    Parts {
        facts: &[
            (1, "FACTS codec 1: postcard"),
            (16, "actor"),
            (16, "fingerprint"),
            (1, "variant 2: NotificationPublished"),
            (1, "audience 0: People"),
            (1, "1 person"),
            (16, "stream of the person"),
            (1, "severity 3: none"),
            (1, "category: none"),
            (1, "1 tag"),
            (1, "tag: 4 bytes"),
            (4, "tag"),
            (3, "workflow, expiry, group: none"),
        ],
        content: &[(32, "CONTENT removed: SHA-256 of what it was")],
    },
    Parts {
        facts: &[
            (1, "FACTS codec 1: postcard"),
            (16, "actor"),
            (16, "fingerprint"),
            (1, "variant 2: NotificationPublished"),
            (1, "audience 1: Tenant"),
            (1, "severity 0: high"),
            (1, "category: none"),
            (1, "1 tag"),
            (1, "tag: 4 bytes"),
            (4, "tag"),
            (3, "workflow, expiry, group: none"),
        ],
        content: &[
            (1, "CONTENT codec 1: postcard"),
            (1, "subject: some"),
            (1, "subject: 5 bytes"),
            (5, "subject"),
            (1, "body: 8 bytes"),
            (8, "body"),
            (9, "the other nine fields: none"),
        ],
    },
];
