//! Bytes from a client, as a QUIC stream that is cut into chunks anywhere.

use super::reach;
use bytes::Bytes;
use tidings_adapters::carrier::FrameFault;
use tidings_adapters::framing::FrameDecoder;
use tidings_wire::varint;

/// Longest frame here, so that short inputs reach it and go beyond.
const FRAME_BYTES_MAX: usize = 100;

/// The first byte says how long the chunks are. Whatever the cutting, the frames are those of the whole stream.
pub fn run(data: &[u8]) {
    let Some((first, stream)) = data.split_first() else { return };
    let expected = whole(stream);
    let chunk = usize::from(*first).max(1);
    let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
    let (mut frames, mut fault) = (Vec::new(), None);
    for chunk in stream.chunks(chunk) {
        decoder.push(Bytes::copy_from_slice(chunk));
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(found) => {
                    assert!(fault.replace(found).is_none(), "a second fault");
                }
            }
        }
    }
    assert_eq!((frames, fault), (expected.frames, expected.fault));
    assert!(fault.is_some() || decoder.is_between_frames() == expected.is_whole, "where the stream stands");
}

struct Expected {
    frames: Vec<Bytes>,
    fault: Option<FrameFault>,
    is_whole: bool,
}

/// The stream read at once, by the definition: a number, then as many bytes.
fn whole(mut stream: &[u8]) -> Expected {
    let mut frames = Vec::new();
    while let Some((bytes, header)) = varint::decode(stream) {
        if bytes > FRAME_BYTES_MAX as u64 {
            reach("too large");
            return Expected { frames, fault: Some(FrameFault::TooLarge { bytes }), is_whole: false };
        }
        let end = header + usize::try_from(bytes).expect("it is small");
        let Some(frame) = stream.get(header..end) else {
            reach("cut frame");
            return Expected { frames, fault: None, is_whole: false };
        };
        reach("frame");
        frames.push(Bytes::copy_from_slice(frame));
        stream = &stream[end..];
    }
    Expected { frames, fault: None, is_whole: stream.is_empty() }
}
