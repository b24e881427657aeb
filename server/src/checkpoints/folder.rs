//! A folder of kept checkpoints: the one in the data directory, or a sink.

use super::thinning::{stamp, superfluous};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use tidings_engine::checkpoint::{NOTE_BYTES_MAX, Named, SignedCheckpoint};
use tidings_engine::ids::{Position, Time};
use tidings_engine::log::LogId;

/// Folder of the checkpoints within the data directory.
pub const CHECKPOINTS_FOLDER: &str = "checkpoints";

/// What the names of checkpoints end with: `LOGID-POSITION-STAMP.checkpoint`.
const SUFFIX: &str = ".checkpoint";

/// A folder of kept checkpoints. Several logs may share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
}

/// A checkpoint that is kept, by its file's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// When it was signed.
    pub stamp: String,
    /// The last event that it covers.
    pub position: Position,
    /// Id of its log, in hexadecimal.
    pub log: String,
    /// The file.
    pub name: String,
}

impl Folder {
    /// The folder of a data directory, which is made when it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn of_data(data: &Path) -> io::Result<Self> {
        let path = data.join(CHECKPOINTS_FOLDER);
        if !path.is_dir() {
            fs::create_dir_all(&path)?;
            File::open(data)?.sync_all()?;
        }
        Ok(Self { path })
    }

    /// A folder that is there. A sink is never made: where it is missing, something is not mounted.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a checkpoint durably: whole or not at all.
    ///
    /// # Errors
    /// What the system says; at most a draft is left behind.
    pub fn keep(&self, signed: &SignedCheckpoint) -> io::Result<()> {
        let checkpoint = signed.checkpoint();
        let name = format!("{}-{:020}-{}{SUFFIX}", checkpoint.log, checkpoint.position.0, stamp(checkpoint.time));
        write_durably(&self.path.join(name), &signed.encode())
    }

    /// The checkpoints of a log, in order of time.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn kept(&self, log: LogId) -> io::Result<Vec<Kept>> {
        let log = log.to_string();
        Ok(self.all()?.into_iter().filter(|kept| kept.log == log).collect())
    }

    /// The checkpoints of every log, in order of time. Files of other names are none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn all(&self) -> io::Result<Vec<Kept>> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            kept.extend(entry?.file_name().to_str().and_then(parse));
        }
        kept.sort_unstable();
        Ok(kept)
    }

    /// Removes the checkpoints of a log that are not needed any more. A folder that refuses keeps them all, which is no
    /// fault: that of a sink which can only be added to is meant to.
    pub fn thin(&self, log: LogId, now: Time) {
        let kept = self.kept(log).unwrap_or_default();
        for superfluous in superfluous(&kept, now) {
            let _ = fs::remove_file(self.path.join(&superfluous.name));
        }
    }

    /// Reads a kept checkpoint.
    ///
    /// # Errors
    /// The file cannot be read. What it holds may still be no checkpoint.
    pub fn read(&self, kept: &Kept) -> io::Result<Named> {
        read(&self.path.join(&kept.name))
    }
}

/// Reads a file that is to hold a checkpoint. It is called by its path.
///
/// # Errors
/// The file cannot be read. What it holds may still be no checkpoint.
pub(crate) fn read(path: &Path) -> io::Result<Named> {
    let mut bytes = Vec::new();
    // One byte more than is allowed is enough to be refused.
    File::open(path)?.take(NOTE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Named { name: path.display().to_string(), signed: SignedCheckpoint::parse(&bytes) })
}

/// Writes a file so that after a crash it has these bytes or is not there.
///
/// # Errors
/// What the system says; at most a draft is left behind.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let draft = folder.join(format!(".{name}.draft"));
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}

fn parse(name: &str) -> Option<Kept> {
    let (log, rest) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let (position, stamp) = rest.split_once('-')?;
    let is_position = position.len() == 20 && position.bytes().all(|byte| byte.is_ascii_digit());
    if log.len() != 32 || !is_position || stamp.is_empty() {
        return None;
    }
    let position = Position(position.parse().ok()?);
    Some(Kept { stamp: stamp.to_owned(), position, log: log.to_owned(), name: name.to_owned() })
}
