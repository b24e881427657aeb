use crate::event::Content;
use serde::Serialize;
use serde_json::value::RawValue;

/// The content of an event for whoever may read it. What the application gave as JSON stands as the text that it gave.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContentShown {
    subject: Option<String>,
    body: String,
    data: Option<Box<RawValue>>,
    avatar: Option<String>,
    actor: Option<String>,
    primary_action: Option<Box<RawValue>>,
    secondary_action: Option<Box<RawValue>>,
    redirect: Option<Box<RawValue>>,
    group_key: Option<String>,
    transaction_id: Option<String>,
    recipient: Option<String>,
}

impl ContentShown {
    pub(super) fn of(content: &Content) -> Self {
        // It was checked before it was recorded; what is no JSON all the same is left out rather than repeated broken.
        let json = |text: &Option<String>| text.clone().and_then(|text| RawValue::from_string(text).ok());
        Self {
            subject: content.subject.clone(),
            body: content.body.clone(),
            data: json(&content.data),
            avatar: content.avatar.clone(),
            actor: content.actor.clone(),
            primary_action: json(&content.primary_action),
            secondary_action: json(&content.secondary_action),
            redirect: json(&content.redirect),
            group_key: content.group_key.clone(),
            transaction_id: content.transaction_id.clone(),
            recipient: content.recipient.clone(),
        }
    }
}

/// The JSON text of a content; `null` where there is none to be read.
///
/// # Panics
/// Never: every field has a JSON form.
#[must_use]
pub fn content_shown(content: Option<&Content>) -> String {
    serde_json::to_string(&content.map(ContentShown::of)).expect("strings and JSON texts always have a JSON form")
}
