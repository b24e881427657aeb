//! The configuration: a file, then `TIDINGS__SECTION__KEY` of the environment, then flags. Unknown keys are errors.

mod interval;
mod keys;
mod layers;
mod memory;
mod security_log;
mod tenants;

pub use interval::{Interval, IntervalError};
pub use keys::{Issuer, Key, KeyAlgorithm};
pub use layers::{ConfigError, load};
pub use memory::{ByteCount, Memory};
pub use security_log::{Addresses, SecurityLog};
pub use tenants::Tenant;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use tidings_engine::drain::DrainSettings;
use tidings_engine::limits::Limits;
use tidings_engine::proxies::{Network, TrustedProxies};

/// Folder of the log within the data directory.
pub const LOG_FOLDER: &str = "log";

/// Folder of the keyring within the data directory, unless another one is configured.
pub const KEYRING_FOLDER: &str = "keyring";

/// The whole configuration. Every field has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the log and its secrets are: `./tidings-data`.
    pub data: PathBuf,
    /// Proxies whose word is taken for where clients are, such as `10.0.0.0/8`: none.
    pub trusted_proxies: Vec<String>,
    /// The HTTP side.
    pub http: Listen,
    /// The QUIC side.
    pub quic: Quic,
    /// Metrics and administration.
    pub admin: Admin,
    /// Certificate for HTTP and QUIC.
    pub tls: Option<Tls>,
    /// What clients are told, where it differs from what is listened on.
    pub public: Public,
    /// Which pages may connect.
    pub origins: Origins,
    /// Keys that tokens are signed with.
    pub keys: Vec<Key>,
    /// Others who sign tokens, with keys that they publish.
    pub issuers: Vec<Issuer>,
    /// How tokens are read.
    pub token: Token,
    /// The log.
    pub log: Log,
    /// Signed checkpoints.
    pub checkpoints: Checkpoints,
    /// The keyring.
    pub keyring: Keyring,
    /// Memory.
    pub memory: Memory,
    /// The security log.
    pub security_log: SecurityLog,
    /// How the server leaves.
    pub drain: DrainSettings,
    /// What goes to the log of the server.
    pub logging: Logging,
    /// Every limit an operator may set.
    pub limits: Limits,
    /// Tenants that have lower limits than these.
    pub tenants: Vec<Tenant>,
}

/// Where the HTTP side listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Address and port: `127.0.0.1:8080`. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether each connection begins with a header of the PROXY protocol, version 1 or 2, from one of `trusted_proxies`:
    /// `off`.
    pub proxy_protocol: ProxyProtocol,
}

/// Whether connections begin with a header of the PROXY protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// They do not.
    #[default]
    Off,
    /// Each does; any other is closed.
    Required,
}

/// Where the QUIC side listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quic {
    /// Address and UDP port: `127.0.0.1:4433`. Port 0 takes a free one.
    pub listen: SocketAddr,
}

/// Where metrics and administration listen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Address and port: `127.0.0.1:9464`. Port 0 takes a free one.
    pub listen: SocketAddr,
}

/// Certificate and key, PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key, PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Addresses as clients reach them, for a server behind names or proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Public {
    /// Such as `https://notify.example:4433/v1/connect/webtransport`.
    pub webtransport: Option<String>,
    /// Such as `wss://notify.example/v1/connect/websocket`.
    pub websocket: Option<String>,
    /// Such as `https://notify.example/v1/connect/events`.
    pub events: Option<String>,
}

/// Which pages may connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Origins {
    /// Exact origins such as `https://app.example`. Nobody else.
    pub allow: Vec<String>,
}

/// How tokens are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// Name of the claim with the tenant: `tenant`.
    pub tenant_claim: String,
}

/// The log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Bytes of a segment file, zero-filled ahead: 64 MiB, 4 MiB under `--dev`.
    pub segment_bytes: Option<u64>,
    /// Start even though the last event was recorded more than 5 minutes ahead of the clock: `false`. Recorded time stands
    /// still until the clock has caught up.
    pub accept_clock: bool,
    /// Bytes held back so that erasure, retraction and administration go through on a full disk: as a segment. 0: none.
    pub reserve_bytes: Option<u64>,
}

/// Signed checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Checkpoints {
    /// How often one is signed while events are recorded: `1m`. From one second to one day.
    pub interval: Interval,
    /// Folders that they are written to besides the data directory. They exist; one at least should outlive this machine.
    pub sinks: Vec<PathBuf>,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { interval: Interval::MINUTE, sinks: Vec::new() }
    }
}

/// What goes to the log of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// Such as `info,security=debug`; `info` when absent. `TIDINGS_LOG` and `RUST_LOG` stand over it.
    pub filter: Option<String>,
}

/// The keyring: the keys that seal personal content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keyring {
    /// Its folder; `keyring` in the data directory when absent. The key that wraps its keys is `keyring.key` beside it.
    /// Back it up apart from the log, and keep those backups no longer than erasures may be undone by them.
    pub folder: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("./tidings-data"),
            trusted_proxies: Vec::new(),
            http: Listen::default(),
            quic: Quic::default(),
            admin: Admin::default(),
            tls: None,
            public: Public::default(),
            origins: Origins::default(),
            keys: Vec::new(),
            issuers: Vec::new(),
            token: Token::default(),
            log: Log::default(),
            checkpoints: Checkpoints::default(),
            keyring: Keyring::default(),
            memory: Memory::default(),
            security_log: SecurityLog::default(),
            drain: DrainSettings::default(),
            logging: Logging::default(),
            limits: Limits::default(),
            tenants: Vec::new(),
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), proxy_protocol: ProxyProtocol::Off }
    }
}

impl Default for Quic {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 4433)) }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9464)) }
    }
}

impl Default for Token {
    fn default() -> Self {
        Self { tenant_claim: "tenant".to_owned() }
    }
}

impl Config {
    /// The proxies that are trusted. What is no network was refused when the configuration was checked.
    #[must_use]
    pub fn trusted(&self) -> TrustedProxies {
        self.trusted_proxies.iter().filter_map(|text| text.parse::<Network>().ok()).collect()
    }

    /// Where the log is.
    #[must_use]
    pub fn log_folder(&self) -> PathBuf {
        self.data.join(LOG_FOLDER)
    }

    /// Where snapshots of the state are: disposable.
    #[must_use]
    pub fn snapshots_folder(&self) -> PathBuf {
        self.data.join("snapshots")
    }

    /// Where the keyring is.
    #[must_use]
    pub fn keyring_folder(&self) -> PathBuf {
        self.keyring.folder.clone().unwrap_or_else(|| self.data.join(KEYRING_FOLDER))
    }

    /// The text of a file that has the same effect. Secrets are only ever paths, so nothing needs to be hidden.
    ///
    /// # Errors
    /// A value has no form in TOML.
    pub fn text(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }
}
