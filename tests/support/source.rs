//! Bytes that choose: how a fuzzer writes scripts and requests.

/// What is left of the bytes. What is missing at the end counts as zeros.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    data: &'a [u8],
}

impl<'a> Source<'a> {
    pub(crate) const fn new(data: &'a [u8]) -> Self {
        Self { data }
    }

    /// The next byte; `None` at the end.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.data.split_first()?;
        self.data = rest;
        Some(*first)
    }

    /// The next byte as a number.
    pub(crate) fn number(&mut self) -> usize {
        usize::from(self.byte().unwrap_or_default())
    }

    /// One of some things.
    pub(crate) fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.number() % things.len()]
    }

    /// As many bytes as the next one says, or as there are.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let count = self.number().min(self.data.len());
        let (taken, rest) = self.data.split_at(count);
        self.data = rest;
        taken
    }

    /// The same as text.
    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// All that is left.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.data
    }
}
