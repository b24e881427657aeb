//! Inboxes beyond their memory: a million people and ten million items within the budget, and what a cold inbox costs.
//!
//! `--quick` takes a tenth of the people, and `--people=N` any number.

use anyhow::{Context, Result};
use bytes::Bytes;
use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;
use tidings_benches::choice::Choice;
use tidings_benches::process::anonymous_bytes;
use tidings_benches::samples;
use tidings_benches::spread::Spread;
use tidings_benches::stopwatch::{timed, worked};
use tidings_benches::table::{Table, rate, ratio_of, say, time};
use tidings_engine::event::{Audience, Event, Published, Recorded};
use tidings_engine::ids::{Position, StreamId, TenantId};
use tidings_engine::item::{Filter, Mark};
use tidings_engine::limits::INBOX_ITEMS_MAX;
use tidings_projections::{Audiences, BlockError, Chains, Keeping, Owner, Projections};
use tidings_server::blocks::FileBlocks;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The tenant's own stream, in which everything is published.
const PUBLISHER: StreamId = StreamId([1; 16]);

/// Items of each person.
const ITEMS_EACH: u64 = 10;

/// What a server is given by default: 512 MiB of inboxes, 64 MiB of the store's own cache.
const INBOX_BYTES: usize = 512 << 20;
const CACHE_BYTES: usize = 64 << 20;

/// Cold inboxes that are asked.
const COLD_COUNT: usize = 2_000;

/// A log whose chain is its position: what is measured asks for no more.
#[derive(Debug)]
struct BareLog;

impl Chains for BareLog {
    fn chain(&self, position: Position) -> Result<Option<[u8; 32]>, String> {
        let mut chain = [1; 32];
        chain[..8].copy_from_slice(&position.0.to_le_bytes());
        Ok(Some(chain))
    }
}

impl Audiences for BareLog {
    fn audience(&self, _: Position) -> Result<Option<(TenantId, Audience)>, String> {
        Ok(None)
    }
}

fn main() -> Result<()> {
    let Some(choice) = Choice::of("inboxes") else { return Ok(()) };
    let wanted = std::env::args().find_map(|argument| argument.strip_prefix("--people=").map(str::to_owned));
    let count = match wanted {
        Some(number) => number.parse().context("--people takes a number")?,
        None => choice.of_count(1_000_000),
    };
    let keys = samples::keys();
    let people: Vec<StreamId> = (0..count).map(|number| samples::person(&keys, number)).collect();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place for the store")?;
    rebuild(&people, folder.path())?;
    ask(&people, folder.path())
}

/// Items of everybody in turn, so that no inbox is ever warm; then a full inbox for the first person.
fn events(people: &[StreamId]) -> impl Iterator<Item = Recorded> {
    let round_robin = (0..ITEMS_EACH).flat_map(move |_| people);
    let full = std::iter::repeat_n(&people[0], INBOX_ITEMS_MAX);
    round_robin.chain(full).zip(1..).map(|(person, position)| {
        let published = samples::publication(Audience::People(vec![*person])).facts;
        samples::recorded(position, PUBLISHER, Event::NotificationPublished(published), Bytes::new())
    })
}

fn open(folder: &Path) -> Result<Projections> {
    let store = Box::new(FileBlocks::open(folder, CACHE_BYTES)?);
    let keeping = Keeping { store, audiences: Box::new(BareLog), inbox_bytes_max: INBOX_BYTES };
    let (projections, discarded) = Projections::open(keeping, &BareLog)?;
    anyhow::ensure!(discarded.is_none(), "the store was thrown away");
    Ok(projections)
}

fn rebuild(people: &[StreamId], folder: &Path) -> Result<()> {
    let count = people.len() as u64 * ITEMS_EACH + INBOX_ITEMS_MAX as u64;
    let before = anonymous_bytes(std::process::id())?;
    let (lists, bare) = worked(|| {
        let mut lists: HashMap<StreamId, Vec<(Position, i64)>> = HashMap::new();
        events(people).for_each(|recorded| {
            let envelope = &recorded.envelope;
            if let Event::NotificationPublished(Published { audience: Audience::People(people), .. }) =
                &recorded.facts.event
            {
                lists.entry(people[0]).or_default().push((envelope.position, envelope.time.0));
            }
        });
        lists
    });
    let bare_bytes = anonymous_bytes(std::process::id())?.saturating_sub(before);
    drop(lists);
    let mut projections = open(folder)?;
    let mut most = 0;
    let (folded, took) = worked(|| {
        for recorded in events(people) {
            projections.apply(&recorded)?;
            projections.make_room(&|_| false, &BareLog)?;
            most = most.max(projections.inbox_bytes());
        }
        Ok::<(), BlockError>(())
    });
    folded?;
    let bytes = anonymous_bytes(std::process::id())?.saturating_sub(before);
    let (saved, saving) = timed(|| projections.save_all(&BareLog));
    saved?;
    let file: u64 = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum();
    let title = format!(
        "inboxes: {count} items of {} people, within {} MiB; the baseline pushes positions and times into a HashMap of vectors",
        people.len(),
        INBOX_BYTES >> 20
    );
    let mut table = Table::new(&title, &["what", "time of a core", "events/s", "memory", "time ÷ baseline"]);
    for (name, took, bytes) in [("baseline", bare, bare_bytes), ("fold, with eviction", took, bytes)] {
        let memory = format!("{} MiB", bytes >> 20);
        table.row(&[name.to_owned(), time(took), rate(count, took), memory, ratio_of(took, bare)]);
    }
    table.print();
    say(&format!(
        "  inboxes held at most {} MiB; the rest saved in {}, the store is {} MiB, {} bytes an item",
        most >> 20,
        time(saving),
        file >> 20,
        file / count
    ));
    Ok(())
}

fn ask(people: &[StreamId], folder: &Path) -> Result<()> {
    let before = anonymous_bytes(std::process::id())?;
    let (opened, opening) = timed(|| open(folder));
    let mut projections = opened?;
    let ordinary = Filter { archived: Some(false), snoozed: Some(false), ..Filter::default() };
    let step = (people.len() / COLD_COUNT).max(1);
    let mut small = Vec::with_capacity(COLD_COUNT);
    for person in people.iter().skip(1).step_by(step) {
        let (page, took) = timed(|| projections.page(Owner::User(*person), &ordinary, None, 20));
        anyhow::ensure!(page?.items.len() as u64 == ITEMS_EACH, "an inbox lacks items");
        small.push(took);
    }
    let bytes = anonymous_bytes(std::process::id())?.saturating_sub(before);
    let full = Owner::User(people[0]);
    let mut large = Vec::new();
    for _ in 0..50 {
        drop(projections);
        projections = open(folder)?;
        let (page, took) = timed(|| projections.page(full, &ordinary, None, 20));
        anyhow::ensure!(page?.items.len() == 20, "the full inbox lacks items");
        large.push(took);
    }
    let mut table = Table::new(
        "inboxes: what a question costs, time that passes, the store in the page cache",
        &["what", "p50", "p99", "longest"],
    );
    let mut row = |name: &str, times: Vec<Duration>| {
        let spread = Spread::of(times);
        table.row(&[name.to_owned(), time(spread.p50()), time(spread.p99()), time(spread.max())]);
    };
    row("cold inbox of 10: page", small);
    row("cold inbox of 10,000: page of 20", large);
    warm(&mut projections, people, &mut row)?;
    table.print();
    say(&format!(
        "  ready in {} from the store; memory with {COLD_COUNT} inboxes loaded: {} MiB",
        time(opening),
        bytes >> 20
    ));
    Ok(())
}

/// Questions to the full inbox, once it is in memory.
fn warm(
    projections: &mut Projections,
    people: &[StreamId],
    row: &mut dyn FnMut(&str, Vec<Duration>),
) -> Result<(), BlockError> {
    let full = Owner::User(people[0]);
    let ordinary = Filter { archived: Some(false), snoozed: Some(false), ..Filter::default() };
    let mut repeat = |question: &mut dyn FnMut(&mut Projections) -> Result<(), BlockError>| {
        let times = (0..1_000).map(|_| {
            let (asked, took) = timed(|| question(projections));
            asked.map(|()| took)
        });
        times.collect::<Result<Vec<_>, BlockError>>()
    };
    row(
        "warm, 10,000: page of 20",
        repeat(&mut |it| it.page(full, &ordinary, None, 20).map(|page| drop(black_box(page))))?,
    );
    row(
        "warm, 10,000: count",
        repeat(&mut |it| {
            it.count(full, &ordinary).map(|count| {
                black_box(count);
            })
        })?,
    );
    let mut position = people.len() as u64 * ITEMS_EACH + INBOX_ITEMS_MAX as u64;
    row(
        "warm, 10,000: mark all, and counts",
        repeat(&mut |it| {
            position += 1;
            let mark = if position.is_multiple_of(2) { Mark::Read } else { Mark::Unread };
            let event = Event::AllItemsMarked { mark, filter: Filter::default(), up_to: Position(position) };
            it.apply(&samples::recorded(position, people[0], event, Bytes::new()))?;
            it.counts(full).map(|counts| {
                black_box(counts);
            })
        })?,
    );
    Ok(())
}
