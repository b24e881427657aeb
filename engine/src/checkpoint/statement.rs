//! What a checkpoint states, as the text of a C2SP tlog-checkpoint.

use crate::ids::{Position, Time};
use crate::log::{Chain, LogId};
use data_encoding::{BASE64, HEXLOWER};

/// What every origin begins with.
const ORIGIN_START: &str = "tidings/";

/// Most lines after ours that are passed over: 16.
const MORE_LINES_COUNT_MAX: usize = 16;

/// What the log was at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub log: LogId,
    /// The last event that it covers, and so how many.
    pub position: Position,
    /// The RFC 6962 root over the leaves of all events up to it.
    pub root: [u8; 32],
    /// The log's chain after it.
    pub chain: Chain,
    /// When it was made.
    pub time: Time,
    /// Generation of the log at that time.
    pub epoch: u64,
}

/// A text is not that of one of our checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The first line is not the name of a log of ours.
    #[error("line 1 is not {ORIGIN_START} and the 32 hexadecimal characters of a log's id")]
    Origin,
    /// The second line is not a number in decimal without leading zeros.
    #[error("line 2 is not a size")]
    Size,
    /// The third line is not 32 bytes in base64.
    #[error("line 3 is not a root of 32 bytes in base64")]
    Root,
    /// A line of ours is missing, in another place, or not of its form.
    #[error("line {number} is not `{name}` and its value")]
    Extension {
        /// Which line, from 1.
        number: usize,
        /// The word it has to begin with.
        name: &'static str,
    },
    /// There are too many lines, or an empty one.
    #[error("there are more than {MORE_LINES_COUNT_MAX} further lines, or an empty one")]
    MoreLines,
}

/// The origin line of a log's checkpoints, which is also the name of the keys that sign them.
#[must_use]
pub fn origin(log: LogId) -> String {
    format!("{ORIGIN_START}{log}")
}

impl Checkpoint {
    /// The text that is signed. Ends with a line feed.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\nchain {}\ntime {}\nepoch {}\n",
            origin(self.log),
            self.position,
            BASE64.encode(&self.root),
            BASE64.encode(&self.chain.0),
            self.time.rfc3339(),
            self.epoch,
        )
    }

    /// Reads the text of a note. Every text that is taken is the one that [`Checkpoint::text`] gives, but for lines after
    /// ours, which later versions may add.
    ///
    /// # Errors
    /// [`StatementError`]: the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, StatementError> {
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let mut next = || lines.next().unwrap_or_default();
        let log = next().strip_prefix(ORIGIN_START).and_then(log_id).ok_or(StatementError::Origin)?;
        let position = Position(number(next()).ok_or(StatementError::Size)?);
        let root = hash(next()).ok_or(StatementError::Root)?;
        let mut value = |line, name: &'static str| {
            let value = next().strip_prefix(name).and_then(|value| value.strip_prefix(' '));
            value.ok_or(StatementError::Extension { number: line, name })
        };
        let (chain, time, epoch) = (value(4, "chain")?, value(5, "time")?, value(6, "epoch")?);
        let wrong = |line, name| StatementError::Extension { number: line, name };
        let chain = Chain(hash(chain).ok_or(wrong(4, "chain"))?);
        let time = moment(time).ok_or(wrong(5, "time"))?;
        let epoch = number(epoch).ok_or(wrong(6, "epoch"))?;
        if lines.clone().count() > MORE_LINES_COUNT_MAX || lines.any(str::is_empty) {
            return Err(StatementError::MoreLines);
        }
        Ok(Self { log, position, root, chain, time, epoch })
    }
}

fn log_id(text: &str) -> Option<LogId> {
    Some(LogId(HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?))
}

fn number(text: &str) -> Option<u64> {
    let is_canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_canonical { text.parse().ok() } else { None }
}

fn hash(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// A moment in exactly the form in which we write it.
fn moment(text: &str) -> Option<Time> {
    let time = Time(text.parse::<jiff::Timestamp>().ok()?.as_millisecond());
    (time.rfc3339() == text).then_some(time)
}
