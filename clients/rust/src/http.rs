//! One HTTP request to a server, for what is not asked over a session: discovery, publishing, pages.

use crate::connector::Connector;
use crate::error::ClientError;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;

/// Most bytes of an answer: 8 MiB.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names and values, names in lower case. A value that is no text is empty.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Connector {
    /// Sends one request to `url` and reads the whole answer. Every status is an answer.
    ///
    /// # Errors
    ///
    /// The URL is wrong, the server cannot be reached in time, or the answer is longer than 8 MiB.
    pub async fn request(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        let uri: Uri = url.parse().map_err(|error| wrong(url, &error))?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let mut request = Request::builder().method(method).uri(target);
        request = request.header(HOST, uri.authority().map_or("", |authority| authority.as_str()));
        request = request.header(ACCEPT, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).map_err(|error| wrong(url, &error))?;
        self.within(async {
            let stream = self.open_tcp(&uri).await?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::failed)?;
            let answer = async {
                let (head, body) = sender.send_request(request).await.map_err(ClientError::failed)?.into_parts();
                let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
                let headers =
                    head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
                let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(ClientError::failed)?;
                Ok(Answer { status: head.status.as_u16(), headers, body: body.to_bytes() })
            };
            tokio::pin!(connection);
            tokio::pin!(answer);
            // The connection must be driven beside the question; it may end just before the answer is complete.
            tokio::select! {
                answered = &mut answer => answered,
                ended = &mut connection => {
                    ended.map_err(ClientError::failed)?;
                    answer.await
                }
            }
        })
        .await
    }
}

pub(crate) fn wrong(url: &str, cause: &dyn std::fmt::Display) -> ClientError {
    ClientError::Url { url: url.to_owned(), cause: cause.to_string() }
}
