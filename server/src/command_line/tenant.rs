//! `tidings tenant settings`: what a tenant decides for itself, in a data directory or through a running server.

use super::access::Place;
use super::fail;
use super::key::{encoded, finished};
use crate::consents::settings_shown;
use crate::exit::Exit;
use serde_json::{Value, json};
use tidings_wire::{ChangeSettings, RealtimeDefault};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print the settings of a tenant, after those that are given are made so
    Settings(Settings),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Settings {
    #[command(flatten)]
    place: Place,
    /// What is pushed to people who said nothing: everything, or nothing
    #[arg(long, value_parser = ["opt_out", "opt_in"])]
    realtime: Option<String>,
    /// Category whose items are pushed whatever a person says; all of them, each with its own flag
    #[arg(long, conflicts_with = "no_critical")]
    critical: Vec<String>,
    /// Whether it is recorded what reached people's devices
    #[arg(long, value_name = "BOOL")]
    record_delivered: Option<bool>,
    /// No category is critical
    #[arg(long)]
    no_critical: bool,
}

pub(crate) fn run(command: &Command) -> Exit {
    let Command::Settings(settings) = command;
    let done = if settings.place.remote().is_some() { through(settings) } else { here(settings) };
    done.map_or_else(|exit| exit, |()| Exit::Done)
}

impl Settings {
    fn asked(&self) -> Option<ChangeSettings> {
        let realtime = self.realtime.as_deref().map(|word| match word {
            "opt_in" => RealtimeDefault::OptIn,
            _ => RealtimeDefault::OptOut,
        });
        let critical = (self.no_critical || !self.critical.is_empty()).then(|| self.critical.clone());
        let asked = ChangeSettings { realtime, critical, record_delivered: self.record_delivered };
        (asked != ChangeSettings::default()).then_some(asked)
    }
}

fn through(settings: &Settings) -> Result<(), Exit> {
    let Some(tenant) = settings.place.tenant.as_deref() else {
        return Err(fail(Exit::Usage, &"--tenant must be there"));
    };
    let path = format!("/v1/tenants/{}/settings", encoded(tenant));
    let (method, body) = match settings.asked() {
        Some(asked) => ("PATCH", Some(json!(asked))),
        None => ("GET", None),
    };
    let Some(remote) = settings.place.remote() else { return Ok(()) };
    finished(async move { remote.ask(method, &path, body).await.map(|shown| print(&shown)) })
}

fn here(settings: &Settings) -> Result<(), Exit> {
    let mut local = settings.place.open()?;
    if let Some(asked) = settings.asked() {
        let tenant = local.grant.tenant.to_string();
        let request = local.asker().settings(&tenant, &asked);
        local.commit(request)?;
    }
    print(&json!(settings_shown(local.engine.state().consents().settings(local.grant.tenant_stream))));
    Ok(())
}

fn print(shown: &Value) {
    println!("{shown:#}");
}
