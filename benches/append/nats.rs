//! As much of the NATS text protocol as a publisher needs who waits for acknowledgements.

use anyhow::{Context, Result, bail, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Most bytes of a line or an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A connection. Answers come to one inbox, in the order of what was asked.
pub(crate) struct Client {
    outgoing: TcpStream,
    incoming: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let outgoing = TcpStream::connect(address)?;
        outgoing.set_nodelay(true)?;
        outgoing.set_read_timeout(Some(PATIENCE))?;
        let incoming = BufReader::new(outgoing.try_clone()?);
        let mut client = Self { outgoing, incoming };
        let greeting = client.line()?;
        ensure!(greeting.starts_with("INFO "), "a NATS server greets with INFO, not {greeting:?}");
        client.outgoing.write_all(
            b"CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"rust\",\"version\":\"1\"}\r\nSUB inbox 1\r\nPING\r\n",
        )?;
        while client.line()? != "PONG" {}
        Ok(client)
    }

    /// Publishes the payload this many times, in one write. Each is answered.
    pub(crate) fn publish(&mut self, subject: &str, payload: &[u8], count: usize) -> Result<()> {
        let mut message = format!("PUB {subject} inbox {}\r\n", payload.len()).into_bytes();
        message.extend_from_slice(payload);
        message.extend_from_slice(b"\r\n");
        Ok(self.outgoing.write_all(&message.repeat(count))?)
    }

    /// The next answer.
    pub(crate) fn answer(&mut self) -> Result<Vec<u8>> {
        loop {
            let line = self.line()?;
            if line == "PING" {
                self.outgoing.write_all(b"PONG\r\n")?;
            } else if line.starts_with("MSG ") {
                let bytes = line.rsplit(' ').next().and_then(|bytes| bytes.parse().ok());
                let bytes: usize = bytes.context("a message has a length")?;
                ensure!(bytes <= ANSWER_BYTES_MAX, "an answer of {bytes} bytes");
                let mut answer = vec![0; bytes + 2];
                self.incoming.read_exact(&mut answer)?;
                answer.truncate(bytes);
                return Ok(answer);
            } else if line.starts_with("-ERR") {
                bail!("NATS: {line}");
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.incoming.by_ref().take(ANSWER_BYTES_MAX as u64).read_line(&mut line)?;
        ensure!(read > 0, "NATS closed the connection");
        Ok(line.trim_end().to_owned())
    }
}
