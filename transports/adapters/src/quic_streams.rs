//! Frames over QUIC streams: what WebTransport and raw QUIC have in common.

use crate::carrier::{Carrier, CarrierEnd, Close, FRAME_BYTES_MAX, Received, StreamKind};
use crate::framing::{FrameDecoder, header};
use bytes::Bytes;
use quinn::{ConnectionError, ReadError, VarInt, WriteError};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

/// Most bytes read from a stream at once: 16 KiB.
const READ_BYTES_MAX: usize = 16 * 1024;

/// Sent with a stream that is refused because the session has all its streams.
const TOO_MANY_STREAMS: VarInt = VarInt::from_u32(0);

/// The two halves of a bidirectional stream, whoever wraps them.
pub(crate) trait StreamPair: Send + 'static {
    /// The half that we write.
    fn sender(&mut self) -> &mut quinn::SendStream;
    /// The half that we read.
    fn receiver(&mut self) -> &mut quinn::RecvStream;
}

impl StreamPair for (quinn::SendStream, quinn::RecvStream) {
    fn sender(&mut self) -> &mut quinn::SendStream {
        &mut self.0
    }

    fn receiver(&mut self) -> &mut quinn::RecvStream {
        &mut self.1
    }
}

impl StreamPair for (wtransport::SendStream, wtransport::RecvStream) {
    fn sender(&mut self) -> &mut quinn::SendStream {
        self.0.quic_stream_mut()
    }

    fn receiver(&mut self) -> &mut quinn::RecvStream {
        self.1.quic_stream_mut()
    }
}

/// One stream that carries frames both ways.
struct FrameStream<P> {
    pair: P,
    decoder: FrameDecoder,
    unwritten: VecDeque<Bytes>,
}

/// What reading a stream gave.
enum Read {
    Frame(Received),
    /// The peer sends nothing more on this stream, or took it back.
    Finished,
}

impl<P: StreamPair> FrameStream<P> {
    fn new(pair: P) -> Self {
        Self { pair, decoder: FrameDecoder::new(FRAME_BYTES_MAX), unwritten: VecDeque::new() }
    }

    fn queue(&mut self, frames: &mut Vec<Bytes>) {
        for frame in frames.drain(..) {
            self.unwritten.push_back(header(frame.len()));
            self.unwritten.push_back(frame);
        }
    }

    /// Ready when all is written. The error is for this stream alone when the connection still lives.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        while !self.unwritten.is_empty() {
            let chunks = self.unwritten.make_contiguous();
            // The future keeps nothing between polls, so one made for each poll waits as well as one that is kept.
            let written = ready!(pin!(self.pair.sender().write_chunks(chunks)).poll(context))?;
            self.unwritten.drain(..written.chunks);
        }
        // Most connections are idle most of the time: their queue shall cost nothing.
        self.unwritten = VecDeque::new();
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, stream: StreamKind, context: &mut Context<'_>) -> Poll<Result<Read, ReadError>> {
        loop {
            match self.decoder.next_frame() {
                Ok(Some(bytes)) => return Poll::Ready(Ok(Read::Frame(Received::Frame { stream, bytes }))),
                Ok(None) => {}
                Err(fault) => return Poll::Ready(Ok(Read::Frame(Received::Fault { stream, fault }))),
            }
            let read = pin!(self.pair.receiver().read_chunk(READ_BYTES_MAX, true)).poll(context);
            match ready!(read)? {
                Some(chunk) => self.decoder.push(chunk.bytes),
                None => return Poll::Ready(Ok(Read::Finished)),
            }
        }
    }

    fn refuse(mut self) {
        // Both fail only when the stream has ended already, which is what is wanted.
        let _ = self.pair.sender().reset(TOO_MANY_STREAMS);
        let _ = self.pair.receiver().stop(TOO_MANY_STREAMS);
    }
}

/// Waits for the next stream that the peer opens; ends when there can be none.
pub(crate) type NextStream<P> = Pin<Box<dyn Future<Output = Option<P>> + Send>>;

/// The stream for `fetch` frames.
enum FetchStream<P> {
    NotOpened,
    Open(FrameStream<P>),
    GivenUp,
}

/// A session over QUIC: one ordered stream, and one for `fetch` where the carrier has it.
pub(crate) struct QuicCarrier<P> {
    connection: quinn::Connection,
    ordered: FrameStream<P>,
    fetch: FetchStream<P>,
    next_stream: Box<dyn Fn() -> NextStream<P> + Send>,
    opening: Option<NextStream<P>>,
}

impl<P: StreamPair> QuicCarrier<P> {
    /// A session whose ordered stream is `ordered`. `next_stream` waits for a further one.
    pub(crate) fn new(
        connection: quinn::Connection,
        ordered: P,
        next_stream: impl Fn() -> NextStream<P> + Send + 'static,
    ) -> Self {
        let next_stream = Box::new(next_stream);
        let opening = Some(next_stream());
        let ordered = FrameStream::new(ordered);
        Self { connection, ordered, fetch: FetchStream::NotOpened, next_stream, opening }
    }

    /// Takes the streams that the peer opened: the first is for `fetch`, a further one beside it is refused.
    fn poll_streams(&mut self, context: &mut Context<'_>) {
        while let Some(opening) = &mut self.opening {
            let Poll::Ready(opened) = opening.as_mut().poll(context) else { return };
            let Some(pair) = opened else {
                self.opening = None;
                return;
            };
            let stream = FrameStream::new(pair);
            if matches!(self.fetch, FetchStream::Open(_)) {
                stream.refuse();
            } else {
                self.fetch = FetchStream::Open(stream);
            }
            self.opening = Some((self.next_stream)());
        }
    }

    fn end(&self, cause: &dyn std::fmt::Display) -> CarrierEnd {
        match self.connection.close_reason() {
            Some(reason) => connection_end(reason),
            None => CarrierEnd::Lost { cause: cause.to_string() },
        }
    }
}

/// How a QUIC connection ended, in the words of a carrier.
pub(crate) fn connection_end(reason: ConnectionError) -> CarrierEnd {
    match reason {
        ConnectionError::ApplicationClosed(close) => CarrierEnd::Closed { code: Some(close.error_code.into_inner()) },
        // HTTP/3 closes the connection from our side when the peer has ended the WebTransport session.
        ConnectionError::LocallyClosed => CarrierEnd::Closed { code: None },
        other => CarrierEnd::Lost { cause: other.to_string() },
    }
}

impl<P: StreamPair> Carrier for QuicCarrier<P> {
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<Received, CarrierEnd>> {
        self.poll_streams(context);
        match self.ordered.poll_read(StreamKind::Ordered, context) {
            Poll::Ready(Ok(Read::Frame(received))) => return Poll::Ready(Ok(received)),
            Poll::Ready(Ok(Read::Finished)) => return Poll::Ready(Err(CarrierEnd::Closed { code: None })),
            Poll::Ready(Err(ReadError::Reset(code))) => {
                return Poll::Ready(Err(CarrierEnd::Closed { code: Some(code.into_inner()) }));
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(self.end(&error))),
            Poll::Pending => {}
        }
        if let FetchStream::Open(fetch) = &mut self.fetch {
            match fetch.poll_read(StreamKind::Fetch, context) {
                Poll::Ready(Ok(Read::Frame(received))) => return Poll::Ready(Ok(received)),
                Poll::Ready(Ok(Read::Finished) | Err(_)) => self.fetch = FetchStream::GivenUp,
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    fn is_idle(&self, stream: StreamKind) -> bool {
        match (stream, &self.fetch) {
            (StreamKind::Ordered, _) => self.ordered.unwritten.is_empty(),
            (StreamKind::Fetch, FetchStream::NotOpened) => false,
            (StreamKind::Fetch, FetchStream::Open(fetch)) => fetch.unwritten.is_empty(),
            (StreamKind::Fetch, FetchStream::GivenUp) => true,
        }
    }

    fn queue(&mut self, stream: StreamKind, frames: &mut Vec<Bytes>) {
        match (stream, &mut self.fetch) {
            (StreamKind::Ordered, _) => self.ordered.queue(frames),
            (StreamKind::Fetch, FetchStream::Open(fetch)) => fetch.queue(frames),
            (StreamKind::Fetch, FetchStream::NotOpened | FetchStream::GivenUp) => frames.clear(),
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Result<bool, CarrierEnd> {
        let mut became_idle = false;
        if !self.ordered.unwritten.is_empty() {
            match self.ordered.poll_write(context) {
                Poll::Ready(Ok(())) => became_idle = true,
                Poll::Ready(Err(WriteError::Stopped(code))) => {
                    return Err(CarrierEnd::Closed { code: Some(code.into_inner()) });
                }
                Poll::Ready(Err(error)) => return Err(self.end(&error)),
                Poll::Pending => {}
            }
        }
        if let FetchStream::Open(fetch) = &mut self.fetch
            && !fetch.unwritten.is_empty()
        {
            match fetch.poll_write(context) {
                Poll::Ready(Ok(())) => became_idle = true,
                Poll::Ready(Err(_)) => self.fetch = FetchStream::GivenUp,
                Poll::Pending => {}
            }
        }
        Ok(became_idle)
    }

    async fn shut_down(&mut self, close: Option<&Close>) {
        if close.is_none() {
            return;
        }
        // The close code would overtake the frames: they are written, ended, and taken by the peer before it is sent.
        if poll_fn(|context| self.ordered.poll_write(context)).await.is_err() {
            return;
        }
        let _ = self.ordered.pair.sender().finish();
        // Input goes on being read so that the peer is not blocked in a write of its own and comes to see the close.
        let discard = poll_fn(|context| {
            loop {
                match self.ordered.poll_read(StreamKind::Ordered, context) {
                    Poll::Ready(Ok(Read::Frame(_))) => {}
                    Poll::Ready(Ok(Read::Finished) | Err(_)) | Poll::Pending => return Poll::<()>::Pending,
                }
            }
        });
        tokio::select! {
            _ = self.connection.closed() => {}
            () = discard => {}
        }
    }

    fn abort(self, close: Option<&Close>) {
        let (code, reason) = close.map_or((0, ""), |close| (close.code, close.reason.as_str()));
        self.connection.close(VarInt::from_u32(u32::from(code)), reason.as_bytes());
    }
}
