//! The engine as a server runs it.

use crate::Measured;
use crate::level::{EngineLevel, Level, Sealing};
use anyhow::{Context, Result};
use std::sync::mpsc::{channel, sync_channel};
use std::thread;
use tidings_benches::probe::Probe;
use tidings_benches::samples::START;
use tidings_benches::stopwatch::{Stopwatch, timed};
use tidings_engine::engine::{Offer, Prepared};

/// The engine's two halves in a thread each, as a server runs them: while one group is synced, the next one is decided.
/// `in_flight` is what each of the two has. The probe runs afterwards, or it would share the disk.
pub(crate) fn measure_ahead(sealing: Sealing, in_flight: usize, rounds: u64) -> Result<Measured> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place for the log")?;
    let mut level = EngineLevel::open(directory.path(), sealing, in_flight)?;
    for _ in 0..3 {
        level.append()?;
    }
    let bytes = level.bytes();
    let (engine, requests) = level.into_parts();
    let (mut decider, mut committer) = engine.split();
    let (groups, taken) = sync_channel::<Prepared>(0);
    let (tell, told) = channel();
    let space = committer.log().space();
    let (want, wanted) = sync_channel::<()>(1);
    let zeros = thread::spawn(move || wanted.iter().try_for_each(|()| space.prepare()));
    let sync = thread::spawn(move || {
        for group in taken {
            if committer.commit(group).is_err() || tell.send(committer.left()).is_err() {
                return;
            }
            if committer.wants_room() {
                let _ = want.try_send(());
            }
        }
    });
    let mut laps = Vec::new();
    for _ in 0..rounds {
        let watch = Stopwatch::start();
        for request in &requests {
            loop {
                let group = match decider.offer(request, START)? {
                    Offer::Taken(None) => break,
                    Offer::Taken(Some(group)) => {
                        groups.send(group).context("the disk failed")?;
                        break;
                    }
                    Offer::Before(group) => group,
                    Offer::Wait => {
                        decider.written(told.recv().context("the disk failed")?);
                        continue;
                    }
                };
                groups.send(group).context("the disk failed")?;
            }
        }
        let last = decider.close()?.context("every request is recorded")?;
        groups.send(last).context("the disk failed")?;
        told.try_iter().for_each(|left| decider.written(left));
        laps.push(watch.elapsed());
    }
    drop(groups);
    let joined = sync.join().is_ok() && zeros.join().is_ok_and(|prepared| prepared.is_ok());
    anyhow::ensure!(joined, "a thread failed");
    let mut probe = Probe::new(&directory.path().join("probe"), bytes)?;
    let mut bare = Vec::new();
    for _ in 0..rounds {
        let (written, took) = timed(|| probe.write());
        written?;
        bare.push(took);
    }
    Ok(Measured { in_flight: in_flight as u64, ours: laps, bare })
}
