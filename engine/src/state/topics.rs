use std::collections::HashMap;
use std::sync::Arc;

/// Sets of topics, each once, as long as somebody follows it: whoever changes topics often leaves nothing behind.
///
/// A set is its sorted names, each with its length before it. Number 0 is the empty set.
#[derive(Debug, Default)]
pub(super) struct Topics {
    sets: Vec<Set>,
    numbers: HashMap<Arc<[u8]>, u32>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Set {
    names: Arc<[u8]>,
    followers: u32,
}

impl Topics {
    /// The set of these names, with one follower more.
    pub(super) fn follow(&mut self, names: &[String]) -> u32 {
        if names.is_empty() {
            return 0;
        }
        let names = encoded(names);
        if let Some(number) = self.numbers.get(names.as_slice()) {
            self.sets[*number as usize - 1].followers += 1;
            return *number;
        }
        let names: Arc<[u8]> = names.into();
        let set = Set { names: Arc::clone(&names), followers: 1 };
        let number = match self.free.pop() {
            Some(number) => {
                self.sets[number as usize - 1] = set;
                number
            }
            None => {
                self.sets.push(set);
                u32::try_from(self.sets.len()).expect("fewer sets than streams")
            }
        };
        self.numbers.insert(names, number);
        number
    }

    /// One follower less.
    pub(super) fn unfollow(&mut self, number: u32) {
        let Some(set) = number.checked_sub(1).and_then(|index| self.sets.get_mut(index as usize)) else { return };
        set.followers -= 1;
        if set.followers == 0 {
            self.numbers.remove(&set.names);
            *set = Set::default();
            self.free.push(number);
        }
    }

    /// Whether a set is exactly these names.
    pub(super) fn are(&self, number: u32, names: &[String]) -> bool {
        let mut left = self.bytes(number);
        for name in names {
            let Some((length, rest)) = left.split_first_chunk() else { return false };
            let Some((found, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize) else { return false };
            if found != name.as_bytes() {
                return false;
            }
            left = rest;
        }
        left.is_empty()
    }

    /// The canonical bytes of a set.
    pub(super) fn bytes(&self, number: u32) -> &[u8] {
        number.checked_sub(1).and_then(|index| self.sets.get(index as usize)).map_or(&[], |set| &*set.names)
    }

    /// How many numbers were given, of sets that are followed no more too.
    pub(super) fn count(&self) -> usize {
        self.sets.len()
    }

    /// Takes in the next set as it was: nobody follows it yet, though somebody will.
    pub(super) fn restore(&mut self, names: Vec<u8>) {
        let names: Arc<[u8]> = names.into();
        self.sets.push(Set { names: Arc::clone(&names), followers: 0 });
        let number = u32::try_from(self.sets.len()).expect("fewer sets than streams");
        if names.is_empty() {
            self.free.push(number);
        } else {
            self.numbers.insert(names, number);
        }
    }

    /// Counts a follower of a set that was restored; whether there is such a set.
    pub(super) fn restore_follower(&mut self, number: u32) -> bool {
        let Some(index) = number.checked_sub(1) else { return true };
        let Some(set) = self.sets.get_mut(index as usize).filter(|set| !set.names.is_empty()) else { return false };
        set.followers += 1;
        true
    }
}

fn encoded(names: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for name in names {
        let length = u32::try_from(name.len()).expect("facts are at most 192 KiB");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(name.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::Topics;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_set_lives_as_long_as_its_last_follower_and_its_number_is_used_again() {
        let mut topics = Topics::default();
        let (sport, both) = (names(&["sport"]), names(&["art", "sport"]));
        let first = topics.follow(&sport);
        assert_eq!(topics.follow(&sport), first);
        let second = topics.follow(&both);
        assert!(first != second && topics.are(first, &sport) && topics.are(second, &both));
        assert!(!topics.are(first, &both) && !topics.are(second, &sport) && topics.are(0, &[]));
        topics.unfollow(first);
        assert!(topics.are(first, &sport));
        topics.unfollow(first);
        assert_eq!(topics.follow(&names(&["news"])), first);
        assert_eq!(topics.count(), 2);
    }
}
