//! A log whose bytes are not what was written.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Overwrites some bytes in the middle of what is written in the first segment: too many for one bit to be set right.
///
/// # Panics
/// There is no such segment, or a server has it open.
pub(crate) fn damage_log(data: &Path) {
    let segment = data.join("log").join("00000001-00000000000000000001.seg");
    let written = fs::read(&segment).expect("a log has its first segment").iter().rposition(|byte| *byte != 0);
    let middle = (4096 + written.expect("it has a header") as u64) / 2;
    let file = OpenOptions::new().write(true).open(&segment).expect("it is the test's own");
    file.write_all_at(&[0xEE; 40], middle).expect("it can be written");
}
