use super::header::{Header, Line, Stamp};
use super::parts::{PART_BYTES_MAX, hash};
use super::store::IgnoredWhy;
use crate::log::{LogReader, Storage};
use crate::parallel;
use crate::state::{Piece, Restoring, State};

/// A snapshot whose bytes are those that were written. Whether it is of a log is not known yet.
pub(super) struct Loaded {
    stamp: Stamp,
    state: State,
}

impl Loaded {
    /// The state, if the log has the history that it is of.
    pub(super) fn state_of(self, reader: &LogReader) -> Result<State, IgnoredWhy> {
        let Stamp { log, epoch, position, chain } = self.stamp;
        let is_of_this_log = log == reader.id() && epoch <= reader.epoch();
        if is_of_this_log && reader.chain_at(position).is_ok_and(|found| found == chain) {
            Ok(self.state)
        } else {
            Err(IgnoredWhy::Foreign)
        }
    }
}

/// Reads a snapshot, its parts on all cores. Each is held against its hash before anything is made of it.
pub(super) fn load(storage: &dyn Storage, file: &str) -> Result<Loaded, IgnoredWhy> {
    let file_bytes = storage.file_bytes(file)?;
    let (header, table) = start(storage, file, file_bytes)?;
    let mut at = Header::BYTES as u64 + table.len() as u64 * Line::BYTES as u64;
    let mut places = Vec::with_capacity(table.len());
    for line in &table {
        places.push(at);
        at += u64::from(line.bytes);
    }
    if at != file_bytes {
        return Err(IgnoredWhy::Damaged);
    }
    let pieces = parallel::each(table.len(), |number| piece(storage, file, &table[number], places[number]));
    let mut restoring = Restoring::default();
    for piece in pieces {
        restoring.take(piece?).map_err(|_| IgnoredWhy::Damaged)?;
    }
    let state = restoring.finish().map_err(|_| IgnoredWhy::Damaged)?;
    let stamp = header.stamp;
    if state.position() == stamp.position { Ok(Loaded { stamp, state }) } else { Err(IgnoredWhy::Damaged) }
}

/// What stands before the parts.
fn start(storage: &dyn Storage, file: &str, file_bytes: u64) -> Result<(Header, Vec<Line>), IgnoredWhy> {
    let Some(left) = file_bytes.checked_sub(Header::BYTES as u64) else { return Err(IgnoredWhy::Damaged) };
    let mut bytes = [0; Header::BYTES];
    storage.read_at(file, 0, &mut bytes)?;
    let header = Header::decode(&bytes).ok_or(IgnoredWhy::Damaged)?;
    // No more memory than the file has bytes.
    let table_bytes = header.parts_count.checked_mul(Line::BYTES as u64).filter(|bytes| *bytes <= left);
    let table_bytes = table_bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or(IgnoredWhy::Damaged)?;
    let mut table = vec![0; table_bytes];
    storage.read_at(file, Header::BYTES as u64, &mut table)?;
    if hash(&table) != header.table_hash {
        return Err(IgnoredWhy::Damaged);
    }
    let (lines, _) = table.as_chunks();
    Ok((header, lines.iter().map(Line::decode).collect()))
}

fn piece(storage: &dyn Storage, file: &str, line: &Line, at: u64) -> Result<Piece, IgnoredWhy> {
    let bytes = line.bytes as usize;
    if bytes > PART_BYTES_MAX {
        return Err(IgnoredWhy::Damaged);
    }
    let mut part = vec![0; bytes];
    storage.read_at(file, at, &mut part)?;
    if hash(&part) != line.hash {
        return Err(IgnoredWhy::Damaged);
    }
    Piece::decode(line.tag, &part).map_err(|_| IgnoredWhy::Damaged)
}
