use super::fields::{address_or_path, name, optional_name, text, web_address, within};
use crate::command::Publication;
use crate::event::{Audience, Content, Published};
use crate::grant::Role;
use crate::keys::{Keys, StreamKind};
use crate::limits::{Limit, RECIPIENTS_COUNT_MAX};
use crate::rejection::Rejection;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashSet;
use tidings_wire::{Action, Actor, AudienceName, Item, Publish, Recipients, Redirect, Subscriber};

/// Where a click may open its address.
const TARGETS: [&str; 5] = ["_self", "_blank", "_parent", "_top", "_unfencedTop"];

/// Reads a notification to publish within a tenant. `tenant` of the wire is the caller's to check.
///
/// # Errors
/// A field that is not of its kind or beyond its limit, and a notification whose item would not fit a frame.
pub fn publication(keys: &Keys, tenant: &str, publish: Publish) -> Result<Publication, Rejection> {
    check_times(&publish)?;
    check_texts(&publish)?;
    let tags = tags(&publish.tags)?;
    let data = publish.data.as_ref().map(data).transpose()?;
    let primary_action = publish.primary_action.clone().map(|one| action("primaryAction", one)).transpose()?;
    let secondary_action = publish.secondary_action.clone().map(|one| action("secondaryAction", one)).transpose()?;
    if let Some(target) = &publish.redirect {
        redirect("redirect", target)?;
    }
    let recipients = recipients(&publish.to)?;
    let mut item = item(&publish, tags, data, recipients.iter().map(|name| name.len()).max());
    (item.primary_action, item.secondary_action) = (primary_action, secondary_action);
    within(Limit::ItemBytesMax, "notification", json(&item).len(), "bytes as an item")?;
    let facts = Published {
        audience: audience(keys, tenant, &publish.to, &recipients)?,
        severity: publish.severity,
        category: publish.category,
        tags: item.tags,
        workflow: None,
        expires: None,
        group: publish.group_key.as_ref().map(|key| keys.group(tenant, key)),
    };
    let recipient = match recipients.as_slice() {
        [only] => Some((*only).to_owned()),
        _ => None,
    };
    let actor = publish.actor.as_ref().map(|name| keys.stream(tenant, StreamKind::User, name));
    let content = Content {
        subject: publish.subject,
        body: publish.body,
        data: item.data.map(|data| data.get().to_owned()),
        avatar: publish.avatar,
        actor: publish.actor,
        primary_action: item.primary_action.as_ref().map(json),
        secondary_action: item.secondary_action.as_ref().map(json),
        redirect: publish.redirect.as_ref().map(json),
        group_key: publish.group_key,
        transaction_id: publish.transaction_id,
        recipient,
    };
    Ok(Publication { facts, content, actor })
}

/// Publishing at once, or for ever, what was meant for later or for a while would be worse than saying no.
fn check_times(publish: &Publish) -> Result<(), Rejection> {
    for (field, given) in [("sendAt", &publish.send_at), ("expiresAt", &publish.expires_at)] {
        if given.is_some() {
            return Err(Rejection::invalid(field, "is not offered yet"));
        }
    }
    Ok(())
}

fn check_texts(publish: &Publish) -> Result<(), Rejection> {
    publish.subject.as_ref().map_or(Ok(()), |subject| text("subject", subject, Limit::SubjectBytesMax))?;
    text("body", &publish.body, Limit::BodyBytesMax)?;
    optional_name("category", publish.category.as_ref())?;
    optional_name("actor", publish.actor.as_ref())?;
    optional_name("groupKey", publish.group_key.as_ref())?;
    publish.transaction_id.as_ref().map_or(Ok(()), |id| name("transactionId", id, Limit::CommandIdBytesMax))?;
    publish.avatar.as_ref().map_or(Ok(()), |avatar| web_address("avatar", avatar))
}

fn tags(tags: &[String]) -> Result<Vec<String>, Rejection> {
    let mut sorted: Vec<&String> = tags.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    within(Limit::TagsCountMax, "tags", sorted.len(), "labels")?;
    sorted.iter().try_for_each(|tag| name("tags", tag, Limit::NameBytesMax))?;
    Ok(sorted.into_iter().cloned().collect())
}

fn data(value: &Value) -> Result<Box<RawValue>, Rejection> {
    within(Limit::DataDepthMax, "data", depth(value), "levels deep")?;
    let text = json(value);
    within(Limit::DataBytesMax, "data", text.len(), "bytes")?;
    RawValue::from_string(text).map_err(|_| Rejection::invalid("data", "is no JSON"))
}

/// Levels of lists and objects; 0 for a plain value. The parser has bounded them already.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// A button is published undone, whatever the publisher says.
fn action(field: &'static str, action: Action) -> Result<Action, Rejection> {
    name(field, &action.label, Limit::NameBytesMax)?;
    action.redirect.as_ref().map_or(Ok(()), |target| redirect(field, target))?;
    Ok(Action { is_completed: false, ..action })
}

fn redirect(field: &'static str, redirect: &Redirect) -> Result<(), Rejection> {
    address_or_path(field, &redirect.url)?;
    match &redirect.target {
        Some(target) if !TARGETS.contains(&target.as_str()) => {
            Err(Rejection::invalid(field, format!("has a target that is none of {}", TARGETS.join(", "))))
        }
        _ => Ok(()),
    }
}

/// The people named, once each, in their order; none for an audience.
fn recipients(to: &Recipients) -> Result<Vec<&str>, Rejection> {
    let named: &[String] = match to {
        Recipients::One(one) => std::slice::from_ref(one),
        Recipients::Many(many) if many.is_empty() => return Err(Rejection::invalid("to", "must name somebody")),
        Recipients::Many(many) => many,
        Recipients::Audience(_) => &[],
    };
    let mut known = HashSet::with_capacity(named.len().min(RECIPIENTS_COUNT_MAX));
    let people: Vec<&str> = named.iter().map(String::as_str).filter(|one| known.insert(*one)).collect();
    within(Limit::RecipientsCountMax, "to", people.len(), "people")?;
    people.iter().try_for_each(|one| name("to", one, Limit::NameBytesMax))?;
    Ok(people)
}

fn audience(keys: &Keys, tenant: &str, to: &Recipients, people: &[&str]) -> Result<Audience, Rejection> {
    match to {
        Recipients::One(_) | Recipients::Many(_) => {
            Ok(Audience::People(people.iter().map(|name| keys.stream(tenant, StreamKind::User, name)).collect()))
        }
        Recipients::Audience(AudienceName::Tenant) => Ok(Audience::Tenant),
        Recipients::Audience(AudienceName::Platform) => Ok(Audience::Platform),
        Recipients::Audience(AudienceName::Topic { topic_key }) => {
            name("topicKey", topic_key, Limit::NameBytesMax)?;
            Ok(Audience::Topic(topic_key.clone()))
        }
        Recipients::Audience(AudienceName::Role { role }) => {
            let role = Role::of(role).ok_or_else(|| Rejection::invalid("role", "is not known"))?;
            Ok(Audience::Role(role))
        }
    }
}

/// The item as large as it can ever be shown: with every time set, and for the recipient with the longest name.
fn item(publish: &Publish, tags: Vec<String>, data: Option<Box<RawValue>>, name_bytes: Option<usize>) -> Item {
    let time = || Some("2026-01-01T00:00:00.000Z".to_owned());
    Item {
        id: "0".repeat(26),
        transaction_id: publish.transaction_id.clone().unwrap_or_else(|| "0".repeat(26)),
        subject: publish.subject.clone(),
        body: publish.body.clone(),
        // A quote takes two bytes as JSON, and a name can consist of them.
        to: name_bytes.map(|bytes| Subscriber { subscriber_id: "\"".repeat(bytes) }),
        is_read: false,
        is_seen: false,
        is_archived: false,
        is_snoozed: false,
        is_pinned: false,
        created_at: time().unwrap_or_default(),
        delivered_at: time().into_iter().collect(),
        read_at: time(),
        first_seen_at: time(),
        archived_at: time(),
        snoozed_until: time(),
        expires_at: time(),
        avatar: publish.avatar.clone(),
        actor: publish.actor.clone().map(|subscriber_id| Actor { subscriber_id }),
        primary_action: None,
        secondary_action: None,
        channel_type: "in_app".to_owned(),
        tags,
        data,
        redirect: publish.redirect.clone(),
        category: publish.category.clone(),
        group_key: publish.group_key.clone(),
        severity: publish.severity,
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("texts, numbers and JSON values always have a JSON form")
}
