//! Between the task of a session and the task of the HTTP connection that its events leave by.
//!
//! It holds the one write that is under way and no more: the session's outbox stays the only queue.

use bytes::Bytes;
use hyper::body::{Body, Frame};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

#[derive(Debug, Default)]
struct State {
    unwritten: VecDeque<Bytes>,
    /// All of a write has been taken since the session's task last looked.
    was_taken: bool,
    /// Nothing more will be written.
    is_ended: bool,
    /// What is left shall not be written either.
    is_aborted: bool,
    /// The HTTP connection has let go of the body.
    is_gone: bool,
    session: Option<Waker>,
    connection: Option<Waker>,
}

/// The session's end.
#[derive(Debug)]
pub(crate) struct Pipe(Arc<Mutex<State>>);

/// The body of the answer: the connection's end.
#[derive(Debug)]
pub struct EventsBody(Arc<Mutex<State>>);

/// Both ends of a new pipe.
pub(crate) fn pipe() -> (Pipe, EventsBody) {
    let state = Arc::default();
    (Pipe(Arc::clone(&state)), EventsBody(state))
}

impl Pipe {
    /// Whether the connection has taken all.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwritten.is_empty()
    }

    /// Hands over what `write` gives.
    pub(crate) fn push(&self, write: impl FnOnce(&mut VecDeque<Bytes>)) {
        let mut state = self.0.lock();
        if !state.is_gone {
            write(&mut state.unwritten);
        }
        wake(state.connection.take());
    }

    /// Whether the connection has let go of the body; otherwise the task is woken when something is taken, or then.
    pub(crate) fn is_gone(&self, context: &Context<'_>) -> bool {
        let mut state = self.0.lock();
        state.session = Some(context.waker().clone());
        state.is_gone
    }

    /// Whether a write has been taken whole since the last call.
    pub(crate) fn was_taken(&self) -> bool {
        std::mem::take(&mut self.0.lock().was_taken)
    }

    /// Ends the body once all is taken. Ready when that is so, or nobody is there to take it.
    pub(crate) fn poll_end(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        state.is_ended = true;
        wake(state.connection.take());
        if state.is_gone {
            return Poll::Ready(());
        }
        state.session = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_aborted = !state.unwritten.is_empty() || !state.is_ended;
        state.unwritten = VecDeque::new();
        wake(state.connection.take());
    }
}

impl Body for EventsBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let mut state = self.0.lock();
        if let Some(bytes) = state.unwritten.pop_front() {
            if state.unwritten.is_empty() {
                // Most streams are idle most of the time: their queue shall cost nothing.
                state.unwritten = VecDeque::new();
                state.was_taken = true;
                wake(state.session.take());
            }
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if state.is_aborted {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        if state.is_ended {
            return Poll::Ready(None);
        }
        state.connection = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for EventsBody {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_gone = true;
        state.unwritten = VecDeque::new();
        wake(state.session.take());
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::{EventsBody, Pipe, pipe};
    use bytes::Bytes;
    use hyper::body::Body as _;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    /// What the connection is given, as text; `None` when it must wait.
    fn take(body: &mut EventsBody) -> Option<String> {
        match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready(None) => Some("end".to_owned()),
            Poll::Ready(Some(Err(_))) => Some("cut".to_owned()),
            Poll::Ready(Some(Ok(frame))) => Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()),
        }
    }

    fn filled() -> (Pipe, EventsBody) {
        let (session, body) = pipe();
        session.push(|unwritten| unwritten.extend([Bytes::from_static(b"one"), Bytes::from_static(b"two")]));
        (session, body)
    }

    #[test]
    fn only_a_write_that_was_taken_whole_is_a_sign_of_life() {
        let (session, mut body) = filled();
        assert!(!session.was_taken() && !session.is_empty());
        assert_eq!(take(&mut body).as_deref(), Some("one"));
        assert!(!session.was_taken());
        assert_eq!(take(&mut body).as_deref(), Some("two"));
        assert!(session.was_taken() && session.is_empty());
        assert_eq!(take(&mut body), None);
        assert!(!session.was_taken(), "it is told once");
    }

    #[test]
    fn an_end_in_good_order_comes_after_all_and_another_end_is_a_cut() {
        let (session, mut body) = filled();
        assert!(session.poll_end(&Context::from_waker(Waker::noop())).is_pending());
        let taken: Vec<_> = (0..3).map(|_| take(&mut body).unwrap()).collect();
        assert_eq!(taken, ["one", "two", "end"]);
        drop(body);
        assert!(session.poll_end(&Context::from_waker(Waker::noop())).is_ready());

        let (session, mut body) = filled();
        drop(session);
        assert_eq!(take(&mut body).as_deref(), Some("cut"));
    }

    #[test]
    fn a_connection_that_is_gone_holds_nothing() {
        let (session, body) = filled();
        assert!(!session.is_gone(&Context::from_waker(Waker::noop())));
        drop(body);
        assert!(session.is_gone(&Context::from_waker(Waker::noop())) && session.is_empty());
        session.push(|unwritten| unwritten.push_back(Bytes::from_static(b"three")));
        assert!(session.is_empty());
    }
}
