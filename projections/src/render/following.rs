use super::Rendering;
use super::frames::changed_items;
use super::pages::page as page_of_items;
use crate::changes::{ChangePlace, ChangedItem};
use crate::page::Page;
use tidings_wire::{Counts, InboxName, ServerFrame};

/// One step of catching up, as it is told to a follower that is behind.
#[derive(Debug)]
pub struct StepRendered {
    /// What changed; with `done` also `counts` and `caught_up`.
    pub frames: Vec<ServerFrame>,
    /// Where the follower stands after them.
    pub next: ChangePlace,
    /// Whether that is the head: from here on it is live.
    pub done: bool,
}

/// Renders one page of [`crate::Changes`], as much of it as fits a frame. `counts` are those of the head.
#[must_use]
pub fn catching_up(
    inbox: &InboxName,
    (changes, next, done): (&[ChangedItem], ChangePlace, bool),
    counts: Counts,
    rendering: &Rendering<'_>,
) -> StepRendered {
    let rendered = changed_items(changes, rendering);
    let done = done && rendered.reached.is_none();
    let next = rendered.reached.unwrap_or(next);
    let cursor = (rendering.cursor)(next);
    let mut frames = Vec::with_capacity(3);
    if !rendered.changes.is_empty() {
        let (inbox, cursor, changes) = (inbox.clone(), cursor.clone(), rendered.changes);
        frames.push(ServerFrame::Delta { inbox, cursor, changes, counts: None });
    }
    if done {
        frames.push(ServerFrame::Counts { inbox: inbox.clone(), cursor: cursor.clone(), counts });
        frames.push(ServerFrame::CaughtUp { inbox: inbox.clone(), cursor });
    }
    StepRendered { frames, next, done }
}

/// Renders a snapshot that stands at `at`, as many items of it as fit a frame.
#[must_use]
pub fn snapshot(
    inbox: &InboxName,
    page: &Page,
    counts: Counts,
    at: ChangePlace,
    rendering: &Rendering<'_>,
) -> ServerFrame {
    let rendered = page_of_items(page, rendering);
    ServerFrame::Snapshot {
        inbox: inbox.clone(),
        cursor: (rendering.cursor)(at),
        counts,
        items: rendered.items,
        has_more: rendered.has_more,
    }
}
