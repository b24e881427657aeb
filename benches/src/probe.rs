//! The floor under everything durable: bytes and their `fdatasync`, and nothing else.

use anyhow::{Context, Result};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of the file that the probe writes into, over and over.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Writes the same count of bytes again and again, into a file that is as long already.
#[derive(Debug)]
pub struct Probe {
    file: File,
    bytes: Vec<u8>,
    offset: u64,
}

impl Probe {
    /// One of this many bytes, at most 64 MiB, in a new file at `path`.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn new(path: &Path, bytes: usize) -> Result<Self> {
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(path).context("no probe")?;
        let zeros = vec![0; 1024 * 1024];
        for offset in (0..FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset)?;
        }
        file.sync_all()?;
        Ok(Self { file, bytes: vec![0x5a; bytes], offset: 0 })
    }

    /// Writes and syncs once.
    ///
    /// # Errors
    /// The disk fails.
    pub fn write(&mut self) -> Result<()> {
        if self.offset + self.bytes.len() as u64 > FILE_BYTES {
            self.offset = 0;
        }
        self.file.write_all_at(&self.bytes, self.offset)?;
        self.file.sync_data()?;
        self.offset += self.bytes.len() as u64;
        Ok(())
    }
}
