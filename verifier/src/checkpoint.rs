//! Signed checkpoints as C2SP has them (`c2sp.org/tlog-checkpoint`), with the lines that a log of ours adds.

use std::fmt;

use crate::base64;
use crate::event::Hex;
use crate::note::{self, Key, NoteError};

/// What a key signed about a log: that its first `size` events have this root and chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `tidings/` and its id in hexadecimal digits.
    pub origin: String,
    /// How many events, which is also the position of the last.
    pub size: u64,
    /// Root of the tree over them.
    pub root: [u8; 32],
    /// The chain after them, where it is said.
    pub chain: Option<[u8; 32]>,
}

/// Why a text is no checkpoint that can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointError {
    /// It is no note of the keys.
    Note(NoteError),
    /// It is a note, but its text is not origin, size, root and lines that are not empty.
    Form,
}

impl Checkpoint {
    /// Reads a checkpoint that at least one of the keys signed.
    ///
    /// # Errors
    /// [`CheckpointError`]: nothing of its text is to be believed.
    pub fn open(text: &str, keys: &[Key]) -> Result<Self, CheckpointError> {
        Self::read(note::open(text, keys).map_err(CheckpointError::Note)?).ok_or(CheckpointError::Form)
    }

    /// Whether it is about the log with this id.
    #[must_use]
    pub fn is_of(&self, log: &[u8; 16]) -> bool {
        self.origin == format!("tidings/{}", Hex(log))
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
        if origin.is_empty() || !digits || (size.starts_with('0') && size != "0") {
            return None;
        }
        let mut chain = None;
        for line in lines {
            if line.is_empty() {
                return None;
            }
            if let Some(text) = line.strip_prefix("chain ") {
                chain = Some(hash(text)?);
            }
        }
        Some(Self { origin: origin.to_owned(), size: size.parse().ok()?, root: hash(root)?, chain })
    }
}

fn hash(text: &str) -> Option<[u8; 32]> {
    base64::decode(text)?.try_into().ok()
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(error) => error.fmt(f),
            Self::Form => f.write_str("is a signed note, but no checkpoint"),
        }
    }
}

impl std::error::Error for CheckpointError {}

#[cfg(test)]
mod tests {
    use super::Checkpoint;

    const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

    fn read(text: &str) -> Option<Checkpoint> {
        Checkpoint::read(text)
    }

    #[test]
    fn origin_size_root_and_chain_are_read_and_other_lines_passed_by() {
        let checkpoint = read(&format!("tidings/0{}\n7\n{ROOT}\ntime x\nchain {ROOT}\n", "1".repeat(31))).unwrap();
        assert_eq!((checkpoint.size, checkpoint.chain), (7, Some(checkpoint.root)));
        let mut log = [0x11; 16];
        log[0] = 1;
        assert!(checkpoint.is_of(&log) && !checkpoint.is_of(&[0x11; 16]));
        assert_eq!(read(&format!("a\n0\n{ROOT}\n")).unwrap().chain, None);
    }

    #[test]
    fn a_text_of_another_form_is_no_checkpoint() {
        for text in [
            "",
            "a\n1\n",
            &format!("\n1\n{ROOT}\n"),
            &format!("a\n01\n{ROOT}\n"),
            &format!("a\n+1\n{ROOT}\n"),
            &format!("a\n18446744073709551616\n{ROOT}\n"),
            "a\n1\nAAAA\n",
            &format!("a\n1\n{ROOT}\n\nb\n"),
            &format!("a\n1\n{ROOT}\nchain AAAA\n"),
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
