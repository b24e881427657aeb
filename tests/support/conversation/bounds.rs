//! The reference model of the limits: what may have been let through, reckoned anew from when it was let through.

use super::cast::limits;
use tidings_engine::ids::Time;
use tidings_engine::rate::RateLimit;

/// What was let through so far.
#[derive(Debug)]
pub(super) struct Bounds {
    commands: Vec<Time>,
    fetches: Vec<Time>,
    /// The ids of what the server has, until the reply is written.
    in_flight: Vec<String>,
    limited: Vec<Time>,
    mistakes: u32,
    heard: Time,
    opened: Time,
}

impl Bounds {
    pub(super) const fn new(now: Time) -> Self {
        Self {
            commands: Vec::new(),
            fetches: Vec::new(),
            in_flight: Vec::new(),
            limited: Vec::new(),
            mistakes: 0,
            heard: now,
            opened: now,
        }
    }

    /// The peer showed that it is there.
    pub(super) const fn heard(&mut self, now: Time) {
        self.heard = now;
    }

    /// A command reached the server.
    pub(super) fn command(&mut self, id: &str, now: Time) {
        self.commands.push(now);
        assert_within(&self.commands, limits().commands(), "commands");
        self.request(id);
    }

    /// A fetch reached the server.
    pub(super) fn fetch(&mut self, id: &str, now: Time) {
        self.fetches.push(now);
        assert_within(&self.fetches, limits().queries(), "fetches");
        self.request(id);
    }

    fn request(&mut self, id: &str) {
        self.in_flight.push(id.to_owned());
        let found = self.in_flight.len();
        assert!(found <= limits().commands_in_flight_max as usize, "{found} requests are in flight");
    }

    /// A reply was written. One to a command or fetch that the server had frees its place.
    pub(super) fn replied(&mut self, id: &str) {
        if let Some(index) = self.in_flight.iter().position(|one| one == id) {
            self.in_flight.remove(index);
        }
    }

    /// An answer `rate_limited` was written. The session counts from minute to minute, so two windows may meet.
    pub(super) fn limited(&mut self, now: Time) {
        self.limited.push(now);
        let minute = self.limited.iter().filter(|then| now.since(**then) < 60_000).count();
        let allowed = 2 * (limits().rate_limited_per_minute_max as usize + 1);
        assert!(minute <= allowed, "{minute} answers rate_limited within a minute");
    }

    /// The client said to an open session what is no frame of the protocol.
    pub(super) const fn mistake(&mut self) {
        self.mistakes += 1;
    }

    /// What must have an end by now has one.
    pub(super) fn check(&self, now: Time, is_greeted: bool, has_ended: bool) {
        let limits = limits();
        let since = |then: Time| u64::try_from(now.since(then)).unwrap_or_default();
        let is_silent = since(self.heard) >= limits.idle_ms_max;
        assert!(has_ended || !is_silent || !is_greeted, "a silent session lives on");
        let is_late = since(self.opened) >= limits.hello_ms_max;
        assert!(has_ended || is_greeted || !is_late, "a session without hello lives on");
        assert!(has_ended || self.mistakes < limits.protocol_errors_max, "{} protocol errors", self.mistakes);
    }
}

/// However two moments are chosen, no more was let through between them than the burst and what time gave.
fn assert_within(times: &[Time], limit: RateLimit, what: &str) {
    let Some(last) = times.last() else { return };
    for (index, first) in times.iter().enumerate() {
        let (found, milliseconds) = (times.len() - index, u64::try_from(last.since(*first)).unwrap_or_default());
        let allowed = u64::from(limit.burst) + u64::from(limit.per_second) * milliseconds / 1_000;
        assert!(found as u64 <= allowed, "{found} {what} within {milliseconds} ms, {allowed} are allowed");
    }
}
