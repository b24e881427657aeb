//! Folding events into inboxes and counts, and what an inbox of 10 000 answers.

use anyhow::Result;
use bytes::Bytes;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use tidings_benches::choice::Choice;
use tidings_benches::samples::{self, START, TENANT};
use tidings_benches::stopwatch::worked;
use tidings_benches::table::{Table, rate, ratio_of, time};
use tidings_engine::event::{Audience, Content, Event, Recorded};
use tidings_engine::ids::{Position, StreamId};
use tidings_engine::item::{Filter, Flags, Mark};
use tidings_engine::keys::{Keys, StreamKind};
use tidings_engine::limits::INBOX_ITEMS_MAX;
use tidings_projections::render::{Rendering, page};
use tidings_projections::{ChangePlace, ContentSource, Owner, Projections};
use tidings_wire::{InboxName, ServerFrame, encode};

/// People whose inboxes the events go to.
const PEOPLE_COUNT: u64 = 1_000;

fn main() -> Result<()> {
    let Some(choice) = Choice::of("project") else { return Ok(()) };
    let keys = samples::keys();
    rebuild(&keys, choice.of_count(1_000_000));
    ask(&keys, choice);
    Ok(())
}

/// Eight of ten events are for one person, one is for everyone, one is a mark.
fn events(keys: &Keys, count: u64) -> Vec<Recorded> {
    let tenant = keys.stream(TENANT, StreamKind::Tenant, "");
    let people: Vec<StreamId> = (0..PEOPLE_COUNT).map(|number| samples::person(keys, number)).collect();
    let mut events = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
    for person in &people {
        let observed = Event::SubjectObserved { roles: Vec::new(), topics: Vec::new() };
        events.push(samples::recorded(events.len() as u64 + 1, *person, observed, Bytes::new()));
    }
    for number in 0..count {
        let position = events.len() as u64 + 1;
        let person = people[usize::try_from(number % PEOPLE_COUNT).unwrap_or_default()];
        let (stream, event) = match number / PEOPLE_COUNT % 10 {
            5 if number % PEOPLE_COUNT < 10 => {
                (tenant, Event::NotificationPublished(samples::publication(Audience::Tenant).facts))
            }
            9 => {
                let items = vec![Position(position - PEOPLE_COUNT)];
                (person, Event::ItemsMarked { mark: Mark::Read, items })
            }
            _ => (tenant, Event::NotificationPublished(samples::publication(Audience::People(vec![person])).facts)),
        };
        events.push(samples::recorded(position, stream, event, Bytes::new()));
    }
    events
}

fn rebuild(keys: &Keys, count: u64) {
    let events = events(keys, count);
    let total = events.len() as u64;
    let (bare, bare_took) = worked(|| {
        let mut lists: HashMap<StreamId, Vec<Position>> = HashMap::new();
        for recorded in &events {
            match &recorded.facts.event {
                Event::NotificationPublished(published) => {
                    if let Audience::People(people) = &published.audience {
                        people.iter().for_each(|person| {
                            lists.entry(*person).or_default().push(recorded.envelope.position);
                        });
                    }
                }
                _ => lists.entry(recorded.envelope.stream).or_default().push(recorded.envelope.position),
            }
        }
        lists
    });
    black_box(bare);
    let mut projections = Projections::new();
    let (_, apply) = worked(|| events.iter().for_each(|recorded| projections.apply(recorded).expect("in memory")));
    let owners: Vec<_> = (0..PEOPLE_COUNT).map(|number| Owner::User(samples::person(keys, number))).collect();
    let (unread, counts) = worked(|| {
        owners.iter().map(|owner| u64::from(projections.counts(*owner).expect("in memory").unread)).sum::<u64>()
    });
    black_box(unread);
    let columns = ["what", "time", "events/s", "time ÷ baseline"];
    let title = format!(
        "project: {total} events into {PEOPLE_COUNT} inboxes, time of one core; the baseline pushes their positions into a HashMap of vectors"
    );
    let mut table = Table::new(&title, &columns);
    let rows =
        [("baseline: HashMap of vectors", bare_took), ("fold", apply), ("fold, every inbox's counts", apply + counts)];
    for (name, took) in rows {
        table.row(&[name.to_owned(), time(took), rate(total, took), ratio_of(took, bare_took)]);
    }
    table.print();
}

/// One content for every item, as if from a warm cache.
struct Warm(Arc<Content>);

impl ContentSource for Warm {
    fn content(&self, _: Position) -> Option<Arc<Content>> {
        Some(Arc::clone(&self.0))
    }
}

/// An inbox with as many items as one can show, and its owner.
struct Full {
    projections: Projections,
    person: StreamId,
    head: u64,
}

impl Full {
    fn new(keys: &Keys) -> Self {
        let person = samples::person(keys, 1);
        let tenant = keys.stream(TENANT, StreamKind::Tenant, "");
        let mut full = Self { projections: Projections::new(), person, head: 0 };
        full.apply(person, Event::SubjectObserved { roles: Vec::new(), topics: Vec::new() });
        let publication = samples::publication(Audience::People(vec![person])).facts;
        for _ in 0..INBOX_ITEMS_MAX {
            full.apply(tenant, Event::NotificationPublished(publication.clone()));
        }
        full
    }

    fn apply(&mut self, stream: StreamId, event: Event) {
        self.head += 1;
        self.projections.apply(&samples::recorded(self.head, stream, event, Bytes::new())).expect("in memory");
    }

    fn mark_all(&mut self, mark: Mark) {
        let up_to = Position(self.head + 1);
        self.apply(self.person, Event::AllItemsMarked { mark, filter: Filter::default(), up_to });
        black_box(self.projections.counts(Owner::User(self.person)).expect("in memory"));
    }
}

fn ask(keys: &Keys, choice: Choice) {
    let mut full = Full::new(keys);
    let owner = Owner::User(full.person);
    let contents = Warm(Arc::new(samples::publication(Audience::Tenant).content));
    let tag = keys.tenant_tag(TENANT);
    let rendering = Rendering {
        keys,
        tag,
        to: Some("user-1"),
        contents: &contents,
        cursor: &|place: ChangePlace| place.position.0.to_string(),
    };
    full.mark_all(Mark::Read);
    full.mark_all(Mark::Unread);
    let mut plain = vec![(Flags::default(), START); INBOX_ITEMS_MAX];
    let unread = Filter { read: Some(false), ..Filter::default() };
    let times = choice.of_count(2_000);
    let linear_count = each(times, || {
        black_box(
            black_box(&plain).iter().filter(|(flags, _)| !flags.has(Flags::READ) && !flags.has(Flags::DELETED)).count(),
        );
    });
    let mut mark = Mark::Read;
    let linear_mark = each(times, || {
        mark = other(mark);
        black_box(&mut plain).iter_mut().for_each(|(flags, _)| *flags = flags.with(mark));
    });
    let ordinary = Filter { archived: Some(false), snoozed: Some(false), ..Filter::default() };
    let count = each(times, || {
        black_box(full.projections.count(owner, black_box(&unread)).expect("in memory"));
    });
    let states = each(times, || {
        black_box(full.projections.page(owner, black_box(&ordinary), None, 20).expect("in memory"));
    });
    let rendered = each(times, || {
        let found = full.projections.page(owner, black_box(&ordinary), None, 20).expect("in memory");
        let rendered = page(&found, &rendering);
        let counts = full.projections.counts(owner).expect("in memory");
        let frame = ServerFrame::Snapshot {
            inbox: InboxName::Me,
            cursor: String::new(),
            counts,
            items: rendered.items,
            has_more: rendered.has_more,
        };
        black_box(encode(&frame));
    });
    let mark_all = each(times, || {
        mark = other(mark);
        full.mark_all(mark);
    });
    let columns = ["what", "time", "baseline", "its time", "time ÷ baseline"];
    let mut table =
        Table::new(&format!("inbox of {INBOX_ITEMS_MAX}: what one question or mark costs, time of one core"), &columns);
    let mut row = |name: &str, took: Duration, baseline: &str, bare: Duration| {
        table.row(&[name.to_owned(), time(took), baseline.to_owned(), time(bare), ratio_of(took, bare)]);
    };
    row("count of a filter", count, "loop over 10 000 flags", linear_count);
    row("page of 20: states", states, "loop over 10 000 flags", linear_count);
    row("page of 20: rendered frame", rendered, "the states alone", states);
    row("mark all, and counts", mark_all, "loop that marks 10 000", linear_mark);
    table.print();
}

const fn other(mark: Mark) -> Mark {
    match mark {
        Mark::Read => Mark::Unread,
        _ => Mark::Read,
    }
}

/// How long one of `times` runs takes in the mean.
fn each(times: u64, mut work: impl FnMut()) -> Duration {
    let (_, took) = worked(|| (0..times).for_each(|_| work()));
    took / u32::try_from(times).expect("counts are small")
}
