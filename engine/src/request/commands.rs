use super::fields::{name, within};
use super::query::cursor;
use super::{filter, publication};
use crate::command::{Command, Inbox, Request};
use crate::cursor::CursorKind;
use crate::grant::{Grant, Right};
use crate::ids::Position;
use crate::item::{Filter, Mark};
use crate::keys::Keys;
use crate::limits::Limit;
use crate::rejection::Rejection;
use std::sync::Arc;
use tidings_wire::{BulkMark, CommandFrame, InboxName, Marked, PageQuery, Publish};

/// Reads a command with who asks for it. `command_id` is `commandId` of a frame or `Idempotency-Key` of a request; for
/// `publish` the `transactionId` takes its place where it is absent.
///
/// # Errors
/// The grant does not permit it, or a field is not of its kind or beyond its limit.
pub fn command(
    keys: &Keys,
    grant: &Arc<Grant>,
    frame: CommandFrame,
    command_id: Option<String>,
) -> Result<Request, Rejection> {
    command_id.as_ref().map_or(Ok(()), |id| name("commandId", id, Limit::CommandIdBytesMax))?;
    let key = command_id.or_else(|| match &frame {
        CommandFrame::Publish(publish) => publish.transaction_id.clone(),
        _ => None,
    });
    let fingerprint = match key {
        Some(_) => keys.fingerprint(&serde_json::to_vec(&frame).expect("a frame that was read has a JSON form")),
        None => [0; 16],
    };
    Ok(Request { grant: Arc::clone(grant), key, fingerprint, command: parse(keys, grant, frame)? })
}

fn parse(keys: &Keys, grant: &Grant, frame: CommandFrame) -> Result<Command, Rejection> {
    let some = |mark, marked| mark_some(keys, grant, mark, &marked);
    let all = |mark, bulk| mark_all(keys, grant, mark, &bulk);
    match frame {
        CommandFrame::MarkSeen(marked) => some(Mark::Seen, marked),
        CommandFrame::MarkUnseen(marked) => some(Mark::Unseen, marked),
        CommandFrame::MarkRead(marked) => some(Mark::Read, marked),
        CommandFrame::MarkUnread(marked) => some(Mark::Unread, marked),
        CommandFrame::Archive(marked) => some(Mark::Archived, marked),
        CommandFrame::Unarchive(marked) => some(Mark::Unarchived, marked),
        CommandFrame::Delete(marked) => some(Mark::Deleted, marked),
        CommandFrame::MarkAllSeen(bulk) => all(Mark::Seen, bulk),
        CommandFrame::MarkAllRead(bulk) => all(Mark::Read, bulk),
        CommandFrame::ArchiveAll(bulk) => all(Mark::Archived, bulk),
        CommandFrame::ArchiveRead(bulk) => all(Mark::Archived, only_read(bulk)?),
        CommandFrame::DeleteAll(bulk) => all(Mark::Deleted, bulk),
        CommandFrame::Publish(publish) => publish_command(keys, grant, *publish),
        CommandFrame::Retract(retract) => {
            permits(grant, Right::Publish)?;
            Ok(Command::Retract { notification: keys.notification(grant.tenant_tag, &retract.notification) })
        }
        CommandFrame::Erase(erase) => {
            permits(grant, Right::Erase)?;
            name("subscriberId", &erase.subscriber_id, Limit::NameBytesMax)?;
            Ok(Command::Erase { subject: keys.known_person(&grant.tenant, &erase.subscriber_id) })
        }
    }
}

fn permits(grant: &Grant, right: Right) -> Result<(), Rejection> {
    if grant.permits(right) { Ok(()) } else { Err(Rejection::Forbidden) }
}

/// Which inbox is to be marked, if the grant permits it.
fn inbox(grant: &Grant, inbox: Option<&InboxName>) -> Result<Inbox, Rejection> {
    match inbox {
        None | Some(InboxName::Me) => permits(grant, Right::OwnInbox).map(|()| Inbox::Own),
        Some(InboxName::Tenant) => permits(grant, Right::MarkTenantInbox).map(|()| Inbox::Tenant),
        Some(_) => Err(Rejection::invalid("inbox", "must be me or tenant here")),
    }
}

fn mark_some(keys: &Keys, grant: &Grant, mark: Mark, marked: &Marked) -> Result<Command, Rejection> {
    let inbox = inbox(grant, marked.inbox.as_ref())?;
    let ids = &marked.notifications;
    if ids.is_empty() {
        return Err(Rejection::invalid("notifications", "must name one at least"));
    }
    within(Limit::BulkIdsCountMax, "notifications", ids.len(), "ids")?;
    let items = ids.iter().map(|id| keys.notification(grant.tenant_tag, id)).collect();
    Ok(Command::Mark { inbox, mark, items })
}

fn mark_all(keys: &Keys, grant: &Grant, mark: Mark, bulk: &BulkMark) -> Result<Command, Rejection> {
    let inbox = inbox(grant, bulk.inbox.as_ref())?;
    let filter = match &bulk.filter {
        Some(query) if query.limit.is_some() || query.after.is_some() => {
            return Err(Rejection::invalid("filter", "must have no limit and no after"));
        }
        Some(query) => filter(query)?,
        None => Filter::default(),
    };
    let up_to = bulk.up_to.as_deref().map(|text| position(keys, grant, text)).transpose()?;
    Ok(Command::MarkAll { inbox, mark, filter, up_to })
}

fn position(keys: &Keys, grant: &Grant, text: &str) -> Result<Position, Rejection> {
    let wrong = ("upTo", "is no cursor of this inbox");
    cursor(keys, grant.tenant_tag, CursorKind::Changes, text, wrong).map(|cursor| cursor.position)
}

fn only_read(bulk: BulkMark) -> Result<BulkMark, Rejection> {
    let query = bulk.filter.unwrap_or_default();
    if query.read == Some(false) {
        return Err(Rejection::invalid("filter", "must not ask for unread items here"));
    }
    Ok(BulkMark { filter: Some(PageQuery { read: Some(true), ..query }), ..bulk })
}

fn publish_command(keys: &Keys, grant: &Grant, publish: Publish) -> Result<Command, Rejection> {
    permits(grant, Right::Publish)?;
    if publish.tenant.as_ref().is_some_and(|tenant| **tenant != *grant.tenant) {
        return Err(Rejection::Forbidden);
    }
    Ok(Command::Publish(Box::new(publication(keys, &grant.tenant, publish)?)))
}
