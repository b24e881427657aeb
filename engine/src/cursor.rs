//! Where a client stands in the log: sealed when it leaves, checked against the log when it comes back.

use crate::ids::Position;
use crate::keys::{Keys, TenantTag};

const CURSOR_BYTES: usize = 1 + 8 + 8 + 4 + 8;

/// Characters of every cursor's text: its bytes and the seal's sixteen, in base64.
pub(crate) const CURSOR_CHARACTERS: usize = (CURSOR_BYTES + 16).div_ceil(3) * 4;

/// What a cursor is for. One kind is not taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CursorKind {
    /// A place in the stream of changes.
    Changes,
    /// A place in a page.
    Page,
}

/// A place: epoch and position, a few bytes of the chain there, and the place within a page or within one event's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// What it is for.
    pub kind: CursorKind,
    /// Identity of the log.
    pub epoch: u64,
    /// Every event up to here is known to the holder.
    pub position: Position,
    /// First bytes of the chain after `position`: a log that was replaced or rolled back has others.
    pub chain: [u8; 4],
    /// Of the event after `position`, or of the page: everything up to this order key is known too.
    pub place: u64,
}

impl Cursor {
    /// The text for clients of one tenant.
    #[must_use]
    pub fn seal(&self, keys: &Keys, tenant: TenantTag) -> String {
        let mut bytes = [0; CURSOR_BYTES];
        bytes[0] = match self.kind {
            CursorKind::Changes => 1,
            CursorKind::Page => 2,
        };
        bytes[1..9].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[9..17].copy_from_slice(&self.position.0.to_le_bytes());
        bytes[17..21].copy_from_slice(&self.chain);
        bytes[21..].copy_from_slice(&self.place.to_le_bytes());
        keys.seal(tenant, &bytes)
    }

    /// Reads a text that [`Cursor::seal`] gave for the same tenant; `None` for everything else.
    #[must_use]
    pub fn open(keys: &Keys, tenant: TenantTag, text: &str) -> Option<Self> {
        let bytes: [u8; CURSOR_BYTES] = keys.open(tenant, text, CURSOR_BYTES)?.try_into().ok()?;
        let number = |from: usize| u64::from_le_bytes(bytes[from..from + 8].try_into().expect("eight bytes"));
        let kind = match bytes[0] {
            1 => CursorKind::Changes,
            2 => CursorKind::Page,
            _ => return None,
        };
        Some(Self {
            kind,
            epoch: number(1),
            position: Position(number(9)),
            chain: bytes[17..21].try_into().expect("four bytes"),
            place: number(21),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{CURSOR_CHARACTERS, Cursor, CursorKind, Keys, Position};

    #[test]
    fn a_cursor_comes_back_as_it_left() {
        let keys = Keys::new(&[1; 32]);
        let tenant = keys.tenant_tag("acme");
        let cursor =
            Cursor { kind: CursorKind::Page, epoch: 3, position: Position(9), chain: [1, 2, 3, 4], place: u64::MAX };
        let text = cursor.seal(&keys, tenant);
        assert_eq!((Cursor::open(&keys, tenant, &text), text.len()), (Some(cursor), CURSOR_CHARACTERS));
        assert_eq!(Cursor::open(&keys, keys.tenant_tag("other"), &cursor.seal(&keys, tenant)), None);
    }
}
