//! Lines that a process writes, kept as they come, for tests that wait for one of them.

use super::sure;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex};
use std::thread;
use tokio::sync::watch;

/// All lines of a stream so far. A clone sees the same ones.
#[derive(Clone)]
pub(crate) struct Lines {
    kept: Arc<Mutex<Vec<String>>>,
    progress: watch::Receiver<Progress>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    lines: usize,
    ended: bool,
}

impl Lines {
    /// Reads what `open` gives, on a thread of its own, until it ends.
    pub(crate) fn of<R: Read + 'static>(open: impl FnOnce() -> R + Send + 'static) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (told, progress) = watch::channel(Progress::default());
        let keeping = Arc::clone(&kept);
        thread::spawn(move || {
            for line in BufReader::new(open()).split(b'\n').map_while(Result::ok) {
                keeping.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
                told.send_modify(|progress| progress.lines += 1);
            }
            told.send_modify(|progress| progress.ended = true);
        });
        Self { kept, progress }
    }

    /// How many there are. A later search can begin there.
    pub(crate) fn count(&self) -> usize {
        self.kept.lock().unwrap().len()
    }

    /// Those from the `from`th on.
    pub(crate) fn since(&self, from: usize) -> Vec<String> {
        self.kept.lock().unwrap().iter().skip(from).cloned().collect()
    }

    /// The first line from the `from`th on that `matches`; waits for it.
    ///
    /// # Panics
    /// When the stream ends without it.
    pub(crate) async fn find(&self, what: &str, from: usize, matches: impl Fn(&str) -> bool) -> String {
        let mut progress = self.progress.clone();
        let search = async {
            loop {
                let ended = progress.borrow_and_update().ended;
                if let Some(line) = self.since(from).into_iter().find(|line| matches(line)) {
                    return line;
                }
                assert!(!ended, "there was no {what} among:\n{}", self.since(from).join("\n"));
                let _ = progress.changed().await;
            }
        };
        match tokio::time::timeout(super::GUARD, search).await {
            Ok(line) => line,
            Err(_) => panic!("within {:?} there was no {what} among:\n{}", super::GUARD, self.since(from).join("\n")),
        }
    }

    /// All lines, once the stream has ended.
    pub(crate) async fn all(&self) -> Vec<String> {
        let mut progress = self.progress.clone();
        sure("end of the lines", async { progress.wait_for(|progress| progress.ended).await.map(|_| ()) })
            .await
            .expect("the reading thread says that it has ended before it ends");
        self.since(0)
    }
}
