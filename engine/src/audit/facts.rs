//! The facts of each type of event. Without a wildcard: a new type does not compile before it says what auditors see of it.

use super::View;
use crate::event::{Audience, AuditedRead, Event, Published, RevokedTokens, Setting};
use crate::grant::Role;
use crate::item::Filter;
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};

/// What happened, for this reader. `own` is the event's own place, by which later events name a notification.
pub(super) fn facts(event: &Event, own: Value, view: View<'_>) -> Value {
    match event {
        Event::TenantCreated { name } => json!({ "name": name }),
        Event::SubjectObserved { roles, topics } => json!({ "roles": words(roles), "topics": topics }),
        Event::NotificationPublished(published) => self::published(published, own),
        Event::NotificationRetracted { notification } => json!({ "notification": view.place(*notification) }),
        Event::ItemsMarked { mark, items } => {
            let items: Vec<Value> = items.iter().map(|item| view.place(*item)).collect();
            json!({ "mark": mark, "items": items })
        }
        Event::AllItemsMarked { mark, filter, up_to } => {
            json!({ "mark": mark, "filter": self::filter(filter), "upTo": view.place(*up_to) })
        }
        Event::SubjectErased { subject, key, fingerprint } => {
            let mut shown = json!({ "subject": subject, "fingerprint": HEXLOWER.encode(fingerprint) });
            if view.is_platform() {
                shown["key"] = Value::from(*key);
            }
            shown
        }
        Event::AuditRead { what, subject, from, through } => {
            let (from, through) = (view.place(*from), view.place(*through));
            json!({ "what": how(*what), "subject": subject, "from": from, "through": through })
        }
        Event::CheckpointKeyAdopted { public, endorsement } => {
            json!({ "public": HEXLOWER.encode(public), "endorsement": HEXLOWER.encode(endorsement) })
        }
        Event::TokensRevoked { which, until } => json!({ "which": revoked(which), "until": until.rfc3339() }),
        Event::ApiKeyCreated { hash, roles, expires } => json!({
            "key": own,
            "hash": HEXLOWER.encode(hash),
            "roles": words(roles),
            "expires": expires.map(|time| time.rfc3339()),
        }),
        Event::ApiKeyRevoked { key } => json!({ "key": view.place(*key) }),
        Event::ConsentChanged { subject, channel, category, given, text_version } => json!({
            "subject": subject,
            "channel": channel.word(),
            "category": category,
            "given": given,
            "textVersion": text_version,
        }),
        Event::ItemsDelivered { up_to } => json!({ "upTo": view.place(*up_to) }),
        Event::TenantSettingsChanged { settings } => {
            json!({ "settings": settings.iter().map(setting).collect::<Vec<_>>() })
        }
    }
}

fn setting(setting: &Setting) -> Value {
    match setting {
        Setting::Realtime { opt_in } => {
            json!({ "type": "realtime", "default": if *opt_in { "opt_in" } else { "opt_out" } })
        }
        Setting::Critical { categories } => json!({ "type": "critical", "categories": categories }),
        Setting::RecordDelivered { on } => json!({ "type": "record_delivered", "on": on }),
    }
}

fn revoked(which: &RevokedTokens) -> Value {
    match which {
        RevokedTokens::Token { id } => json!({ "type": "token", "id": HEXLOWER.encode(id) }),
        RevokedTokens::Subject { subject, issued_before } => {
            json!({ "type": "subject", "subject": subject, "issuedBefore": issued_before.rfc3339() })
        }
        RevokedTokens::Tenant { issued_before } => {
            json!({ "type": "tenant", "issuedBefore": issued_before.rfc3339() })
        }
    }
}

const fn how(what: AuditedRead) -> &'static str {
    match what {
        AuditedRead::Events => "events",
        AuditedRead::State => "state",
        AuditedRead::Replay => "replay",
        AuditedRead::Verify => "verify",
        AuditedRead::Follow => "follow",
        AuditedRead::EventsWithContent => "events_with_content",
        AuditedRead::StateWithContent => "state_with_content",
        AuditedRead::FollowWithContent => "follow_with_content",
    }
}

fn words(roles: &[Role]) -> Vec<&'static str> {
    roles.iter().map(|role| role.word()).collect()
}

fn published(published: &Published, own: Value) -> Value {
    json!({
        "notification": own,
        "audience": audience(&published.audience),
        "severity": published.severity,
        "category": published.category,
        "tags": published.tags,
        "workflow": published.workflow,
        "expires": published.expires.map(|time| time.rfc3339()),
        "group": published.group.map(|group| HEXLOWER.encode(&group)),
    })
}

fn audience(audience: &Audience) -> Value {
    match audience {
        Audience::People(people) => json!({ "type": "people", "people": people }),
        Audience::Tenant => json!({ "type": "tenant" }),
        Audience::Topic(key) => json!({ "type": "topic", "topicKey": key }),
        Audience::Role(role) => json!({ "type": "role", "role": role.word() }),
        Audience::Platform => json!({ "type": "platform" }),
    }
}

/// The parts of a filter that say something.
fn filter(filter: &Filter) -> Value {
    let mut shown = Map::new();
    for (name, flag) in
        [("read", filter.read), ("seen", filter.seen), ("archived", filter.archived), ("snoozed", filter.snoozed)]
    {
        if let Some(flag) = flag {
            shown.insert(name.to_owned(), Value::from(flag));
        }
    }
    if !filter.tags.is_empty() {
        shown.insert("tags".to_owned(), json!(filter.tags));
    }
    if !filter.severity.is_empty() {
        shown.insert("severity".to_owned(), json!(filter.severity));
    }
    if let Some(category) = &filter.category {
        shown.insert("category".to_owned(), json!(category));
    }
    for (name, time) in [("createdFrom", filter.created_from), ("createdTo", filter.created_to)] {
        if let Some(time) = time {
            shown.insert(name.to_owned(), json!(time.rfc3339()));
        }
    }
    Value::Object(shown)
}
