//! The command line: `tidings serve`, `token`, `publish`, `tail`, `audit`, `privacy`, `config`.

#![expect(clippy::print_stdout, reason = "a command line answers on standard output")]

mod access;
mod audit;
mod backup;
mod consent;
mod key;
mod log;
mod privacy;
mod publish;
mod revoke;
mod serve;
mod tail;
mod tenant;
mod token;

use crate::config::{self, Config};
use crate::exit::Exit;
use crate::issuers::Nothing;
use crate::tls::Certificate;
use crate::verifier;
use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use toml::{Table, Value};

/// An event-sourced engine for in-app notifications.
#[derive(Debug, Parser)]
#[command(name = "tidings", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Arguments),
    /// Sign a token with the development key and print it
    Token(token::Arguments),
    /// Publish a notification to a running server
    Publish(publish::Arguments),
    /// Follow an inbox of a running server
    Tail(tail::Arguments),
    /// Read and verify the log of a data directory
    #[command(subcommand)]
    Audit(audit::Command),
    /// Copy the log of a data directory, and its keyring apart; also beside a running server
    Backup(backup::BackupArguments),
    /// Make a data directory from a backup of the log
    Restore(backup::RestoreArguments),
    /// Inspect and repair the log of a data directory
    #[command(subcommand)]
    Log(log::Command),
    /// Erase people, take their bytes out of the log, and record what they allow
    #[command(subcommand)]
    Privacy(privacy::Command),
    /// Have tokens permit nothing any more, before they expire
    Revoke(revoke::Arguments),
    /// Make, list and revoke keys that services call with
    #[command(subcommand)]
    Key(key::Command),
    /// See and change what a tenant decides for itself
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Check or print the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether the configuration is right
    Check(Sources),
    /// Print the configuration that results from file, environment and flags
    Print(Sources),
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Sources {
    /// Configuration file, TOML
    #[arg(long, value_name = "FILE", env = "TIDINGS_CONFIG")]
    config: Option<PathBuf>,
    /// Data directory: the log and its secrets
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address of HTTP and WebSocket; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
    /// UDP address of WebTransport and raw QUIC; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    quic: Option<SocketAddr>,
    /// Address of metrics and administration; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// WebTransport URL that clients are told, when it differs from --quic
    #[arg(long, value_name = "URL")]
    public_webtransport: Option<String>,
    /// WebSocket URL that clients are told, when it differs from --http
    #[arg(long, value_name = "URL")]
    public_websocket: Option<String>,
}

impl Sources {
    fn load(&self) -> Result<Config, config::ConfigError> {
        let environment = std::env::vars_os();
        let environment =
            environment.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        config::load(self.config.as_deref(), environment, self.flags())
    }

    fn flags(&self) -> Table {
        let mut flags = Table::new();
        let mut set = |section: &str, key: &str, value: Option<String>| {
            if let Some(value) = value {
                let section = flags.entry(section).or_insert_with(|| Value::Table(Table::new()));
                if let Value::Table(section) = section {
                    section.insert(key.to_owned(), Value::String(value));
                }
            }
        };
        set("http", "listen", self.http.map(|address| address.to_string()));
        set("quic", "listen", self.quic.map(|address| address.to_string()));
        set("admin", "listen", self.admin.map(|address| address.to_string()));
        set("public", "webtransport", self.public_webtransport.clone());
        set("public", "websocket", self.public_websocket.clone());
        if let Some(data) = &self.data {
            flags.insert("data".to_owned(), Value::String(data.to_string_lossy().into_owned()));
        }
        flags
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    // Another part of the process may have chosen the same library before: that is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let exit = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Token(arguments) => token::run(&arguments),
        Command::Publish(arguments) => publish::run(&arguments),
        Command::Tail(arguments) => tail::run(&arguments),
        Command::Audit(command) => audit::run(&command),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Log(command) => log::run(&command),
        Command::Privacy(command) => privacy::run(&command),
        Command::Revoke(arguments) => revoke::run(&arguments),
        Command::Key(command) => key::run(&command),
        Command::Tenant(command) => tenant::run(&command),
        Command::Config(command) => configuration(&command),
    };
    exit.into()
}

fn configuration(command: &ConfigCommand) -> Exit {
    let (ConfigCommand::Check(sources) | ConfigCommand::Print(sources)) = command;
    let config = match sources.load() {
        Ok(config) => config,
        Err(error) => return fail(Exit::Usage, &error),
    };
    match (command, config.text()) {
        (ConfigCommand::Check(_), Ok(_)) => return checked(&config),
        (ConfigCommand::Print(_), Ok(text)) => print!("{text}"),
        (_, Err(error)) => return fail(Exit::Failed, &error),
    }
    Exit::Done
}

/// Reads what the configuration names too: keys, sets of keys and the certificate.
fn checked(config: &Config) -> Exit {
    let trusted = match verifier::build(config, None, &Nothing) {
        Ok(trusted) => trusted,
        Err(error) => return fail(Exit::Usage, &error),
    };
    if let Some(Err(error)) = config.tls.as_ref().map(Certificate::read) {
        return fail(Exit::Usage, &error);
    }
    trusted.notes.iter().for_each(|note| println!("{note}"));
    for place in &trusted.places {
        println!("issuer {}: keys are read from {} while the server runs", place.issuer(), place.url());
    }
    println!("configuration is right");
    Exit::Done
}

/// Says on standard error why a command ends as it does.
fn fail(exit: Exit, error: &dyn std::fmt::Display) -> Exit {
    eprintln!("tidings: {error}");
    exit
}

/// Runs a future that talks to a server, on a runtime of one thread.
fn block_on(future: impl Future<Output = Exit>) -> Exit {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => fail(Exit::Failed, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory as _;

    #[test]
    fn every_command_has_a_form_that_can_be_parsed() {
        Arguments::command().debug_assert();
    }
}
