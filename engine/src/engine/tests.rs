//! Promises of commit: replay, crash, retry, full disk.

mod scripts;
mod snapshots;
mod space;

use super::{Engine, StorageFailure};
use crate::command::{Command, Done, Inbox, Outcome, Publication, Request};
use crate::event::{Audience, Content, Published};
use crate::grant::{Grant, Role};
use crate::ids::{Position, Time};
use crate::item::Mark;
use crate::keys::{Keys, StreamKind};
use crate::log::{Fault, LogError, LogOptions, MemoryStorage, Unsynced};
use std::sync::Arc;
use tidings_wire::Severity;

const NOW: Time = Time(1_800_000_000_000);

fn grant(subject: &str, role: Role) -> Arc<Grant> {
    let (keys, tenant) = (Keys::new(&[3; 32]), "acme");
    Arc::new(Grant {
        tenant: tenant.into(),
        tenant_stream: keys.stream(tenant, StreamKind::Tenant, ""),
        tenant_tag: keys.tenant_tag(tenant),
        subject: subject.into(),
        stream: keys.stream(tenant, StreamKind::User, subject),
        roles: vec![role],
        topics: Vec::new(),
        token_id: None,
        issued: None,
        expires: NOW.plus(3_600_000),
        credential: crate::grant::Credential::Token,
    })
}

fn open(disk: &MemoryStorage, segment_bytes: u64) -> Engine<MemoryStorage> {
    let options = LogOptions { segment_bytes, ..LogOptions::default() };
    Engine::open(disk.clone(), options, Arc::new(Keys::new(&[3; 32])), [9; 16], NOW).unwrap().0
}

fn request(grant: &Arc<Grant>, key: Option<&str>, command: Command) -> Request {
    let fingerprint = Keys::new(&[7; 32]).fingerprint(format!("{command:?}").as_bytes());
    Request { grant: Arc::clone(grant), key: key.map(str::to_owned), fingerprint, command }
}

fn publish(audience: Audience, body: String) -> Command {
    let facts = Published {
        audience,
        severity: Severity::Low,
        category: None,
        tags: Vec::new(),
        workflow: None,
        expires: None,
        group: None,
    };
    Command::Publish(Box::new(Publication { facts, content: Content { body, ..Content::default() }, actor: None }))
}

fn mark(mark: Mark, item: Position) -> Command {
    Command::Mark { inbox: Inbox::Own, mark, items: vec![item] }
}

fn position(outcome: &Outcome) -> Position {
    outcome.as_ref().map(|done: &Done| done.position).unwrap()
}

#[test]
fn a_failed_sync_tells_the_earlier_groups_alone_and_ends_the_engine() {
    let disk = MemoryStorage::new();
    let mut engine = open(&disk, 1024 * 1024);
    let service = grant("billing", Role::Service);
    let one = |key: &str| request(&service, Some(key), publish(Audience::Tenant, "x".repeat(16_000)));
    engine.commit(&[one("first")], NOW).unwrap();
    let batch: Vec<_> = (0..40).map(|number| one(&number.to_string())).collect();
    // Two groups, each a write and a sync, with the watermark between: the last of the five fails.
    disk.fail_at(disk.operations().changes + 5, Fault::Error);
    let failure = engine.commit(&batch, NOW).unwrap_err();
    assert!((1..40).contains(&failure.outcomes.len()), "{} were told", failure.outcomes.len());
    assert!(failure.outcomes.iter().all(Result::is_ok));
    assert_eq!(failure.events.len(), failure.outcomes.len());
    // The state holds the unsynced answer of the last request: it must not be told.
    let again = engine.commit(&batch[39..], NOW).unwrap_err();
    assert_eq!(again.outcomes.len(), 0);
    assert!(matches!(again.error, StorageFailure::Log(LogError::Poisoned)));
    let durable = failure.events.last().unwrap().envelope.position;
    let mut engine = open(&disk.crash(Unsynced::Lost), 1024 * 1024);
    assert_eq!(engine.head(), durable);
    let outcomes = engine.commit(&batch, NOW).unwrap().outcomes;
    let told = failure.outcomes.len();
    assert!(outcomes.iter().enumerate().all(|(at, done)| done.as_ref().unwrap().replayed == (at < told)));
}

#[test]
fn a_batch_in_which_nothing_happens_touches_no_disk() {
    let disk = MemoryStorage::new();
    let mut engine = open(&disk, 64 * 1024);
    let (service, ada) = (grant("billing", Role::Service), grant("ada", Role::User));
    let keyed = request(&service, Some("k"), publish(Audience::People(vec![ada.stream]), "text".into()));
    let observe = request(&ada, None, Command::Observe);
    engine.commit(&[keyed.clone(), observe.clone()], NOW).unwrap();
    let before = disk.operations();
    let commit = engine.commit(&[keyed, observe, request(&ada, None, mark(Mark::Read, Position(99)))], NOW).unwrap();
    assert_eq!(commit.outcomes.len(), 3);
    assert!(commit.events.is_empty());
    assert_eq!(disk.operations(), before);
}
