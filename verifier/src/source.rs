//! Where the bytes of a log come from.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// The files of one log directory. Only names of segments are asked for.
pub trait Source: Sync {
    /// Names of all files in the directory, in any order. What is not UTF-8 is no segment and may be left out.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn names(&self) -> io::Result<Vec<String>>;

    /// The file called `name`.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentBytes + '_>>;
}

/// The bytes of one file.
pub trait SegmentBytes {
    /// How many there are.
    ///
    /// # Errors
    /// When the system does not say.
    fn count(&self) -> io::Result<u64>;

    /// Fills `into` from `offset` on.
    ///
    /// # Errors
    /// When the file ends before, or cannot be read.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()>;
}

/// A directory of the file system. Nothing is locked and nothing is written.
#[derive(Clone, Debug)]
pub struct DirectorySource(PathBuf);

impl DirectorySource {
    /// The directory at `path`; it is read when it is verified.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_path_buf())
    }
}

impl Source for DirectorySource {
    fn names(&self) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(&self.0)?.map(|entry| entry.map(|entry| entry.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentBytes + '_>> {
        Ok(Box::new(File::open(self.0.join(name))?))
    }
}

impl SegmentBytes for File {
    fn count(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(offset))?;
        self.read_exact(into)
    }
}

/// Files in memory, for tests and fuzzing.
#[derive(Clone, Debug, Default)]
pub struct MemorySource(pub BTreeMap<String, Vec<u8>>);

impl Source for MemorySource {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentBytes + '_>> {
        let bytes = self.0.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(bytes.as_slice()))
    }
}

impl SegmentBytes for &[u8] {
    fn count(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let from = self.get(start..).and_then(|rest| rest.get(..into.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(from);
        Ok(())
    }
}
