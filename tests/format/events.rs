//! An example of every type of event, together with every word that an event can hold.

use tidings_engine::event::{Audience, AuditedRead, Channel, Content, Event, Published, RevokedTokens, Setting};
use tidings_engine::grant::Role;
use tidings_engine::ids::{Position, StreamId, Time};
use tidings_engine::item::{Filter, Mark};
use tidings_wire::Severity;

/// The examples, at least one for each type, in order of the types.
pub(crate) fn examples() -> Vec<Event> {
    let of_tenants = [tenant_created(), subject_observed(), published(), retracted(), marked(), all_marked()];
    let of_trust = [erased(), audited(), key_adopted()];
    let of_access = [revoked(), key_created(), key_revoked()];
    let of_people = [consent_changed(), settings_changed(), delivered()];
    of_tenants.into_iter().chain(of_trust).chain(of_access).chain(of_people).flatten().collect()
}

/// A notification with all that a content can hold.
pub(crate) fn content() -> Content {
    let text = |text: &str| Some(text.to_owned());
    Content {
        subject: text("Invoice paid"),
        body: "Number 42 was paid. Grüße! 🎉".into(),
        data: text(r#"{"invoice":42}"#),
        avatar: text("https://app.example/a.png"),
        actor: text("billing"),
        primary_action: text(r#"{"label":"Open"}"#),
        secondary_action: text(r#"{"label":"Later"}"#),
        redirect: text(r#"{"url":"/invoices/42"}"#),
        group_key: text("invoice-42"),
        transaction_id: text("t-1"),
        recipient: text("ada"),
    }
}

fn tenant_created() -> Vec<Event> {
    vec![Event::TenantCreated { name: "acme".into() }, Event::TenantCreated { name: "münchen-gmbh".into() }]
}

fn subject_observed() -> Vec<Event> {
    vec![
        Event::SubjectObserved { roles: vec![], topics: vec![] },
        Event::SubjectObserved { roles: Role::ALL.into(), topics: vec!["billing".into(), "orders".into()] },
    ]
}

fn published() -> Vec<Event> {
    let plain = |audience| Published {
        audience,
        severity: Severity::None,
        category: None,
        tags: vec![],
        workflow: None,
        expires: None,
        group: None,
    };
    let full = |severity| Published {
        severity,
        category: Some("invoices".into()),
        tags: vec!["eu".into(), "paid".into()],
        workflow: Some("invoice-paid".into()),
        expires: Some(Time(1_769_936_400_000)),
        group: Some([0x6b; 16]),
        ..plain(Audience::People(vec![StreamId([1; 16]), StreamId([2; 16])]))
    };
    let audiences = [
        Audience::People(vec![StreamId([1; 16])]),
        Audience::Tenant,
        Audience::Topic("orders".into()),
        Audience::Role(Role::TenantAdmin),
        Audience::Platform,
    ];
    let severities = [Severity::High, Severity::Medium, Severity::Low, Severity::None];
    let all = audiences.into_iter().map(plain).chain(severities.into_iter().map(full));
    all.map(Event::NotificationPublished).collect()
}

fn retracted() -> Vec<Event> {
    vec![Event::NotificationRetracted { notification: Position(3) }]
}

const MARKS: [Mark; 7] =
    [Mark::Seen, Mark::Unseen, Mark::Read, Mark::Unread, Mark::Archived, Mark::Unarchived, Mark::Deleted];

fn marked() -> Vec<Event> {
    let many = vec![Position(1), Position(300), Position(u64::MAX)];
    MARKS.into_iter().map(|mark| Event::ItemsMarked { mark, items: many.clone() }).collect()
}

fn all_marked() -> Vec<Event> {
    let filter = Filter {
        read: Some(false),
        seen: Some(true),
        archived: Some(false),
        snoozed: Some(false),
        tags: vec![vec!["eu".into(), "us".into()], vec!["paid".into()]],
        severity: vec![Severity::High, Severity::Low],
        category: Some("invoices".into()),
        created_from: Some(Time(-1)),
        created_to: Some(Time(1_769_850_000_000)),
    };
    [Filter::default(), filter]
        .map(|filter| Event::AllItemsMarked { mark: Mark::Read, filter, up_to: Position(128) })
        .into()
}

fn erased() -> Vec<Event> {
    vec![Event::SubjectErased { subject: StreamId([1; 16]), key: 70_000, fingerprint: [0xfe; 16] }]
}

fn audited() -> Vec<Event> {
    let reads = [
        (AuditedRead::Events, None),
        (AuditedRead::State, Some(StreamId([1; 16]))),
        (AuditedRead::Replay, None),
        (AuditedRead::Verify, None),
        (AuditedRead::Follow, None),
        (AuditedRead::EventsWithContent, None),
        (AuditedRead::StateWithContent, Some(StreamId([1; 16]))),
        (AuditedRead::FollowWithContent, None),
    ];
    let (from, through) = (Position(1), Position(200));
    reads.into_iter().map(|(what, subject)| Event::AuditRead { what, subject, from, through }).collect()
}

fn key_adopted() -> Vec<Event> {
    let adopted = |public, endorsement| Event::CheckpointKeyAdopted { public, endorsement };
    vec![adopted([0xed; 32], vec![]), adopted([0xee; 32], vec![0x51; 64])]
}

fn revoked() -> Vec<Event> {
    let issued_before = Time(1_769_850_000_000);
    let all = [
        RevokedTokens::Token { id: [0x1d; 16] },
        RevokedTokens::Subject { subject: StreamId([1; 16]), issued_before },
        RevokedTokens::Tenant { issued_before },
    ];
    all.map(|which| Event::TokensRevoked { which, until: Time(1_769_936_405_000) }).into()
}

fn key_created() -> Vec<Event> {
    let created = |roles, expires| Event::ApiKeyCreated { hash: [0x5e; 32], roles, expires };
    vec![created(vec![Role::Service], None), created(Role::ALL.into(), Some(Time(1_769_936_400_000)))]
}

fn key_revoked() -> Vec<Event> {
    vec![Event::ApiKeyRevoked { key: Position(7) }]
}

fn consent_changed() -> Vec<Event> {
    let changed = |category: Option<&str>, given, text_version: Option<&str>| Event::ConsentChanged {
        subject: StreamId([1; 16]),
        channel: Channel::Realtime,
        category: category.map(str::to_owned),
        given,
        text_version: text_version.map(str::to_owned),
    };
    vec![changed(None, true, Some("2026-03")), changed(Some("invoices"), false, None)]
}

fn settings_changed() -> Vec<Event> {
    let critical = |categories: &[&str]| Setting::Critical {
        categories: categories.iter().map(|category| (*category).to_owned()).collect(),
    };
    vec![
        Event::TenantSettingsChanged { settings: vec![] },
        Event::TenantSettingsChanged {
            settings: vec![Setting::Realtime { opt_in: true }, critical(&["a", "security"])],
        },
        Event::TenantSettingsChanged { settings: vec![Setting::Realtime { opt_in: false }, critical(&[])] },
        Event::TenantSettingsChanged { settings: vec![Setting::RecordDelivered { on: true }] },
    ]
}

fn delivered() -> Vec<Event> {
    vec![Event::ItemsDelivered { up_to: Position(128) }]
}
