//! Bytes from a client: as a frame, and as the start of a QUIC stream of frames.

use super::reach;
use tidings_wire::{ClientFrame, FRAME_BYTES_MAX, FrameError, decode, varint};

/// Longest text of a refusal: none repeats what the client sent, so none grows with it.
const REFUSAL_BYTES_MAX: usize = 128;

/// What decodes must say the same when it is written and read again; what does not must be refused in a short sentence.
pub fn run(data: &[u8]) {
    if let Some((value, count)) = varint::decode(data) {
        reach("varint");
        let shortest = varint::encode(value).expect("two bits of the first byte are the length");
        assert!(count <= data.len() && shortest.as_ref().len() <= count);
        assert_eq!(varint::decode(shortest.as_ref()), Some((value, shortest.as_ref().len())));
    }
    match decode(data, FRAME_BYTES_MAX) {
        Ok(frame) => {
            reach(word(&frame));
            let again = serde_json::to_vec(&frame).expect("a frame is JSON");
            assert_eq!(decode(&again, 2 * again.len()).as_ref(), Ok(&frame));
        }
        Err(error) => {
            reach("refused");
            assert!(error.to_string().len() <= REFUSAL_BYTES_MAX, "{error}");
            assert_eq!(matches!(error, FrameError::TooLarge { .. }), data.len() > FRAME_BYTES_MAX);
        }
    }
}

const fn word(frame: &ClientFrame) -> &'static str {
    match frame {
        ClientFrame::Hello(_) => "hello",
        ClientFrame::Command { .. } => "command",
        ClientFrame::Fetch(_) => "fetch",
        ClientFrame::Subscribe { .. } => "subscribe",
        _ => "other",
    }
}
