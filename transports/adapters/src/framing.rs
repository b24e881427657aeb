//! Frames on a byte stream: a QUIC variable-length integer, then that many bytes.

use crate::carrier::FrameFault;
use bytes::{Bytes, BytesMut};
use tidings_wire::varint::{self, VARINT_BYTES_MAX};

/// Finds frames in a stream of chunks.
///
/// A frame that lies within one chunk is given without copying. Memory grows with what has arrived, never with what was
/// announced, and none is kept between frames.
#[derive(Debug)]
pub struct FrameDecoder {
    bytes_max: usize,
    chunk: Bytes,
    partial: BytesMut,
    fault: Option<FrameFault>,
}

impl FrameDecoder {
    /// A decoder that refuses frames above `bytes_max`.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, chunk: Bytes::new(), partial: BytesMut::new(), fault: None }
    }

    /// Gives the decoder more of the stream. Call it once `next` has answered `None`.
    pub fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "the last chunk is used up before the next one comes");
        // After a fault the place of the next length is unknown: what comes is thrown away.
        self.chunk = if self.fault.is_some() { Bytes::new() } else { chunk };
    }

    /// The next whole frame, or `None` when more of the stream is needed.
    ///
    /// # Errors
    ///
    /// The announced length is above the limit. The decoder then gives nothing any more.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameFault> {
        if self.fault.is_some() {
            return Ok(None);
        }
        let found = if self.partial.is_empty() { self.whole() } else { self.continued() };
        if let Err(fault) = found {
            self.fault = Some(fault);
            self.chunk = Bytes::new();
            self.partial = BytesMut::new();
        }
        found
    }

    /// Whether the stream stands between two frames.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.chunk.is_empty() && self.partial.is_empty()
    }

    fn whole(&mut self) -> Result<Option<Bytes>, FrameFault> {
        if let Some((length, header)) = varint::decode(&self.chunk) {
            let length = self.checked(length)?;
            if let Some(end) = header.checked_add(length).filter(|end| *end <= self.chunk.len()) {
                let mut frame = self.chunk.split_to(end);
                return Ok(Some(frame.split_off(header)));
            }
        }
        self.partial.extend_from_slice(&std::mem::take(&mut self.chunk));
        Ok(None)
    }

    fn continued(&mut self) -> Result<Option<Bytes>, FrameFault> {
        let (length, header) = loop {
            match varint::decode(&self.partial) {
                Some(found) => break found,
                None if self.chunk.is_empty() => return Ok(None),
                None => self.partial.extend_from_slice(&self.chunk.split_to(1)),
            }
        };
        debug_assert!(header <= VARINT_BYTES_MAX);
        let end = header + self.checked(length)?;
        let missing = end.saturating_sub(self.partial.len()).min(self.chunk.len());
        self.partial.extend_from_slice(&self.chunk.split_to(missing));
        if self.partial.len() < end {
            return Ok(None);
        }
        let mut frame = std::mem::take(&mut self.partial).freeze();
        Ok(Some(frame.split_off(header)))
    }

    fn checked(&self, length: u64) -> Result<usize, FrameFault> {
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= self.bytes_max)
            .ok_or(FrameFault::TooLarge { bytes: length })
    }
}

/// The bytes that stand before a frame of `length` bytes.
#[must_use]
pub fn header(length: usize) -> Bytes {
    let encoded = varint::encode(length as u64).expect("a length in memory is far below 2^62");
    Bytes::copy_from_slice(encoded.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(frames: &[&[u8]]) -> Vec<u8> {
        frames.iter().flat_map(|frame| [&header(frame.len())[..], frame].concat()).collect()
    }

    fn decode(decoder: &mut FrameDecoder, chunks: impl Iterator<Item = Bytes>) -> Result<Vec<Bytes>, FrameFault> {
        let mut frames = Vec::new();
        for chunk in chunks {
            decoder.push(chunk);
            while let Some(frame) = decoder.next_frame()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    #[test]
    fn frames_survive_any_cutting_of_the_stream() {
        let long = vec![b'x'; 20_000];
        let frames: [&[u8]; 5] = [b"{}", b"", &long, b"[1,2,3]", &[b'y'; 64]];
        let bytes = Bytes::from(stream(&frames));
        for size in [1, 2, 3, 7, 63, 64, 1200, 20_001, bytes.len()] {
            let mut decoder = FrameDecoder::new(20_000);
            let chunks = (0..bytes.len()).step_by(size).map(|at| bytes.slice(at..bytes.len().min(at + size)));
            let found = decode(&mut decoder, chunks).unwrap();
            assert_eq!(found.iter().map(|frame| &frame[..]).collect::<Vec<_>>(), frames, "chunks of {size} bytes");
            assert!(decoder.is_between_frames());
        }
    }

    #[test]
    fn a_frame_at_the_limit_passes_and_one_byte_more_does_not() {
        let mut decoder = FrameDecoder::new(100);
        let input = Bytes::from(stream(&[&[1; 100], &[2; 101], &[3; 1]]));
        decoder.push(input);
        assert_eq!(decoder.next_frame().unwrap().unwrap().len(), 100);
        assert_eq!(decoder.next_frame(), Err(FrameFault::TooLarge { bytes: 101 }));
        assert_eq!(decoder.next_frame(), Ok(None));
    }

    #[test]
    fn a_hostile_length_is_refused_before_any_of_the_frame_arrives() {
        let mut decoder = FrameDecoder::new(65_536);
        let chunks = [0xff_u8; 8].map(|byte| Bytes::copy_from_slice(&[byte]));
        let fault = decode(&mut decoder, chunks.into_iter()).unwrap_err();
        assert_eq!(fault, FrameFault::TooLarge { bytes: varint::VARINT_MAX });
        assert_eq!(decoder.partial.capacity(), 0);
    }

    #[test]
    fn an_announced_frame_costs_only_what_has_arrived() {
        let mut decoder = FrameDecoder::new(65_536);
        decoder.push(header(65_536));
        assert_eq!(decoder.next_frame(), Ok(None));
        assert!(decoder.partial.capacity() < 1024);
        assert!(!decoder.is_between_frames());
    }

    #[test]
    fn a_longer_form_of_the_length_is_accepted() {
        let mut decoder = FrameDecoder::new(100);
        decoder.push(Bytes::from_static(&[0x80, 0, 0, 2, b'h', b'i']));
        assert_eq!(decoder.next_frame().unwrap().unwrap(), "hi");
    }
}
