//! NATS JetStream beside: one file stream of one replica, `sync_interval: always`, over the loopback.

use crate::level::Level;
use crate::nats::Client;
use anyhow::{Context, Result, bail, ensure};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use tidings_benches::samples::EVENT_BYTES;

/// Messages that are acknowledged once they are synced.
pub(crate) struct JetStreamLevel {
    client: Client,
    body: Vec<u8>,
    in_flight: usize,
    published: u64,
    _server: Server,
}

/// A server in a process of its own. Dropping it kills it.
struct Server {
    process: Child,
    /// Kept open: who prints into a closed pipe ends.
    _said: BufReader<ChildStderr>,
}

impl Server {
    /// Starts it and waits until it says that it is ready.
    fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
        let said = process.stderr.take().context("its output is piped")?;
        let mut server = Self { process, _said: BufReader::new(said) };
        let mut all = String::new();
        while !all.contains("Server is ready") {
            if server._said.read_line(&mut all)? == 0 {
                bail!("NATS ended before it was ready: {all}");
            }
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The server's binary: what `NATS_SERVER` names, else `nats-server` of the path.
pub(crate) fn binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("NATS_SERVER") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("nats-server")).find(|file| file.is_file())
}

impl JetStreamLevel {
    pub(crate) fn open(binary: &Path, directory: &Path, in_flight: usize) -> Result<Self> {
        // The port is free until this listener is dropped, and nobody else is likely to take it in between.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let configuration = directory.join("nats.conf");
        std::fs::write(
            &configuration,
            format!(
                "host: 127.0.0.1\nport: {}\njetstream {{ store_dir: {:?}, sync_interval: always }}\n",
                address.port(),
                directory.join("jetstream")
            ),
        )?;
        let mut command = Command::new(binary);
        command.arg("-c").arg(&configuration);
        let server = Server::start(command)?;
        let mut client = Client::connect(address)?;
        let stream = br#"{"name":"BENCH","subjects":["bench"],"storage":"file","retention":"limits","num_replicas":1}"#;
        client.publish("$JS.API.STREAM.CREATE.BENCH", stream, 1)?;
        let answer = String::from_utf8_lossy(&client.answer()?).into_owned();
        ensure!(!answer.contains("\"error\""), "JetStream: {answer}");
        Ok(Self { client, body: vec![0x42; EVENT_BYTES], in_flight, published: 0, _server: server })
    }
}

impl Level for JetStreamLevel {
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    fn append(&mut self) -> Result<()> {
        self.client.publish("bench", &self.body, self.in_flight)?;
        for _ in 0..self.in_flight {
            let answer = self.client.answer()?;
            self.published += 1;
            let answer: serde_json::Value = serde_json::from_slice(&answer)?;
            ensure!(answer["seq"] == self.published, "JetStream: {answer}");
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.in_flight * EVENT_BYTES
    }
}
