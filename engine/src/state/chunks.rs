/// A list that grows without ever copying more than 1,024 items, so that no append waits for a million to move, and
/// that has at most as many places to spare.
#[derive(Clone, Debug)]
pub(super) struct Chunks<T> {
    chunks: Vec<Vec<T>>,
}

/// Items of a chunk. A power of two, so that a chunk that doubles its room ends with exactly so much.
pub(super) const CHUNK_COUNT: usize = 1_024;

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Chunks<T> {
    pub(super) fn count(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK_COUNT + last.len())
    }

    pub(super) fn push(&mut self, item: T) {
        match self.chunks.last_mut().filter(|last| last.len() < CHUNK_COUNT) {
            Some(last) => last.push(item),
            None => self.chunks.push(vec![item]),
        }
    }

    /// Adds items in chunks as [`Chunks::of_rows`] makes them. Whether they fit: only the last chunk of all may have room.
    #[must_use]
    pub(super) fn append(&mut self, chunks: Vec<Vec<T>>) -> bool {
        for chunk in chunks {
            if chunk.len() > CHUNK_COUNT || self.chunks.last().is_some_and(|last| last.len() < CHUNK_COUNT) {
                return false;
            }
            self.chunks.push(chunk);
        }
        true
    }

    /// Items as chunks, all of which are full but the last.
    pub(super) fn of_rows<R>(rows: &[R], item: impl Fn(&R) -> T) -> Vec<Vec<T>> {
        rows.chunks(CHUNK_COUNT).map(|rows| rows.iter().map(&item).collect()).collect()
    }

    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK_COUNT)?.get(index % CHUNK_COUNT)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.chunks.get_mut(index / CHUNK_COUNT)?.get_mut(index % CHUNK_COUNT)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    /// The items from an index on.
    pub(super) fn iter_from(&self, index: usize) -> impl Iterator<Item = &T> {
        let (chunk, within) = (index / CHUNK_COUNT, index % CHUNK_COUNT);
        let chunks = self.chunks.get(chunk..).unwrap_or_default();
        chunks.iter().flatten().skip(within)
    }

    /// How many leading items a condition holds for that holds for no later one.
    pub(super) fn partition_point(&self, mut holds: impl FnMut(&T) -> bool) -> usize {
        let chunk = self.chunks.partition_point(|chunk| chunk.last().is_some_and(&mut holds));
        match self.chunks.get(chunk) {
            Some(found) => chunk * CHUNK_COUNT + found.partition_point(&mut holds),
            None => self.count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK_COUNT, Chunks};

    #[test]
    fn a_list_of_any_length_is_read_as_if_it_were_in_one_piece() {
        for count in [0, 1, CHUNK_COUNT - 1, CHUNK_COUNT, CHUNK_COUNT + 1, 3 * CHUNK_COUNT] {
            let mut list = Chunks::default();
            (0..count).for_each(|number| list.push(number));
            assert_eq!(list.count(), count);
            assert!(list.iter().copied().eq(0..count));
            for from in [0, count.min(1), count / 2, count] {
                assert!(list.iter_from(from).copied().eq(from..count), "from {from} of {count}");
                assert_eq!(list.partition_point(|number| *number < from), from);
                assert_eq!(list.get(from).copied(), (from < count).then_some(from));
            }
        }
    }
}
