//! One HTTP request to a server, for what is not asked over a session: discovery, publishing, pages.

use crate::connector::Connector;
use crate::error::ClientError;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;

/// Most bytes of an answer unless told otherwise: 8 MiB.
pub(crate) const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

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
    /// The URL is wrong, the server cannot be reached in time, or the answer is longer than it may be.
    pub async fn request(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        let (uri, request) = built(method, url, headers, body)?;
        self.within(async {
            let stream = self.open_tcp(&uri).await?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::failed)?;
            let answer = async {
                let (head, body) = sender.send_request(request).await.map_err(ClientError::failed)?.into_parts();
                let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
                let headers =
                    head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
                let body = Limited::new(body, self.answer_bytes_max).collect().await.map_err(ClientError::failed)?;
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

impl Connector {
    /// Sends one request to `url` and hands each part of the answer's body to `each` as it comes, however long the whole is
    /// and however long it takes. An answer with a status other than 200 is given whole.
    ///
    /// # Errors
    ///
    /// The URL is wrong, the server cannot be reached in time, or it goes away before the answer's end; what came before was
    /// handed over.
    pub async fn download(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
        each: &mut (dyn FnMut(Bytes) + Send),
    ) -> Result<Answer, ClientError> {
        let (uri, request) = built(method, url, headers, body)?;
        let stream = self.within(self.open_tcp(&uri)).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::failed)?;
        let answer = async {
            let (head, mut body) = sender.send_request(request).await.map_err(ClientError::failed)?.into_parts();
            let status = head.status.as_u16();
            if status != 200 {
                let body = Limited::new(body, self.answer_bytes_max).collect().await.map_err(ClientError::failed)?;
                return Ok(Answer { status, headers: Vec::new(), body: body.to_bytes() });
            }
            while let Some(frame) = body.frame().await {
                if let Ok(part) = frame.map_err(ClientError::failed)?.into_data() {
                    each(part);
                }
            }
            Ok(Answer { status, headers: Vec::new(), body: Bytes::new() })
        };
        tokio::pin!(connection);
        tokio::pin!(answer);
        tokio::select! {
            answered = &mut answer => answered,
            ended = &mut connection => {
                ended.map_err(ClientError::failed)?;
                answer.await
            }
        }
    }
}

fn built(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Result<(Uri, Request<Full<Bytes>>), ClientError> {
    let uri: Uri = url.parse().map_err(|error| wrong(url, &error))?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::builder().method(method).uri(target);
    request = request.header(HOST, uri.authority().map_or("", |authority| authority.as_str()));
    request = request.header(ACCEPT, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body)).map_err(|error| wrong(url, &error))?;
    Ok((uri, request))
}

pub(crate) fn wrong(url: &str, cause: &dyn std::fmt::Display) -> ClientError {
    ClientError::Url { url: url.to_owned(), cause: cause.to_string() }
}
