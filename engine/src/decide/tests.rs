use super::Decision;
use crate::command::{Answer, Command, Inbox, Publication, Request};
use crate::engine::Engine;
use crate::event::{Audience, Content, Event, Published};
use crate::grant::{Grant, Role};
use crate::ids::{Position, Time};
use crate::item::{Filter, Flags, Mark};
use crate::keys::{Keys, StreamKind};
use crate::log::{LogOptions, MemoryStorage};
use crate::rejection::Rejection;
use std::sync::Arc;
use tidings_wire::Severity;

const NOW: Time = Time(1_800_000_000_000);

fn keys() -> Arc<Keys> {
    Arc::new(Keys::new(&[3; 32]))
}

pub(super) fn grant(tenant: &str, subject: &str, role: Role) -> Arc<Grant> {
    let keys = keys();
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

/// A log on a memory disk that can be opened again.
pub(super) struct Scene {
    disk: MemoryStorage,
    pub(super) engine: Engine<MemoryStorage>,
}

impl Scene {
    pub(super) fn new() -> Self {
        let disk = MemoryStorage::default();
        Self { engine: open(&disk), disk }
    }

    pub(super) fn reopened(self) -> Self {
        let Self { disk, engine } = self;
        drop(engine);
        Self { engine: open(&disk), disk }
    }

    pub(super) fn ask(
        &mut self,
        grant: &Arc<Grant>,
        key: Option<&str>,
        command: Command,
    ) -> Result<(Answer, bool), Rejection> {
        let request = request(grant, key, command);
        let commit = self.engine.commit(&[request], NOW).unwrap();
        commit.outcomes.into_iter().next().unwrap().map(|done| (done.answer, done.replayed))
    }

    fn publish(&mut self, tenant: &str, audience: Audience) -> Position {
        let service = grant(tenant, "billing", Role::Service);
        match self.ask(&service, None, publish(audience, "text")).unwrap().0 {
            Answer::Published { notification, .. } => notification,
            other => panic!("{other:?} is no publish"),
        }
    }

    pub(super) fn head(&self) -> Position {
        self.engine.head()
    }
}

fn open(disk: &MemoryStorage) -> Engine<MemoryStorage> {
    let options = LogOptions { segment_bytes: 1024 * 1024, ..LogOptions::default() };
    Engine::open(disk.clone(), options, keys(), [9; 16], NOW).unwrap().0
}

fn request(grant: &Arc<Grant>, key: Option<&str>, command: Command) -> Request {
    let fingerprint = Keys::new(&[7; 32]).fingerprint(format!("{command:?}").as_bytes());
    Request { grant: Arc::clone(grant), key: key.map(str::to_owned), fingerprint, command }
}

fn publish(audience: Audience, body: &str) -> Command {
    let facts = Published {
        audience,
        severity: Severity::High,
        category: None,
        tags: vec!["a".to_owned()],
        workflow: None,
        expires: None,
        group: None,
    };
    Command::Publish(Box::new(Publication {
        facts,
        content: Content { body: body.to_owned(), ..Content::default() },
        actor: None,
    }))
}

fn mark(mark: Mark, items: &[Position]) -> Command {
    Command::Mark { inbox: Inbox::Own, mark, items: items.to_vec() }
}

fn people(names: &[&str]) -> Audience {
    Audience::People(names.iter().map(|name| grant("acme", name, Role::User).stream).collect())
}

#[test]
fn a_tenant_publish_is_one_record_whatever_the_audience() {
    let mut scene = Scene::new();
    scene.publish("acme", people(&["ada"]));
    let before = scene.head();
    scene.publish("acme", Audience::Tenant);
    scene.publish("acme", people(&["ada", "bob", "cleo"]));
    assert_eq!(scene.head().0, before.0 + 2);
}

#[test]
fn a_person_sees_what_was_published_to_everyone_after_they_were_first_seen() {
    let mut scene = Scene::new();
    let ada = grant("acme", "ada", Role::User);
    let early = scene.publish("acme", Audience::Tenant);
    scene.ask(&ada, None, Command::Observe).unwrap();
    let late = scene.publish("acme", Audience::Tenant);
    assert_eq!(scene.ask(&ada, None, mark(Mark::Read, &[early])), Err(Rejection::NotFound));
    assert!(scene.ask(&ada, None, mark(Mark::Read, &[late])).is_ok());
    let tenant = scene.engine.state().tenant("acme").unwrap();
    assert_eq!(scene.engine.state().item(tenant, ada.stream, late), Some(Flags::default().with(Mark::Read)));
}

#[test]
fn a_person_who_was_never_seen_has_nothing_of_what_everyone_got() {
    let mut scene = Scene::new();
    let (bob, admin) = (grant("acme", "bob", Role::User), grant("acme", "root", Role::TenantAdmin));
    let early = scene.publish("acme", Audience::Tenant);
    let head = scene.head();
    assert_eq!(scene.ask(&bob, None, mark(Mark::Deleted, &[early])), Err(Rejection::NotFound));
    let all = |inbox| Command::MarkAll { inbox, mark: Mark::Deleted, filter: Filter::default(), up_to: None };
    scene.ask(&bob, None, all(Inbox::Own)).unwrap();
    assert_eq!(scene.head(), head, "there is nothing to mark");
    scene.ask(&bob, Some("k"), all(Inbox::Own)).unwrap();
    scene.ask(&bob, None, Command::Observe).unwrap();
    let late = scene.publish("acme", Audience::Tenant);
    assert!(scene.ask(&bob, None, mark(Mark::Read, &[late])).is_ok());
    scene.ask(&admin, None, all(Inbox::Tenant)).unwrap();
    let tenant = scene.engine.state().tenant("acme").unwrap();
    for item in [early, late] {
        assert_eq!(scene.engine.state().item(tenant, admin.tenant_stream, item), None, "the tenant inbox holds all");
    }
}

#[test]
fn a_foreign_item_is_not_found_exactly_as_an_absent_one() {
    let mut scene = Scene::new();
    let item = scene.publish("acme", people(&["ada"]));
    let eve = grant("other", "ada", Role::User);
    let bob = grant("acme", "bob", Role::User);
    for stranger in [&eve, &bob] {
        for id in [item, Position::ZERO, Position(999)] {
            assert_eq!(scene.ask(stranger, None, mark(Mark::Read, &[id])), Err(Rejection::NotFound));
        }
    }
    let service = grant("other", "billing", Role::Service);
    assert_eq!(scene.ask(&service, None, Command::Retract { notification: item }), Err(Rejection::NotFound));
}

#[test]
fn a_mark_is_all_or_nothing_and_says_nothing_twice() {
    let mut scene = Scene::new();
    let ada = grant("acme", "ada", Role::User);
    let item = scene.publish("acme", people(&["ada"]));
    assert_eq!(scene.ask(&ada, None, mark(Mark::Read, &[item, Position(999)])), Err(Rejection::NotFound));
    let head = scene.head();
    scene.ask(&ada, None, mark(Mark::Read, &[item])).unwrap();
    scene.ask(&ada, None, mark(Mark::Seen, &[item])).unwrap();
    assert_eq!(scene.head().0, head.0 + 1, "a mark that changes nothing is not recorded");
    scene.ask(&ada, None, mark(Mark::Deleted, &[item])).unwrap();
    assert_eq!(scene.ask(&ada, None, mark(Mark::Unread, &[item])), Err(Rejection::NotFound));
}

#[test]
fn the_same_key_gives_the_first_answer_also_after_a_restart_and_within_one_batch() {
    let mut scene = Scene::new();
    let service = grant("acme", "billing", Role::Service);
    let command = || publish(people(&["ada"]), "once");
    let (first, replayed) = scene.ask(&service, Some("k"), command()).unwrap();
    assert!(!replayed);
    let mut scene = scene.reopened();
    assert_eq!(scene.ask(&service, Some("k"), command()), Ok((first, true)));
    let other = publish(people(&["ada"]), "another body");
    assert_eq!(scene.ask(&service, Some("k"), other), Err(Rejection::IdempotencyConflict));
    let batch = [request(&service, Some("j"), command()), request(&service, Some("j"), command())];
    let head = scene.head();
    let outcomes = scene.engine.commit(&batch, NOW).unwrap().outcomes;
    assert_eq!(outcomes[0].as_ref().unwrap().answer, outcomes[1].as_ref().unwrap().answer);
    assert_eq!(scene.head().0, head.0 + 1);
    let elsewhere = grant("other", "billing", Role::Service);
    assert!(!scene.ask(&elsewhere, Some("k"), command()).unwrap().1, "a key is the tenant's own");
}

#[test]
fn a_role_may_do_what_the_table_says_and_nothing_else() {
    let mut scene = Scene::new();
    let item = scene.publish("acme", people(&["ada"]));
    for role in Role::ALL {
        let caller = grant("acme", "ada", role);
        let publishes = matches!(role, Role::Service | Role::TenantAdmin | Role::SuperAdmin);
        let said = scene.ask(&caller, None, publish(Audience::Tenant, "x"));
        assert_eq!(said != Err(Rejection::Forbidden), publishes, "{role:?} publishes");
        let owns = matches!(role, Role::User | Role::TenantAdmin | Role::SuperAdmin);
        let said = scene.ask(&caller, None, mark(Mark::Seen, &[item]));
        assert_eq!(said != Err(Rejection::Forbidden), owns, "{role:?} marks its inbox");
        let tenant =
            Command::MarkAll { inbox: Inbox::Tenant, mark: Mark::Read, filter: Filter::default(), up_to: None };
        let administers = matches!(role, Role::TenantAdmin | Role::SuperAdmin);
        assert_eq!(scene.ask(&caller, None, tenant) != Err(Rejection::Forbidden), administers, "{role:?} marks");
    }
}

#[test]
fn mark_all_covers_what_is_before_it_and_matches_and_leaves_the_rest() {
    let mut scene = Scene::new();
    let ada = grant("acme", "ada", Role::User);
    let first = scene.publish("acme", people(&["ada"]));
    let second = scene.publish("acme", people(&["ada"]));
    let filter = Filter { tags: vec![vec!["a".to_owned()]], ..Filter::default() };
    let all = |up_to, filter| Command::MarkAll { inbox: Inbox::Own, mark: Mark::Read, filter, up_to };
    scene.ask(&ada, None, all(Some(first), filter)).unwrap();
    let tenant = scene.engine.state().tenant("acme").unwrap();
    let read = |scene: &Scene, item| scene.engine.state().item(tenant, ada.stream, item).unwrap().has(Flags::READ);
    assert!(read(&scene, first) && !read(&scene, second));
    let none = Filter { tags: vec![vec!["b".to_owned()]], ..Filter::default() };
    let head = scene.head();
    scene.ask(&ada, None, all(None, none)).unwrap();
    assert_eq!(scene.head(), head, "nothing matches, so nothing is recorded");
}

#[test]
fn the_log_is_the_truth_replay_gives_the_state_that_lived() {
    let mut scene = Scene::new();
    let ada = grant("acme", "ada", Role::User);
    scene.ask(&ada, None, Command::Observe).unwrap();
    let item = scene.publish("acme", people(&["ada", "bob"]));
    let shared = scene.publish("acme", Audience::Tenant);
    scene.ask(&ada, Some("m"), mark(Mark::Archived, &[item, shared])).unwrap();
    let service = grant("acme", "billing", Role::Service);
    scene.ask(&service, None, Command::Retract { notification: shared }).unwrap();
    let lived = scene.engine.state().digest();
    assert_eq!(scene.reopened().engine.state().digest(), lived);
}

#[test]
fn deciding_changes_nothing() {
    let mut scene = Scene::new();
    scene.publish("acme", people(&["ada"]));
    let before = scene.engine.state().digest();
    let service = grant("acme", "billing", Role::Service);
    let decided =
        super::decide(scene.engine.state(), &keys(), &request(&service, None, publish(Audience::Tenant, "x")));
    let Ok(Decision::Record { drafts, .. }) = decided else { panic!("a publish is recorded") };
    assert!(matches!(drafts[0].event, Event::NotificationPublished(_)));
    assert_eq!(scene.engine.state().digest(), before);
}
