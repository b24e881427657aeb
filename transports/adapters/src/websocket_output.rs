//! Frames on their way into a WebSocket: headers and shared payloads, written together.

use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// Most pieces given to one system call: 32 frames.
const PIECES_MAX: usize = 64;

/// First byte of an unfragmented text message: FIN and opcode 1 (RFC 6455, section 5.2).
const TEXT: u8 = 0x81;

/// Frames that are not written yet, as WebSocket messages of a server: unmasked.
#[derive(Debug, Default)]
pub(crate) struct WebSocketOutput {
    frames: VecDeque<OutputFrame>,
}

#[derive(Debug)]
struct OutputFrame {
    header: Header,
    payload: Bytes,
}

/// What stands before the payload: 2, 4 or 10 bytes, less what is written already.
#[derive(Debug)]
struct Header {
    bytes: [u8; 10],
    written: u8,
    count: u8,
}

impl Header {
    fn new(payload_bytes: usize) -> Self {
        let mut bytes = [0; 10];
        bytes[0] = TEXT;
        let count = match payload_bytes {
            0..=125 => {
                bytes[1] = payload_bytes as u8;
                2
            }
            126..=0xffff => {
                bytes[1] = 126;
                bytes[2..4].copy_from_slice(&(payload_bytes as u16).to_be_bytes());
                4
            }
            _ => {
                bytes[1] = 127;
                bytes[2..10].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
                10
            }
        };
        Self { bytes, written: 0, count }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[usize::from(self.written)..usize::from(self.count)]
    }
}

impl WebSocketOutput {
    /// Whether all is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Takes all of `frames`.
    pub(crate) fn queue(&mut self, frames: &mut Vec<Bytes>) {
        self.frames.extend(frames.drain(..).map(|payload| OutputFrame { header: Header::new(payload.len()), payload }));
    }

    /// Ready when all is written to `io`; not flushed.
    pub(crate) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.frames.is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
            let mut count = 0;
            for frame in self.frames.iter().take(PIECES_MAX / 2) {
                for piece in [frame.header.rest(), &frame.payload] {
                    if !piece.is_empty() {
                        pieces[count] = IoSlice::new(piece);
                        count += 1;
                    }
                }
            }
            let written = ready!(Pin::new(&mut *io).poll_write_vectored(context, &pieces[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        // Most connections are idle most of the time: their queue shall cost nothing.
        self.frames = VecDeque::new();
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(frame) = self.frames.front_mut() {
            let header = frame.header.rest().len().min(written);
            frame.header.written += header as u8;
            written -= header;
            let payload = frame.payload.len().min(written);
            frame.payload.advance(payload);
            written -= payload;
            if !frame.header.rest().is_empty() || !frame.payload.is_empty() {
                return;
            }
            self.frames.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

    /// Takes a few bytes of a write and then pauses, like a socket whose buffer is nearly full.
    struct Trickle {
        bytes: Vec<u8>,
        step: usize,
        paused: bool,
    }

    impl AsyncWrite for Trickle {
        fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(context, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            pieces: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.paused = !self.paused;
            if self.paused {
                return Poll::Pending;
            }
            let step = self.step;
            let taken: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).take(step).collect();
            self.bytes.extend_from_slice(&taken);
            Poll::Ready(Ok(taken.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn frames_of_every_size_arrive_whole_over_a_slow_socket() {
        let sizes = [0, 1, 125, 126, 1000, 65_535, 65_536, 3];
        for step in [1, 2, 3, 97, 70_000, usize::MAX] {
            let mut output = WebSocketOutput::default();
            let mut frames: Vec<Bytes> = sizes.iter().map(|size| Bytes::from(vec![b'x'; *size])).collect();
            let sent = frames.clone();
            output.queue(&mut frames);
            let mut io = Trickle { bytes: Vec::new(), step, paused: false };
            let mut context = Context::from_waker(Waker::noop());
            while output.poll_write(&mut io, &mut context).is_pending() {}
            assert!(output.is_empty());
            let mut reader = WebSocket::from_raw_socket(io::Cursor::new(io.bytes), Role::Client, None);
            for frame in &sent {
                assert_eq!(reader.read().unwrap().into_data(), *frame, "step {step}");
            }
        }
    }
}
