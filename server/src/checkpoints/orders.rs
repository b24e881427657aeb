//! The way to the thread that keeps checkpoints.

use super::status::Status;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use tokio::sync::oneshot;

/// Orders that wait for the thread: each is answered by the same checkpoint, so more are refused.
pub(super) const ORDERS_COUNT_MAX: usize = 16;

/// What came of an order to sign: the note, or why there is none.
pub(super) type Signed = Result<Vec<u8>, &'static str>;

/// Something for the thread.
pub(super) enum Order {
    /// Sign now, and tell.
    Sign(oneshot::Sender<Signed>),
    /// Sign once more, and end.
    Stop,
}

/// The way to the thread that keeps checkpoints. Cheap to clone; the thread ends when all are dropped.
#[derive(Clone)]
pub struct Checkpoints {
    pub(super) orders: SyncSender<Order>,
    pub(super) status: Arc<Status>,
    pub(super) stopping: Arc<AtomicBool>,
}

impl Checkpoints {
    /// What an operator should look into.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        self.status.warnings()
    }

    /// Each thing that may be wrong, by a word, and whether it is.
    pub(crate) fn troubles(&self) -> impl IntoIterator<Item = (&'static str, bool)> {
        self.status.troubles()
    }

    /// Has the thread sign the log's head and end. A log that it has not read up to nearly the head by now is not waited for.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        // A full queue is emptied by the thread, which sees the flag.
        let _ = self.orders.try_send(Order::Stop);
    }

    /// Signs the log's head now, unless that was done already.
    async fn sign(&self) -> Signed {
        let (tell, told) = oneshot::channel();
        self.orders.try_send(Order::Sign(tell)).map_err(|_| "the server is busy or leaving")?;
        told.await.unwrap_or(Err("the server is leaving"))
    }
}

/// `POST /checkpoints` of the administration listener: signs now, and answers with the checkpoint.
pub fn admin_routes(checkpoints: Checkpoints) -> Router {
    let sign = move || {
        let checkpoints = checkpoints.clone();
        async move { answer(checkpoints.sign().await) }
    };
    Router::new().route("/checkpoints", post(sign))
}

fn answer(signed: Signed) -> Response {
    match signed {
        Ok(note) => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}
