//! A thousand random damages: the engine's audit and the verifier name the same one at the same place.

use std::path::PathBuf;

use bytes::Bytes;
use testkit::verdicts::{Files, Verdict, files_of, of_the_engine, of_the_verifier};
use tidings_engine::ids::{Position, Revision, StreamId, Time};
use tidings_engine::log::group::{self, Group, GroupContext};
use tidings_engine::log::{Chain, MemoryStorage, Record, SEGMENT_HEADER_BYTES, begin_epoch};

use crate::author::{Author, Draft, open, redact};
use crate::readers::{python, write};

/// Logs, and damages of each.
const LOGS_COUNT: u64 = 20;
const DAMAGES_COUNT: u64 = 50;

/// Damages that Python is shown too; it reads a megabyte a second.
const PYTHON_COUNT: u64 = 40;

#[test]
fn engine_and_verifier_name_the_same_damage_at_the_same_place() {
    let mut found = 0;
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 1..=LOGS_COUNT {
        let mut dice = Dice(seed);
        let (log, other) = (random_log(&mut dice), random_log(&mut dice));
        let sound = of_the_engine(&log);
        assert_eq!(sound, of_the_verifier(&log));
        for _ in 0..DAMAGES_COUNT {
            let damaged = damage(&log, &other, &mut dice);
            let engine = of_the_engine(&damaged);
            assert_eq!(engine, of_the_verifier(&damaged), "of log {seed}");
            assert!(damaged == log || engine != sound, "a damage of log {seed} was found by neither");
            if let Verdict::Damaged { what, .. } = engine {
                found += 1;
                kinds.insert(what);
            }
        }
    }
    assert!(found > 900, "{found} of 1,000 damages only");
    assert!(kinds.len() >= 15, "the damages are of few kinds: {kinds:?}");
}

#[test]
fn python_refuses_what_they_refuse_at_the_same_place() {
    let mut dice = Dice(77);
    let (log, other) = (random_log(&mut dice), random_log(&mut dice));
    let parent = tempfile::tempdir().unwrap();
    let mut expected = String::new();
    let mut directories = Vec::new();
    for index in 0..PYTHON_COUNT {
        let damaged = damage(&log, &other, &mut dice);
        let directory = parent.path().join(index.to_string());
        std::fs::create_dir(&directory).unwrap();
        write(&directory, &damaged);
        directories.push(directory);
        if let Verdict::Damaged { segment, offset, position, what } = of_the_verifier(&damaged) {
            let segment = if segment.is_empty() { "-" } else { &segment };
            let what = spaced(&what);
            expected.push_str(&format!("segment {segment}, offset {offset}, position {position}: {what}\n"));
        }
    }
    let python = python(&directories.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    assert_eq!((python.code, python.complaint), (Some(3), expected));
}

/// `GroupHeader` as Python says it: `group header`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for (index, letter) in name.char_indices() {
        if index > 0 && letter.is_uppercase() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// Splitmix64: the same numbers for the same seed, everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`.
    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap()
    }

    fn bytes(&mut self, count: usize) -> Bytes {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// A log of several segments, tenants, streams and groups, some of it redacted.
fn random_log(dice: &mut Dice) -> Files {
    let storage = MemoryStorage::new();
    let entropy = dice.next().to_le_bytes()[0];
    let mut log = open(&storage, entropy);
    let mut author = Author::default();
    for _ in 0..4 + dice.below(20) {
        let records: Vec<Record> = (0..1 + dice.below(6)).map(|_| author.record(random_draft(dice))).collect();
        log.append(&records).unwrap();
        if dice.below(8) == 0 {
            // Another opening is another term, and a restored log goes on in another epoch.
            drop(log);
            if dice.below(2) == 0 {
                begin_epoch(&storage).unwrap();
            }
            log = open(&storage, entropy);
        }
    }
    let third = dice.below(3) as u32;
    redact(&mut log, &|envelope| envelope.key_id % 3 == third);
    drop(log);
    let mut files = files_of(&storage);
    files.retain(|name, _| name.ends_with(".seg"));
    files
}

fn random_draft(dice: &mut Dice) -> Draft {
    let content = [0, 33, 40, 400][dice.below(4)];
    Draft {
        tenant: dice.below(3) as u32,
        stream: dice.below(5) as u8,
        kind: (1 + dice.below(9) as u16, 1),
        facts: {
            let count = dice.below(120);
            dice.bytes(count)
        },
        content: dice.bytes(content),
        key_id: dice.below(9) as u32,
    }
}

/// The log with one damage.
fn damage(log: &Files, other: &Files, dice: &mut Dice) -> Files {
    let mut files = log.clone();
    let names: Vec<String> = files.keys().cloned().collect();
    let name = names[dice.below(names.len())].clone();
    let bytes = files.get_mut(&name).unwrap();
    let groups = groups_of(bytes);
    match dice.below(12) {
        0..=2 => {
            let at = dice.below(bytes.len());
            flip(bytes, at, dice);
        }
        3 | 4 => {
            // In live bytes, most of which are in groups.
            let live = groups.last().map_or(SEGMENT_HEADER_BYTES, |group| group.end);
            let at = dice.below(live);
            flip(bytes, at, dice);
        }
        5 => bytes.truncate(dice.below(bytes.len())),
        6 => bytes.resize(bytes.len() + 1 + dice.below(4096), 0),
        7 => swap(bytes, &groups, dice),
        8 => splice(bytes, &groups, other, dice),
        9 => rewrite(bytes, &groups, dice),
        10 => {
            // A whole file goes, or stands where another stood.
            let moved = files.remove(&name).unwrap();
            if dice.below(2) == 0 {
                files.insert(names[dice.below(names.len())].clone(), moved);
            }
        }
        _ => header(bytes, dice),
    }
    files
}

fn flip(bytes: &mut [u8], at: usize, dice: &mut Dice) {
    bytes[at] ^= 1 << dice.below(8);
}

/// Where the groups of a sound segment stand.
fn groups_of(segment: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut groups = Vec::new();
    let mut at = SEGMENT_HEADER_BYTES;
    while let Ok(group) = group::decode(&segment[at..]) {
        groups.push(at..at + group.header.group_bytes());
        at += group.header.group_bytes();
    }
    groups
}

/// Exchanges two groups beside each other.
fn swap(bytes: &mut [u8], groups: &[std::ops::Range<usize>], dice: &mut Dice) {
    if groups.len() < 2 {
        return flip(bytes, SEGMENT_HEADER_BYTES, dice);
    }
    let first = dice.below(groups.len() - 1);
    let (left, right) = (groups[first].clone(), groups[first + 1].clone());
    bytes[left.start..right.end].rotate_left(left.len());
}

/// Writes a group of this or another log over the place of one, or removes one.
fn splice(bytes: &mut Vec<u8>, groups: &[std::ops::Range<usize>], other: &Files, dice: &mut Dice) {
    if groups.is_empty() {
        return flip(bytes, SEGMENT_HEADER_BYTES, dice);
    }
    let place = groups[dice.below(groups.len())].clone();
    let group = match dice.below(3) {
        0 => Vec::new(),
        1 => bytes[groups[dice.below(groups.len())].clone()].to_vec(),
        _ => {
            let foreign = other.values().next().unwrap();
            foreign[groups_of(foreign)[0].clone()].to_vec()
        }
    };
    let length = bytes.len();
    bytes.splice(place, group);
    bytes.resize(length, 0);
}

/// Changes an event and makes every checksum of its group, and sometimes its chain, right again: what a forger can do.
fn rewrite(bytes: &mut Vec<u8>, groups: &[std::ops::Range<usize>], dice: &mut Dice) {
    if groups.is_empty() {
        return flip(bytes, SEGMENT_HEADER_BYTES, dice);
    }
    let index = dice.below(groups.len());
    let place = groups[index].clone();
    let before = if index == 0 { 64..96 } else { place.start - 36..place.start - 4 };
    let before = Chain(bytes[before].try_into().unwrap());
    let Group { header, mut records, .. } = group::decode(&bytes[place.clone()]).unwrap();
    let count = records.len();
    let envelope = &mut records[dice.below(count)].envelope;
    match dice.below(6) {
        0 => envelope.time = Time(envelope.time.0 - 1_000_000),
        1 => envelope.revision = Revision(envelope.revision.0 + 1),
        2 => envelope.tenant_sequence += 1,
        3 => envelope.stream = StreamId([9; 16]),
        4 => envelope.position = Position(envelope.position.0 + 1),
        _ => envelope.command_index ^= 1,
    }
    let chain = if dice.below(3) == 0 { Chain([7; 32]) } else { before };
    let term = header.term.saturating_sub(dice.below(2) as u64);
    let context = GroupContext { term, durable_through: header.durable_through, salt: header.salt, chain };
    bytes.splice(place, group::encode(&records, &context));
}

/// Changes a field of the segment's header and makes its checksum right again. A lower epoch, and another number of
/// redactions, would be found by nobody: only checkpoints say the one, and nothing follows from the other.
fn header(bytes: &mut [u8], dice: &mut Dice) {
    let at = [8, 12, 16, 39, 40, 48, 56, 57, 64, 100, 4000][dice.below(11)];
    bytes[at] ^= 1 << dice.below(8);
    let checksum = crc32c::crc32c(&bytes[..SEGMENT_HEADER_BYTES - 4]);
    bytes[SEGMENT_HEADER_BYTES - 4..SEGMENT_HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
}
