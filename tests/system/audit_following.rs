//! Who follows the audit of a tenant gets every event of it once, in the order of the log, however slowly they read.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::{Value, json};
use system::audited::{World, events};
use system::conversation::{CARRIERS, Conversation, json_of};
use system::sure;
use tidings_client::Transport;
use tidings_wire::{ClientFrame, InboxName, ServerFrame};

#[tokio::test(flavor = "multi_thread")]
async fn following_the_audit_brings_every_event_of_the_tenant_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    world.live("acme", 2).await;
    let token = world.signer.token("acme", "olga", "auditor");
    for transport in CARRIERS {
        let follow = Some((InboxName::Audit, None));
        let opened = Conversation::open(&world.server.addresses, transport, &token, follow);
        let mut live = sure("welcome", opened).await.unwrap();
        let ServerFrame::CaughtUp { cursor, .. } = live.must().await else { panic!("the head is not told") };
        world.live("globex", 1).await;
        world.live("acme", 3).await;
        let last = world.caller("acme", "billing", "service").publish(&json!("ada"), "the last").await;
        let seen = until(&mut live, &last).await;
        // From the same place again: the same events, and those of the reading since.
        let follow = Some((InboxName::Audit, Some(cursor.clone())));
        let opened = Conversation::open(&world.server.addresses, transport, &token, follow);
        let mut returned = sure("welcome", opened).await.unwrap();
        assert!(matches!(returned.must().await, ServerFrame::Behind { cursor: from, .. } if from == cursor));
        let mut again = until(&mut returned, &last).await;
        assert_eq!(again, seen);
        loop {
            match returned.must().await {
                ServerFrame::CaughtUp { .. } => break,
                ServerFrame::Events { events, .. } => again.extend(events),
                other => panic!("{other:?}"),
            }
        }
        let (all, _) = events(&world.auditor(), &format!("?after={cursor}")).await;
        assert_eq!(all[..again.len()], again[..], "as over HTTP");
        let sequences: Vec<u64> = again.iter().map(|event| event["tenantSequence"].as_u64().unwrap()).collect();
        assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequences:?}");
        assert!(!again.iter().any(|event| event.to_string().contains("globex") || event.get("position").is_some()));
    }
    // Nobody else may.
    let token = world.signer.token("acme", "eve", "tenant_admin");
    let opened = Conversation::open(&world.server.addresses, Transport::WebSocket, &token, None);
    let mut refused = sure("welcome", opened).await.unwrap();
    let subscribe = ClientFrame::Subscribe { id: "1".into(), inbox: InboxName::Audit, from: None };
    let reply = json_of(&sure("reply", refused.ask(&subscribe, "1")).await.unwrap());
    assert_eq!(reply["error"]["code"], "forbidden");
}

/// Events until the one that published a notification.
async fn until(following: &mut Conversation, notification: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    loop {
        match following.must().await {
            ServerFrame::Events { inbox: InboxName::Audit, events, .. } => {
                let is_last = |event: &Value| {
                    event["type"] == "NotificationPublished" && event["facts"]["notification"] == notification
                };
                let place = events.iter().position(is_last);
                let count = place.map_or(events.len(), |place| place + 1);
                seen.extend(events[..count].iter().cloned());
                if place.is_some() {
                    return seen;
                }
            }
            other => panic!("instead of events: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_the_audit_slowly_falls_behind_and_gets_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    world.live("acme", 1).await;
    let token = world.signer.token("acme", "olga", "auditor");
    let follow = Some((InboxName::Audit, None));
    let opened = Conversation::open(&world.server.addresses, Transport::WebSocket, &token, follow);
    let mut slow = sure("welcome", opened).await.unwrap();
    let ServerFrame::CaughtUp { cursor, .. } = slow.must().await else { panic!("the head is not told") };
    // Far more than the sockets and the outbox hold: lists make large events.
    let service = world.caller("acme", "billing", "service");
    let people: Vec<String> = (0..400).map(|number| format!("person-{number}")).collect();
    let body = "x".repeat(16_000);
    let mut last = String::new();
    for _ in 0..300 {
        last = service.publish(&json!(people), &body).await;
    }
    let (mut seen, mut was_behind) = (Vec::new(), false);
    loop {
        match slow.must().await {
            ServerFrame::Behind { .. } => was_behind = true,
            ServerFrame::CaughtUp { .. } => {}
            ServerFrame::Events { events, .. } => seen.extend(events),
            other => panic!("{other:?}"),
        }
        if seen.last().is_some_and(|event| event["facts"]["notification"] == last.as_str()) {
            break;
        }
    }
    assert!(was_behind, "the test is to make it fall behind");
    // Everything once and in order, as over HTTP.
    let (first, _) = events(&world.auditor(), &format!("?after={cursor}&limit=100")).await;
    assert_eq!((seen.len(), &first[..]), (300, &seen[..100]));
    let sequences: Vec<u64> = seen.iter().map(|event| event["tenantSequence"].as_u64().unwrap()).collect();
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequences:?}");
}
