//! One event of every type, and of every shape that a type has.

use crate::event::{
    Audience, AuditedRead, Channel, Content, Event, Facts, Published, Recorded, RevokedTokens, Setting,
};
use crate::grant::Role;
use crate::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use crate::item::{Filter, Mark};
use crate::log::{Envelope, Record, Stored};
use tidings_wire::Severity;

pub(super) fn published(audience: Audience) -> Event {
    Event::NotificationPublished(Published {
        audience,
        severity: Severity::High,
        category: Some("billing".to_owned()),
        tags: vec!["a".to_owned(), "b".to_owned()],
        workflow: Some("invoice".to_owned()),
        expires: Some(Time(5_000)),
        group: Some([3; 16]),
    })
}

pub(super) fn events() -> Vec<Event> {
    let person = StreamId([9; 16]);
    let filter = Filter {
        read: Some(true),
        seen: Some(false),
        archived: Some(true),
        snoozed: Some(false),
        tags: vec![vec!["a".to_owned()]],
        severity: vec![Severity::Low],
        category: Some("billing".to_owned()),
        created_from: Some(Time(1)),
        created_to: Some(Time(2)),
    };
    let reads = [
        AuditedRead::Events,
        AuditedRead::State,
        AuditedRead::Replay,
        AuditedRead::Verify,
        AuditedRead::Follow,
        AuditedRead::EventsWithContent,
        AuditedRead::StateWithContent,
        AuditedRead::FollowWithContent,
    ];
    let mut events = vec![
        Event::TenantCreated { name: "acme".to_owned() },
        Event::SubjectObserved { roles: Role::ALL.to_vec(), topics: vec!["t".to_owned()] },
        published(Audience::People(vec![person, StreamId([8; 16])])),
        published(Audience::Tenant),
        published(Audience::Topic("t".to_owned())),
        published(Audience::Role(Role::Auditor)),
        published(Audience::Platform),
        Event::NotificationRetracted { notification: Position(3) },
        Event::ItemsMarked { mark: Mark::Archived, items: vec![Position(3), Position(4)] },
        Event::AllItemsMarked { mark: Mark::Read, filter, up_to: Position(7) },
        Event::AllItemsMarked { mark: Mark::Seen, filter: Filter::default(), up_to: Position(7) },
        Event::SubjectErased { subject: person, key: 77, fingerprint: [4; 16] },
        Event::CheckpointKeyAdopted { public: [5; 32], endorsement: Vec::new() },
        Event::CheckpointKeyAdopted { public: [5; 32], endorsement: vec![6; 64] },
        Event::TokensRevoked { which: RevokedTokens::Token { id: [4; 16] }, until: Time(5_000) },
        Event::TokensRevoked {
            which: RevokedTokens::Subject { subject: person, issued_before: Time(4_000) },
            until: Time(5_000),
        },
        Event::TokensRevoked { which: RevokedTokens::Tenant { issued_before: Time(4_000) }, until: Time(5_000) },
        Event::ApiKeyCreated { hash: [7; 32], roles: vec![Role::Service], expires: None },
        Event::ApiKeyCreated { hash: [7; 32], roles: Role::ALL.to_vec(), expires: Some(Time(6_000)) },
        Event::ApiKeyRevoked { key: Position(8) },
        consent(None, true),
        consent(Some("billing"), false),
        Event::TenantSettingsChanged {
            settings: vec![
                Setting::Realtime { opt_in: true },
                Setting::Realtime { opt_in: false },
                Setting::Critical { categories: vec!["security".to_owned()] },
                Setting::RecordDelivered { on: true },
            ],
        },
        Event::ItemsDelivered { up_to: Position(7) },
    ];
    events.extend(reads.map(|what| {
        let (from, through) = (Position(1), Position(70_007));
        Event::AuditRead { what, subject: Some(person).filter(|_| what != AuditedRead::Verify), from, through }
    }));
    events
}

fn consent(category: Option<&str>, given: bool) -> Event {
    Event::ConsentChanged {
        subject: StreamId([9; 16]),
        channel: Channel::Realtime,
        category: category.map(str::to_owned),
        given,
        text_version: category.map(|_| "2026-03".to_owned()),
    }
}

pub(super) fn content() -> Content {
    Content {
        subject: Some("Invoice".to_owned()),
        body: "canary-body".to_owned(),
        data: Some(r#"{"b":1.10,"a":12345678901234567890123}"#.to_owned()),
        avatar: Some("https://example.org/a.png".to_owned()),
        actor: Some("bob".to_owned()),
        primary_action: Some(r#"{"label":"Pay"}"#.to_owned()),
        secondary_action: Some(r#"{"label":"Later"}"#.to_owned()),
        redirect: Some(r#"{"url":"/"}"#.to_owned()),
        group_key: Some("g".to_owned()),
        transaction_id: Some("t".to_owned()),
        recipient: Some("ada".to_owned()),
    }
}

/// The event of a record at position 70,007, in a tenant with few events of its own.
pub(super) fn recorded(event: Event, stored: Stored) -> (Record, Recorded) {
    let envelope = Envelope {
        position: Position(70_007),
        tenant: TenantId(4_242),
        tenant_sequence: 5,
        stream: StreamId([1; 16]),
        revision: Revision(2),
        event_type: event.type_number(),
        event_version: event.version(),
        command: CommandHash([2; 16]),
        command_index: 1,
        time: Time(1_769_850_000_007),
        key_id: 991_199,
    };
    let facts = Facts { actor: StreamId([7; 16]), fingerprint: [0; 16], event };
    let record = Record { envelope, facts: facts.encode(), content: stored.clone() };
    (record, Recorded { envelope, facts, content: stored })
}
