//! SIGHUP: the configuration is read again, and all of it takes effect or none.
//!
//! Everything that could fail is done before anything is replaced: the file is read, keys and certificate are loaded. What
//! cannot be changed while the server runs refuses the whole. A reload that is refused leaves every setting as it was.

use crate::config::Config;
use crate::gateway::Server;
use crate::node::{Profile, widen};
use crate::origins::Origins;
use crate::telemetry::{Filter, FilterError};
use crate::tls::{Certificate, CertificateError};
use crate::verifier::{self, KeyError, Trusted};
use std::sync::Arc;
use tidings_engine::limits::{LimitSet, LoweringError};
use toml::{Table, Value};
use tracing::{error, info};

/// Reads the configuration anew, from the same file, environment and flags as at the start.
pub type Source = Box<dyn Fn() -> Result<Config, String> + Send>;

/// What can be replaced while the server runs: a section, or a key of one. Everything else needs a restart.
const RELOADABLE: [&str; 9] = ["origins", "public", "keys", "issuers", "token", "limits", "tenants", "logging", "tls"];

/// What cannot, although its section can: sockets and threads were made with it.
const FIXED: [&str; 4] =
    ["limits.handshake_ms_max", "limits.idle_ms_max", "limits.ping_ms", "limits.node_audits_running_max"];

/// Why nothing was replaced.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The configuration cannot be read, or is wrong.
    #[error("{0}")]
    Configuration(String),
    /// Something changed that needs a restart.
    #[error("{} cannot be changed while the server runs: restart it, or take the change back", .0.join(", "))]
    Fixed(Vec<String>),
    /// A tenant has limits that it may not have.
    #[error(transparent)]
    Limits(#[from] LoweringError),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The filter of the log is none.
    #[error(transparent)]
    Filter(#[from] FilterError),
}

/// One key of the configuration that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Section and key.
    pub key: String,
    /// Its value before, as TOML; `None` where it was not set.
    pub before: Option<String>,
    /// Its value now.
    pub now: Option<String>,
}

/// What reloads replace.
pub(crate) struct Reloader {
    pub(crate) source: Source,
    pub(crate) current: Config,
    pub(crate) profile: Profile,
    pub(crate) dev_key: Option<[u8; 32]>,
    pub(crate) server: Arc<Server>,
    pub(crate) certificate: Certificate,
    pub(crate) filter: Filter,
}

/// Everything new, ready to be put in force without a failure.
struct Prepared {
    config: Config,
    limits: Arc<LimitSet>,
    trusted: Trusted,
    certificate: Option<Certificate>,
    changes: Vec<Change>,
}

impl Reloader {
    /// Reads the configuration and puts it in force, or says in log and metrics why not.
    pub(crate) fn reload(&mut self) {
        let outcome = match self.prepared() {
            Ok(prepared) => {
                self.put_in_force(prepared);
                "done"
            }
            Err(why) => {
                error!(%why, "reload refused: every setting stays as it was");
                "refused"
            }
        };
        metrics::counter!("tidings_reloads_total", "outcome" => outcome).increment(1);
        metrics::gauge!("tidings_reload_refused").set(if outcome == "refused" { 1.0 } else { 0.0 });
    }

    fn prepared(&self) -> Result<Prepared, Refused> {
        let config = (self.source)().map_err(Refused::Configuration)?;
        let changes = difference(&self.current, &config);
        let fixed: Vec<_> = changes.iter().map(|change| change.key.clone()).filter(|key| !is_reloadable(key)).collect();
        if !fixed.is_empty() {
            return Err(Refused::Fixed(fixed));
        }
        let trusted = verifier::build(&config, self.dev_key.as_ref(), &self.server.issuers)?;
        let certificate = config.tls.as_ref().map(Certificate::read).transpose()?;
        let mut widened = config.clone();
        if self.profile == Profile::Development {
            widen(&mut widened.limits);
        }
        let limits = Arc::new(widened.limit_set().map_err(|(_, error)| error)?);
        // Last, since it is put in force where it is checked.
        self.filter.replace(config.logging.filter.as_deref())?;
        Ok(Prepared { config, limits, trusted, certificate, changes })
    }

    fn put_in_force(&mut self, prepared: Prepared) {
        let Prepared { config, limits, trusted, certificate, changes } = prepared;
        let origins = Origins::new(config.origins.allow.clone(), self.profile == Profile::Development);
        trusted.notes.iter().for_each(|note| info!("{note}"));
        self.server.replace(trusted, limits, origins, config.public.clone());
        if let Some(certificate) = &certificate {
            self.certificate.replace(certificate);
        }
        for Change { key, before, now } in &changes {
            info!(key, before = before.as_deref(), now = now.as_deref(), "setting changed");
        }
        info!(changes = changes.len(), "configuration reloaded; files of keys and certificates were read again");
        self.current = config;
    }
}

fn is_reloadable(key: &str) -> bool {
    let is_in =
        |section: &&str| key.strip_prefix(*section).is_some_and(|rest| rest.starts_with('.') || rest.is_empty());
    // A certificate can be replaced, but not whether there is one.
    RELOADABLE.iter().any(is_in) && !FIXED.iter().any(is_in) && key != "tls"
}

/// Every key that differs, in the order of their names. Secrets are only ever paths, so values can be shown.
fn difference(before: &Config, now: &Config) -> Vec<Change> {
    let table = |config| Table::try_from(config).unwrap_or_default();
    let mut changes = Vec::new();
    compare("", &table(before), &table(now), &mut changes);
    changes
}

fn compare(section: &str, before: &Table, now: &Table, changes: &mut Vec<Change>) {
    let mut names: Vec<_> = before.keys().chain(now.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let key = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
        match (before.get(name), now.get(name)) {
            (Some(Value::Table(before)), Some(Value::Table(now))) => compare(&key, before, now, changes),
            (before, now) if before != now => {
                let text = |value: Option<&Value>| value.map(ToString::to_string);
                changes.push(Change { key, before: text(before), now: text(now) });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, difference, is_reloadable};
    use crate::config::Config;

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_difference_names_each_key_with_both_values() {
        let before = config("data = 'a'\n[limits]\nsubscriptions_max = 8\n[origins]\nallow = ['https://a.example']");
        let now =
            config("data = 'a'\n[limits]\nsubscriptions_max = 4\n[log]\nsegment_bytes = 1\n[origins]\nallow = []");
        let change = |key: &str, before: Option<&str>, now: &str| Change {
            key: key.to_owned(),
            before: before.map(str::to_owned),
            now: Some(now.to_owned()),
        };
        assert_eq!(
            difference(&before, &now),
            [
                change("limits.subscriptions_max", Some("8"), "4"),
                change("log.segment_bytes", None, "1"),
                change("origins.allow", Some("[\"https://a.example\"]"), "[]"),
            ]
        );
        assert_eq!(difference(&now, &now), []);
    }

    #[test]
    fn what_sockets_and_the_log_were_made_with_needs_a_restart() {
        for key in ["origins.allow", "keys", "issuers", "limits.subscriptions_max", "tls.certificate", "logging.filter"]
        {
            assert!(is_reloadable(key), "{key}");
        }
        for key in ["data", "http.listen", "quic.listen", "admin.listen", "tls", "log.segment_bytes", "limits.ping_ms"]
        {
            assert!(!is_reloadable(key), "{key}");
        }
        for key in ["keyring.folder", "checkpoints.sinks", "memory.inboxes", "keysx", "a section of later"] {
            assert!(!is_reloadable(key), "{key}");
        }
    }
}
