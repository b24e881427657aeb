//! Every alert of `deploy/alerts.yml` fires once, by promtool, on series that the real binary has; some on what it really told.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use system::caller::Caller;
use system::damage::damage_log;
use system::exposition::{Family, base, documented, parts, samples};
use system::server::Launch;
use system::sure;
use system::tokens::Signer;
use tokio::task::JoinSet;

const ALERTS: &str = include_str!("../../deploy/alerts.yml");
const DASHBOARD: &str = include_str!("../../deploy/grafana-dashboard.json");
const OPERATIONS: &str = include_str!("../../docs/operations.md");

/// Series with their values.
type Series = &'static [(&'static str, &'static str)];

/// Series that fire each alert, as promtool writes values of one a minute, and the labels that the alert has then.
const FIRING: [(&str, Series, &str); 21] = [
    ("TidingsDown", &[("up{job=\"tidings\"}", "0x10")], "{\"job\":\"tidings\"}"),
    ("TidingsRestarts", &[("tidings_uptime_seconds", "60 120 1 2 1 2 62 122 182 242 302")], "{}"),
    ("TidingsReadOnly", &[("tidings_read_only", "1x10")], "{}"),
    ("TidingsDiskNearlyFull", &[("tidings_disk_free_bytes", "9x10"), ("tidings_disk_bytes", "100x10")], "{}"),
    (
        "TidingsNoCheckpointSink",
        &[("tidings_checkpoint_trouble{trouble=\"no_sink\"}", "1x10")],
        "{\"trouble\":\"no_sink\"}",
    ),
    (
        "TidingsCheckpointTrouble",
        &[("tidings_checkpoint_trouble{trouble=\"disagrees\"}", "1x10")],
        "{\"trouble\":\"disagrees\"}",
    ),
    ("TidingsCheckpointOld", &[("tidings_checkpoint_time_seconds", "-7300x10")], "{}"),
    (
        "TidingsRefusalsSurge",
        &[("tidings_refusals_total{carrier=\"http\",code=\"unauthenticated\"}", "0+400x10")],
        "{}",
    ),
    ("TidingsCrossTenant", &[("tidings_cross_tenant_total{what=\"cursor\"}", "0+5x10")], "{}"),
    ("TidingsNearlyFull", &[("tidings_places_taken", "81x10"), ("tidings_places_max", "100x10")], "{}"),
    (
        "TidingsManyBehind",
        &[
            ("tidings_subscriptions_behind{carrier=\"websocket\"}", "51x10"),
            ("tidings_connections{carrier=\"websocket\"}", "500x10"),
        ],
        "{}",
    ),
    (
        "TidingsSyncSlow",
        &[
            ("tidings_sync_seconds_bucket{le=\"0.256\"}", "0+1x10"),
            ("tidings_sync_seconds_bucket{le=\"0.512\"}", "0+10x10"),
            ("tidings_sync_seconds_bucket{le=\"+Inf\"}", "0+10x10"),
        ],
        "{}",
    ),
    (
        "TidingsAcknowledgeSlow",
        &[
            ("tidings_acknowledge_seconds_bucket{le=\"1\"}", "0+1x10"),
            ("tidings_acknowledge_seconds_bucket{le=\"2\"}", "0+10x10"),
            ("tidings_acknowledge_seconds_bucket{le=\"+Inf\"}", "0+10x10"),
        ],
        "{}",
    ),
    ("TidingsQueueLong", &[("tidings_requests_waiting", "5000x10")], "{}"),
    (
        "TidingsProjectionsBehind",
        &[("tidings_log_position", "20001x10"), ("tidings_projected_position", "10000x10")],
        "{}",
    ),
    ("TidingsMemoryHigh", &[("tidings_memory_bytes", "81x20"), ("tidings_memory_max_bytes", "100x20")], "{}"),
    ("TidingsRedactionStuck", &[("tidings_redaction_backlog_segments", "1x400")], "{}"),
    ("TidingsBlocksThrownAway", &[("tidings_blocks_thrown_away_total", "0 0 1 1 1 1 1 1 1 1 1")], "{}"),
    ("TidingsCertificateExpires", &[("tidings_certificate_expires_seconds", "600000x70")], "{}"),
    (
        "TidingsIssuerKeysStale",
        &[
            ("tidings_issuer_loads_total{issuer=\"https://id.example\",outcome=\"failed\"}", "0+2x20"),
            ("tidings_issuer_loads_total{issuer=\"https://id.example\",outcome=\"loaded\"}", "7x20"),
        ],
        "{\"issuer\":\"https://id.example\"}",
    ),
    ("TidingsReloadRefused", &[("tidings_reload_refused", "1x20")], "{}"),
];

/// One alert as it stands in the file.
#[derive(Clone, Debug, Default)]
struct Alert {
    name: String,
    expr: String,
    minutes: u32,
    severity: String,
    summary: String,
    runbook: String,
}

fn alerts() -> Vec<Alert> {
    let mut found: Vec<Alert> = Vec::new();
    for line in ALERTS.lines() {
        let Some((key, value)) = line.trim_start_matches([' ', '-']).split_once(": ") else { continue };
        let value = value.trim_matches('"').to_owned();
        if key == "alert" {
            found.push(Alert { name: value, ..Alert::default() });
            continue;
        }
        let Some(alert) = found.last_mut() else { continue };
        match key {
            "expr" => alert.expr = value,
            "for" => {
                let (count, hours) = (value.trim_end_matches(['m', 'h']), value.ends_with('h'));
                alert.minutes = count.parse::<u32>().unwrap() * if hours { 60 } else { 1 };
            }
            "severity" => alert.severity = value,
            "summary" => alert.summary = value,
            "runbook" => alert.runbook = value,
            other => panic!("{other} is not read by this test"),
        }
    }
    found
}

/// What a test of promtool says about one alert: series, when to look, and the labels that it has then.
fn promtool_test(alert: &Alert, series: &[(String, String)], labels: &Value) -> Value {
    let series: Vec<Value> =
        series.iter().map(|(series, values)| json!({"series": series, "values": values})).collect();
    let mut labels = labels.clone();
    labels["severity"] = json!(alert.severity);
    let annotations = json!({"summary": alert.summary, "runbook": alert.runbook});
    json!({
        "interval": "1m",
        "input_series": series,
        "alert_rule_test": [{
            "eval_time": format!("{}m", alert.minutes + 5),
            "alertname": alert.name,
            "exp_alerts": [{"exp_labels": labels, "exp_annotations": annotations}],
        }],
    })
}

/// Has promtool run tests, which it does only from a file.
///
/// # Errors
/// What promtool says.
fn run(folder: &Path, tests: &[Value]) -> Result<(), String> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/alerts.yml");
    // YAML takes every JSON text.
    let file = folder.join("tests.yml");
    std::fs::write(&file, json!({"rule_files": [rules], "evaluation_interval": "1m", "tests": tests}).to_string())
        .unwrap();
    promtool(&["test", "rules", file.to_str().unwrap()])
}

fn promtool(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("promtool").args(arguments).output().expect("promtool is of Debian's package prometheus");
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said).into_owned()) }
}

fn owned(series: &[(&str, &str)]) -> Vec<(String, String)> {
    series.iter().map(|(series, values)| ((*series).to_owned(), (*values).to_owned())).collect()
}

#[test]
fn every_alert_fires_on_its_series_and_promtool_would_say_if_it_did_not() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = alerts();
    let named: Vec<&str> = alerts.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(named, FIRING.map(|(name, ..)| name), "every alert of the file is fired here");
    let tests = alerts.iter().zip(&FIRING).map(|(alert, (_, series, labels))| {
        promtool_test(alert, &owned(series), &serde_json::from_str(labels).unwrap())
    });
    run(folder.path(), &tests.collect::<Vec<_>>()).unwrap_or_else(|said| panic!("{said}"));
    // The same alert on series that are in order.
    let quiet = promtool_test(&alerts[2], &owned(&[("tidings_read_only", "0x10")]), &json!({}));
    assert!(run(folder.path(), &[quiet]).is_err());
    // Keys that failed to load and were loaded since are no cause for alarm.
    let (stale, (_, series, labels)) =
        alerts.iter().zip(&FIRING).find(|(alert, _)| alert.name == "TidingsIssuerKeysStale").unwrap();
    let recovered = [owned(&series[..1]), vec![(series[1].0.to_owned(), "7x8 8x20".to_owned())]].concat();
    let recovered = promtool_test(stale, &recovered, &serde_json::from_str(labels).unwrap());
    assert!(run(folder.path(), &[recovered]).is_err());
}

#[test]
fn alerts_dashboard_and_fired_series_use_documented_metrics_alone() {
    let families: BTreeMap<String, Family> =
        documented(OPERATIONS).into_iter().map(|family| (family.name.clone(), family)).collect();
    let mut expressions: Vec<String> = alerts().into_iter().map(|alert| alert.expr).collect();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    expressions.extend(targets.map(|target| target["expr"].as_str().unwrap().to_owned()));
    expressions.extend(FIRING.iter().flat_map(|(_, series, _)| series.iter().map(|(series, _)| (*series).to_owned())));
    let complaints: Vec<String> = expressions.iter().flat_map(|expression| unknown(expression, &families)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(!unknown("rate(tidings_nothing[5m])", &families).is_empty());
    assert!(!unknown("sum by (tenant) (tidings_connections)", &families).is_empty());
    assert!(!unknown("tidings_connections{tenant=\"x\"}", &families).is_empty());
}

/// What of an expression is in no table: metrics, and labels that none of its metrics has.
fn unknown(expression: &str, families: &BTreeMap<String, Family>) -> Vec<String> {
    let is_of_name = |byte: char| byte.is_ascii_alphanumeric() || byte == '_';
    let names = expression.split(|byte| !is_of_name(byte)).filter(|word| word.starts_with("tidings_"));
    let (mut complaints, mut labels) = (Vec::new(), BTreeSet::from(["le".to_owned()]));
    for name in names {
        match families.get(name).or_else(|| families.get(base(name)).filter(|family| family.kind == "histogram")) {
            Some(family) => labels.extend(family.labels.iter().cloned()),
            None => complaints.push(format!("{name} of {expression} is not documented")),
        }
    }
    if !expression.contains("tidings_") {
        labels.insert("job".to_owned());
    }
    let selected =
        expression.split('{').skip(1).flat_map(|rest| parts(&format!("x{{{}", rest.split('}').next().unwrap_or(""))).1);
    let grouped = expression.split("by (").skip(1).flat_map(|rest| rest.split(')').next().unwrap_or("").split(", "));
    for label in selected.chain(grouped.map(str::to_owned)) {
        if !labels.contains(&label) {
            complaints.push(format!("no metric of {expression} has the label {label}"));
        }
    }
    complaints
}

#[test]
fn every_query_of_the_dashboard_is_one_that_prometheus_takes() {
    let folder = tempfile::tempdir().unwrap();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let rules: Vec<Value> = targets
        .enumerate()
        .map(|(index, target)| json!({"record": format!("query{index}"), "expr": target["expr"]}))
        .collect();
    let file: PathBuf = folder.path().join("dashboard.yml");
    let check = |rules: &[Value]| {
        std::fs::write(&file, json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string()).unwrap();
        promtool(&["check", "rules", file.to_str().unwrap()])
    };
    check(&rules).unwrap_or_else(|said| panic!("{said}"));
    assert!(check(&[json!({"record": "x", "expr": "rate(tidings_deltas_total)"})]).is_err());
}

#[test]
fn every_alert_links_to_its_section_of_the_runbook() {
    for alert in alerts() {
        assert_eq!(alert.runbook, format!("docs/operations.md#{}", alert.name.to_lowercase()));
        assert!(OPERATIONS.contains(&format!("\n### {}\n", alert.name)), "{} has no section", alert.name);
    }
}

/// What the binary tells in a state, held for as long as an alert needs; counters step once from what they were before.
fn as_series(before: &BTreeMap<String, f64>, now: &BTreeMap<String, f64>, minutes: u32) -> Vec<(String, String)> {
    let series = now.iter().map(|(series, value)| {
        let first = before.get(series).copied().unwrap_or_default();
        (series.clone(), format!("{first}x1 {value}x{}", minutes + 10))
    });
    series.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn alerts_fire_on_what_the_real_binary_tells() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let launch = Launch::new(&data);
    let server = launch.start().await;
    let service = Caller::new(&server.addresses, &Signer::dev(&data).token("acme", "billing", "service"));
    for number in 0..12 {
        service.publish(&json!("ada"), &format!("text {number}")).await;
    }
    let before = samples(&server.metrics().await);
    let mut refused = JoinSet::new();
    for _ in 0..16 {
        let (nobody, ada) = (
            Caller::new(&server.addresses, "no token"),
            Caller::new(&server.addresses, &Signer::dev(&data).token("acme", "ada", "user")),
        );
        refused.spawn(async move {
            for _ in 0..130 {
                nobody.ask("GET", "/v1/inbox/notifications", None, 401).await;
            }
            for _ in 0..2 {
                ada.ask("PATCH", &format!("/v1/inbox/notifications/{}/read", "v".repeat(26)), None, 404).await;
            }
        });
    }
    sure("refusals", refused.join_all()).await;
    let after = samples(&server.metrics().await);
    assert_eq!(server.stop().await, Some(0));
    damage_log(&data);
    let server = launch.start().await;
    let damaged = samples(&server.metrics().await);
    let none = BTreeMap::new();
    for (name, before, now, labels) in [
        ("TidingsNoCheckpointSink", &none, &after, json!({"trouble": "no_sink"})),
        ("TidingsRefusalsSurge", &before, &after, json!({})),
        ("TidingsCrossTenant", &before, &after, json!({})),
        ("TidingsReadOnly", &none, &damaged, json!({})),
    ] {
        let alert = alerts().into_iter().find(|alert| alert.name == name).unwrap();
        let test = promtool_test(&alert, &as_series(before, now, alert.minutes), &labels);
        run(folder.path(), &[test]).unwrap_or_else(|said| panic!("{said}"));
    }
    // And none of these on a server to which nothing happened.
    let quiet = alerts().into_iter().find(|alert| alert.name == "TidingsRefusalsSurge").unwrap();
    assert!(run(folder.path(), &[promtool_test(&quiet, &as_series(&none, &before, 0), &json!({}))]).is_err());
}
