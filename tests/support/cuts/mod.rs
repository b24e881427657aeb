//! Cuts in virtual time: the real session, engine and projections with clients that follow the wire, on a simulated disk.
//!
//! Nothing here runs by itself: a seed says when the writer commits, when the inbox thread does its next piece of work, how
//! many bytes arrive, where a connection is torn, when the power goes. Clients come back by another carrier with the cursor
//! they hold, or with one from long ago. Every frame is judged when it arrives against a naive model of the log as of the
//! frame's own cursor; in the end everyone holds what a fresh client holds.

mod client;
mod held;
mod inbox;
mod line;
mod model;
mod node;
mod plant;
mod publishers;
mod story;
mod tally;

pub use plant::{PLANTS, Plant};
pub use tally::Tally;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use story::Story;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The seed.
    pub seed: u64,
    /// The story.
    pub story: u64,
    /// What was wrong, and at which step.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, story, what } = self;
        write!(f, "{what}\n  again: cargo xtask cuts --seed {seed} --story {story}")
    }
}

/// Plays stories until there were so many cuts.
///
/// # Errors
/// The first broken promise.
pub fn run(seed: u64, cuts: u64, plant: Option<Plant>) -> Result<Tally, Broken> {
    let mut tally = Tally::default();
    for story in 0.. {
        tally.add(&play(seed, story, plant)?);
        if tally.cuts >= cuts {
            break;
        }
    }
    Ok(tally)
}

/// Plays one story.
///
/// # Errors
/// The first broken promise.
pub fn play(seed: u64, story: u64, plant: Option<Plant>) -> Result<Tally, Broken> {
    let broken = |what| Broken { seed, story, what };
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut world = Story::new(seed, story, plant);
        world.play().map(|()| world.tally)
    }));
    played.unwrap_or_else(|_| Err("something panicked".to_owned())).map_err(broken)
}
