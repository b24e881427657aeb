//! Servers in processes of their own: the one under load, and the bare ones.

use crate::broadcast::{Broadcast, Plan, Publisher, broadcast};
use crate::crowd::{Counts, Crowd, Place};
use crate::reader::Language;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;
use tidings_benches::process::anonymous_bytes;
use tidings_client::Transport;

/// How long a server comes to rest before its memory is read.
const REST: Duration = Duration::from_secs(2);

/// One connection of so many comes before the measurement, and pays for what a server allocates once.
const FIRST_PART: usize = 10;

/// A process that serves. Dropping it kills it.
pub(crate) struct Child {
    process: std::process::Child,
    said: Vec<String>,
    stdin: Option<ChildStdin>,
    /// Kept open: who prints into a closed pipe ends.
    _stdout: BufReader<ChildStdout>,
}

impl Child {
    /// Starts it and waits until it prints `ready`. Its standard error goes to the file `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(log)?);
        let mut process = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().context("its output is piped")?;
        let mut child = Self { process, said: Vec::new(), stdin, _stdout: BufReader::new(stdout) };
        loop {
            let mut line = String::new();
            if child._stdout.read_line(&mut line)? == 0 {
                bail!("{:?} ended before it was ready: {}", command.get_program(), std::fs::read_to_string(log)?);
            }
            match line.trim() {
                "ready" => return Ok(child),
                said => child.said.push(said.to_owned()),
            }
        }
    }

    /// What it printed after a word.
    pub(crate) fn told(&self, word: &str) -> Option<String> {
        self.said.iter().find_map(|line| Some(line.strip_prefix(word)?.trim().to_owned()))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A bare server publishes what it reads from its standard input.
impl Publisher for Child {
    async fn publish(&mut self, body: String) -> Result<()> {
        let stdin = self.stdin.as_mut().context("its input is piped")?;
        Ok(writeln!(stdin, "{body}")?)
    }
}

/// What idle connections cost a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Idle {
    /// How many were measured.
    pub(crate) connections: usize,
    /// Bytes of each.
    pub(crate) bytes: u64,
}

/// Connects one client for each token; what each but the first few costs the process `pid` while idle.
pub(crate) async fn measure_idle(
    crowd: &mut Crowd,
    place: &Place,
    tokens: &[String],
    pid: u32,
) -> Result<Option<Idle>> {
    let (first, rest) = tokens.split_at(tokens.len() / FIRST_PART);
    crowd.connect(place, first).await?;
    // Nothing tells that a process has come to rest: its allocator gives memory back in its own time.
    tokio::time::sleep(REST).await;
    let before = anonymous_bytes(pid)?;
    crowd.connect(place, rest).await?;
    // As before.
    tokio::time::sleep(REST).await;
    let grown = anonymous_bytes(pid)?.saturating_sub(before);
    let connections = rest.len();
    Ok((connections > 0).then(|| Idle { connections, bytes: grown / connections as u64 }))
}

/// What a bare library did.
pub(crate) struct Bare {
    pub(crate) idle: Option<Idle>,
    pub(crate) broadcast: Broadcast,
}

/// Both bare libraries, one after the other; those without connections are left out.
pub(crate) async fn measure_floors(counts: Counts, plan: Plan) -> Result<Vec<(Transport, Bare)>> {
    let mut floors = Vec::new();
    for transport in [Transport::WebSocket, Transport::WebTransport] {
        if counts.of(transport) > 0 {
            floors.push((transport, Box::pin(measure_floor(transport, counts.of(transport), plan)).await?));
        }
    }
    Ok(floors)
}

async fn measure_floor(transport: Transport, clients: usize, plan: Plan) -> Result<Bare> {
    let directory = tempfile::tempdir().context("no place for a log")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(match transport {
        Transport::WebSocket => "floor-websocket",
        Transport::WebTransport | Transport::Quic => "floor-webtransport",
    });
    let mut floor = Child::start(command, &directory.path().join("log"))?;
    let url = floor.told("url").context("the bare server printed no address")?;
    let place = Place { url, transport, language: Language::Bare };
    let mut crowd = Crowd::new();
    let greetings = vec!["hello".to_owned(); clients];
    let idle = measure_idle(&mut crowd, &place, &greetings, floor.pid()).await?;
    let pid = floor.pid();
    let broadcast = broadcast(crowd, clients, plan, pid, &mut floor).await?;
    Ok(Bare { idle, broadcast })
}
