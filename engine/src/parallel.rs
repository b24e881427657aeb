//! Work in pieces that do not depend on each other, on all cores.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Most threads that one work takes: 8.
const THREADS_MAX: usize = 8;

/// What `work` gives for every number below `count`, in their order. Where the system gives no more threads, the caller's
/// does it all.
pub(crate) fn each<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS_MAX).min(count);
    let next = AtomicUsize::new(0);
    let some = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return done;
            }
            done.push((number, work(number)));
        }
    };
    let mut done = thread::scope(|scope| {
        let others = (1..threads).map_while(|_| thread::Builder::new().spawn_scoped(scope, some).ok());
        let others: Vec<_> = others.collect();
        let mut done = some();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_piece_is_done_once_and_they_come_in_their_order() {
        for count in [0, 1, 2, 1_000] {
            let done = super::each(count, |number| number * 2);
            assert_eq!(done, (0..count).map(|number| number * 2).collect::<Vec<_>>());
        }
    }
}
