//! Logs and metrics: people read text on a terminal, machines read JSON, and `/metrics` has a listener of its own.

use crate::clock;
use crate::gateway::Server;
use crate::security_log::SECURITY;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
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

/// Upper bounds of what is measured: requests of a commit, and seconds.
const BUCKETS: [(&str, &[f64]); 3] = [
    (
        "tidings_commit_requests",
        &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 2_048.0, 4_096.0],
    ),
    ("tidings_acknowledge_seconds", SECONDS),
    ("tidings_sync_seconds", SECONDS),
];

const SECONDS: &[f64] =
    &[0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.0, 4.0, 8.0];

/// Which lines go to the log when nothing says otherwise.
const FILTER_DEFAULT: &str = "info";

/// Decides which lines go to the log, and can be told anew.
pub struct Filter {
    /// The environment has decided, which stands over the configuration.
    is_given: bool,
    apply: Box<dyn Fn(EnvFilter) + Send>,
}

/// A text that filters nothing.
#[derive(Debug, thiserror::Error)]
#[error("logging.filter is no list of TARGET=LEVEL: {0}")]
pub struct FilterError(#[from] tracing_subscriber::filter::ParseError);

impl Filter {
    /// Filters by `configured` from now on, unless the environment has decided.
    ///
    /// # Errors
    /// [`FilterError`]; the filter stays as it was.
    pub fn replace(&self, configured: Option<&str>) -> Result<(), FilterError> {
        let filter = parsed(configured)?;
        if !self.is_given {
            (self.apply)(filter);
        }
        Ok(())
    }
}

fn parsed(configured: Option<&str>) -> Result<EnvFilter, FilterError> {
    Ok(EnvFilter::try_new(with_security(configured.unwrap_or(FILTER_DEFAULT).to_owned()))?)
}

/// Sends log lines to standard error. `TIDINGS_LOG` or `RUST_LOG` filters them, or `configured` when neither is set, or
/// `info`. The security log is written whatever the level of the rest, unless the filter names it.
///
/// # Errors
/// [`FilterError`]; nothing is logged.
pub fn start_logging(configured: Option<&str>) -> Result<Filter, FilterError> {
    let asked = ["TIDINGS_LOG", "RUST_LOG"].iter().find_map(|name| std::env::var(name).ok());
    let given = asked.map(with_security).and_then(|text| EnvFilter::try_new(text).ok());
    let is_given = given.is_some();
    let filter = given.map_or_else(|| parsed(configured), Ok)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // A second server in one process, as in tests, keeps the first one's choice.
    let apply: Box<dyn Fn(EnvFilter) + Send> = if stderr().is_terminal() {
        let lines = lines.with_filter_reloading();
        let handle = lines.reload_handle();
        let _ = lines.try_init();
        Box::new(move |filter| drop(handle.reload(filter)))
    } else {
        let lines = lines.json().flatten_event(true).with_filter_reloading();
        let handle = lines.reload_handle();
        let _ = lines.try_init();
        Box::new(move |filter| drop(handle.reload(filter)))
    };
    Ok(Filter { is_given, apply })
}

/// A filter that lets the security log through, unless it says itself what becomes of that.
fn with_security(filter: String) -> String {
    if filter.contains(SECURITY) { filter } else { format!("{filter},{SECURITY}=info") }
}

/// Starts collecting metrics. `None` when this process collects them already.
#[must_use]
pub fn start_metrics() -> Option<PrometheusHandle> {
    let mut builder = PrometheusBuilder::new();
    for (name, bounds) in BUCKETS {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds).ok()?;
    }
    builder.install_recorder().ok()
}

/// The routes of the administration listener.
pub(crate) fn admin_routes(handle: Option<PrometheusHandle>, server: Arc<Server>) -> Router {
    let metrics = move || {
        let (handle, server) = (handle.clone(), Arc::clone(&server));
        // On a thread that may block: it asks the disk and looks at every session.
        let text = tokio::task::spawn_blocking(move || {
            server.sample();
            handle.as_ref().map(PrometheusHandle::render).unwrap_or_default()
        });
        async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text.await.unwrap_or_default()) }
    };
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(|| std::future::ready("ok\n")))
}

/// Folds histograms, tells what the security log left out, and logs a line a minute, until the process ends.
pub(crate) async fn keep_up(handle: Option<PrometheusHandle>, server: Arc<Server>) {
    let mut upkeep = tokio::time::interval(UPKEEP);
    let mut left_out = tokio::time::interval(LEFT_OUT);
    let mut periodic = tokio::time::interval(PERIODIC);
    periodic.tick().await;
    loop {
        tokio::select! {
            _ = upkeep.tick() => {
                if let Some(handle) = &handle {
                    handle.run_upkeep();
                }
            }
            _ = left_out.tick() => server.security.tell_left_out(clock::now()),
            _ = periodic.tick() => server.tell_statistics(),
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
