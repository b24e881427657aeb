use super::{DELIVERED_MS_MIN, Deliveries};
use crate::command::{Command, Request, Scope};
use crate::engine::Engine;
use crate::event::{Event, Recorded, Setting};
use crate::grant::{Grant, Role};
use crate::ids::{Position, StreamId, Time};
use crate::keys::{Keys, StreamKind};
use crate::log::{LogOptions, MemoryStorage};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const NOW: Time = Time(1_800_000_000_000);

fn keys() -> Arc<Keys> {
    Arc::new(Keys::new(&[3; 32]))
}

fn grant(tenant: &str, name: &str, role: Role) -> Arc<Grant> {
    let keys = keys();
    Arc::new(Grant {
        tenant: tenant.into(),
        tenant_stream: keys.stream(tenant, StreamKind::Tenant, ""),
        tenant_tag: keys.tenant_tag(tenant),
        subject: name.into(),
        stream: keys.stream(tenant, StreamKind::User, name),
        roles: vec![role],
        ..Grant::of_the_engine()
    })
}

/// A log, and the server that gathers for it.
struct Scene {
    disk: MemoryStorage,
    engine: Engine<MemoryStorage>,
    deliveries: Deliveries,
    now: Time,
}

impl Scene {
    /// Acme wants deliveries recorded, globex does not; each has two people, and something happened.
    fn new() -> Self {
        let disk = MemoryStorage::default();
        let mut scene = Self { engine: open(&disk, NOW), disk, deliveries: Deliveries::default(), now: NOW };
        let anna = grant("acme", "anna", Role::TenantAdmin);
        let settings = vec![Setting::RecordDelivered { on: true }];
        scene.ask(&anna, Command::ChangeSettings { scope: Scope::Own, settings });
        for (tenant, name) in PEOPLE {
            scene.ask(&grant(tenant, name, Role::User), Command::Observe);
        }
        scene
    }

    fn ask(&mut self, grant: &Arc<Grant>, command: Command) {
        let request = Request { grant: Arc::clone(grant), key: None, fingerprint: [0; 16], command };
        self.engine.commit(&[request], self.now).unwrap().outcomes.remove(0).unwrap();
    }

    /// Has recorded what is due, as the server does it.
    fn record(&mut self) {
        while let Some((grant, up_to)) = self.deliveries.due(self.now) {
            let now = self.now;
            self.ask(&grant, Command::RecordDelivered { up_to, now });
        }
    }

    fn restarted(self) -> Self {
        let Self { disk, engine, now, .. } = self;
        drop(engine);
        Self { engine: open(&disk, now), disk, deliveries: Deliveries::default(), now }
    }

    /// What is on record: whose, when, up to which event.
    fn recorded(&self) -> Vec<(StreamId, Time, Position)> {
        let records = self.engine.reader().scan(Position(1)).map(|record| Recorded::decode(record.unwrap()).unwrap());
        records
            .filter_map(|recorded| match recorded.facts.event {
                Event::ItemsDelivered { up_to } => Some((recorded.envelope.stream, recorded.envelope.time, up_to)),
                _ => None,
            })
            .collect()
    }
}

fn open(disk: &MemoryStorage, now: Time) -> Engine<MemoryStorage> {
    let options = LogOptions { segment_bytes: 1024 * 1024, ..LogOptions::default() };
    Engine::open(disk.clone(), options, keys(), [9; 16], now).unwrap().0
}

const PEOPLE: [(&str, &str); 3] = [("acme", "ada"), ("acme", "bob"), ("globex", "gus")];

#[derive(Clone, Debug)]
enum Act {
    /// A session of a person acknowledges an event.
    Acknowledge(usize, u64),
    /// A session of a person ends.
    Close(usize),
    /// Time passes, which may also go back, and the server looks.
    Wait(i64),
    /// The server begins anew.
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let waits = prop_oneof![Just(1), Just(DELIVERED_MS_MIN - 1), Just(DELIVERED_MS_MIN), -5_000..90_000_i64];
    prop_oneof![
        6 => (0..PEOPLE.len(), 1..6_u64).prop_map(|(person, up_to)| Act::Acknowledge(person, up_to)),
        3 => (0..PEOPLE.len()).prop_map(Act::Close),
        4 => waits.prop_map(Act::Wait),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #[test]
    fn no_interleaving_records_an_inbox_twice_within_a_minute(acts in prop::collection::vec(act(), 0..60)) {
        let mut scene = Scene::new();
        let mut told: BTreeMap<StreamId, u64> = BTreeMap::new();
        let mut has_restarted = false;
        for act in acts {
            match act {
                Act::Acknowledge(person, up_to) => {
                    let (tenant, name) = PEOPLE[person];
                    let grant = grant(tenant, name, Role::User);
                    let most = told.entry(grant.stream).or_default();
                    *most = up_to.max(*most);
                    scene.deliveries.acknowledged(grant, Position(up_to), scene.now);
                }
                Act::Close(person) => {
                    let (tenant, name) = PEOPLE[person];
                    let stream = grant(tenant, name, Role::User).stream;
                    scene.deliveries.closed(stream, scene.now);
                }
                Act::Wait(ms) => scene.now = scene.now.plus(ms),
                Act::Restart => {
                    has_restarted = true;
                    scene = scene.restarted();
                }
            }
            scene.record();
        }
        // In the end everything that may be is recorded, and nothing waits any more.
        for _ in 0..4 {
            scene.now = scene.now.plus(DELIVERED_MS_MIN + 10_000);
            scene.record();
        }
        prop_assert_eq!(scene.deliveries.poll_timeout(), None);
        let mut last: BTreeMap<StreamId, (Time, Position)> = BTreeMap::new();
        let wanted: Vec<StreamId> =
            PEOPLE[..2].iter().map(|(tenant, name)| grant(tenant, name, Role::User).stream).collect();
        for (stream, time, up_to) in scene.recorded() {
            prop_assert!(wanted.contains(&stream), "a tenant that does not want it");
            prop_assert!(up_to.0 <= told.get(&stream).copied().unwrap_or_default(), "more than was acknowledged");
            if let Some((before, known)) = last.insert(stream, (time, up_to)) {
                prop_assert!(time.since(before) >= DELIVERED_MS_MIN, "{} ms after the last", time.since(before));
                prop_assert!(up_to > known, "no news");
            }
        }
        for stream in wanted.iter().filter(|_| !has_restarted) {
            let recorded = last.get(stream).map_or(0, |(_, up_to)| up_to.0);
            let head = told.get(stream).copied().unwrap_or_default();
            prop_assert_eq!(recorded, head, "what was acknowledged is recorded in the end");
        }
    }
}

#[test]
fn at_the_end_of_a_session_it_is_recorded_at_once_where_a_minute_has_passed() {
    let mut scene = Scene::new();
    let ada = grant("acme", "ada", Role::User);
    scene.deliveries.acknowledged(Arc::clone(&ada), Position(2), scene.now);
    scene.record();
    assert_eq!(scene.recorded(), [], "others may follow within the minute");
    scene.deliveries.closed(ada.stream, scene.now);
    scene.record();
    assert_eq!(scene.recorded(), [(ada.stream, scene.now, Position(2))]);
    scene.now = scene.now.plus(10_000);
    scene.deliveries.acknowledged(Arc::clone(&ada), Position(3), scene.now);
    scene.deliveries.closed(ada.stream, scene.now);
    scene.record();
    assert_eq!(scene.recorded().len(), 1, "a minute has not passed");
    assert_eq!(scene.deliveries.poll_timeout(), Some(NOW.plus(DELIVERED_MS_MIN)));
    scene.now = NOW.plus(DELIVERED_MS_MIN);
    scene.record();
    assert_eq!(scene.recorded()[1], (ada.stream, scene.now, Position(3)));
}

#[test]
fn nothing_is_recorded_where_nobody_acknowledges_or_the_tenant_changed_its_mind() {
    let mut scene = Scene::new();
    let ada = grant("acme", "ada", Role::User);
    let head = scene.engine.head();
    scene.deliveries.closed(ada.stream, scene.now);
    scene.record();
    assert_eq!((scene.deliveries.poll_timeout(), scene.engine.head()), (None, head));
    let anna = grant("acme", "anna", Role::TenantAdmin);
    let settings = vec![Setting::RecordDelivered { on: false }];
    scene.ask(&anna, Command::ChangeSettings { scope: Scope::Own, settings });
    scene.deliveries.acknowledged(Arc::clone(&ada), Position(2), scene.now);
    scene.deliveries.closed(ada.stream, scene.now);
    scene.record();
    assert_eq!(scene.recorded(), []);
}
