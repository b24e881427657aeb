//! The server itself: from the start of its process until it answers `/readyz`.

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tidings_benches::process::{anonymous_bytes, processor_time};
use tidings_benches::stopwatch::{Stopwatch, time_of_day};

/// What the server logs at the end of each phase. Phases run beside each other.
pub(crate) const PHASES: [&str; 6] =
    ["log open", "snapshot read", "keyring open", "state folded", "block store open", "inboxes ready"];

/// One start.
pub(crate) struct Served {
    /// Since the start of the process, where the phase was logged.
    pub(crate) phases: [Option<Duration>; PHASES.len()],
    /// Until `/readyz` was answered with 200.
    pub(crate) ready: Duration,
    /// Processor time until then, of all threads.
    pub(crate) worked: Duration,
    /// Memory then.
    pub(crate) bytes: u64,
    /// How long it took to end, where it was told to.
    pub(crate) ended: Option<Duration>,
}

/// Starts the server; then it is told to end, or killed, at once.
pub(crate) fn serve(binary: &str, path: &Path, is_killed: bool) -> Result<Served> {
    let log_path = path.join("server.log");
    let mut command = Command::new(binary);
    command.args(["serve", "--dev", "--data"]).arg(path);
    command.args(["--http", "127.0.0.1:0", "--quic", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.env("TIDINGS_LOG", "info").stdout(Stdio::piped()).stderr(File::create(&log_path)?);
    let (started, watch) = (time_of_day(), Stopwatch::start());
    let mut server = command.spawn().context("the server does not start")?;
    let address = said(&mut server)?;
    ensure!(is_ready(&address)?, "it said that it was ready, and /readyz says otherwise");
    let ready = watch.elapsed();
    let (worked, bytes) = (processor_time(server.id())?, anonymous_bytes(server.id())?);
    let watch = Stopwatch::start();
    let signal = if is_killed { Signal::KILL } else { Signal::TERM };
    kill_process(Pid::from_child(&server), signal)?;
    let status = server.wait()?;
    ensure!(is_killed || status.success(), "the server did not end in order");
    let text = std::fs::read_to_string(&log_path)?;
    let phases = PHASES.map(|phase| logged(&text, phase).map(|at| at.saturating_sub(started)));
    Ok(Served { phases, ready, worked, bytes, ended: (!is_killed).then(|| watch.elapsed()) })
}

/// Waits until it says that it is ready; where it serves HTTP.
fn said(server: &mut Child) -> Result<String> {
    let mut address = None;
    for line in BufReader::new(server.stdout.take().context("its output is piped")?).lines() {
        let line = line?;
        if let Some((_, found)) = line.split_once("http://").filter(|_| line.starts_with("http ")) {
            address = Some(found.trim().to_owned());
        }
        if line.trim() == "ready" {
            return address.context("it told no address");
        }
    }
    anyhow::bail!("the server was never ready")
}

fn is_ready(address: &str) -> Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

/// Time of day at which a message was logged.
fn logged(text: &str, message: &str) -> Option<Duration> {
    let wanted = format!("\"message\":\"{message}");
    let line = text.lines().find(|line| line.contains(&wanted))?;
    let (_, time) = line.split_once("\"timestamp\":\"")?.1.split_once('T')?;
    let (clock, _) = time.split_once('Z')?;
    let mut seconds = 0.0;
    for part in clock.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
    }
    Some(Duration::from_secs_f64(seconds))
}
