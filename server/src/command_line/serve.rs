//! `tidings serve`: runs the server until it is told to end.

use super::{Sources, fail};
use crate::config::Config;
use crate::exit::Exit;
use crate::node::{Node, Profile};
use crate::telemetry;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Development: self-signed certificate, development key, demo page, small segments
    #[arg(long)]
    dev: bool,
    /// Allow --dev on addresses that other machines reach
    #[arg(long, requires = "dev")]
    dev_expose: bool,
    /// Start even though the last event was recorded more than 5 minutes ahead of the clock
    #[arg(long)]
    accept_clock: bool,
    #[command(flatten)]
    sources: Sources,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let config = match configuration(arguments) {
        Ok(config) => config,
        Err(error) => return fail(Exit::Usage, &error),
    };
    let filter = match telemetry::start_logging(config.logging.filter.as_deref()) {
        Ok(filter) => filter,
        Err(error) => return fail(Exit::Usage, &error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(Exit::Failed, &error),
    };
    let again = arguments.clone();
    let source = Box::new(move || configuration(&again));
    let profile = if arguments.dev { Profile::Development } else { Profile::Production };
    let exit = runtime.block_on(async {
        match Node::start(config, profile).await {
            Ok(node) => {
                println!("http   {}", node.http_url());
                println!("quic   {}", node.quic_address());
                println!("admin  http://{}", node.admin_address());
                println!("ready");
                node.run(source, filter).await
            }
            Err(error) => fail(error.exit(), &error),
        }
    });
    // Whatever still runs has had its time: the log is synced with every answer, so nothing can be lost here.
    runtime.shutdown_background();
    exit
}

/// The configuration that results from file, environment and flags, if it is one that a server can have.
fn configuration(arguments: &Arguments) -> Result<Config, String> {
    let mut config = arguments.sources.load().map_err(|error| error.to_string())?;
    config.log.accept_clock |= arguments.accept_clock;
    if arguments.dev && !arguments.dev_expose {
        let reachable = [config.http.listen, config.quic.listen, config.admin.listen];
        if let Some(address) = reachable.into_iter().find(|address| !address.ip().is_loopback()) {
            return Err(format!("--dev at {address} would be open to others; add --dev-expose to mean it"));
        }
    }
    if !arguments.dev && config.tls.is_none() {
        return Err("[tls] is needed: browsers open WebTransport only with a certificate (try --dev)".to_owned());
    }
    if !arguments.dev && config.keys.is_empty() && config.issuers.is_empty() {
        return Err("[[keys]] or [[issuers]] is needed: without a key no token can be verified (try --dev)".to_owned());
    }
    Ok(config)
}
