//! The load tool: thousands of real connections to a server in another process, each of which checks what it gets.
//!
//! `cargo run --release -p tidings-benches --bin load -- --server target/release/tidings`

mod broadcast;
mod child;
mod crowd;
mod floor;
mod reader;
mod report;
mod server;
mod tally;
mod tokens;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::PathBuf;
use std::process::ExitCode;
use tidings_benches::table::say;

/// Connects many clients to a server, broadcasts, and checks every delivery.
#[derive(Debug, Parser)]
#[command(name = "load", args_conflicts_with_subcommands = true)]
struct Arguments {
    /// The `tidings` binary, built for release
    #[arg(long, value_name = "PATH", default_value = "target/release/tidings")]
    server: PathBuf,
    /// WebSocket connections
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    websocket: usize,
    /// WebTransport connections
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    webtransport: usize,
    /// Notifications to everyone of the tenant, once each after the one before arrived, and as many again at once
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    broadcasts: usize,
    /// Bytes of each notification's body
    #[arg(long, value_name = "BYTES", default_value_t = 256)]
    bytes: usize,
    #[command(subcommand)]
    floor: Option<Floor>,
}

/// The bare servers that the tool compares with, each in a process of its own.
#[derive(Clone, Copy, Debug, Subcommand)]
enum Floor {
    /// Serves bare tungstenite
    #[command(hide = true)]
    FloorWebsocket,
    /// Serves bare wtransport
    #[command(hide = true)]
    FloorWebtransport,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.floor {
        Some(Floor::FloorWebsocket) => runtime.block_on(Box::pin(floor::websocket())).map(|()| ExitCode::SUCCESS),
        Some(Floor::FloorWebtransport) => runtime.block_on(Box::pin(floor::webtransport())).map(|()| ExitCode::SUCCESS),
        None => {
            raise_open_files()?;
            let is_good = runtime.block_on(Box::pin(run(&arguments)))?;
            runtime.shutdown_background();
            Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// Lets this process, and those that it starts, have as many open files as the system allows.
fn raise_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .context("cannot raise the limit of open files")
}

/// Whether every delivery was right.
async fn run(arguments: &Arguments) -> Result<bool> {
    let counts = crowd::Counts { websocket: arguments.websocket, webtransport: arguments.webtransport };
    say(&format!("connecting {} WebSocket and {} WebTransport clients", counts.websocket, counts.webtransport));
    let plan = broadcast::Plan { broadcasts: arguments.broadcasts, body_bytes: arguments.bytes };
    let measured = server::measure(&arguments.server, counts, plan).await?;
    say("measuring the bare libraries");
    let bare = child::measure_floors(counts, broadcast::Plan { body_bytes: measured.frame_bytes(), ..plan }).await?;
    report::print(&measured, &bare);
    Ok(report::is_right(&measured))
}
