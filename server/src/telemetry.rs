//! Logs and metrics: people read text on a terminal, machines read JSON, and `/metrics` has a listener of its own.

use crate::clock;
use crate::gateway::Server;
use crate::security_log::SECURITY;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::io::{IsTerminal as _, stderr};
use std::sync::Arc;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// How often histograms are folded: 5 s. Without it they grow.
const UPKEEP: Duration = Duration::from_secs(5);

/// How often live connections, memory and uptime are logged: once a minute.
const PERIODIC: Duration = Duration::from_secs(60);

/// How often it is told what was left out of the security log: once a second.
const LEFT_OUT: Duration = Duration::from_secs(1);

/// Sends log lines to standard error. `TIDINGS_LOG` or `RUST_LOG` filters them; `info` when neither is set. The security log
/// is written whatever the level of the rest, unless the filter names it.
pub fn start_logging() {
    let asked = ["TIDINGS_LOG", "RUST_LOG"].iter().find_map(|name| std::env::var(name).ok());
    let filter = asked.map(with_security).and_then(|text| EnvFilter::try_new(text).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // A second server in one process, as in tests, keeps the first one's choice.
    let _ = if stderr().is_terminal() { lines.try_init() } else { lines.json().flatten_event(true).try_init() };
}

/// A filter that lets the security log through, unless it says itself what becomes of that.
fn with_security(filter: String) -> String {
    if filter.contains(SECURITY) { filter } else { format!("{filter},{SECURITY}=info") }
}

/// Starts collecting metrics. `None` when this process collects them already.
#[must_use]
pub fn start_metrics() -> Option<PrometheusHandle> {
    PrometheusBuilder::new().install_recorder().ok()
}

/// The routes of the administration listener.
pub fn admin_routes(handle: Option<PrometheusHandle>) -> Router {
    let metrics = move || {
        let text = handle.as_ref().map(PrometheusHandle::render).unwrap_or_default();
        std::future::ready(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
    };
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(|| std::future::ready("ok\n")))
}

/// Folds histograms, tells what the security log left out, and logs a line a minute, until the process ends.
pub(crate) async fn keep_up(handle: Option<PrometheusHandle>, server: Arc<Server>) {
    let mut upkeep = tokio::time::interval(UPKEEP);
    let mut left_out = tokio::time::interval(LEFT_OUT);
    let mut periodic = tokio::time::interval(PERIODIC);
    periodic.tick().await;
    let mut minutes = 0_u64;
    loop {
        tokio::select! {
            _ = upkeep.tick() => {
                if let Some(handle) = &handle {
                    handle.run_upkeep();
                }
                metrics::gauge!("tidings_memory_bytes").set(resident_bytes() as f64);
            }
            _ = left_out.tick() => server.security.tell_left_out(clock::now()),
            _ = periodic.tick() => {
                minutes += 1;
                let live = server.counts.live();
                tracing::info!(connections = live, memory_bytes = resident_bytes(), uptime_minutes = minutes, "alive");
            }
        }
    }
}

/// Resident memory of this process in bytes; 0 where the system does not tell.
#[must_use]
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default();
    pages * rustix::param::page_size() as u64
}
