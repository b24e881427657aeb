//! What was published and what arrived, shared by all readers of one crowd.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tidings_benches::stopwatch::Stopwatch;
use tokio::sync::Notify;

/// The count of deliveries, and when each notification was published.
pub(crate) struct Tally {
    watch: Stopwatch,
    /// Nanoseconds after the start; 0 while unpublished.
    published: Vec<AtomicU64>,
    delivered: AtomicU64,
    frame_bytes: AtomicU64,
    readers: u64,
    arrived: Notify,
    body_bytes: usize,
}

impl Tally {
    /// For so many readers and notifications.
    pub(crate) fn new(readers: usize, notifications: usize, body_bytes: usize) -> Self {
        Self {
            watch: Stopwatch::start(),
            published: (0..notifications).map(|_| AtomicU64::new(0)).collect(),
            delivered: AtomicU64::new(0),
            frame_bytes: AtomicU64::new(0),
            readers: readers as u64,
            arrived: Notify::new(),
            body_bytes,
        }
    }

    /// The body of a notification: its number, and as many letters as make up its bytes.
    pub(crate) fn body(&self, number: usize) -> String {
        let letter = char::from(b'a' + (number % 26) as u8);
        let head = format!("{number:08} ");
        let fill = self.body_bytes.saturating_sub(head.len());
        head + &letter.to_string().repeat(fill)
    }

    /// Says that a notification is being published now.
    pub(crate) fn publish(&self, number: usize) {
        self.published[number].store(self.now(), Ordering::Release);
    }

    /// Says that one reader has a notification. Gives how long it took.
    pub(crate) fn deliver(&self, number: usize, frame_bytes: usize) -> Duration {
        let published = self.published.get(number).map_or(0, |time| time.load(Ordering::Acquire));
        let took = Duration::from_nanos(self.now().saturating_sub(published));
        self.frame_bytes.store(frame_bytes as u64, Ordering::Relaxed);
        let count = self.delivered.fetch_add(1, Ordering::AcqRel) + 1;
        if count.is_multiple_of(self.readers) {
            self.arrived.notify_one();
        }
        took
    }

    /// Waits until `count` deliveries were made, or until `patience` is at its end; whether they were.
    pub(crate) async fn until(&self, count: u64, patience: Duration) -> bool {
        let all = async {
            while self.delivered() < count {
                self.arrived.notified().await;
            }
        };
        tokio::time::timeout(patience, all).await.is_ok()
    }

    /// Deliveries so far.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Acquire)
    }

    /// Bytes of the last frame that brought one.
    pub(crate) fn frame_bytes(&self) -> usize {
        usize::try_from(self.frame_bytes.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// How many read.
    pub(crate) const fn readers(&self) -> u64 {
        self.readers
    }

    fn now(&self) -> u64 {
        u64::try_from(self.watch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
