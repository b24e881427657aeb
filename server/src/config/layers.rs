//! Laying one source of configuration over another, and saying exactly what is wrong with the result.

use super::Config;
use std::path::{Path, PathBuf};
use tidings_engine::drain::DrainError;
use tidings_engine::limits::{LimitError, LoweringError};
use tidings_engine::proxies::{BadNetwork, Network};
use toml::{Table, Value};

/// Prefix of environment variables: `TIDINGS__HTTP__LISTEN` is `http.listen`.
const PREFIX: &str = "TIDINGS__";

/// Why a configuration is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("configuration {path}: {source}")]
    Toml {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// A key is unknown, or a value is not of its kind.
    #[error("configuration: {0}")]
    Value(Box<toml::de::Error>),
    /// An environment variable names a section where a value stands, or the reverse.
    #[error("environment variable {name} does not fit: {at} is not a section")]
    Environment {
        /// The variable.
        name: String,
        /// The key that is in the way.
        at: String,
    },
    /// Limits that do not go together.
    #[error("configuration: {0}")]
    Limits(#[from] LimitError),
    /// A plan for leaving that cannot be made.
    #[error("configuration: {0}")]
    Drain(#[from] DrainError),
    /// Limits that a tenant may not have.
    #[error("configuration: tenants[{index}] {source}")]
    Tenant {
        /// Which, from 0.
        index: usize,
        /// What is wrong.
        source: LoweringError,
    },
    /// A key of `[[keys]]` is not complete.
    #[error("configuration: keys[{index}] {what}")]
    Key {
        /// Which, from 0.
        index: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A trusted proxy that is no network.
    #[error("configuration: trusted_proxies: {0}")]
    Proxy(#[from] BadNetwork),
    /// Nobody could connect.
    #[error("configuration: http.proxy_protocol is required, and trusted_proxies names nobody who may speak it")]
    NoProxy,
    /// An issuer of `[[issuers]]` is not complete.
    #[error("configuration: issuers[{index}] {what}")]
    Issuer {
        /// Which, from 0.
        index: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// An origin that no browser sends.
    #[error("configuration: origins.allow has {origin:?}, which is not scheme://host[:port]")]
    Origin {
        /// The text.
        origin: String,
    },
}

/// Lays the environment over the file and `flags` over both, and checks the result.
///
/// # Errors
/// [`ConfigError`]: the first thing that is wrong, by its place.
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    flags: Table,
) -> Result<Config, ConfigError> {
    let mut table = match file {
        Some(path) => read(path)?,
        None => Table::new(),
    };
    for (name, text) in environment {
        if let Some(key) = name.strip_prefix(PREFIX) {
            let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
            insert(&mut table, &path, parse(&text))
                .map_err(|at| ConfigError::Environment { name: name.clone(), at })?;
        }
    }
    merge(&mut table, flags);
    let config: Config = Value::Table(table).try_into().map_err(|error| ConfigError::Value(Box::new(error)))?;
    check(&config)?;
    Ok(config)
}

fn read(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
    text.parse().map_err(|source| ConfigError::Toml { path: path.to_owned(), source: Box::new(source) })
}

/// A number, list or true/false where the text is one; otherwise the text itself.
fn parse(text: &str) -> Value {
    let value: Result<Table, _> = format!("value = {text}").parse();
    let parsed = value.ok().and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn insert(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return Ok(());
    }
    match table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(inner) => insert(inner, rest, value),
        _ => Err(first.clone()),
    }
}

fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

fn check(config: &Config) -> Result<(), ConfigError> {
    config.limits.validate()?;
    config.drain.validate()?;
    config.limit_set().map_err(|(index, source)| ConfigError::Tenant { index, source })?;
    for (index, key) in config.keys.iter().enumerate() {
        if let Some(what) = key.wrong(config.keys.len() > 1) {
            return Err(ConfigError::Key { index, what });
        }
    }
    for (index, issuer) in config.issuers.iter().enumerate() {
        if let Some(what) = issuer.wrong() {
            return Err(ConfigError::Issuer { index, what });
        }
    }
    for network in &config.trusted_proxies {
        network.parse::<Network>()?;
    }
    if config.http.proxy_protocol == super::ProxyProtocol::Required && config.trusted_proxies.is_empty() {
        return Err(ConfigError::NoProxy);
    }
    for origin in &config.origins.allow {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        if !host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '*', ' '])) {
            return Err(ConfigError::Origin { origin: origin.clone() });
        }
    }
    Ok(())
}
