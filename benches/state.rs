//! What the state takes for a million known streams and for their items, and how long a snapshot of it takes.

use anyhow::{Context, Result};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;
use std::time::Duration;
use tidings_benches::choice::Choice;
use tidings_benches::process::anonymous_bytes;
use tidings_benches::samples::{self, TENANT};
use tidings_benches::stopwatch::worked;
use tidings_benches::table::{Table, rate, ratio, time};
use tidings_engine::event::{Audience, Event, Recorded};
use tidings_engine::grant::Role;
use tidings_engine::ids::StreamId;
use tidings_engine::keys::{Keys, StreamKind};
use tidings_engine::log::{FileStorage, Log, LogOptions, MemoryStorage, Record, group_bytes};
use tidings_engine::snapshot::Snapshots;
use tidings_engine::state::State;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Items of each person.
const ITEMS_COUNT: u64 = 10;

/// Bytes of a map from ids to revisions alone, with the usual hash map: what each figure is put beside.
const BARE_BYTES: f64 = 16.0 + 8.0 + 1.0;

fn main() -> Result<()> {
    let Some(choice) = Choice::of("state") else { return Ok(()) };
    let people = choice.of_count(1_000_000);
    let keys = samples::keys();
    let ids: Vec<StreamId> = (0..people).map(|number| samples::person(&keys, number)).collect();
    let title = format!("state: {people} known streams, then {ITEMS_COUNT} items for each, time of one core");
    let mut table = Table::new(&title, &["what", "time", "rate", "bytes each", "in all"]);
    let counted = Region::new(ALLOCATOR);
    let bytes = || counted.change().bytes_allocated as u64 - counted.change().bytes_deallocated as u64;
    let resident = anonymous_bytes(std::process::id())?;
    let mut state = State::default();
    let (_, took) = worked(|| observe(&mut state, &ids));
    let streams_bytes = bytes();
    let resident = anonymous_bytes(std::process::id())?.saturating_sub(resident);
    table.row(&row("known streams", people, took, streams_bytes));
    table.row(&row("the same, as the system counts", people, took, resident));
    let items = people * ITEMS_COUNT;
    let (_, took) = worked(|| publish(&mut state, &keys, &ids));
    table.row(&row("items, each a notification of its own", items, took, bytes() - streams_bytes));
    snapshot(&mut table, &state)?;
    table.print();
    tidings_benches::table::say(&format!(
        "  beside a bare map from id to revision: {}",
        ratio(streams_bytes as f64 / people as f64, BARE_BYTES)
    ));
    Ok(())
}

fn row(name: &str, count: u64, took: Duration, bytes: u64) -> [String; 5] {
    let each = format!("{:.1} B", bytes as f64 / count as f64);
    [name.to_owned(), time(took), rate(count, took), each, format!("{:.1} MB", bytes as f64 / 1e6)]
}

fn next(state: &State, stream: StreamId, event: Event) -> Recorded {
    samples::recorded(state.position().0 + 1, stream, event, bytes::Bytes::new())
}

fn observe(state: &mut State, ids: &[StreamId]) {
    for id in ids {
        let event = Event::SubjectObserved { roles: vec![Role::User], topics: vec!["everything".to_owned()] };
        let recorded = next(state, *id, event);
        state.apply(&recorded);
    }
}

fn publish(state: &mut State, keys: &Keys, ids: &[StreamId]) {
    let tenant = keys.stream(TENANT, StreamKind::Tenant, "");
    for _ in 0..ITEMS_COUNT {
        for id in ids {
            let publication = samples::publication(Audience::People(vec![*id]));
            let recorded = next(state, tenant, Event::NotificationPublished(publication.facts));
            state.apply(&recorded);
        }
    }
}

/// A snapshot says which position of which log it is of, so there must be a log that long: one of empty records.
fn snapshot(table: &mut Table, state: &State) -> Result<()> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place for snapshots")?;
    let snapshots = Snapshots::new(Arc::new(FileStorage::create(directory.path())?));
    let (mut log, _) = Log::open(MemoryStorage::new(), LogOptions::default(), [7; 16])?;
    let sample = samples::recorded(1, StreamId::default(), observed(), bytes::Bytes::new());
    let mut position = 0;
    while position < state.position().0 {
        let count = (state.position().0 - position).min(4_000);
        let record = |number| Record {
            envelope: samples::recorded(position + number, StreamId::default(), observed(), bytes::Bytes::new())
                .envelope,
            facts: bytes::Bytes::new(),
            content: sample.content.clone(),
        };
        let records: Vec<Record> = (1..=count).map(record).collect();
        anyhow::ensure!(group_bytes(&records) <= tidings_engine::log::GROUP_BYTES_MAX, "a group is too large");
        log.append(&records)?;
        position += count;
    }
    let (written, took) = worked(|| snapshots.write(state, &log.reader()));
    written?;
    let bytes: u64 = std::fs::read_dir(directory.path())?
        .map(|entry| entry.and_then(|entry| entry.metadata()).map_or(0, |metadata| metadata.len()))
        .sum();
    let streams = state.streams_count() as u64;
    table.row(&row("snapshot: write and sync", streams, took, bytes));
    let (found, took) = worked(|| snapshots.newest(&log.reader()).0);
    anyhow::ensure!(found.is_some_and(|found| found.position() == state.position()), "the snapshot is of no use");
    table.row(&row("snapshot: read, check and take over", streams, took, bytes));
    Ok(())
}

fn observed() -> Event {
    Event::SubjectObserved { roles: Vec::new(), topics: Vec::new() }
}
