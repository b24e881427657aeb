//! SQLite beside: WAL, `synchronous=FULL`, one transaction a batch.

use crate::level::Level;
use anyhow::{Result, ensure};
use rusqlite::Connection;
use std::path::Path;
use tidings_benches::samples::EVENT_BYTES;

/// A table of positions and bodies.
pub(crate) struct SqliteLevel {
    connection: Connection,
    body: Vec<u8>,
    in_flight: usize,
}

impl SqliteLevel {
    pub(crate) fn open(directory: &Path, in_flight: usize) -> Result<Self> {
        let connection = Connection::open(directory.join("events.db"))?;
        let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        ensure!(mode == "wal", "SQLite journals by {mode}");
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute("CREATE TABLE events (position INTEGER PRIMARY KEY, body BLOB NOT NULL)", ())?;
        Ok(Self { connection, body: vec![0x42; EVENT_BYTES], in_flight })
    }
}

impl Level for SqliteLevel {
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    fn append(&mut self) -> Result<()> {
        let transaction = self.connection.transaction()?;
        let mut insert = transaction.prepare("INSERT INTO events (body) VALUES (?1)")?;
        for _ in 0..self.in_flight {
            insert.execute([&self.body])?;
        }
        drop(insert);
        Ok(transaction.commit()?)
    }

    fn bytes(&self) -> usize {
        self.in_flight * EVENT_BYTES
    }
}
