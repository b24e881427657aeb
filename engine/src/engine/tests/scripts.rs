//! Arbitrary work on a disk that loses its power.

use super::{Engine, NOW, grant, mark, open, publish, request};
use crate::command::{Command, ConsentWanted, Inbox, Request, Scope};
use crate::engine::folding::fold;
use crate::event::{Audience, Channel, Recorded, Setting};
use crate::grant::Role;
use crate::ids::{CommandHash, Position, StreamId};
use crate::item::{Filter, Mark};
use crate::log::{Fault, MemoryStorage, Unsynced};
use crate::snapshot::Snapshots;
use crate::state::State;
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::Arc;

const SEGMENT_BYTES: u64 = 8 * 1024;
const PEOPLE: [&str; 3] = ["ada", "bob", "cleo"];
const MARKS: [Mark; 7] =
    [Mark::Seen, Mark::Unseen, Mark::Read, Mark::Unread, Mark::Archived, Mark::Unarchived, Mark::Deleted];

#[derive(Clone, Debug)]
enum Step {
    Observe(usize),
    Direct(usize),
    Everyone,
    Retract(usize),
    Mark(usize, usize, usize),
    MarkAll(usize, usize, bool),
    /// A person says yes or no to one of two categories, or to all.
    Say(usize, usize, bool),
    /// The tenant decides: opt-in, what is critical, and whether deliveries are recorded.
    Decide(bool, bool, bool),
    Deliver(usize, usize),
}

#[derive(Clone, Debug)]
enum Turn {
    /// Steps of one commit; with a key or without.
    Batch(Vec<(Step, bool)>),
    Reopen,
    /// The next snapshot is made beside the writer.
    Snapshot,
    /// The power goes during one of the next storage operations.
    Doom(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (person, mark, item) = (0..PEOPLE.len(), 0..MARKS.len(), 0_usize..12);
    prop_oneof![
        1 => person.clone().prop_map(Step::Observe),
        3 => person.clone().prop_map(Step::Direct),
        2 => Just(Step::Everyone),
        1 => item.clone().prop_map(Step::Retract),
        4 => (person.clone(), mark.clone(), item).prop_map(|(person, mark, item)| Step::Mark(person, mark, item)),
        2 => (person.clone(), mark, any::<bool>()).prop_map(|(person, mark, own)| Step::MarkAll(person, mark, own)),
        2 => (person.clone(), 0_usize..3, any::<bool>()).prop_map(|(person, which, given)| Step::Say(person, which, given)),
        1 => any::<(bool, bool, bool)>().prop_map(|(opt_in, critical, on)| Step::Decide(opt_in, critical, on)),
        1 => (person, 0_usize..12).prop_map(|(person, item)| Step::Deliver(person, item)),
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        6 => prop::collection::vec((step(), any::<bool>()), 1..6).prop_map(Turn::Batch),
        1 => Just(Turn::Reopen),
        1 => Just(Turn::Snapshot),
        1 => (1_u64..8).prop_map(Turn::Doom),
    ]
}

fn unsynced() -> impl Strategy<Value = Unsynced> {
    prop_oneof![Just(Unsynced::Lost), Just(Unsynced::Kept), any::<u64>().prop_map(Unsynced::Sectors)]
}

fn says(subject: StreamId, which: usize, given: bool) -> Command {
    let category = ["orders", "ads"].get(which).map(|category| (*category).to_owned());
    let channel = Channel::Realtime;
    Command::ChangeConsent(Box::new(ConsentWanted {
        subject,
        channel,
        category,
        given,
        text_version: Some("7".to_owned()),
        purpose: None,
    }))
}

fn decides(opt_in: bool, critical: bool, on: bool) -> Command {
    let categories = critical.then(|| "alarm".to_owned()).into_iter().collect();
    let settings =
        vec![Setting::Realtime { opt_in }, Setting::Critical { categories }, Setting::RecordDelivered { on }];
    Command::ChangeSettings { scope: Scope::Own, settings }
}

/// A log, and beside it the state that follows from what was told.
struct Life {
    disk: MemoryStorage,
    engine: Option<Engine<MemoryStorage>>,
    told: State,
    published: Vec<Position>,
    keys_count: usize,
    unsynced: Unsynced,
    snapshots: Snapshots,
}

impl Life {
    fn new(unsynced: Unsynced) -> Self {
        let disk = MemoryStorage::new();
        let engine = Some(open(&disk, SEGMENT_BYTES));
        let snapshots = Snapshots::new(Arc::new(MemoryStorage::new()));
        Self { disk, engine, told: State::default(), published: Vec::new(), keys_count: 0, unsynced, snapshots }
    }

    fn request(&mut self, step: &Step, is_keyed: bool) -> Request {
        let item = |index: usize| self.published.get(index).copied().unwrap_or_default();
        let (service, admin) = (grant("billing", Role::Service), grant("root", Role::TenantAdmin));
        let person = |index: usize| grant(PEOPLE[index], Role::User);
        self.keys_count += 1;
        let key = is_keyed.then(|| self.keys_count.to_string());
        let all = |inbox, mark: usize| Command::MarkAll {
            inbox,
            mark: MARKS[mark],
            filter: Filter { archived: Some(false), ..Filter::default() },
            up_to: None,
        };
        let (who, command) = match *step {
            Step::Observe(who) => (person(who), Command::Observe),
            Step::Direct(who) => (service, publish(Audience::People(vec![person(who).stream]), "x".repeat(900))),
            Step::Everyone => (service, publish(Audience::Tenant, "to all".into())),
            Step::Retract(index) => (service, Command::Retract { notification: item(index) }),
            Step::Mark(who, what, index) => (person(who), mark(MARKS[what], item(index))),
            Step::MarkAll(who, mark, true) => (person(who), all(Inbox::Own, mark)),
            Step::MarkAll(_, mark, false) => (admin, all(Inbox::Tenant, mark)),
            Step::Say(who, which, given) => (person(who), says(person(who).stream, which, given)),
            Step::Decide(opt_in, critical, on) => (admin, decides(opt_in, critical, on)),
            Step::Deliver(who, index) => (person(who), Command::RecordDelivered { up_to: item(index), now: NOW }),
        };
        request(&who, key.as_deref(), command)
    }

    fn commit(&mut self, requests: &[Request]) {
        let committed = self.engine.as_mut().unwrap().commit(requests, NOW);
        let (events, failed) = match committed {
            // The power may go while the watermark is written, when everything is durable already.
            Ok(commit) => (commit.events, !self.disk.has_power()),
            Err(failure) => (failure.events, true),
        };
        events.iter().for_each(|event| self.learn(event));
        if failed {
            self.disk = self.disk.crash(self.unsynced);
            self.reopen();
            // Whoever was told "unknown" repeats: what has a key happens once, whatever the disk kept.
            let keyed: Vec<_> = requests.iter().filter(|request| request.key.is_some()).cloned().collect();
            let again = self.engine.as_mut().unwrap().commit(&keyed, NOW).unwrap();
            again.events.iter().for_each(|event| self.learn(event));
        }
        self.check();
    }

    fn learn(&mut self, event: &Recorded) {
        self.told.apply(event);
        if event.facts.event.type_number() == 3 {
            self.published.push(event.envelope.position);
        }
    }

    fn reopen(&mut self) {
        // Dropped first: it holds the lock.
        self.engine = None;
        let engine = open(&self.disk, SEGMENT_BYTES);
        assert!(engine.head() >= self.told.position(), "what was told is there");
        let kept: Vec<_> = engine.reader().scan(self.told.position().next()).map(Result::unwrap).collect();
        kept.into_iter().for_each(|record| self.learn(&Recorded::decode(record).unwrap()));
        self.engine = Some(engine);
        self.check();
    }

    fn check(&self) {
        let engine = self.engine.as_ref().unwrap();
        assert_eq!(engine.state().digest(), self.told.digest(), "the state is the fold of what was told");
        for snapshots in [None, Some(&self.snapshots)] {
            let (folded, _) = fold(&engine.reader(), snapshots).unwrap();
            assert_eq!(folded.digest(), self.told.digest());
        }
    }

    /// No command with a key has two answers in the log.
    fn each_key_once(&self) {
        let mut seen = HashSet::new();
        for record in self.engine.as_ref().unwrap().reader().scan(Position(1)) {
            let envelope = record.unwrap().envelope;
            let answers = envelope.command != CommandHash::NONE && !matches!(envelope.event_type, 1 | 2);
            assert!(!answers || seen.insert(envelope.command), "a key has a second answer at {}", envelope.position);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Promises 1 and 3: after any work, restarts and power cuts, the log gives the state that lived.
    #[test]
    fn the_log_is_the_truth_replay_rebuilds_state(
        turns in prop::collection::vec(turn(), 1..14),
        unsynced in unsynced(),
    ) {
        let mut life = Life::new(unsynced);
        for turn in &turns {
            match turn {
                Turn::Batch(steps) => {
                    let requests: Vec<_> = steps.iter().map(|(step, keyed)| life.request(step, *keyed)).collect();
                    life.commit(&requests);
                }
                Turn::Reopen => {
                    life.disk = life.disk.crash(Unsynced::Kept);
                    life.reopen();
                }
                Turn::Snapshot => {
                    let reader = life.engine.as_ref().unwrap().reader();
                    life.snapshots.advance(&reader, &|| true).unwrap();
                }
                Turn::Doom(after) => life.disk.fail_at(life.disk.operations().changes + after, Fault::PowerCut),
            }
        }
        life.each_key_once();
    }
}
