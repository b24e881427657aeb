//! Broadcasting to a crowd, and what it took.

use crate::crowd::Crowd;
use crate::reader::Seen;
use crate::tally::Tally;
use anyhow::Result;
use std::sync::Arc;
use std::time::Duration;
use tidings_benches::process::processor_time;
use tidings_benches::stopwatch::Stopwatch;

/// How long the last client may wait for what was published.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a crowd is watched after the last delivery for what comes twice.
const AFTERMATH: Duration = Duration::from_millis(500);

/// What is broadcast: so many one after the other, then as many at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) broadcasts: usize,
    pub(crate) body_bytes: usize,
}

/// Something that tells everybody.
pub(crate) trait Publisher {
    /// Publishes one body; returns once the server has taken it.
    async fn publish(&mut self, body: String) -> Result<()>;
}

/// What one way of broadcasting took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Took {
    pub(crate) deliveries: u64,
    /// From the first publish to the last delivery; the waits between are left out.
    pub(crate) time: Duration,
    /// Processor time of the server.
    pub(crate) processor: Duration,
}

/// What came of a plan.
pub(crate) struct Broadcast {
    pub(crate) expected: u64,
    pub(crate) paced: Took,
    pub(crate) burst: Took,
    pub(crate) frame_bytes: usize,
    /// By client; the first so many latencies are those of the paced ones.
    pub(crate) seen: Vec<Seen>,
}

/// Carries out a plan with a crowd that is connected to the process `pid`.
pub(crate) async fn broadcast(
    crowd: Crowd,
    clients: usize,
    plan: Plan,
    pid: u32,
    publisher: &mut impl Publisher,
) -> Result<Broadcast> {
    let tally = Arc::new(Tally::new(clients, 2 * plan.broadcasts, plan.body_bytes));
    let reading = crowd.read(&tally);
    let mut frame_bytes = 0;
    let mut paced = Took::default();
    let before = processor_time(pid)?;
    for number in 0..plan.broadcasts {
        let watch = Stopwatch::start();
        tally.publish(number);
        publisher.publish(tally.body(number)).await?;
        let all = tally.readers() * (number as u64 + 1);
        if !tally.until(all, PATIENCE).await {
            break;
        }
        paced.time += watch.elapsed();
        frame_bytes = tally.frame_bytes();
    }
    paced.processor = processor_time(pid)?.saturating_sub(before);
    paced.deliveries = tally.delivered();
    let before = processor_time(pid)?;
    let watch = Stopwatch::start();
    for number in plan.broadcasts..2 * plan.broadcasts {
        tally.publish(number);
        publisher.publish(tally.body(number)).await?;
    }
    let expected = tally.readers() * 2 * plan.broadcasts as u64;
    tally.until(expected, PATIENCE).await;
    let time = watch.elapsed();
    let processor = processor_time(pid)?.saturating_sub(before);
    let burst = Took { deliveries: tally.delivered() - paced.deliveries, time, processor };
    // What must not come has no end to wait for: a delivery too many shows itself in this time or not at all.
    tokio::time::sleep(AFTERMATH).await;
    let seen = reading.stop().await?;
    Ok(Broadcast { expected, paced, burst, frame_bytes, seen })
}
