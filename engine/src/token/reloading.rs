//! When the keys of a source are loaded because a token asks for one that is not there: once in a while, for all who ask.

use crate::ids::Time;

/// Least time between two loads that tokens ask for: 10 s. Whoever invents ids of keys causes no more than that.
pub const RELOAD_MS_MIN: i64 = 10_000;

/// What becomes of whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A load begins, and the asker waits for it.
    Begins,
    /// One is under way, and the asker waits for it.
    Joins,
    /// There was one just now: the asker is refused at once.
    TooSoon,
}

/// The loads of one source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reloading {
    under_way: bool,
    asked: Option<Time>,
}

impl Reloading {
    /// A token asks for a key that is not there.
    pub fn ask(&mut self, now: Time) -> Turn {
        if self.under_way {
            return Turn::Joins;
        }
        // A clock that was set back may not stop loading for as long as it was set back.
        if self.asked.is_some_and(|asked| (0..RELOAD_MS_MIN).contains(&now.since(asked))) {
            return Turn::TooSoon;
        }
        self.asked = Some(now);
        self.under_way = true;
        Turn::Begins
    }

    /// The regular time has come. Whether a load begins: none does while one is under way.
    pub fn regular(&mut self) -> bool {
        !std::mem::replace(&mut self.under_way, true)
    }

    /// The load that was under way has ended, well or not.
    pub fn ended(&mut self) {
        self.under_way = false;
    }
}

#[cfg(test)]
mod tests {
    use super::{RELOAD_MS_MIN, Reloading, Turn};
    use crate::ids::Time;

    #[test]
    fn one_load_serves_all_who_ask_and_the_next_waits_for_its_time() {
        let (mut one, now) = (Reloading::default(), Time(1_000_000));
        assert_eq!((one.ask(now), one.ask(now), one.regular()), (Turn::Begins, Turn::Joins, false));
        one.ended();
        assert_eq!(one.ask(now.plus(RELOAD_MS_MIN - 1)), Turn::TooSoon);
        assert!(one.regular());
        assert_eq!(one.ask(now), Turn::Joins);
        one.ended();
        assert_eq!(one.ask(now.plus(RELOAD_MS_MIN)), Turn::Begins);
        one.ended();
        assert_eq!(one.ask(now), Turn::Begins, "the clock was set back");
    }
}
