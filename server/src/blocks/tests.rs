use super::{FileBlocks, Folding};
use bytes::Bytes;
use std::path::Path;
use tidings_engine::event::{Audience, Content, Event, Facts, Published, Recorded};
use tidings_engine::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use tidings_engine::item::Mark;
use tidings_engine::log::{Envelope, Log, LogOptions, LogReader, MemoryStorage, Record};
use tidings_projections::{Batch, BlockStore, Edit, MemoryBlocks, Owner, Projections, Shelf};
use tidings_wire::{Counts, Severity};

const TENANT: StreamId = StreamId([9; 16]);
const PEOPLE: u8 = 40;
const NOW: Time = Time(1_800_000_000_000);

fn person(number: u8) -> StreamId {
    StreamId([number + 20; 16])
}

/// A log of many small inboxes, with names and texts that are not to be found in the store.
fn log(entropy: u8, count: u64) -> LogReader {
    let (mut log, _) = Log::open(MemoryStorage::default(), LogOptions::default(), [entropy; 16]).unwrap();
    for position in 1..=count {
        let one = person((position * 7 % u64::from(PEOPLE)) as u8);
        let (stream, event) = match position {
            1 => (TENANT, Event::TenantCreated { name: "canary-tenant".to_owned() }),
            _ if position % 11 == 3 => (TENANT, published(Audience::Tenant)),
            _ if position % 5 == 4 => {
                (one, Event::ItemsMarked { mark: Mark::Read, items: vec![Position(position - 1)] })
            }
            _ => (TENANT, published(Audience::People(vec![one]))),
        };
        let envelope = Envelope {
            position: Position(position),
            tenant: TenantId(1),
            tenant_sequence: position,
            stream,
            revision: Revision(position),
            event_type: event.type_number(),
            event_version: event.version(),
            command: CommandHash::NONE,
            command_index: 0,
            time: NOW.plus(i64::try_from(position).unwrap()),
            key_id: 0,
        };
        let facts = Facts { actor: StreamId::default(), fingerprint: [0; 16], event }.encode();
        let content = Content {
            body: "canary-body, long enough to be the text of a notification".to_owned(),
            ..Content::default()
        };
        let content = if facts.len() > 60 { content.encode() } else { Bytes::new() };
        log.append(&[Record { envelope, facts, content: content.into() }]).unwrap();
    }
    log.reader()
}

fn published(audience: Audience) -> Event {
    Event::NotificationPublished(Published {
        audience,
        severity: Severity::High,
        category: Some("build".to_owned()),
        tags: vec!["ci".to_owned()],
        workflow: None,
        expires: None,
        group: None,
    })
}

fn owners() -> impl Iterator<Item = Owner> {
    (0..PEOPLE).map(|number| Owner::User(person(number))).chain([Owner::Tenant(TENANT)])
}

fn folded(reader: &LogReader) -> Vec<Counts> {
    let mut projections = Projections::new();
    for record in reader.scan(Position(1)) {
        projections.apply(&Recorded::decode(record.unwrap()).unwrap()).unwrap();
    }
    owners().map(|owner| projections.counts(owner).unwrap()).collect()
}

fn counts(folding: &mut Folding) -> Vec<Counts> {
    owners().map(|owner| folding.ask(|projections| projections.counts(owner)).unwrap()).collect()
}

fn open(reader: &LogReader, folder: &Path) -> Folding {
    Folding::open(reader.clone(), folder, 4_000, NOW).unwrap()
}

#[test]
fn what_was_handed_over_is_read_at_once_and_after_a_return() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = FileBlocks::open(folder.path(), 1 << 20).unwrap();
    let mut memory = MemoryBlocks::default();
    let shelf = |number: u64| Shelf::Inbox(Owner::User(person((number % 5) as u8)));
    let same = |file: &FileBlocks, memory: &MemoryBlocks| {
        for number in 0..5 {
            assert_eq!(file.rows(shelf(number)).unwrap(), memory.rows(shelf(number)).unwrap());
            assert_eq!(file.row(shelf(number), 3).unwrap(), memory.row(shelf(number), 3).unwrap());
        }
    };
    for number in 0..400_u64 {
        let mut batch = Batch::default();
        batch.is_durable = number % 50 == 0;
        batch.edits.push(match number % 7 {
            5 => Edit::Drop { shelf: shelf(number), number: number % 4 },
            6 if number % 9 == 0 => Edit::Clear { shelf: shelf(number) },
            _ => {
                Edit::Put { shelf: shelf(number), number: number % 6, bytes: vec![number as u8; number as usize * 40] }
            }
        });
        file.write(batch.clone()).unwrap();
        memory.write(batch).unwrap();
        same(&file, &memory);
    }
    drop(file);
    same(&FileBlocks::open(folder.path(), 1 << 20).unwrap(), &memory);
}

#[test]
fn a_start_goes_on_where_the_store_was_left_and_never_with_another_log() {
    let folder = tempfile::tempdir().unwrap();
    let whole = log(1, 900);
    let expected = folded(&whole);
    open(&log(1, 500), folder.path()).close();
    // The same log, longer.
    let mut folding = open(&whole, folder.path());
    assert_eq!(folding.position(), Position(900));
    assert_eq!(counts(&mut folding), expected);
    folding.close();
    // One that lost events, and another one.
    for other in [log(1, 500), log(2, 900)] {
        let mut folding = open(&other, folder.path());
        assert_eq!(counts(&mut folding), folded(&other));
        folding.close();
    }
    assert_eq!(counts(&mut open(&whole, folder.path())), expected);
}

#[test]
fn a_changed_bit_of_the_store_is_never_shown() {
    let (folder, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let reader = log(1, 600);
    let expected = folded(&reader);
    open(&reader, folder.path()).close();
    let file = std::fs::read(folder.path().join(super::FILE)).unwrap();
    let used: Vec<usize> = (0..file.len()).filter(|at| file[*at] != 0).collect();
    for round in 0..120 {
        let mut bytes = file.clone();
        let at = used[round * 7_919 % used.len()];
        bytes[at] ^= 1 << (round % 8);
        std::fs::write(broken.path().join(super::FILE), &bytes).unwrap();
        let mut folding = open(&reader, broken.path());
        assert_eq!(counts(&mut folding), expected, "after a flip at {at}");
    }
}

#[test]
fn neither_names_nor_texts_are_in_the_store() {
    let folder = tempfile::tempdir().unwrap();
    open(&log(1, 300), folder.path()).close();
    let file = std::fs::read(folder.path().join(super::FILE)).unwrap();
    let finds = |text: &[u8]| file.windows(text.len()).any(|bytes| bytes == text);
    assert!(finds(b"build"), "the facts of the items are in the store");
    assert!(!finds(b"canary"), "a name or a text is");
}
