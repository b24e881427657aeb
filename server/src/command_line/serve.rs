//! `tidings serve`: runs the server until it is told to end.

use super::{Sources, fail};
use crate::exit::Exit;
use crate::node::{Node, Profile};
use crate::telemetry;

#[derive(Debug, clap::Args)]
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
    let mut config = match arguments.sources.load() {
        Ok(config) => config,
        Err(error) => return fail(Exit::Usage, &error),
    };
    config.log.accept_clock |= arguments.accept_clock;
    if arguments.dev && !arguments.dev_expose {
        let reachable = [config.http.listen, config.quic.listen, config.admin.listen];
        if let Some(address) = reachable.into_iter().find(|address| !address.ip().is_loopback()) {
            return fail(
                Exit::Usage,
                &format!("--dev at {address} would be open to others; add --dev-expose to mean it"),
            );
        }
    }
    if !arguments.dev && config.tls.is_none() {
        return fail(Exit::Usage, &"[tls] is needed: browsers open WebTransport only with a certificate (try --dev)");
    }
    if !arguments.dev && config.keys.is_empty() {
        return fail(Exit::Usage, &"[[keys]] is needed: without a key no token can be verified (try --dev)");
    }
    telemetry::start_logging();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(Exit::Failed, &error),
    };
    let profile = if arguments.dev { Profile::Development } else { Profile::Production };
    let exit = runtime.block_on(async {
        match Node::start(config, profile).await {
            Ok(node) => {
                println!("http   {}", node.http_url());
                println!("quic   {}", node.quic_address());
                println!("admin  http://{}", node.admin_address());
                println!("ready");
                node.run().await
            }
            Err(error) => fail(error.exit(), &error),
        }
    });
    // Whatever still runs has had its time: the log is synced with every answer, so nothing can be lost here.
    runtime.shutdown_background();
    exit
}
