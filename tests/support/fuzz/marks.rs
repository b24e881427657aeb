//! Places in the bodies that inputs shall reach: a target that nothing of is reached finds nothing, and says so to nobody.

use std::cell::RefCell;
use std::collections::BTreeSet;

thread_local! {
    static REACHED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// This place was reached.
pub fn reach(name: &str) {
    REACHED.with_borrow_mut(|reached| {
        if !reached.contains(name) {
            reached.insert(name.to_owned());
        }
    });
}

/// What was reached on this thread since this was asked last.
#[must_use]
pub fn reached() -> BTreeSet<String> {
    REACHED.take()
}
