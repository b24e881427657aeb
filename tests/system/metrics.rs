//! `/metrics` of the real binary is the table of `docs/operations.md`: the same names, types and labels, both ways.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use system::caller::Caller;
use system::conversation::Conversation;
use system::exposition::{Family, conditional, documented, families, samples};
use system::server::{Launch, Server};
use system::sure;
use system::tokens::Signer;
use tidings_client::Transport;
use tidings_wire::{CloseCode, InboxName};

const DOCUMENT: &str = include_str!("../../docs/operations.md");

/// A server on which everything that is counted has happened once.
async fn used(server: &Server, signer: &Signer) {
    let caller = |subject: &str, role: &str| Caller::new(&server.addresses, &signer.token("acme", subject, role));
    let follow = |subject: &str| {
        let token = signer.token("acme", subject, "user");
        async move { Conversation::follow(&server.addresses, Transport::WebSocket, &token, InboxName::Me).await.0 }
    };
    let mut ada = follow("ada").await;
    caller("billing", "service").publish(&json!("ada"), "a delta").await;
    ada.must().await;
    for _ in 0..3 {
        // The third ends the session, perhaps while it is being sent.
        let _ = ada.client().send_text("{\"type\":\"nothing\"}".into()).await;
    }
    assert_eq!(ada.until_the_end().await.1, Some(CloseCode::ProtocolError.number()));
    let mut doomed = follow("doomed").await;
    let erased = json!({"subscriberId": "doomed"});
    caller("olga", "privacy_officer").ask("POST", "/v1/privacy/erasures", Some(&erased), 201).await;
    assert_eq!(doomed.until_the_end().await.1, Some(CloseCode::TokenRevoked.number()));
    Caller::new(&server.addresses, "no token").ask("GET", "/v1/inbox/notifications", None, 401).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn metrics_are_the_documented_ones_and_no_label_is_chosen_by_a_client() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Launch::new(&data).start().await;
    let signer = Signer::dev(&data);
    used(&server, &signer).await;
    let text = server.metrics().await;
    let (told, found, may_lack) = (documented(DOCUMENT), families(&text), conditional(DOCUMENT));
    let is_missing = |one: &&Family| !found.contains(one) && !may_lack.contains(&one.name);
    let missing: Vec<_> = told.iter().filter(is_missing).collect();
    let unknown: Vec<_> = found.iter().filter(|one| !told.contains(one)).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "only documented: {missing:#?}\nonly found: {unknown:#?}");
    for own in ["acme", "ada", "billing", "doomed", "127.0.0", folder.path().to_str().unwrap()] {
        let of_client = |line: &&str| line.contains(own) && !line.starts_with('#');
        assert_eq!(text.lines().find(of_client), None, "{own} is a label");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_counted_is_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Launch::new(&data).start().await;
    let signer = Signer::dev(&data);
    let before = samples(&server.metrics().await);
    used(&server, &signer).await;
    let token = signer.token("acme", "ada", "user");
    let (_open, _) = Conversation::follow(&server.addresses, Transport::WebTransport, &token, InboxName::Me).await;
    let after = samples(&server.metrics().await);
    let grown = |name: &str| {
        let of = |samples: &BTreeMap<String, f64>| samples.get(name).copied().unwrap_or_default();
        of(&after) - of(&before)
    };
    for (name, by) in [
        ("tidings_authentications_total{carrier=\"websocket\"}", 2.0),
        ("tidings_authentications_total{carrier=\"webtransport\"}", 1.0),
        ("tidings_handshakes_total{carrier=\"webtransport\"}", 1.0),
        ("tidings_connections{carrier=\"webtransport\"}", 1.0),
        ("tidings_connections{carrier=\"websocket\"}", 0.0),
        ("tidings_refusals_total{carrier=\"http\",code=\"unauthenticated\"}", 1.0),
        ("tidings_limit_hits_total{limit=\"protocol_errors_max\"}", 1.0),
        ("tidings_sessions_revoked_total{by=\"erasure\"}", 1.0),
        ("tidings_deltas_total", 1.0),
        ("tidings_requests_waiting", 0.0),
    ] {
        assert_eq!(grown(name), by, "{name}");
    }
    let now = |name: &str| after[name];
    assert_eq!(now("tidings_log_position"), now("tidings_projected_position"));
    // A command may bring several events, which are synced together.
    let recorded = grown("tidings_log_position");
    assert!((4.0..=recorded).contains(&now("tidings_sync_seconds_count")), "{recorded} events");
    assert!(now("tidings_acknowledge_seconds_count") >= now("tidings_sync_seconds_count"));
    assert!(now("tidings_memory_bytes") > 0.0 && now("tidings_memory_bytes") < now("tidings_memory_max_bytes"));
    assert!(now("tidings_disk_free_bytes") > 0.0 && now("tidings_disk_free_bytes") <= now("tidings_disk_bytes"));
    let (expires, signed) = (now("tidings_certificate_expires_seconds"), now("tidings_checkpoint_time_seconds"));
    assert!(expires > signed + 13.0 * 86_400.0 && expires < signed + 15.0 * 86_400.0, "{expires} after {signed}");
    assert_eq!(now("tidings_checkpoint_trouble{trouble=\"no_sink\"}"), 1.0);
    assert_eq!(now("tidings_read_only"), 0.0);

    server.terminate();
    let lines = sure("end of the log", server.log.all()).await;
    let lines: Vec<Value> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let last = lines.iter().find(|line| line["message"] == "statistics").expect("the last line of statistics");
    assert_eq!(
        (&last["webtransport"], &last["websocket"], &last["authentications"]),
        (&json!(1), &json!(0), &json!(3))
    );
    assert!(last["refusals"].as_u64() >= Some(1) && last["uptime_seconds"].is_number(), "{last}");
}

#[test]
fn labels_are_few_and_none_is_a_tenant_or_a_person() {
    let labels: BTreeSet<String> = documented(DOCUMENT).into_iter().flat_map(|family| family.labels).collect();
    // `issuer` is a name of the configuration; all others are words of ours.
    let known = ["by", "carrier", "code", "issuer", "limit", "outcome", "trouble", "verdict", "version", "what"];
    let unknown: Vec<_> = labels.iter().filter(|label| !known.contains(&label.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}: a new label needs a bound, and a line in the document that says which");
}
