//! What `/metrics` tells of the moment at which it is asked, and the line of each minute. What happens is counted where it
//! happens. `docs/operations.md` has the table of all metrics; no label is a tenant, a person or anything else that clients choose.

use crate::clock;
use crate::connection_counts::CARRIERS;
use crate::gateway::Server;
use crate::telemetry::resident_bytes;
use crate::tls::Certificate;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tidings_engine::ids::Time;
use tracing::{info, warn};

/// What the moment is measured by.
#[derive(Debug)]
pub(crate) struct Statistics {
    data: PathBuf,
    started: Time,
    /// What HTTP and QUIC show, which a reload can change.
    certificate: Certificate,
    /// As of the last line: authentications, refusals, and the log's position.
    told: [AtomicU64; 3],
}

impl Statistics {
    /// Of a server that starts now, with its data in a folder.
    pub(crate) fn new(data: PathBuf, certificate: Certificate) -> Self {
        register();
        Self { data, started: clock::now(), certificate, told: Default::default() }
    }

    fn uptime_seconds(&self) -> i64 {
        (clock::now().since(self.started) / 1_000).max(0)
    }

    /// How much of a number is new since the last line.
    fn news(&self, index: usize, total: u64) -> u64 {
        total.saturating_sub(self.told[index].swap(total, Ordering::Relaxed))
    }
}

/// Names what may not have happened yet, so that a first time is a step from zero.
fn register() {
    for carrier in CARRIERS.iter().map(|carrier| carrier.name()).chain(["http"]) {
        metrics::counter!("tidings_handshakes_total", "carrier" => carrier).increment(0);
        metrics::counter!("tidings_authentications_total", "carrier" => carrier).increment(0);
    }
    for what in ["token", "refresh", "cursor", "notification"] {
        metrics::counter!("tidings_cross_tenant_total", "what" => what).increment(0);
    }
    metrics::counter!("tidings_blocks_thrown_away_total").increment(0);
    metrics::counter!("tidings_checkpoint_failures_total").increment(0);
    metrics::counter!("tidings_checkpoints_total").increment(0);
    metrics::counter!("tidings_deltas_total").increment(0);
    metrics::gauge!("tidings_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

impl Server {
    /// Sets the gauges that are not kept up by themselves. Looks at every session: a few milliseconds with 100,000.
    pub(crate) fn sample(&self) {
        self.sample_connections();
        let statistics = &self.statistics;
        metrics::gauge!("tidings_uptime_seconds").set(statistics.uptime_seconds() as f64);
        metrics::gauge!("tidings_memory_bytes").set(resident_bytes() as f64);
        metrics::gauge!("tidings_memory_max_bytes").set(memory_max_bytes() as f64);
        metrics::gauge!("tidings_read_only").set(f64::from(u8::from(self.is_read_only)));
        metrics::gauge!("tidings_log_position").set(self.reader.head().0.0 as f64);
        metrics::gauge!("tidings_log_segments").set(self.reader.sealed_segments().len() as f64 + 1.0);
        metrics::gauge!("tidings_audits_running").set(self.auditing.running_count() as f64);
        for (trouble, is_so) in self.checkpoints.troubles() {
            metrics::gauge!("tidings_checkpoint_trouble", "trouble" => trouble).set(f64::from(u8::from(is_so)));
        }
        if let Some(expires) = statistics.certificate.expires() {
            metrics::gauge!("tidings_certificate_expires_seconds").set(expires.0 as f64 / 1_000.0);
        }
        if let Some((free, all)) = disk_bytes(&statistics.data) {
            metrics::gauge!("tidings_disk_free_bytes").set(free as f64);
            metrics::gauge!("tidings_disk_bytes").set(all as f64);
        }
    }

    fn sample_connections(&self) {
        let mut standing: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
        let connections = self.sessions.all();
        for connection in &connections {
            let (carrier, queued_bytes, behind) = connection.standing();
            let sum = standing.entry(carrier).or_default();
            *sum = (sum.0 + queued_bytes, sum.1 + behind);
        }
        for (carrier, live) in self.counts.live() {
            let (queued_bytes, behind) = standing.get(carrier).copied().unwrap_or_default();
            metrics::gauge!("tidings_connections", "carrier" => carrier).set(live as f64);
            metrics::gauge!("tidings_outbox_bytes", "carrier" => carrier).set(queued_bytes as f64);
            metrics::gauge!("tidings_subscriptions_behind", "carrier" => carrier).set(behind as f64);
        }
        let admission = self.admission.lock();
        let (places, places_max) = (admission.connections(), admission.connections_max());
        drop(admission);
        metrics::gauge!("tidings_places_taken").set(f64::from(places.total));
        metrics::gauge!("tidings_places_unauthenticated").set(f64::from(places.unauthenticated));
        metrics::gauge!("tidings_places_max").set(f64::from(places_max));
    }

    /// Logs how things stand, and what came since the last such line.
    pub(crate) fn tell_statistics(&self) {
        let live: BTreeMap<_, _> = self.counts.live().collect();
        let of = |carrier: &str| live.get(carrier).copied().unwrap_or_default();
        let (statistics, position) = (&self.statistics, self.reader.head().0.0);
        let (authentications, refusals) = self.security.counted();
        info!(
            connections = live.values().sum::<u64>(),
            websocket = of("websocket"),
            webtransport = of("webtransport"),
            quic = of("quic"),
            events = of("events"),
            authentications = statistics.news(0, authentications),
            refusals = statistics.news(1, refusals),
            recorded = statistics.news(2, position),
            position,
            memory_bytes = resident_bytes(),
            uptime_seconds = statistics.uptime_seconds(),
            "statistics"
        );
    }
}

/// Bytes that may still be written to the disk of a folder, and all bytes of that disk.
fn disk_bytes(folder: &Path) -> Option<(u64, u64)> {
    match rustix::fs::statvfs(folder) {
        Ok(found) => Some((found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)),
        Err(error) => {
            warn!(%error, "the disk of the data directory cannot be asked for its room");
            None
        }
    }
}

/// Memory that this process may use: what its control group grants, or the machine has. 0 where the system does not tell.
fn memory_max_bytes() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let meminfo = read("/proc/meminfo");
    let total =
        meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
    let machine = total.map_or(0, |kilobytes: u64| kilobytes * 1_024);
    let granted: Option<u64> = read("/sys/fs/cgroup/memory.max").trim().parse().ok();
    granted.map_or(machine, |granted| granted.min(machine))
}
