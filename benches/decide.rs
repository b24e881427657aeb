//! `decide` alone, on a state with inboxes, beside the encoding of the same event.

use anyhow::{Context, Result};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use tidings_benches::choice::Choice;
use tidings_benches::samples::{self, START};
use tidings_benches::stopwatch::worked;
use tidings_benches::table::{Table, rate, ratio_of, time};
use tidings_engine::command::{Command, Inbox, Request};
use tidings_engine::decide::{Decision, decide};
use tidings_engine::engine::Engine;
use tidings_engine::event::{Audience, Facts};
use tidings_engine::grant::Role;
use tidings_engine::ids::Position;
use tidings_engine::item::{Filter, Mark};
use tidings_engine::keys::Keys;
use tidings_engine::log::{LogOptions, MemoryStorage};
use tidings_engine::state::State;

/// People, each with this many items.
const PEOPLE_COUNT: u64 = 100;
const ITEMS_COUNT: u64 = 200;

fn main() -> Result<()> {
    let Some(choice) = Choice::of("decide") else { return Ok(()) };
    let keys = samples::keys();
    let service = samples::grant(&keys, "mailer", Role::Service);
    let reader = samples::grant(&keys, "user-1", Role::User);
    let (engine, _) = Engine::open(MemoryStorage::new(), LogOptions::default(), Arc::clone(&keys), [7; 16], START)?;
    let engine = filled(engine, &keys, &service)?;
    let state = engine.state();
    let publish_to = |audience| Request {
        grant: Arc::clone(&service),
        key: None,
        fingerprint: [0; 16],
        command: Command::Publish(Box::new(samples::publication(audience))),
    };
    let people = (0..1_000).map(|number| samples::person(&keys, number)).collect();
    let items = (0..50).map(|number| Position(3 + number * PEOPLE_COUNT)).collect();
    let mark_all = Command::MarkAll { inbox: Inbox::Own, mark: Mark::Read, filter: Filter::default(), up_to: None };
    let cases = [
        ("publish to one", samples::publish(&keys, &service, 1, None), 200_000),
        ("publish to one, new key", samples::publish(&keys, &service, 1, Some("new".to_owned())), 200_000),
        ("publish to one, known key", samples::publish(&keys, &service, 1, Some("known".to_owned())), 200_000),
        ("publish to a list of 1 000", publish_to(Audience::People(people)), 20_000),
        ("publish to the tenant", publish_to(Audience::Tenant), 200_000),
        ("mark one read", samples::mark(&reader, Mark::Read, vec![Position(3)]), 200_000),
        ("mark 50 read", samples::mark(&reader, Mark::Read, items), 20_000),
        ("mark all read", Request { command: mark_all, ..samples::mark(&reader, Mark::Read, Vec::new()) }, 20_000),
    ];
    let columns = ["command", "decide", "decisions/s", "encode the event", "decide ÷ encode"];
    let title = format!(
        "decide: {PEOPLE_COUNT} inboxes of {ITEMS_COUNT}, time of one core; the baseline is encoding facts and content of the same event"
    );
    let mut table = Table::new(&title, &columns);
    for (name, request, count) in cases {
        measure(&mut table, name, (state, &keys), &request, choice.of_count(count));
    }
    table.print();
    Ok(())
}

/// The engine with everybody's items, and one command that has a key.
fn filled(
    mut engine: Engine<MemoryStorage>,
    keys: &Keys,
    service: &Arc<tidings_engine::grant::Grant>,
) -> Result<Engine<MemoryStorage>> {
    let round: Vec<_> = (0..PEOPLE_COUNT).map(|person| samples::publish(keys, service, person, None)).collect();
    for _ in 0..ITEMS_COUNT {
        let commit = engine.commit(&round, START).context("the memory is sound")?;
        anyhow::ensure!(commit.outcomes.iter().all(Result::is_ok), "a sample was refused");
    }
    engine.commit(&[samples::publish(keys, service, 1, Some("known".to_owned()))], START)?;
    Ok(engine)
}

fn measure(table: &mut Table, name: &str, (state, keys): (&State, &Keys), request: &Request, count: u64) {
    let (_, ours) = worked(|| {
        for _ in 0..count {
            let _ = black_box(decide(black_box(state), keys, black_box(request)));
        }
    });
    let each = ours / u32::try_from(count).expect("counts are small");
    let mut row = vec![name.to_owned(), time(each), rate(count, ours)];
    match decide(state, keys, request) {
        Ok(Decision::Record { drafts, .. }) => {
            let draft = &drafts[drafts.len() - 1];
            let facts = Facts { actor: request.grant.stream, fingerprint: [0; 16], event: draft.event.clone() };
            let (_, bare) = worked(|| {
                for _ in 0..count {
                    black_box(black_box(&facts).encode());
                    black_box(draft.content.as_ref().map(|unsealed| unsealed.content.encode()));
                }
            });
            let bare = bare / u32::try_from(count).expect("counts are small");
            row.extend([time(bare), ratio_of(each, bare.max(Duration::from_nanos(1)))]);
        }
        Ok(Decision::Nothing(_)) => row.extend(["no event".to_owned(), "-".to_owned()]),
        Err(rejection) => row.extend([rejection.to_string(), "-".to_owned()]),
    }
    table.row(&row);
}
