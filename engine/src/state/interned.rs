use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Values that many share, each once and by number. Numbers are an accident of the order of events and tell nothing.
#[derive(Debug)]
pub(super) struct Interned<T: ?Sized> {
    values: Vec<Arc<T>>,
    numbers: HashMap<Arc<T>, u32>,
}

impl<T: ?Sized> Default for Interned<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: ?Sized + Eq + Hash> Interned<T> {
    /// The number of a value, which is new perhaps.
    pub(super) fn intern<V: Into<Arc<T>> + AsRef<T>>(&mut self, value: V) -> u32 {
        if let Some(number) = self.number(value.as_ref()) {
            return number;
        }
        let number = u32::try_from(self.values.len()).expect("fewer values than bytes of memory");
        let value = value.into();
        self.values.push(Arc::clone(&value));
        self.numbers.insert(value, number);
        number
    }

    /// The number of a value that is known.
    pub(super) fn number(&self, value: &T) -> Option<u32> {
        self.numbers.get(value).copied()
    }

    /// All of them, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.values.iter().map(|value| &**value)
    }

    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number as usize).map(|value| &**value)
    }
}
