//! Sealing, erasing, and what a copy of the log tells afterwards.

use super::Vault;
use crate::command::{Answer, Command, Outcome, Publication, Request};
use crate::engine::{Engine, OpenError};
use crate::event::{Audience, Content, Event, Published};
use crate::grant::{Grant, Role};
use crate::ids::{Position, StreamId, Time};
use crate::keyring::{KeyId, Keyring};
use crate::keys::{Keys, StreamKind};
use crate::log::audit::{Beside, verify};
use crate::log::{Fault, Log, LogOptions, MemoryStorage, Record, Storage};
use crate::rejection::Rejection;
use std::sync::Arc;
use tidings_wire::Severity;

const NOW: Time = Time(1_769_850_000_000);
const SECRET: [u8; 32] = [7; 32];
const WRAPPING: [u8; 32] = [8; 32];
const SMALL: LogOptions = LogOptions { segment_bytes: 8 * 1024, ..LogOptions::DEFAULT };

/// A log and its keyring on two disks, and the engine over them.
struct Desk {
    log: MemoryStorage,
    ring: MemoryStorage,
    engine: Engine<MemoryStorage>,
    keys: Arc<Keys>,
}

fn open(log: &MemoryStorage, ring: &MemoryStorage, seed: u8) -> Result<Desk, OpenError> {
    let (opened, recovery) = Log::open(log.clone(), SMALL, [3; 16])?;
    let (keyring, found) = Keyring::open(Arc::new(ring.clone()), &WRAPPING, opened.id())?;
    let vault = Vault::new(keyring, &found, [seed; 32])?;
    let keys = Arc::new(Keys::with_vault(&SECRET, Arc::new(vault)));
    let engine = Engine::over(opened, &recovery, Arc::clone(&keys), NOW, None)?.0;
    Ok(Desk { log: log.clone(), ring: ring.clone(), engine, keys })
}

impl Desk {
    fn new() -> Self {
        open(&MemoryStorage::new(), &MemoryStorage::new(), 1).unwrap()
    }

    /// The same disks, after the process ended.
    fn again(self, seed: u8) -> Result<Self, OpenError> {
        let Self { log, ring, engine, keys } = self;
        drop((engine, keys));
        open(&log, &ring, seed)
    }

    fn person(&self, name: &str) -> StreamId {
        self.keys.stream("acme", StreamKind::User, name)
    }

    fn grant(&self, name: &str, role: Role) -> Arc<Grant> {
        let grant = Grant::of_the_engine();
        Arc::new(Grant {
            tenant: "acme".into(),
            tenant_stream: self.keys.stream("acme", StreamKind::Tenant, ""),
            tenant_tag: self.keys.tenant_tag("acme"),
            subject: name.into(),
            stream: self.person(name),
            roles: vec![role],
            ..grant
        })
    }

    fn ask(&mut self, grant: &Arc<Grant>, command: Command) -> Outcome {
        let request = Request { grant: Arc::clone(grant), key: None, fingerprint: [0; 16], command };
        self.engine.commit(&[request], NOW).unwrap().outcomes.remove(0)
    }

    fn publish(&mut self, to: &[&str], actor: Option<&str>, body: &str) -> Position {
        let audience = Audience::People(to.iter().map(|name| self.person(name)).collect());
        let facts = Published {
            audience,
            severity: Severity::None,
            category: None,
            tags: Vec::new(),
            workflow: None,
            expires: None,
            group: None,
        };
        let (body, name) = (body.to_owned(), actor.map(str::to_owned));
        let content = Content { body, actor: name, ..Content::default() };
        let actor = actor.map(|name| self.person(name));
        let service = self.grant("mailer", Role::Service);
        let outcome = self.ask(&service, Command::Publish(Box::new(Publication { facts, content, actor })));
        outcome.unwrap().position
    }

    fn erase(&mut self, name: &str) -> Outcome {
        let officer = self.grant("olga", Role::PrivacyOfficer);
        let subject = self.keys.known_person("acme", name);
        self.ask(&officer, Command::Erase { subject })
    }

    fn record(&self, position: Position) -> Record {
        self.engine.reader().read(position).unwrap()
    }

    fn content(&self, position: Position) -> Option<Content> {
        let record = self.record(position);
        self.keys.content(&record.envelope, &record.content).unwrap()
    }

    fn redact(&mut self) -> u64 {
        let gone: Vec<u32> = self.engine.state().erased().map(|(_, key)| key).collect();
        let mut contents = 0;
        for number in self.engine.reader().sealed_segments() {
            let rewritten = self.engine.reader().rewrite(number, &|envelope| gone.contains(&envelope.key_id)).unwrap();
            if let Some(rewritten) = rewritten {
                contents += rewritten.contents;
                self.engine.adopt(rewritten).unwrap();
            }
        }
        contents
    }
}

fn files(storage: &MemoryStorage) -> Vec<u8> {
    let mut all = Vec::new();
    for name in storage.list("").unwrap() {
        let mut bytes = vec![0; usize::try_from(storage.file_bytes(&name).unwrap()).unwrap()];
        storage.read_at(&name, 0, &mut bytes).unwrap();
        all.extend(bytes);
    }
    all
}

fn holds(storage: &MemoryStorage, canary: &[u8]) -> bool {
    files(storage).windows(canary.len()).any(|window| window == canary)
}

#[test]
fn nothing_personal_stands_in_the_log_in_clear() {
    let mut desk = Desk::new();
    let at = desk.publish(&["ada"], Some("bob"), "canary body");
    for canary in ["canary body", "ada", "bob"] {
        assert!(!holds(&desk.log, canary.as_bytes()), "{canary} is in the log");
        assert!(!holds(&desk.ring, canary.as_bytes()), "{canary} is in the keyring");
    }
    let content = desk.content(at).unwrap();
    assert_eq!((content.body.as_str(), content.actor.as_deref()), ("canary body", Some("bob")));
    let desk = desk.again(2).unwrap();
    assert_eq!(desk.content(at), Some(content));
}

#[test]
fn sealed_content_opens_for_its_own_event_and_unchanged_alone() {
    let mut desk = Desk::new();
    let (first, second) = (desk.publish(&["ada"], Some("bob"), "one"), desk.publish(&["ada"], None, "two"));
    let (one, two) = (desk.record(first), desk.record(second));
    assert_eq!(one.envelope.key_id, two.envelope.key_id);
    desk.keys.content(&two.envelope, &one.content).unwrap_err();
    let mut elsewhere = one.envelope;
    elsewhere.position = Position(99);
    assert!(desk.keys.content(&elsewhere, &one.content).unwrap().is_some(), "a copy at another position opens");
    let bytes = one.content.bytes().unwrap();
    for index in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[index] ^= 1;
        let opened = desk.keys.content(&one.envelope, &changed.into());
        // Another actor key may be one that nobody has: then the actor is unknown, never another one.
        let is_known = opened.as_ref().is_ok_and(|content| content.as_ref().is_some_and(|it| it.actor.is_some()));
        assert!(!is_known, "byte {index} was changed and the content opened as {opened:?}");
    }
    for cut in 0..bytes.len() {
        desk.keys.content(&one.envelope, &bytes[..cut].to_vec().into()).ok();
    }
}

#[test]
fn after_an_erasure_nobody_can_read_what_was_theirs_and_the_name_is_a_new_person() {
    let mut desk = Desk::new();
    let own = desk.publish(&["ada"], None, "only for ada");
    let shared = desk.publish(&["ada", "bob"], Some("ada"), "for both");
    let other = desk.publish(&["bob"], None, "only for bob");
    let (ada, key) = (desk.person("ada"), desk.record(own).envelope.key_id);
    let grant = desk.grant("ada", Role::User);
    desk.ask(&grant, Command::Observe).unwrap();
    let done = desk.erase("ada").unwrap();
    assert_eq!(done.answer, Answer::Erased);
    let check = |desk: &Desk| {
        assert_eq!(desk.content(own), None);
        let both = desk.content(shared).unwrap();
        assert_eq!((both.body.as_str(), both.actor), ("for both", None));
        assert_eq!(desk.content(other).unwrap().body, "only for bob");
        assert_ne!(desk.person("ada"), ada);
        assert!(!desk.keys.vault().unwrap().keyring().holds(KeyId(key)));
        assert!(desk.engine.state().is_erased(ada));
        assert!(!desk.engine.state().is_person(ada));
    };
    check(&desk);
    assert_eq!(desk.ask(&grant, Command::Observe), Err(Rejection::Unauthenticated));
    assert_eq!(desk.erase("nobody"), Err(Rejection::NotFound));
    let desk = desk.again(2).unwrap();
    check(&desk);
    let verified = verify(&desk.log, Beside::Server).unwrap();
    assert_eq!(verified.events, desk.engine.head().0);
}

#[test]
fn a_person_whom_no_event_named_cannot_be_erased() {
    let mut desk = Desk::new();
    desk.publish(&["bob"], None, "x");
    desk.person("ada");
    assert_eq!(desk.erase("ada"), Err(Rejection::NotFound));
}

#[test]
fn an_older_copy_of_the_log_with_todays_keyring_tells_nothing_of_the_erased() {
    let mut desk = Desk::new();
    let own = desk.publish(&["ada"], None, "only for ada");
    let (backup, ring) = (desk.log.crash(crate::log::Unsynced::Kept), desk.ring.clone());
    desk.erase("ada").unwrap();
    drop(desk.engine);
    drop(desk.keys);
    // The engine refuses it; whoever reads it all the same cannot open what was hers.
    let (log, _) = Log::open(backup.clone(), SMALL, [3; 16]).unwrap();
    let record = log.reader().read(own).unwrap();
    let (keyring, found) = Keyring::open(Arc::new(ring.clone()), &WRAPPING, log.id()).unwrap();
    let keys = Keys::with_vault(&SECRET, Arc::new(Vault::new(keyring, &found, [5; 32]).unwrap()));
    assert_eq!(keys.content(&record.envelope, &record.content).unwrap(), None);
    drop((log, keys));
    assert!(matches!(open(&backup, &ring, 6), Err(OpenError::LogBehindKeyring { .. })));
}

#[test]
fn an_older_keyring_beside_the_log_is_noticed_or_the_erasure_is_done_again() {
    let mut desk = Desk::new();
    let own = desk.publish(&["ada"], None, "only for ada");
    let key = KeyId(desk.record(own).envelope.key_id);
    let older = desk.ring.crash(crate::log::Unsynced::Kept);
    desk.erase("ada").unwrap();
    let log = desk.log.clone();
    drop(desk);
    let again = open(&log, &older.crash(crate::log::Unsynced::Kept), 2).unwrap();
    assert!(!again.keys.vault().unwrap().keyring().holds(key), "a restored key came back to life");
    assert_eq!(again.content(own), None);
    let mut again = again;
    again.publish(&["carl", "dora"], None, "newer");
    drop(again);
    assert!(matches!(open(&log, &older, 3), Err(OpenError::KeyringBehindLog { .. })));
}

#[test]
fn an_erasure_that_was_cut_off_is_finished_at_the_next_start() {
    let mut faults = 0;
    for change in 0.. {
        let mut desk = Desk::new();
        let own = desk.publish(&["ada"], None, "only for ada");
        desk.publish(&["olga"], None, "known to the keyring");
        let before = desk.engine.head();
        let officer = desk.grant("olga", Role::PrivacyOfficer);
        let subject = desk.keys.known_person("acme", "ada");
        let made = desk.ring.operations();
        desk.ring.fail_at(made.changes + 1 + change, Fault::Error);
        let request = Request { grant: officer, key: None, fingerprint: [0; 16], command: Command::Erase { subject } };
        let failed = desk.engine.commit(&[request], NOW).is_err();
        let (log, ring) = (desk.log.clone(), desk.ring.crash(crate::log::Unsynced::Lost));
        drop(desk);
        let desk = open(&log, &ring, 2).unwrap();
        assert!(desk.engine.head() > before, "the event is durable before the key is destroyed");
        assert_eq!(desk.content(own), None, "after a failure at change {change}");
        if !failed {
            break;
        }
        faults += 1;
    }
    assert!(faults >= 2, "{faults} places were tried");
}

#[test]
fn redaction_takes_the_bytes_of_the_erased_out_of_sealed_segments_and_nothing_else() {
    let mut desk = Desk::new();
    let mut hers = Vec::new();
    for index in 0..60 {
        hers.push(desk.publish(&["ada"], None, &format!("only for ada {index}")));
        desk.publish(&["bob"], None, &format!("only for bob {index}"));
    }
    let sealed: Vec<u8> = desk.record(hers[3]).content.bytes().unwrap().to_vec();
    assert!(holds(&desk.log, &sealed));
    desk.erase("ada").unwrap();
    let chain = verify(&desk.log, Beside::Server).unwrap().chain;
    let removed = desk.redact();
    assert!(removed > 30, "{removed} contents were removed");
    assert!(!holds(&desk.log, &sealed));
    assert_eq!(verify(&desk.log, Beside::Server).unwrap().chain, chain);
    let desk = desk.again(2).unwrap();
    let bodies = (1..=desk.engine.head().0).filter_map(|at| desk.content(Position(at)));
    assert_eq!(bodies.filter(|content| content.body.starts_with("only for bob")).count(), 60);
    let erased = desk.engine.reader().scan(Position(1)).map(Result::unwrap);
    assert!(erased.map(|record| record.envelope.event_type).any(|kind| {
        kind == Event::SubjectErased { subject: StreamId::default(), key: 0, fingerprint: [0; 16] }.type_number()
    }));
}

#[test]
fn what_a_consent_is_for_is_sealed_with_the_persons_key_and_gone_with_it() {
    let mut desk = Desk::new();
    let service = desk.grant("mailer", Role::Service);
    let wanted = crate::command::ConsentWanted {
        subject: desk.person("ada"),
        channel: crate::event::Channel::Realtime,
        category: None,
        given: false,
        text_version: None,
        purpose: Some("canary-purpose".to_owned()),
    };
    let position = desk.ask(&service, Command::ChangeConsent(Box::new(wanted))).unwrap().position;
    let purpose = |desk: &Desk| desk.content(position).and_then(|content| content.subject);
    assert_eq!(purpose(&desk).as_deref(), Some("canary-purpose"));
    assert!(!files(&desk.log).windows(14).any(|window| window == b"canary-purpose"));
    let key = desk.keys.person_key(desk.person("ada")).unwrap();
    assert_eq!(desk.record(position).envelope.key_id, key.id);
    let mut desk = desk.again(2).unwrap();
    assert!(desk.engine.state().consents().withholds(service.tenant_stream, desk.person("ada"), None));
    desk.erase("ada").unwrap();
    assert_eq!(purpose(&desk), None);
    assert!(desk.engine.state().consents().is_empty());
}
