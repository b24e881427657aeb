//! Assembly: opens the log, starts the threads and listeners, and ends them in order.

use crate::checkpoints::{self, AdoptionError, Keeping};
use crate::config::{self, Config};
use crate::connection_counts::ConnectionCounts;
use crate::exit::Exit;
use crate::gateway::Server;
use crate::inbox::{self, Ending};
use crate::issuers::Nothing;
use crate::origins::Origins;
use crate::receipt::Receipts;
use crate::reload::{self, Reloader};
use crate::saving::{self, Saving};
use crate::secrets::{self, SecretError};
use crate::security_log::SecurityLog;
use crate::statistics::Statistics;
use crate::telemetry::Filter;
use crate::tls::{Certificate, CertificateError};
use crate::verifier::{self, KeyError};
use crate::{assets, clock, draining, entropy, erasing, opening, redaction, telemetry, writer};
use metrics_exporter_prometheus::PrometheusHandle;
use rustls::server::ResolvesServerCert;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tidings_adapters::gateway::Host;
use tidings_adapters::http::{self, Assets};
use tidings_adapters::proxied::{Proxies, ProxyProtocol};
use tidings_adapters::quic::{self, QuicOptions, QuicStartError};
use tidings_adapters::tcp::{self, TcpOptions};
use tidings_engine::engine::OpenError;
use tidings_engine::limits::{Limits, LoweringError};
use tidings_engine::log::LogError;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

/// Handshakes a second of one address under `--dev`: every client of a test run has the same one.
const DEV_HANDSHAKES_PER_SECOND: u32 = 5_000;

/// Longest wait for open connections to end once all were told.
const DRAIN: Duration = Duration::from_secs(10);

/// Longest wait for the last answers after storage has failed.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// How the server is meant to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// By one developer on one machine.
    Development,
    /// By everybody.
    Production,
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A secret cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The log or the keyring does not open.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The key that signs checkpoints was not adopted.
    #[error(transparent)]
    Checkpoints(#[from] Box<AdoptionError>),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A tenant has limits that it may not have.
    #[error(transparent)]
    Limits(#[from] LoweringError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The UDP side does not start.
    #[error(transparent)]
    Quic(#[from] QuicStartError),
    /// A TCP address cannot be bound.
    #[error("cannot bind TCP {address}: {source}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The system gives no thread, random bytes or signal.
    #[error("system: {0}")]
    System(#[from] std::io::Error),
}

impl StartError {
    /// Whether bytes of the log are not what was written, so that it can be served read-only.
    fn is_log_damage(&self) -> bool {
        matches!(self, Self::Log(OpenError::Log(LogError::Corrupt(_))))
    }

    /// What a thread met that folds the log at the start.
    fn of_folding(error: std::io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<LogError>()) {
            Some(log) => Self::Log(OpenError::Log(log.clone())),
            None => Self::System(error),
        }
    }

    /// How the process ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Log(error) if error.is_damage() => Exit::Damage,
            Self::Checkpoints(error) if error.log().is_some() => Exit::Storage,
            _ => Exit::Failed,
        }
    }
}

/// A running server.
pub struct Node {
    server: Arc<Server>,
    host: Host<Server>,
    endpoint: quinn::Endpoint,
    threads: Vec<JoinHandle<()>>,
    saving: Option<Saving>,
    keeping: Keeping,
    ending: watch::Receiver<Ending>,
    addresses: Addresses,
    orders: Orders,
    began: Beginning,
}

/// What a reload starts from.
struct Beginning {
    /// As it was read.
    config: Config,
    profile: Profile,
    dev_key: Option<[u8; 32]>,
    certificate: Certificate,
}

/// What the process is told by signals. Listened to from the start: one that comes before would kill it where it stands.
struct Orders {
    reload: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Orders {
    fn listen() -> std::io::Result<Self> {
        let reload = signal(SignalKind::hangup())?;
        Ok(Self { reload, terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next one.
    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.terminate.recv() => Order::End,
            _ = self.interrupt.recv() => Order::End,
            _ = self.reload.recv() => Order::Reload,
        }
    }

    /// The next one to end.
    async fn end(&mut self) {
        while self.next().await != Order::End {}
    }
}

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    End,
    Reload,
}

#[derive(Clone, Copy, Debug)]
struct Addresses {
    http: SocketAddr,
    quic: SocketAddr,
    admin: SocketAddr,
    is_secure: bool,
}

impl Node {
    /// Opens the log and starts everything. A damaged log is opened read-only, and served as far as it is sound.
    ///
    /// # Errors
    /// [`StartError`]; nothing keeps running.
    pub async fn start(mut config: Config, profile: Profile) -> Result<Self, StartError> {
        let read = config.clone();
        if profile == Profile::Development {
            widen(&mut config.limits);
        }
        let metrics = telemetry::start_metrics();
        let started = match Self::start_on(config.clone(), profile, false, metrics.clone()).await {
            Err(error) if error.is_log_damage() => Self::start_on(config, profile, true, metrics).await,
            started => started,
        };
        started.map(|node| Self { began: Beginning { config: read, ..node.began }, ..node })
    }

    async fn start_on(
        config: Config,
        profile: Profile,
        read_only: bool,
        metrics: Option<PrometheusHandle>,
    ) -> Result<Self, StartError> {
        let orders = Orders::listen()?;
        let is_dev = profile == Profile::Development;
        let dev_key = if is_dev { Some(secrets::dev_key(&config.data)?) } else { None };
        let (mut engine, keys, folding) = opening::open_with_inboxes(&config, profile, read_only)?;
        let keeping = checkpoints::start(&mut engine, &config.data, &config.checkpoints, clock::now())?;
        let certificate = config.tls.as_ref().map_or_else(Certificate::self_signed, Certificate::read)?;
        let quic_options = quic_options(&config);
        let Listeners { endpoint, http, admin, addresses } =
            Listeners::bind(&config, certificate.resolver(), &quic_options).await?;
        let trusted = verifier::build(&config, dev_key.as_ref(), &Nothing)?;
        trusted.notes.iter().for_each(|note| info!("{note}"));
        let (ended, ending) = watch::channel(Ending::NotYet);
        let reader = engine.reader();
        let (tell_gone, gone) = mpsc::unbounded_channel();
        let folding = folding.finish().map_err(StartError::of_folding)?;
        let (inbox, inbox_thread) = inbox::start(&engine, folding, Arc::clone(&keys), ended, tell_gone)?;
        let epoch = engine.epoch();
        let adopted = engine.state().checkpoint_key().copied();
        // Nothing is taken out of a log that nothing may be written to, nor put beside it.
        let destroyed = engine.state().erased().map(|(_, key)| key).filter(|_| !read_only).collect();
        let snapshots = engine.snapshots().filter(|_| !read_only);
        let saving = snapshots.map(|snapshots| saving::start(engine.reader(), snapshots.clone())).transpose()?;
        let (saving, saving_thread) = saving.unzip();
        let (writer, mut threads) = writer::start(engine, inbox.clone())?;
        let (redaction, redaction_thread) = redaction::start(reader.clone(), writer.clone(), destroyed)?;
        let server = Server::new(crate::gateway::Parts {
            keys,
            trusted,
            limits: Arc::new(config.limit_set().map_err(|(_, error)| error)?),
            epoch,
            reader,
            writer,
            inbox,
            origins: Origins::new(config.origins.allow.clone(), is_dev),
            public: config.public.clone(),
            quic: addresses.quic,
            is_secure: addresses.is_secure,
            pinned: certificate.pinned.clone(),
            dev_key,
            counts: ConnectionCounts::default(),
            is_read_only: read_only,
            session_seed: entropy::bytes()?,
            checkpoints: keeping.checkpoints.clone(),
            receipts: Receipts::of(&config.data, adopted)?,
            security: SecurityLog::new(config.security_log.addresses),
            statistics: Statistics::new(config.data.clone(), certificate.clone()),
        });
        tokio::spawn(erasing::reach(Arc::clone(&server), redaction, gone));
        let host = Host::new(Arc::clone(&server));
        let files = if is_dev { Assets { files: assets::ASSETS.to_vec() } } else { Assets::default() };
        let router = http::router(Arc::clone(&server), host.clone(), files);
        let tls = if addresses.is_secure { Some(certificate.https().map_err(CertificateError::Key)?) } else { None };
        tokio::spawn(tcp::serve(http, router, host.clone(), tcp_options(&config, tls)));
        tokio::spawn(quic::serve(endpoint.clone(), host.clone(), quic_options));
        let administration = telemetry::admin_routes(metrics.clone(), Arc::clone(&server))
            .merge(checkpoints::admin_routes(keeping.checkpoints.clone()));
        tokio::spawn(axum::serve(admin, administration).into_future());
        tokio::spawn(telemetry::keep_up(metrics, Arc::clone(&server)));
        threads.extend([inbox_thread, redaction_thread]);
        threads.extend(saving_thread);
        let began = Beginning { config, profile, dev_key, certificate };
        Ok(Self { server, host, endpoint, threads, saving, keeping, ending, addresses, orders, began })
    }

    /// Where HTTP is served.
    #[must_use]
    pub fn http_url(&self) -> String {
        let scheme = if self.addresses.is_secure { "https" } else { "http" };
        format!("{scheme}://{}", self.addresses.http)
    }

    /// Where QUIC is served.
    #[must_use]
    pub const fn quic_address(&self) -> SocketAddr {
        self.addresses.quic
    }

    /// Where metrics are served.
    #[must_use]
    pub const fn admin_address(&self) -> SocketAddr {
        self.addresses.admin
    }

    /// Serves until SIGTERM or SIGINT, or until storage fails. SIGHUP has the configuration read again from `source`.
    pub async fn run(mut self, source: reload::Source, filter: Filter) -> Exit {
        let mut reloader = Reloader {
            source,
            current: self.began.config.clone(),
            profile: self.began.profile,
            dev_key: self.began.dev_key,
            server: Arc::clone(&self.server),
            certificate: self.began.certificate.clone(),
            filter,
        };
        loop {
            tokio::select! {
                order = self.orders.next() => match order {
                    Order::End => break,
                    Order::Reload => reloader.reload(),
                },
                _ = self.ending.wait_for(|ending| *ending == Ending::StorageFailed) => {
                    // The answers "outcome unknown" are on their way: a moment to write them, then the process must go.
                    self.server.leave_at_once(&self.began.config.drain);
                    self.host.shutdown.cancel();
                    self.host.tasks.close();
                    let _ = tokio::time::timeout(LAST_ANSWERS, self.host.tasks.wait()).await;
                    return Exit::Storage;
                }
            }
        }
        self.server.tell_statistics();
        tokio::select! {
            () = draining::drain(&self.server, &self.began.config.drain) => {}
            () = self.orders.end() => warn!("told twice: closing all that is left at once"),
        }
        self.server.leave_at_once(&self.began.config.drain);
        self.host.shutdown.cancel();
        self.host.tasks.close();
        tokio::select! {
            _ = tokio::time::timeout(DRAIN, self.host.tasks.wait()) => {}
            () = self.orders.end() => warn!("told twice: ending at once"),
        }
        self.endpoint.close(quinn::VarInt::from_u32(0), b"");
        if let Some(saving) = self.saving.take() {
            saving.stop();
        }
        self.server.stop();
        for thread in self.threads.drain(..) {
            // Joined on a thread that may block: the writer may be in its last sync.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        self.keeping.end().await;
        Exit::Done
    }
}

fn quic_options(config: &Config) -> QuicOptions {
    QuicOptions {
        handshake: Duration::from_millis(config.limits.handshake_ms_max),
        idle: Duration::from_millis(config.limits.idle_ms_max + config.limits.ping_ms),
        trusted_proxies: Arc::new(config.trusted()),
        ..QuicOptions::default()
    }
}

fn tcp_options(config: &Config, tls: Option<Arc<rustls::ServerConfig>>) -> TcpOptions {
    TcpOptions {
        tls,
        handshake: Duration::from_millis(config.limits.handshake_ms_max),
        unacknowledged: Duration::from_millis(config.limits.idle_ms_max),
        proxies: proxies(config),
    }
}

/// Whom the listeners believe.
fn proxies(config: &Config) -> Proxies {
    let protocol = match config.http.proxy_protocol {
        config::ProxyProtocol::Off => ProxyProtocol::Off,
        config::ProxyProtocol::Required => ProxyProtocol::Required,
    };
    Proxies { trusted: Arc::new(config.trusted()), protocol }
}

/// Every client of a developer has the same address. What is set to anything but the default stays.
pub(crate) fn widen(limits: &mut Limits) {
    let usual = Limits::default();
    if limits.address_handshakes_per_second == usual.address_handshakes_per_second {
        limits.address_handshakes_per_second = DEV_HANDSHAKES_PER_SECOND;
    }
    if limits.address_unauthenticated_max == usual.address_unauthenticated_max {
        limits.address_unauthenticated_max = limits.node_unauthenticated_max.max(usual.address_unauthenticated_max);
    }
}

/// Everything that is listened on.
struct Listeners {
    endpoint: quinn::Endpoint,
    http: TcpListener,
    admin: TcpListener,
    addresses: Addresses,
}

impl Listeners {
    async fn bind(
        config: &Config,
        certificate: Arc<dyn ResolvesServerCert>,
        options: &QuicOptions,
    ) -> Result<Self, StartError> {
        let endpoint = quic::bind(config.quic.listen, certificate, options)?;
        let http = bind(config.http.listen).await?;
        let admin = bind(config.admin.listen).await?;
        let addresses = Addresses {
            http: http.local_addr()?,
            quic: endpoint.local_addr()?,
            admin: admin.local_addr()?,
            is_secure: config.tls.is_some(),
        };
        Ok(Self { endpoint, http, admin, addresses })
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Bind { address, source })
}
