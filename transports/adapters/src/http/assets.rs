//! The files of the demo page and of the browser SDK, as they are built into the server.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};

/// Files to serve: path, content type and bytes of each. Empty without `--dev`; then `/dev/token` is not served either.
///
/// A path is served exactly as it stands here, and may not be one of [`ROUTES`](super::ROUTES).
#[derive(Clone, Debug, Default)]
pub struct Assets {
    /// Path, content type, bytes.
    pub files: Vec<(&'static str, &'static str, &'static [u8])>,
}

impl Assets {
    /// Whether the server runs under `--dev`.
    #[must_use]
    pub fn is_dev(&self) -> bool {
        !self.files.is_empty()
    }
}

/// The answer for one file: to be asked for again each time, since a newer server may have another.
pub(super) fn file(content_type: &'static str, bytes: &'static [u8]) -> Response {
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(content_type)), (CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    (headers, bytes).into_response()
}
