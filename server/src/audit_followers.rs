//! Who follows the audit of which tenant. Owned by the inbox thread.
//!
//! Whoever is behind reads the log on threads of its own, and what was committed meanwhile is kept here for a while: so the
//! last page and the first live event meet without a gap, and without the inbox thread reading the log.

use crate::auditing::{AuditPage, Following};
use crate::connection::Connection;
use crate::hub::ConnectionId;
use crate::inbox::InboxThread;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tidings_engine::audit::{Line, Seen, View};
use tidings_engine::cursor::{Cursor, CursorKind};
use tidings_engine::event::Recorded;
use tidings_engine::grant::Right;
use tidings_engine::ids::{Position, TenantId};
use tidings_engine::keys::{Keys, TenantTag};
use tidings_engine::limits::PAGE_BYTES_MAX;
use tidings_engine::log::LogReader;
use tidings_engine::session::{Input, Placed};
use tidings_projections::ContentSource;
use tidings_wire::{InboxName, ServerFrame, encode, encode_events};

/// Events that are kept for those who catch up: 1,024.
const RECENT_COUNT_MAX: usize = 1_024;

/// Most bytes of them, as stored: 4 MiB.
const RECENT_BYTES_MAX: usize = 4 * 1024 * 1024;

type Followers = HashMap<ConnectionId, (Arc<Connection>, Following)>;

/// The subscriptions to the audit on this node.
#[derive(Default)]
pub(crate) struct AuditFollowers {
    by_tenant: HashMap<TenantId, Followers>,
    /// The newest events of everybody, while anybody follows.
    recent: VecDeque<Arc<Recorded>>,
    recent_bytes: usize,
    /// The last event that is not among them.
    floor: Position,
}

/// What lines and cursors are made with.
struct Showing<'a> {
    keys: &'a Keys,
    contents: &'a dyn ContentSource,
    reader: &'a LogReader,
    epoch: u64,
    /// The last event that was applied.
    head: Position,
}

impl Showing<'_> {
    fn cursor(&self, position: Position) -> Cursor {
        let chain = self.reader.chain_prefix(position).unwrap_or_default();
        Cursor { kind: CursorKind::Changes, epoch: self.epoch, position, chain, place: 0 }
    }
}

impl InboxThread {
    /// Has a session follow the audit; from the head it is live at once.
    pub(crate) fn follow_audit(&mut self, connection: &Arc<Connection>, following: Following, from_head: bool) {
        let (audits, showing) = self.showing();
        audits.follow(connection, following, showing.head);
        if from_head {
            let page = AuditPage { lines: Vec::new(), next: showing.head };
            give(connection, following, page, true, &showing);
        }
    }

    /// Gives a session that is behind in the audit its page.
    pub(crate) fn audit_page(&mut self, connection: &Connection, page: AuditPage) {
        let (audits, showing) = self.showing();
        audits.page(connection, page, &showing);
    }

    /// Hands an event to those who follow the audit of its tenant.
    pub(crate) fn tell_auditors(&mut self, recorded: &Arc<Recorded>) {
        if !self.audits.by_tenant.is_empty() {
            let (audits, showing) = self.showing();
            audits.committed(recorded, &showing);
        }
    }

    fn showing(&mut self) -> (&mut AuditFollowers, Showing<'_>) {
        let head = self.folding.position();
        let Self { audits, keys, contents, reader, epoch, .. } = self;
        (audits, Showing { keys, contents, reader, epoch: *epoch, head })
    }
}

impl AuditFollowers {
    /// Has a connection follow. What it followed before is replaced.
    fn follow(&mut self, connection: &Arc<Connection>, following: Following, head: Position) {
        self.leave(connection);
        // One that ended meanwhile has left for good.
        if connection.session_grant().is_none() {
            return;
        }
        if self.by_tenant.is_empty() {
            self.floor = head;
        }
        let follower = (Arc::clone(connection), following);
        self.by_tenant.entry(following.tenant).or_default().insert(connection.id(), follower);
    }

    /// Has a connection follow no more.
    pub(crate) fn leave(&mut self, connection: &Connection) {
        self.by_tenant.retain(|_, followers| {
            followers.remove(&connection.id());
            !followers.is_empty()
        });
        if self.by_tenant.is_empty() {
            (self.recent, self.recent_bytes) = (VecDeque::new(), 0);
        }
    }

    /// Hands an event to those who follow its tenant: it is encoded once for all who see the same of it.
    fn committed(&mut self, recorded: &Arc<Recorded>, showing: &Showing<'_>) {
        self.keep(recorded);
        let Some(followers) = self.by_tenant.get(&recorded.envelope.tenant) else { return };
        let at = showing.cursor(recorded.envelope.position);
        let mut frames: [Option<Bytes>; 2] = [None, None];
        for (connection, following) in followers.values() {
            let content = following.content && connection.permits(Right::ReadContent);
            let frame = frames[usize::from(content)].get_or_insert_with(|| {
                let cursor = at.seal(showing.keys, following.tag);
                encode_events(&cursor, &[line(recorded, following.tag, content, showing)])
            });
            connection.deliver(&InboxName::Audit, frame, at);
        }
    }

    fn keep(&mut self, recorded: &Arc<Recorded>) {
        self.recent.push_back(Arc::clone(recorded));
        self.recent_bytes += recorded.content.stored_bytes();
        while (self.recent.len() > RECENT_COUNT_MAX || self.recent_bytes > RECENT_BYTES_MAX)
            && let Some(oldest) = self.recent.pop_front()
        {
            self.recent_bytes -= oldest.content.stored_bytes();
            self.floor = oldest.envelope.position;
        }
    }

    /// Gives a connection that is behind its page; at the head it is live again.
    fn page(&self, connection: &Connection, mut page: AuditPage, showing: &Showing<'_>) {
        let Some(following) = connection.following() else { return };
        let done = page.next <= showing.head
            && page.next >= self.floor
            && self.complete(connection, following, &mut page, showing);
        give(connection, following, page, done, showing);
    }

    /// Adds what was committed since the page was read; whether all of it fits.
    fn complete(
        &self,
        connection: &Connection,
        following: Following,
        page: &mut AuditPage,
        showing: &Showing<'_>,
    ) -> bool {
        let content = following.content && connection.permits(Right::ReadContent);
        let mut room = PAGE_BYTES_MAX.saturating_sub(page.lines.iter().map(|line| line.len() + 1).sum());
        let first = self.recent.partition_point(|recorded| recorded.envelope.position <= page.next);
        for recorded in self.recent.range(first..) {
            if recorded.envelope.tenant == following.tenant {
                let text = line(recorded, following.tag, content, showing);
                if text.len() + 1 > room && !page.lines.is_empty() {
                    return false;
                }
                room = room.saturating_sub(text.len() + 1);
                page.lines.push(text);
            }
            page.next = recorded.envelope.position;
        }
        page.next == showing.head
    }
}

fn give(connection: &Connection, following: Following, page: AuditPage, done: bool, showing: &Showing<'_>) {
    let next = showing.cursor(page.next);
    let cursor = next.seal(showing.keys, following.tag);
    let mut frames = Vec::with_capacity(2);
    if !page.lines.is_empty() {
        frames.push(Placed { frame: encode_events(&cursor, &page.lines), at: next });
    }
    if done {
        let frame = encode(&ServerFrame::CaughtUp { inbox: InboxName::Audit, cursor });
        frames.push(Placed { frame, at: next });
    }
    connection.give(Input::CatchUpPage { inbox: &InboxName::Audit, frames, next, done });
}

fn line(recorded: &Recorded, tag: TenantTag, content: bool, showing: &Showing<'_>) -> String {
    let has_content = content && !recorded.content.is_empty();
    let content = if has_content { showing.contents.content(recorded.envelope.position) } else { None };
    let view = View::Tenant { keys: showing.keys, tag };
    Line::new(&Seen::live(recorded), content.as_deref(), view).text_within(PAGE_BYTES_MAX)
}
