//! Acts of a script as requests to an engine.

use super::checkpoints::signing_key;
use crate::script::Act;
use std::sync::Arc;
use tidings_engine::command::{Command, Inbox, Publication, Request};
use tidings_engine::event::{Audience, Content, Published};
use tidings_engine::grant::{Grant, Role};
use tidings_engine::ids::{Position, Time};
use tidings_engine::item::{Filter, Mark};
use tidings_engine::keys::{Keys, StreamKind};
use tidings_wire::Severity;

/// When everything happens.
pub(super) const NOW: Time = Time(1_800_000_000_000);

/// The tenant in which everything happens.
pub(super) const TENANT: &str = "acme";

const PEOPLE: [&str; 3] = ["ada", "bob", "cleo"];

/// Name of a person of a script.
pub(super) fn name(person: usize) -> &'static str {
    PEOPLE[person % PEOPLE.len()]
}

/// The request of an act; `published` are the notifications so far.
pub(super) fn request(keys: &Keys, published: &[Position], act: &Act, key: Option<String>) -> Request {
    let service = || grant(keys, "billing", Role::Service);
    let person = |number: usize| grant(keys, name(number), Role::User);
    let item = |number: usize| published.iter().rev().nth(number).copied().unwrap_or_default();
    let (who, command) = match *act {
        Act::Observe(who) => (person(who), Command::Observe),
        Act::Direct { person: who, body_bytes } => {
            (service(), publish(keys, Audience::People(vec![person(who).stream]), body_bytes))
        }
        Act::Everyone { body_bytes } => (service(), publish(keys, Audience::Tenant, body_bytes)),
        Act::Retract(number) => (service(), Command::Retract { notification: item(number) }),
        Act::Mark { person: who, mark, item: number } => {
            (person(who), Command::Mark { inbox: Inbox::Own, mark, items: vec![item(number)] })
        }
        Act::MarkAll { person: who, mark } => (person(who), mark_all(mark)),
        Act::AdoptKey => {
            let (public, endorsement) = (signing_key().public(), Vec::new());
            (Arc::new(Grant::of_the_engine()), Command::AdoptCheckpointKey { public, endorsement })
        }
        Act::Erase(who) => {
            let subject = keys.known_person(TENANT, name(who));
            (grant(keys, "olga", Role::PrivacyOfficer), Command::Erase { subject })
        }
    };
    let fingerprint = keys.fingerprint(format!("{command:?}").as_bytes());
    Request { grant: who, key, fingerprint, command }
}

fn publish(keys: &Keys, audience: Audience, body_bytes: usize) -> Command {
    let facts = Published {
        audience,
        severity: Severity::Low,
        category: Some("billing".to_owned()),
        tags: Vec::new(),
        workflow: None,
        expires: None,
        group: None,
    };
    // Every third has an actor, whose name is sealed with the actor's own key.
    let actor = body_bytes.is_multiple_of(3).then(|| name(body_bytes));
    let content = Content { body: "x".repeat(body_bytes), actor: actor.map(str::to_owned), ..Content::default() };
    let actor = actor.map(|name| keys.stream(TENANT, StreamKind::User, name));
    Command::Publish(Box::new(Publication { facts, content, actor }))
}

fn mark_all(mark: Mark) -> Command {
    let filter = Filter { archived: Some(false), ..Filter::default() };
    Command::MarkAll { inbox: Inbox::Own, mark, filter, up_to: None }
}

fn grant(keys: &Keys, subject: &str, role: Role) -> Arc<Grant> {
    Arc::new(Grant {
        tenant: TENANT.into(),
        tenant_stream: keys.stream(TENANT, StreamKind::Tenant, ""),
        tenant_tag: keys.tenant_tag(TENANT),
        subject: subject.into(),
        stream: keys.stream(TENANT, StreamKind::User, subject),
        roles: vec![role],
        topics: Vec::new(),
        token_id: None,
        issued: None,
        expires: NOW.plus(3_600_000),
        credential: tidings_engine::grant::Credential::Token,
    })
}
