use std::collections::VecDeque;
use tidings_engine::session::Stream;
use tidings_wire::varint;

/// What a connection is carried by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// Messages on one stream.
    WebSocket,
    /// Two streams of frames with their lengths; the second one is for pages.
    WebTransport,
    /// One stream of frames with their lengths.
    RawQuic,
}

impl Carrier {
    pub(super) const ALL: [Self; 3] = [Self::WebSocket, Self::WebTransport, Self::RawQuic];

    /// Which stream pages are asked for on.
    pub(super) const fn pages(self) -> Stream {
        match self {
            Self::WebTransport => Stream::Fetch,
            Self::WebSocket | Self::RawQuic => Stream::Ordered,
        }
    }

    fn head(self, bytes: usize) -> Vec<u8> {
        let bytes = bytes as u64;
        match self {
            Self::WebSocket => u32::try_from(bytes).expect("a frame is small").to_be_bytes().to_vec(),
            _ => varint::encode(bytes).expect("a frame is small").as_ref().to_vec(),
        }
    }

    /// The length of the next frame, and how many bytes said so.
    fn length(self, bytes: &[u8]) -> Option<(usize, usize)> {
        match self {
            Self::WebSocket => {
                let head: [u8; 4] = bytes.get(..4)?.try_into().expect("four bytes");
                Some((u32::from_be_bytes(head) as usize, 4))
            }
            _ => varint::decode(bytes).map(|(length, taken)| (usize::try_from(length).expect("it was small"), taken)),
        }
    }
}

/// One direction of one stream: bytes on their way, and what has arrived of the next frame. Whoever cuts it loses both.
#[derive(Debug)]
pub(super) struct Line {
    carrier: Carrier,
    way: VecDeque<u8>,
    arrived: Vec<u8>,
}

impl Line {
    pub(super) const fn new(carrier: Carrier) -> Self {
        Self { carrier, way: VecDeque::new(), arrived: Vec::new() }
    }

    pub(super) fn write(&mut self, frame: &[u8]) {
        self.way.extend(self.carrier.head(frame.len()));
        self.way.extend(frame);
    }

    /// Bytes on their way.
    pub(super) fn bytes(&self) -> usize {
        self.way.len()
    }

    /// Whether a cut now would tear a frame.
    pub(super) fn is_within_a_frame(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Lets so many bytes arrive; the frames that they complete.
    pub(super) fn arrive(&mut self, bytes: usize) -> Vec<Vec<u8>> {
        let bytes = bytes.min(self.way.len());
        self.arrived.extend(self.way.drain(..bytes));
        let mut frames = Vec::new();
        while let Some((length, taken)) = self.carrier.length(&self.arrived)
            && self.arrived.len() >= taken + length
        {
            let rest = self.arrived.split_off(taken + length);
            frames.push(self.arrived.split_off(taken));
            self.arrived = rest;
        }
        frames
    }
}

/// The streams of one connection, both ways.
#[derive(Debug)]
pub(super) struct Lines {
    down: [Line; 2],
    up: [Line; 2],
}

impl Lines {
    pub(super) fn new(carrier: Carrier) -> Self {
        let pair = || [Line::new(carrier), Line::new(carrier)];
        Self { down: pair(), up: pair() }
    }

    /// To the client.
    pub(super) const fn down(&mut self, stream: Stream) -> &mut Line {
        &mut self.down[stream as usize]
    }

    /// To the server.
    pub(super) const fn up(&mut self, stream: Stream) -> &mut Line {
        &mut self.up[stream as usize]
    }

    /// Whether nothing is on its way.
    pub(super) fn are_quiet(&self) -> bool {
        self.down.iter().chain(&self.up).all(|line| line.bytes() == 0)
    }
}
