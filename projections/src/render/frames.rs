use super::pages::Room;
use super::{Rendering, filter, patch};
use crate::changes::{ChangePlace, ChangedItem, ItemChange};
use crate::delta::{Delta, DeltaChange};
use tidings_engine::ids::Position;
use tidings_engine::limits::PAGE_BYTES_MAX;
use tidings_wire::{Change, InboxName, ServerFrame};

/// The frames of a delta: one, or several when it would be larger than a frame. Each comes with its place, which is its
/// cursor too: what is known once it is read, so that a follower who loses the later ones gets the rest on its return.
/// Counts stand in the last.
#[must_use]
pub fn delta_frames(inbox: &InboxName, delta: &Delta, rendering: &Rendering<'_>) -> Vec<(ServerFrame, ChangePlace)> {
    let frame = |changes, place, counts| {
        let (inbox, cursor) = (inbox.clone(), (rendering.cursor)(place));
        (ServerFrame::Delta { inbox, cursor, changes, counts }, place)
    };
    let mut frames = Vec::new();
    let mut changes = Vec::new();
    let mut room = Room::new(PAGE_BYTES_MAX);
    let mut place = ChangePlace::at(Position::ZERO);
    for (change, place_after) in delta_changes(delta, rendering) {
        if !room.takes(&change) && !changes.is_empty() {
            frames.push(frame(std::mem::take(&mut changes), place, None));
            room = Room::new(PAGE_BYTES_MAX);
            room.takes(&change);
        }
        changes.push(change);
        place = place_after;
    }
    frames.push(frame(changes, ChangePlace::at(delta.position), delta.counts));
    frames
}

/// The changes of a delta, ascending, each with the place of a follower that knows it and all before it.
#[must_use]
pub fn delta_changes(delta: &Delta, rendering: &Rendering<'_>) -> Vec<(Change, ChangePlace)> {
    let after = |order_key: u64| ChangePlace::after(delta.position, order_key);
    let removed =
        |notification: &Position| (Change::Removed { id: rendering.id(*notification) }, after(notification.0));
    let mut changes: Vec<_> = delta.dropped.iter().map(removed).collect();
    match &delta.change {
        DeltaChange::Added(state) => {
            changes.push((Change::Added { item: Box::new(rendering.item(state)) }, after(state.order_key)));
        }
        DeltaChange::Changed(states) => changes.extend(states.iter().map(|state| {
            (Change::Changed { id: rendering.id(state.notification), item: patch(state) }, after(state.order_key))
        })),
        DeltaChange::Removed(notifications) => changes.extend(notifications.iter().map(removed)),
        DeltaChange::MarkedAll { mark, filter: which, up_to } => {
            // Everything before the event is what the delta's own cursor says; a client knows that one for sure.
            let place = if up_to.next() >= delta.position { delta.position } else { *up_to };
            let up_to = (rendering.cursor)(ChangePlace::at(place));
            let change =
                Change::MarkedAll { mark: *mark, up_to, at: Some(delta.time.rfc3339()), filter: filter(which) };
            changes.push((change, ChangePlace::at(delta.position)));
        }
    }
    changes
}

/// Changes of a subscription that catches up, within [`PAGE_BYTES_MAX`] encoded.
#[derive(Debug)]
pub struct ChangesRendered {
    /// Items that changed, each whole, and those that are gone.
    pub changes: Vec<Change>,
    /// Where the follower stands after them; `None` when everything was rendered, so that the page's own `next` holds.
    pub reached: Option<ChangePlace>,
}

/// Renders changes until [`PAGE_BYTES_MAX`] are reached. A follower that catches up may hold any of the items or none, so
/// each is told whole.
#[must_use]
pub fn changed_items(changed: &[ChangedItem], rendering: &Rendering<'_>) -> ChangesRendered {
    let mut rendered = ChangesRendered { changes: Vec::with_capacity(changed.len()), reached: None };
    let mut room = Room::new(PAGE_BYTES_MAX);
    for (index, ChangedItem { change, .. }) in changed.iter().enumerate() {
        let change = match change {
            ItemChange::Current { item, .. } => Change::Added { item: Box::new(rendering.item(item)) },
            ItemChange::Removed(notification) => Change::Removed { id: rendering.id(*notification) },
        };
        if !room.takes(&change) && index > 0 {
            rendered.reached = Some(changed[index - 1].place);
            break;
        }
        rendered.changes.push(change);
    }
    rendered
}
