//! A running server: the release binary in a process of its own.

use super::caller::{connector, request};
use super::lines::Lines;
use super::strace::Strace;
use super::{binary, sure};
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// URL of HTTP and WebSocket.
    pub(crate) http: String,
    /// Address of QUIC.
    pub(crate) quic: String,
    /// URL of metrics and administration.
    pub(crate) admin: String,
}

/// How to start a server.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    data: PathBuf,
    config: Option<PathBuf>,
    addresses: Option<Addresses>,
    log: Option<&'static str>,
}

impl Launch {
    /// A server under `--dev` on free ports with its data in `data`.
    pub(crate) fn new(data: &Path) -> Self {
        Self { data: data.to_owned(), config: None, addresses: None, log: None }
    }

    /// Writes a configuration file into the folder beside the data, and has the server read it.
    pub(crate) fn with_config(self, text: &str) -> Self {
        let path = self.data.with_extension("toml");
        std::fs::write(&path, text).expect("the folder of a test can be written");
        Self { config: Some(path), ..self }
    }

    /// Has the server log at another level than `info`.
    pub(crate) fn with_log(self, level: &'static str) -> Self {
        Self { log: Some(level), ..self }
    }

    /// The ports of an earlier server.
    pub(crate) fn at(&self, addresses: &Addresses) -> Self {
        Self { addresses: Some(addresses.clone()), ..self.clone() }
    }

    /// Starts the server and waits until it is ready.
    pub(crate) async fn start(&self) -> Server {
        self.start_under(None).await
    }

    /// Starts the server under `strace`, if so wanted, and waits until it is ready.
    pub(crate) async fn start_under(&self, strace: Option<&Strace>) -> Server {
        let mut command = match strace {
            Some(strace) => {
                let mut command = Command::new(&strace.command[0]);
                command.args(&strace.command[1..]).arg(binary::path());
                command
            }
            None => Command::new(binary::path()),
        };
        command.args(["serve", "--dev", "--data"]).arg(&self.data);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        let free = Addresses { http: "127.0.0.1:0".into(), quic: "127.0.0.1:0".into(), admin: "127.0.0.1:0".into() };
        let addresses = self.addresses.as_ref().unwrap_or(&free);
        for (flag, address) in [("--http", &addresses.http), ("--quic", &addresses.quic), ("--admin", &addresses.admin)]
        {
            command.args([flag, address.trim_start_matches("http://")]);
        }
        command.env_remove("TIDINGS_LOG").env_remove("RUST_LOG");
        command.envs(self.log.map(|level| ("TIDINGS_LOG", level)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary under test can be started");
        let stdout = child.stdout.take().expect("it was piped above");
        let stderr = child.stderr.take().expect("it was piped above");
        let (said, log) = (Lines::of(move || stdout), Lines::of(move || stderr));
        let mut server = Server { child, log, addresses: free };
        said.find("line `ready`", 0, |line| line == "ready").await;
        server.addresses =
            Addresses { http: told(&said, "http"), quic: told(&said, "quic"), admin: told(&said, "admin") };
        server
    }
}

/// What the server printed after a word.
fn told(said: &Lines, word: &str) -> String {
    let lines = said.since(0);
    let found = lines.iter().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no line {word} among {lines:?}")).trim().to_owned()
}

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    /// Its log: lines of JSON.
    pub(crate) log: Lines,
    /// Where it listens.
    pub(crate) addresses: Addresses,
}

impl Server {
    /// SIGKILL, and its end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("whoever was started here may be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("whoever was started here may be signalled");
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).expect("whoever was started here may be signalled");
    }

    /// SIGTERM, and its exit code.
    pub(crate) async fn stop(self) -> Option<i32> {
        self.terminate();
        self.exit_code().await
    }

    /// Waits for its end; the exit code, `None` after a signal.
    pub(crate) async fn exit_code(mut self) -> Option<i32> {
        // A blocking wait on a thread of its own would outlive a failed test: the end of its log is awaited first.
        self.log.all().await;
        let status: io::Result<ExitStatus> = self.child.wait();
        status.expect("a child can be waited for").code()
    }

    /// One number of `/metrics`; 0 where it is not there yet.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.metrics().await;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_default()
    }

    /// The text of `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.addresses.admin);
        let asked = connector();
        let answer = sure("answer", request(&asked, "GET", &url, &[], bytes::Bytes::new())).await;
        let answer = answer.expect("the server is there");
        String::from_utf8_lossy(&answer.body).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
