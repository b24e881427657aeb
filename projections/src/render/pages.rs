use super::Rendering;
use crate::page::{Page, Place};
use serde::Serialize;
use std::io::{self, Write};
use tidings_engine::limits::PAGE_BYTES_MAX;
use tidings_wire::Item;

/// A page or the items of a snapshot, within [`PAGE_BYTES_MAX`] encoded.
#[derive(Debug, Default)]
pub struct PageRendered {
    /// The items, newest first.
    pub items: Vec<Item>,
    /// Whether there are older ones, found or left off for their bytes.
    pub has_more: bool,
    /// Where the next page goes on: the last item's place. Absent when there is no item.
    pub next: Option<Place>,
}

/// Renders items until [`PAGE_BYTES_MAX`] are reached. One item always fits: publishing refuses larger ones.
#[must_use]
pub fn page(page: &Page, rendering: &Rendering<'_>) -> PageRendered {
    let mut rendered = PageRendered { has_more: page.has_more, ..PageRendered::default() };
    let mut room = Room::new(PAGE_BYTES_MAX);
    for state in &page.items {
        let item = rendering.item(state);
        if !room.takes(&item) && !rendered.items.is_empty() {
            rendered.has_more = true;
            break;
        }
        rendered.items.push(item);
        rendered.next = Some(Place(state.order_key));
    }
    rendered
}

/// Bytes that are left for the elements of a JSON list.
pub(super) struct Room {
    bytes_left: usize,
}

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        Self { bytes_left: bytes }
    }

    /// Takes what a value and its comma need; whether it was there.
    pub(super) fn takes<T: Serialize>(&mut self, value: &T) -> bool {
        let needed = encoded_bytes(value) + 1;
        let fits = needed <= self.bytes_left;
        self.bytes_left = self.bytes_left.saturating_sub(needed);
        fits
    }
}

/// Bytes of a value as JSON, without making them.
fn encoded_bytes<T: Serialize>(value: &T) -> usize {
    struct Counted(usize);
    impl Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted(0);
    serde_json::to_writer(&mut counted, value).expect("counting cannot fail, and every frame part has a JSON form");
    counted.0
}
