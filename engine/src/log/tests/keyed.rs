//! Reading one stream or one tenant.

use super::{Author, all_records, directory, open, written};
use crate::ids::{Position, Revision, StreamId, TenantId};
use crate::log::{Log, LogError, LogReader, MemoryStorage, Record, Storage};

const GROUPS: [usize; 12] = [3, 9, 1, 20, 14, 2, 30, 8, 8, 25, 1, 6];

fn stream(number: u8) -> StreamId {
    StreamId([number; 16])
}

/// What reading by key must give: what a filter over all records gives.
fn check(reader: &LogReader, all: &[Record]) {
    for key in 1..=4 {
        let of_stream: Vec<_> = all.iter().filter(|record| record.envelope.stream == stream(key)).collect();
        let of_tenant: Vec<_> = all.iter().filter(|record| record.envelope.tenant.0 == u32::from(key)).collect();
        for from in [0, 1, 2, 7, of_stream.len() as u64, of_stream.len() as u64 + 1] {
            let skip = usize::try_from(from.max(1)).unwrap() - 1;
            let found: Vec<Record> = reader.stream(stream(key), Revision(from)).map(Result::unwrap).collect();
            assert!(found.iter().eq(of_stream.iter().copied().skip(skip)), "stream {key} from {from}");
            let found: Vec<Record> = reader.tenant(TenantId(key.into()), from).map(Result::unwrap).collect();
            assert!(found.iter().eq(of_tenant.iter().copied().skip(skip)), "tenant {key} from {from}");
        }
    }
}

fn sidecars<S: Storage>(storage: &S) -> Vec<String> {
    let mut names = storage.list("index").unwrap();
    names.sort();
    names.into_iter().map(|name| format!("index/{name}")).collect()
}

#[test]
fn a_stream_and_a_tenant_are_read_as_a_filter_over_everything_would() {
    let (storage, all) = written(&GROUPS);
    let (log, _) = open(storage.clone());
    let reader = log.reader();
    check(&reader, &all);
    let built = reader.index_segments().unwrap();
    assert!(built > 3, "{built} sidecars");
    assert_eq!(sidecars(&storage).len(), built as usize);
    check(&reader, &all);
    assert_eq!(reader.index_segments(), Ok(0), "what is there is not written again");
    drop(log);
    let (mut log, _) = open(storage);
    check(&log.reader(), &all);
    let mut author = Author::default();
    GROUPS.iter().for_each(|count| drop(author.records(*count)));
    let more = author.records(5);
    let before = log.reader().tenant(TenantId(1), 1);
    log.append(&more).unwrap();
    let of_tenant = all.iter().filter(|record| record.envelope.tenant == TenantId(1)).count();
    assert_eq!(before.count(), of_tenant, "what was appended later is not told");
    check(&log.reader(), &[all, more].concat());
}

#[test]
fn an_index_on_disk_is_found_again() {
    let (_directory, storage) = directory();
    let (mut log, _) = open(storage());
    let mut author = Author::default();
    for count in GROUPS {
        log.append(&author.records(count)).unwrap();
    }
    assert!(log.reader().index_segments().unwrap() > 3);
    let all = all_records(&log);
    drop(log);
    let (log, _) = open(storage());
    check(&log.reader(), &all);
    assert_eq!(log.reader().index_segments(), Ok(0));
}

#[test]
fn a_damaged_or_missing_sidecar_costs_nothing_but_time_and_is_written_anew() {
    let (storage, all) = written(&GROUPS);
    let (log, _) = open(storage.clone());
    let reader = log.reader();
    reader.index_segments().unwrap();
    let name = &sidecars(&storage)[1];
    let bytes = usize::try_from(storage.file_bytes(name).unwrap()).unwrap();
    let mut sound = vec![0; bytes];
    storage.read_at(name, 0, &mut sound).unwrap();
    for at in (0..200).chain((200..bytes).step_by(97)) {
        storage.flip(name, at, 1 << (at % 8));
        check(&reader, &all);
        storage.flip(name, at, 1 << (at % 8));
    }
    storage.flip(name, 20, 4);
    assert_eq!(reader.index_segments(), Ok(1));
    let mut again = vec![0; bytes];
    storage.read_at(name, 0, &mut again).unwrap();
    assert!(sound == again, "it is not what it was");
    storage.remove(name).unwrap();
    check(&reader, &all);
    assert_eq!(reader.index_segments(), Ok(1));
    let other = &sidecars(&storage)[2];
    storage.rename(other, name).unwrap();
    check(&reader, &all);
    assert_eq!(reader.index_segments(), Ok(2), "another segment's is of no use");
}

#[test]
fn a_redacted_segment_is_read_by_its_new_places_also_in_the_middle_of_a_reading() {
    let (storage, mut all) = written(&GROUPS);
    let (mut log, _) = open(storage);
    log.reader().index_segments().unwrap();
    let reader = log.reader();
    let mut under_way: Vec<_> = (1..=3).map(|key| reader.stream(stream(key), Revision(1))).collect();
    let mut found: Vec<Record> = under_way.iter_mut().map(|scan| scan.next().unwrap().unwrap()).collect();
    for number in reader.sealed_segments() {
        if let Some(rewritten) = reader.rewrite(number, &|envelope| envelope.position.0 % 2 == 0).unwrap() {
            log.adopt(rewritten).unwrap();
        }
    }
    let now = all_records(&log);
    assert!(now != all, "something was redacted");
    for scan in under_way {
        found.extend(scan.map(Result::unwrap));
    }
    found.sort_by_key(|record| record.envelope.position);
    all.truncate(found.len());
    let places = |records: &[Record]| records.iter().map(|record| record.envelope).collect::<Vec<_>>();
    assert_eq!(places(&found), places(&all));
    check(&reader, &now);
    assert!(reader.index_segments().unwrap() > 0, "the old sidecars are of no use");
    check(&reader, &now);
}

#[test]
fn a_damaged_record_is_named_with_its_place_whoever_tells_of_it() {
    let (storage, all) = written(&GROUPS);
    let (log, _) = open(storage.clone());
    log.reader().index_segments().unwrap();
    let at = |log: &Log<MemoryStorage>, wanted: Position| {
        let scan = log.reader().tenant(all[20].envelope.tenant, 1);
        let read: Vec<_> = scan.collect();
        let (last, before) = read.split_last().unwrap();
        assert!(before.iter().all(|found| found.as_ref().is_ok_and(|record| record.envelope.position < wanted)));
        let Err(LogError::Corrupt(damage)) = last else { panic!("{last:?}") };
        assert_eq!(damage.position, wanted);
    };
    let record = &all[20];
    let name = super::segment_names(&storage).into_iter().find(|name| {
        let bytes = usize::try_from(storage.file_bytes(name).unwrap()).unwrap();
        let mut file = vec![0; bytes];
        storage.read_at(name, 0, &mut file).unwrap();
        let found = file.windows(78).position(|window| *window == record.envelope.encode());
        found.is_some_and(|found| {
            storage.flip(name, found + 100, 1);
            true
        })
    });
    assert!(name.is_some());
    at(&log, record.envelope.position);
    sidecars(&storage).iter().for_each(|name| storage.remove(name).unwrap());
    at(&log, record.envelope.position);
}
