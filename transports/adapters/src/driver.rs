//! One loop for every carrier: it moves bytes between a carrier and a protocol and decides nothing.
//!
//! There is no writer task and no queue here besides the frames being written: the session's outbox is the only buffer.

use crate::carrier::{Carrier, CarrierEnd, Close, Received, StreamKind};
use crate::gateway::{Gateway, Protocol};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tidings_engine::ids::Time;

/// Most bytes taken from the outbox for one write, unless a single frame is longer: 16 KiB.
///
/// Enough frames to share a system call, and little enough that a slow reader's backlog stays in the bounded outbox.
const WRITE_BYTES_MAX: usize = 16 * 1024;

/// How long the peer has to take the last frames and to leave after a close: 1 s.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long the loop sleeps when the protocol names no time.
const NO_TIMEOUT: Duration = Duration::from_secs(3600);

const STREAMS: [StreamKind; 2] = [StreamKind::Ordered, StreamKind::Fetch];

/// Runs a connection until it has ended.
pub async fn drive<C: Carrier, G: Gateway>(mut carrier: C, protocol: G::Protocol, gateway: Arc<G>) {
    match converse(&mut carrier, &protocol, gateway.as_ref()).await {
        Ok(close) => {
            let mut frames = Vec::new();
            for stream in STREAMS {
                protocol.take_frames(stream, usize::MAX, &mut frames, gateway.now());
                carrier.queue(stream, &mut frames);
            }
            farewell(&mut carrier, Some(&close)).await;
            protocol.on_carrier_end(&CarrierEnd::Closed { code: None }, gateway.now());
            carrier.abort(Some(&close));
        }
        Err(end) => {
            protocol.on_carrier_end(&end, gateway.now());
            // The place is given back before the last courtesies.
            drop(protocol);
            farewell(&mut carrier, None).await;
            carrier.abort(None);
        }
    }
}

/// Moves frames both ways until the protocol wants to close or the carrier has ended.
async fn converse<C: Carrier, G: Gateway>(
    carrier: &mut C,
    protocol: &G::Protocol,
    gateway: &G,
) -> Result<Close, CarrierEnd> {
    let mut frames = Vec::new();
    let mut armed = None;
    let mut sleep = pin!(tokio::time::sleep(NO_TIMEOUT));
    loop {
        let now = gateway.now();
        if protocol.timeout().is_some_and(|time| time <= now) {
            protocol.on_timeout(now);
        }
        for stream in STREAMS {
            if carrier.is_idle(stream) {
                protocol.take_frames(stream, WRITE_BYTES_MAX, &mut frames, now);
                carrier.queue(stream, &mut frames);
            }
        }
        if let Some(close) = protocol.close() {
            return Ok(close);
        }
        let timeout = protocol.timeout();
        if timeout != armed {
            let wait = timeout.map_or(NO_TIMEOUT, |time| Duration::from_millis(time.since(now).max(0).unsigned_abs()));
            sleep.as_mut().reset(tokio::time::Instant::now() + wait);
            armed = timeout;
        }
        tokio::select! {
            received = poll_fn(|context| poll_carrier(carrier, context)) => {
                if let Some(received) = received? {
                    hand_over(protocol, received, gateway.now());
                }
            }
            () = protocol.wake().notified() => {}
            // The wall clock may have been set back meanwhile: then the wait is reckoned anew.
            () = sleep.as_mut() => armed = None,
        }
        // A peer that sends without a pause must not keep this worker thread from other connections.
        tokio::task::consume_budget().await;
    }
}

/// Writes what it can, then reads. Ready with nothing when a stream became idle: then there is room for more frames.
fn poll_carrier<C: Carrier>(carrier: &mut C, context: &mut Context<'_>) -> Poll<Result<Option<Received>, CarrierEnd>> {
    let became_idle = carrier.poll_write(context)?;
    match carrier.poll_receive(context) {
        Poll::Ready(received) => Poll::Ready(received.map(Some)),
        Poll::Pending if became_idle => Poll::Ready(Ok(None)),
        Poll::Pending => Poll::Pending,
    }
}

fn hand_over<P: Protocol>(protocol: &P, received: Received, now: Time) {
    match received {
        Received::Frame { stream, bytes } => protocol.on_frame(stream, bytes, now),
        Received::Alive => protocol.on_alive(now),
        Received::Fault { stream, fault } => protocol.on_fault(stream, fault, now),
    }
}

async fn farewell<C: Carrier>(carrier: &mut C, close: Option<&Close>) {
    // A peer that does not leave in time is left: nothing depends on its answer.
    let _ = tokio::time::timeout(FAREWELL, carrier.shut_down(close)).await;
}
