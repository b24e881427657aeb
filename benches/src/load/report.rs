//! What is printed at the end.

use crate::broadcast::{Broadcast, Took};
use crate::child::{Bare, Idle};
use crate::server::Measured;
use std::time::Duration;
use tidings_benches::spread::Spread;
use tidings_benches::table::{Table, per_second, rate, ratio, say, time};
use tidings_client::Transport;

/// Prints all tables.
pub(crate) fn print(measured: &Measured, bare: &[(Transport, Bare)]) {
    print_idle(measured, bare);
    print_speed(measured, bare);
    print_latencies(&measured.broadcast);
    print_verdict(&measured.broadcast);
}

/// Whether each client got each notification once, in order, unchanged.
pub(crate) fn is_right(measured: &Measured) -> bool {
    Verdict::of(&measured.broadcast).is_right()
}

fn print_idle(measured: &Measured, bare: &[(Transport, Bare)]) {
    let columns = ["idle, welcomed, subscribed", "connections", "bytes each", "baseline: bare library", "÷ baseline"];
    let mut table = Table::new("memory of the server for one more idle connection", &columns);
    for (name, transport, ours) in [
        ("WebSocket; tungstenite", Transport::WebSocket, measured.websocket),
        ("WebTransport; wtransport", Transport::WebTransport, measured.webtransport),
    ] {
        let floor = bare.iter().find(|(of, _)| *of == transport).and_then(|(_, bare)| bare.idle);
        if let (Some(Idle { connections, bytes }), Some(floor)) = (ours, floor) {
            table.row(&[
                name.to_owned(),
                connections.to_string(),
                bytes.to_string(),
                floor.bytes.to_string(),
                ratio(bytes as f64, floor.bytes as f64),
            ]);
        }
    }
    table.print();
}

/// One of the two ways that were measured.
type Way = fn(&Broadcast) -> Took;

fn print_speed(measured: &Measured, bare: &[(Transport, Bare)]) {
    let columns =
        ["broadcasts", "deliveries", "deliveries/s", "per server CPU second", "baseline: both bare", "÷ baseline"];
    let title = format!("speed, {} B a frame, syncs and HTTP included in ours alone", measured.frame_bytes());
    let mut table = Table::new(&title, &columns);
    let ways: [(&str, Way); 2] =
        [("one after the other", |broadcast| broadcast.paced), ("as fast as they come", |broadcast| broadcast.burst)];
    for (name, way) in ways {
        let ours = way(&measured.broadcast);
        let floors = bare.iter().map(|(_, bare)| way(&bare.broadcast));
        let floor = floors.fold(Took::default(), |sum, one| Took {
            deliveries: sum.deliveries + one.deliveries,
            time: sum.time + one.time,
            processor: sum.processor + one.processor,
        });
        let (each, each_bare) =
            (per_second(ours.deliveries, ours.processor), per_second(floor.deliveries, floor.processor));
        table.row(&[
            name.to_owned(),
            ours.deliveries.to_string(),
            rate(ours.deliveries, ours.time),
            for_processor(&ours),
            for_processor(&floor),
            if is_measured(&ours) && is_measured(&floor) { ratio(each, each_bare) } else { "-".to_owned() },
        ]);
    }
    table.print();
}

/// Whether the processor time is more than what the system's steps of 10 ms leave open.
fn is_measured(took: &Took) -> bool {
    took.processor >= PROCESSOR_MIN
}

fn for_processor(took: &Took) -> String {
    if is_measured(took) { rate(took.deliveries, took.processor) } else { "too few to tell".to_owned() }
}

/// Processor time below which a rate says nothing: 5 steps.
const PROCESSOR_MIN: Duration = Duration::from_millis(50);

fn print_latencies(broadcast: &Broadcast) {
    let mut table = Table::new("publish to frame at the client", &["broadcasts", "p50", "p99", "max"]);
    let half = usize::try_from(broadcast.expected).unwrap_or_default() / broadcast.seen.len().max(1) / 2;
    let all = |from: usize, to: usize| -> Vec<Duration> {
        let part = broadcast.seen.iter().flat_map(|seen| seen.latencies.iter().take(to).skip(from));
        part.copied().collect()
    };
    for (name, latencies) in [("one after the other", all(0, half)), ("as fast as they come", all(half, usize::MAX))] {
        let spread = Spread::of(latencies);
        table.row(&[name.to_owned(), time(spread.p50()), time(spread.p99()), time(spread.max())]);
    }
    table.print();
}

/// What was wrong, in numbers.
struct Verdict {
    missing: u64,
    doubled: u64,
    wrong: u64,
    behind: u64,
    ended: Vec<String>,
}

impl Verdict {
    fn of(broadcast: &Broadcast) -> Self {
        let delivered: usize = broadcast.seen.iter().map(|seen| seen.latencies.len()).sum();
        Self {
            missing: broadcast.expected.saturating_sub(delivered as u64),
            doubled: broadcast.seen.iter().map(|seen| seen.doubled).sum(),
            wrong: broadcast.seen.iter().map(|seen| seen.wrong).sum(),
            behind: broadcast.seen.iter().map(|seen| seen.behind).sum(),
            ended: broadcast.seen.iter().filter_map(|seen| seen.ended.clone()).collect(),
        }
    }

    fn is_right(&self) -> bool {
        self.missing == 0 && self.doubled == 0 && self.wrong == 0 && self.ended.is_empty()
    }
}

fn print_verdict(broadcast: &Broadcast) {
    let verdict = Verdict::of(broadcast);
    let Verdict { missing, doubled, wrong, behind, ended } = &verdict;
    say(&format!(
        "\n{} deliveries expected, each checked: {missing} missing, {doubled} doubled or out of order, {wrong} wrong, {} \
         connections ended early, {behind} times behind: {}",
        broadcast.expected,
        ended.len(),
        if verdict.is_right() { "all right" } else { "NOT RIGHT" }
    ));
    if let Some(first) = ended.first() {
        say(&format!("the first that ended: {first}"));
    }
}
