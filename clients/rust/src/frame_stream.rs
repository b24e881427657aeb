//! Frames on a WebTransport stream, as a client reads and writes them.

use crate::error::ClientError;
use bytes::{Buf, Bytes, BytesMut};
use tidings_wire::{FRAME_BYTES_MAX, varint};

/// The two halves of a bidirectional stream, as the libraries give them.
pub(crate) enum Streams {
    /// Of a WebTransport session.
    WebTransport(wtransport::SendStream, wtransport::RecvStream),
    /// Of a QUIC connection of its own.
    Quic(quinn::SendStream, quinn::RecvStream),
}

impl Streams {
    fn sender(&mut self) -> &mut quinn::SendStream {
        match self {
            Self::WebTransport(send, _) => send.quic_stream_mut(),
            Self::Quic(send, _) => send,
        }
    }

    fn receiver(&mut self) -> &mut quinn::RecvStream {
        match self {
            Self::WebTransport(_, receive) => receive.quic_stream_mut(),
            Self::Quic(_, receive) => receive,
        }
    }
}

/// One stream that carries frames both ways.
pub(crate) struct FrameStream {
    streams: Streams,
    arrived: BytesMut,
}

impl FrameStream {
    pub(crate) fn new(streams: Streams) -> Self {
        Self { streams, arrived: BytesMut::new() }
    }

    pub(crate) async fn send(&mut self, frame: &[u8]) -> Result<(), ClientError> {
        let header = varint::encode(frame.len() as u64).expect("a length in memory is far below 2^62");
        // One write, so that a frame given up half-way is at least not cut between its length and its bytes.
        let bytes = [header.as_ref(), frame].concat();
        self.streams.sender().write_all(&bytes).await.map_err(ClientError::failed)
    }

    /// Writes `bytes` as they are: for tests of what a server does with a stream that is no frames.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.streams.sender().write_all(bytes).await.map_err(ClientError::failed)
    }

    /// Sends nothing more, and waits until all has arrived.
    pub(crate) async fn finish(&mut self) -> Result<(), ClientError> {
        self.streams.sender().finish().map_err(ClientError::failed)?;
        self.streams.sender().stopped().await.map_err(ClientError::failed)?;
        Ok(())
    }

    /// The next frame; `None` when the server has ended the stream. Loses nothing when the wait is given up.
    pub(crate) async fn recv(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            if let Some(frame) = self.take_frame()? {
                return Ok(Some(frame));
            }
            match self.streams.receiver().read_chunk(FRAME_BYTES_MAX, true).await.map_err(ClientError::failed)? {
                Some(chunk) => self.arrived.extend_from_slice(&chunk.bytes),
                None => return Ok(None),
            }
        }
    }

    fn take_frame(&mut self) -> Result<Option<Bytes>, ClientError> {
        let Some((bytes, header)) = varint::decode(&self.arrived) else { return Ok(None) };
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(ClientError::FrameTooLarge { bytes });
        }
        if self.arrived.len() < header + length {
            return Ok(None);
        }
        self.arrived.advance(header);
        let frame = Bytes::copy_from_slice(&self.arrived[..length]);
        self.arrived.advance(length);
        if self.arrived.is_empty() {
            self.arrived = BytesMut::new();
        }
        Ok(Some(frame))
    }
}
