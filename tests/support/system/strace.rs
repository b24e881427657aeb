//! `strace` round the server: it tells each `fdatasync` of the log, and delays or fails those that a test names.

use super::lines::Lines;
use super::stopwatch::Micros;
use std::fs::File;
use std::path::Path;
use std::process::Command;

/// Files of a log that has one segment: the zeros of the next one, the reserve, and the segment. Strace is told these alone,
/// since the keyring and the disposable stores sync too.
const LOG_FILES: [&str; 3] = ["spare", "reserve", "00000001-00000000000000000001.seg"];

/// A server's syncs of its log as they are traced.
pub(crate) struct Strace {
    /// What to put before the server's command.
    pub(crate) command: Vec<String>,
    lines: Lines,
}

/// One `fdatasync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sync {
    /// The thread that asked.
    pub(crate) thread: u32,
    /// When it was entered.
    pub(crate) entered: Micros,
    /// When it returned.
    pub(crate) returned: Micros,
    /// Whether it said that it was done.
    pub(crate) is_done: bool,
}

impl Strace {
    /// Prepares a trace, whose pipe is in `folder`, of a server whose data is in `data`. `injection` is what follows `fdatasync:` in strace's own words; it counts
    /// the calls of each thread apart.
    ///
    /// With `-D` the server stays the test's own child, and strace ends with it.
    pub(crate) fn new(folder: &Path, data: &Path, injection: Option<&str>) -> Self {
        let pipe = folder.join("strace.pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is part of every system with strace");
        assert!(made.success(), "mkfifo {} failed", pipe.display());
        let mut command: Vec<String> =
            ["strace", "-D", "-f", "-ttt", "-T", "-e", "trace=fdatasync", "-e", "signal=none", "-o"]
                .map(str::to_owned)
                .into();
        command.push(pipe.to_str().expect("folders of tests have plain names").to_owned());
        for file in LOG_FILES {
            command.extend(["-P".to_owned(), data.join("log").join(file).display().to_string()]);
        }
        if let Some(injection) = injection {
            command.extend(["-e".to_owned(), format!("inject=fdatasync:{injection}")]);
        }
        // Opening a pipe waits for its writer, so it is done on the thread that reads.
        let lines = Lines::of(move || File::open(pipe).expect("the pipe was made above"));
        Self { command, lines }
    }

    /// The syncs that have returned so far.
    pub(crate) fn syncs(&self) -> Vec<Sync> {
        self.lines.since(0).iter().filter_map(|line| parse(line)).collect()
    }

    /// The syncs of the whole run, once the server has ended.
    pub(crate) async fn all_syncs(&self) -> Vec<Sync> {
        self.lines.all().await.iter().filter_map(|line| parse(line)).collect()
    }

    /// The first sync that was entered at `from` or later, once it has returned.
    pub(crate) async fn sync_since(&self, from: Micros) -> Sync {
        let is_it = |line: &str| parse(line).is_some_and(|sync| sync.entered >= from);
        let line = self.lines.find("sync", 0, is_it).await;
        parse(&line).expect("a line that was found by parsing it can be parsed")
    }
}

/// `16816 1795521943.930702 fdatasync(3) = 0 (DELAYED) <0.500598>`, or the second half of one that another thread's call
/// has cut in two, which is stamped at its end.
fn parse(line: &str) -> Option<Sync> {
    let mut words = line.split_whitespace();
    let thread = words.next()?.parse().ok()?;
    let stamp = micros(words.next()?)?;
    let took = micros(line.rsplit_once('<')?.1.strip_suffix('>')?)?;
    let is_done = line.contains(" = 0 ");
    let (entered, returned) = match words.next()? {
        call if call.starts_with("fdatasync(") => (stamp, Micros(stamp.0 + took.0)),
        "<..." if words.next()? == "fdatasync" => (Micros(stamp.0 - took.0), stamp),
        _ => return None,
    };
    Some(Sync { thread, entered, returned, is_done })
}

/// Seconds with six digits after the point.
fn micros(text: &str) -> Option<Micros> {
    let (seconds, fraction) = text.split_once('.')?;
    let (seconds, micros) = (seconds.parse::<u64>().ok()?, fraction.parse::<u64>().ok()?);
    (fraction.len() == 6).then_some(Micros(seconds * 1_000_000 + micros))
}
