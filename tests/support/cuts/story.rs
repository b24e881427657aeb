//! One story: a server and its clients, steps at random, and the judgement at every frame and at the end.

use super::client::{Client, Said};
use super::held::Judge;
use super::line::Carrier;
use super::model::{Model, counts};
use super::node::{ConnectionId, Node};
use super::plant::Plant;
use super::publishers::Wanted;
use super::tally::Tally;
use crate::chance::Chance;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidings_engine::event::Event;
use tidings_engine::grant::{Grant, Role};
use tidings_engine::ids::{Position, Time};
use tidings_engine::keys::Keys;
use tidings_engine::limits::Limits;
use tidings_engine::session::{SessionContext, Stream};
use tidings_engine::token::{Algorithm, KeyConfig, Tenants, Verifier, sign};
use tidings_projections::Owner;
use tidings_wire::{InboxName, ServerFrame};

const NOW: Time = Time(1_800_000_000_000);

pub(super) const TENANT: &str = "acme";

/// Steps of a story before everything comes to rest.
const STEPS_COUNT: usize = 700;

/// Rounds within which everything must come to rest.
const ROUNDS_COUNT_MAX: usize = 4_000;

/// The world of a story.
pub(super) struct Story {
    pub(super) node: Node,
    model: Model,
    clients: Vec<Client>,
    carriers: Vec<Carrier>,
    pub(super) chance: Chance,
    pub(super) service: Arc<Grant>,
    pub(super) wanted: BTreeMap<String, Wanted>,
    pub(super) bodies: BTreeMap<String, u32>,
    pub(super) acknowledged: Vec<(String, Position)>,
    pub(super) published: Vec<Position>,
    pub(super) keys_count: u64,
    /// Bytes that a slow client leaves on its way before the server stops writing.
    window: usize,
    pub(super) tally: Tally,
}

fn key() -> KeyConfig {
    KeyConfig {
        tenants: Tenants::Any,
        roles: Role::ALL.to_vec(),
        ..KeyConfig::new(Algorithm::Hs256, vec![7; 32], TENANT)
    }
}

fn limits() -> Limits {
    Limits {
        outbox_bytes_max: 4_096,
        outbox_frames_max: 8,
        commands_per_second: 10_000,
        commands_burst: 10_000,
        queries_per_second: 10_000,
        queries_burst: 10_000,
        commands_in_flight_max: 64,
        token_lifetime_ms_max: i64::MAX,
        ..Limits::default()
    }
}

fn token(name: &str) -> String {
    let role = match name {
        "billing" => "service",
        "olga" => "tenant_admin",
        _ => "user",
    };
    let claims = json!({"sub": name, "tenant": TENANT, "roles": [role], "exp": NOW.0 / 1_000 + 10_000_000});
    sign(&key(), &claims).expect("the key signs")
}

impl Story {
    pub(super) fn new(seed: u64, number: u64, plant: Option<Plant>) -> Self {
        let mut chance = Chance::of(seed, &[number]);
        let keys = Arc::new(Keys::new(&[1; 32]));
        let verifier = Verifier::new(vec![key()], "tenant".to_owned(), &limits()).expect("the key is good");
        let verifier = Arc::new(verifier);
        let context = Arc::new(SessionContext::new(Arc::clone(&keys), Arc::clone(&verifier), limits(), 5));
        let grant = |name: &str| {
            let grant = verifier.verify(&keys, &token(name), NOW);
            Arc::new(grant.expect("the token is good"))
        };
        let me = |name: &str| (InboxName::Me, Owner::User(grant(name).stream));
        let tenants = (InboxName::Tenant, Owner::Tenant(grant("olga").tenant_stream));
        let clients = vec![
            Client::new("ada", 0, vec![me("ada")]),
            Client::new("ada", 1, vec![me("ada")]),
            Client::new("bob", 2, vec![me("bob")]),
            Client::new("olga", 3, vec![me("olga"), tenants]),
        ];
        let service = grant("billing");
        let window = *chance.pick(&[200, 2_000, 20_000]);
        Self {
            node: Node::new(keys, context, NOW, plant),
            model: Model::default(),
            carriers: vec![Carrier::WebSocket; clients.len()],
            clients,
            chance,
            service,
            wanted: BTreeMap::new(),
            bodies: BTreeMap::new(),
            acknowledged: Vec::new(),
            published: Vec::new(),
            keys_count: 0,
            window,
            tally: Tally::default(),
        }
    }

    /// Plays it to its end.
    ///
    /// # Errors
    /// The step and what was wrong.
    pub(super) fn play(&mut self) -> Result<(), String> {
        for step in 0..STEPS_COUNT {
            self.step().map_err(|what| format!("step {step}: {what}"))?;
        }
        self.settle().map_err(|what| format!("at the end: {what}"))?;
        self.tally.deltas = self.node.deltas;
        for client in &self.clients {
            self.tally.behinds += client.behinds;
            self.tally.commands += client.acknowledged.len() as u64;
            self.tally.catch_ups += client.inboxes.iter().map(|held| held.catch_ups).sum::<u64>();
            self.tally.resyncs += client.inboxes.iter().map(|held| held.resyncs).sum::<u64>();
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), String> {
        self.node.now = self.node.now.plus(self.chance.below(40) as i64);
        let index = self.chance.below(self.clients.len());
        match self.chance.below(500) {
            0..=119 => self.want_to_publish(),
            120..=134 => self.want_to_retract(),
            135..=254 => {
                let said = self.clients[index].command(&mut self.chance);
                self.say(index, said);
            }
            255..=274 => self.burst(),
            275..=364 => self.connect(index),
            365..=404 => self.cut(index)?,
            405..=414 => {
                let said = self.clients[index].follow_again(&mut self.chance);
                self.say(index, said);
            }
            415..=429 => self.clients[index].remember(),
            430..=439 => {
                if self.clients[index].link.is_none() {
                    self.clients[index].go_back();
                }
            }
            440..=443 => self.node.now = self.node.now.plus(1_000 * self.chance.below(90) as i64),
            444..=446 => self.restart(false)?,
            447 => self.node.drain(&mut self.chance),
            448 => {
                self.tally.drains += 1;
                self.node.drain(&mut self.chance);
                self.everyone()?;
                self.restart(false)?;
            }
            451..=462 => self.calm()?,
            449..=450 => self.node.lose_power_within(1 + self.chance.below(4) as u64),
            _ => self.everyone()?,
        }
        self.go_on()
    }

    /// For a while nothing new happens, so that who is behind can catch up.
    fn calm(&mut self) -> Result<(), String> {
        for _ in 0..self.chance.below(16) {
            while self.node.work_once() {}
            self.everyone()?;
        }
        Ok(())
    }

    /// Between any two steps the server and the network do some of their work.
    fn go_on(&mut self) -> Result<(), String> {
        if self.chance.one_in(3) {
            self.commit()?;
        }
        for _ in 0..self.chance.below(4) {
            self.node.work_once();
        }
        for index in 0..self.clients.len() {
            if self.chance.one_in(3) {
                self.exchange(index)?;
            }
        }
        self.node.keep_time();
        self.answers();
        Ok(())
    }

    fn commit(&mut self) -> Result<(), String> {
        self.ask();
        match self.node.commit() {
            Ok(events) => {
                events.iter().for_each(|event| self.learn(event));
                Ok(())
            }
            Err(()) => self.restart(true),
        }
    }

    /// The model takes a durable event.
    fn learn(&mut self, recorded: &tidings_engine::event::Recorded) {
        let content = self.node.keys.content(&recorded.envelope, &recorded.content).ok().flatten();
        let body = content.map(|content| content.body).unwrap_or_default();
        if let Event::NotificationPublished(_) = recorded.facts.event {
            self.tally.published += 1;
            let key = body.split(' ').next().unwrap_or_default().to_owned();
            *self.bodies.entry(key).or_default() += 1;
        }
        self.model.apply(recorded, &body);
    }

    /// The process ends, with all its connections; another one starts.
    fn restart(&mut self, in_a_commit: bool) -> Result<(), String> {
        self.tally.restarts += 1;
        let connected: Vec<_> =
            self.clients.iter().filter_map(|client| client.link.as_ref()?.connection.into()).collect();
        for connection in connected {
            self.count_cut(connection);
        }
        self.clients.iter_mut().for_each(Client::cut);
        self.wanted.values_mut().for_each(|wanted| wanted.is_asked = false);
        self.node.answered.clear();
        let known = self.model.head();
        self.node.restart(self.chance.number())?;
        let head = self.node.engine.head();
        if head < known || (!in_a_commit && head != known) {
            return Err(format!("{known} was the last durable event, and after the restart it is {head}"));
        }
        for record in self.node.reader.scan(known.next()) {
            let record = record.map_err(|error| error.to_string())?;
            let recorded = tidings_engine::event::Recorded::decode(record).map_err(|error| error.to_string())?;
            self.learn(&recorded);
        }
        Ok(())
    }

    fn connect(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if client.link.is_some() || self.node.now.0 < client.away_until {
            return;
        }
        let carrier = *self.chance.pick(&Carrier::ALL);
        self.tally.carrier_changes += u64::from(carrier != self.carriers[index]);
        self.carriers[index] = carrier;
        let connection = self.node.connect(carrier);
        let said = client.hello(connection, carrier.pages(), &token(client.name));
        self.say(index, said);
    }

    fn say(&mut self, index: usize, said: impl IntoIterator<Item = Said>) {
        let Some(link) = &self.clients[index].link else { return };
        let Some(connection) = self.node.connections.get_mut(&link.connection) else { return };
        for (stream, frame) in said {
            let bytes = serde_json::to_vec(&frame).expect("every frame has a JSON form");
            connection.lines.up(stream).write(&bytes);
        }
    }

    fn count_cut(&mut self, connection: ConnectionId) {
        self.tally.cuts += 1;
        if let Some(connection) = self.node.connections.get_mut(&connection) {
            let is_torn = connection.lines.down(Stream::Ordered).is_within_a_frame();
            self.tally.torn += u64::from(is_torn);
        }
    }

    /// The network between a client and the server goes. The server may go on writing for a while.
    fn cut(&mut self, index: usize) -> Result<(), String> {
        let Some(connection) = self.clients[index].link.as_ref().map(|link| link.connection) else { return Ok(()) };
        let bytes = self.chance.below(400);
        self.hear(index, bytes)?;
        if self.clients[index].link.is_none() {
            return Ok(());
        }
        self.count_cut(connection);
        self.clients[index].cut();
        match self.chance.below(3) {
            0 => {
                if let Some(connection) = self.node.connections.get_mut(&connection) {
                    connection.is_cut = true;
                }
            }
            _ => self.node.ended(connection),
        }
        Ok(())
    }

    /// Bytes go both ways between the server and one client.
    fn exchange(&mut self, index: usize) -> Result<(), String> {
        let Some(connection) = self.clients[index].link.as_ref().map(|link| link.connection) else { return Ok(()) };
        let bytes = *self.chance.pick(&[1, 30, 300, 3_000, 100_000]);
        self.node.read(connection, bytes);
        self.node.write(connection, self.window);
        self.hear(index, bytes)
    }

    /// A client hears so many bytes of each stream, in either order.
    fn hear(&mut self, index: usize, bytes: usize) -> Result<(), String> {
        let mut streams = [Stream::Ordered, Stream::Fetch];
        if self.chance.one_in(2) {
            streams.reverse();
        }
        for stream in streams {
            let Some(id) = self.clients[index].link.as_ref().map(|link| link.connection) else { return Ok(()) };
            let Some(connection) = self.node.connections.get_mut(&id) else { break };
            for bytes in connection.lines.down(stream).arrive(bytes) {
                self.take(index, &bytes)?;
            }
        }
        let said = self.clients[index].ask_pages(1 + self.chance.below(7) as u32);
        self.say(index, said);
        self.leave_if_over(index);
        Ok(())
    }

    fn take(&mut self, index: usize, bytes: &[u8]) -> Result<(), String> {
        let told = |what: String| format!("{}: {what}", self.clients[index].name);
        let frame: ServerFrame = serde_json::from_slice(bytes).map_err(|error| told(format!("no frame: {error}")))?;
        let judge = Judge { model: &self.model, keys: &self.node.keys, tag: self.service.tenant_tag };
        let client = &mut self.clients[index];
        let name = client.name;
        let said = client.receive(&frame, &judge, self.node.now.0).map_err(|what| format!("{name} {index}: {what}"))?;
        self.say(index, said);
        Ok(())
    }

    /// A client that heard the close leaves, and so does the server.
    fn leave_if_over(&mut self, index: usize) {
        let Some(id) = self.clients[index].link.as_ref().map(|link| link.connection) else { return };
        if self.clients[index].is_closed() || !self.node.connections.contains_key(&id) {
            self.clients[index].cut();
            self.node.ended(id);
        }
    }

    /// Everyone exchanges everything, once.
    fn everyone(&mut self) -> Result<(), String> {
        for index in 0..self.clients.len() {
            let Some(id) = self.clients[index].link.as_ref().map(|link| link.connection) else { continue };
            self.node.read(id, usize::MAX);
            self.node.write(id, self.window.max(2_000));
            self.hear(index, usize::MAX)?;
        }
        Ok(())
    }

    /// Everyone comes back, and everything comes to rest: then all is as a fresh client finds it, and as the log says.
    fn settle(&mut self) -> Result<(), String> {
        let first = self.clients.len();
        self.rest()?;
        let fresh: Vec<_> = self
            .clients
            .iter()
            .enumerate()
            .map(|(index, client)| {
                let inboxes = client.inboxes.iter().map(|held| (held.inbox.clone(), held.owner)).collect();
                Client::new(client.name, first + index, inboxes)
            })
            .collect();
        self.clients.extend(fresh);
        self.carriers.resize(2 * first, Carrier::WebSocket);
        self.rest()?;
        for (old, fresh) in self.clients[..first].iter().zip(&self.clients[first..]) {
            for (old, fresh) in old.inboxes.iter().zip(&fresh.inboxes) {
                let known = self.model.at(old.owner, self.model.head());
                let are_equal = old.items() == fresh.items() && old.counts == fresh.counts;
                if !are_equal || old.items() != *known || old.counts != counts(known.values()) {
                    return Err(format!(
                        "{}: what was held through it all is not what a fresh client holds",
                        old.inbox
                    ));
                }
            }
        }
        self.check_published()
    }

    fn rest(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS_COUNT_MAX {
            self.node.now = self.node.now.plus(20);
            let dead: Vec<_> = self.node.connections.iter().filter(|(_, one)| one.is_cut).map(|(id, _)| *id).collect();
            dead.into_iter().for_each(|id| self.node.ended(id));
            (0..self.clients.len()).for_each(|index| self.connect(index));
            self.commit()?;
            while self.node.work_once() {}
            self.answers();
            self.everyone()?;
            self.node.keep_time();
            let are_settled = self.clients.iter().all(|client| client.is_settled(&self.model));
            if are_settled && self.wanted.is_empty() && self.node.is_quiet() {
                return Ok(());
            }
        }
        let clients: Vec<_> = self.clients.iter().map(Client::standing).collect();
        let waiting: Vec<_> = self.wanted.keys().take(3).collect();
        Err(format!("it does not come to rest: server quiet: {}, {waiting:?}, {clients:#?}", self.node.is_quiet()))
    }
}
