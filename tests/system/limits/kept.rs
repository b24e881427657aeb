//! An HTTP/1.1 connection by hand, kept open: what is told on it, and whether it is hung up.

use super::system::sure;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// The connection. Dropping it leaves.
pub(crate) struct Kept(BufReader<TcpStream>);

/// An answer.
#[derive(Debug)]
pub(crate) struct Told {
    /// Its status.
    pub(crate) status: u16,
    /// Its body; `null` where it has none, or one without a length.
    pub(crate) body: Value,
}

impl Kept {
    /// Connects to `http://ADDRESS`.
    pub(crate) async fn connect(url: &str) -> Self {
        let address = url.trim_start_matches("http://");
        Self(BufReader::new(TcpStream::connect(address).await.expect("the server is there")))
    }

    /// Sends bytes. Whether anybody takes them shows in the answer.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// A request with these lines in its head. `None`: the server hung up.
    pub(crate) async fn ask(&mut self, method: &str, path: &str, head: &str, body: &[u8]) -> Option<Told> {
        let length = if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{head}{length}\r\n");
        self.send(&[request.as_bytes(), body].concat()).await;
        self.answer().await
    }

    /// The next answer. `None`: the server hung up.
    pub(crate) async fn answer(&mut self) -> Option<Told> {
        sure("answer", async {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if self.0.read_line(&mut head).await.unwrap_or(0) == 0 {
                    return None;
                }
            }
            head.make_ascii_lowercase();
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).await.ok()?;
            Some(Told { status, body: serde_json::from_slice(&body).unwrap_or_default() })
        })
        .await
    }

    /// Waits until the server hangs up.
    pub(crate) async fn ends(&mut self) {
        // A reset ends it as well.
        let _ = sure("end of the connection", self.0.read_to_end(&mut Vec::new())).await;
    }
}
