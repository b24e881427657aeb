//! What the system says of a process, from `/proc`.

use anyhow::{Context, Result};
use std::time::Duration;

/// Memory of a process that is resident: its anonymous pages, in bytes.
///
/// Pages of files are left out: how much of a binary is in memory is not a connection's cost.
///
/// # Errors
/// There is no such process, or no `/proc`.
pub fn anonymous_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("cannot read a process's status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon in its status")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().context("RssAnon is no number")?;
    Ok(kib * 1024)
}

/// Processor time that a process has used, user and system together, in steps of 10 ms on most systems.
///
/// # Errors
/// There is no such process, or no `/proc`.
pub fn processor_time(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("cannot read a process's stat")?;
    // The name in brackets may hold spaces; after it the fields are numbers, of which utime is the 12th.
    let (_, fields) = stat.rsplit_once(')').context("no name in its stat")?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || fields.next().and_then(|field| field.parse::<u64>().ok()).context("no time in its stat");
    let ticks = next()? + next()?;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}
