//! `subscribe` to the audit: who may, from where, and the pages of who is behind. Live events come from the inbox thread.

use super::Reading;
use super::audit_log::{AuditLog, Fault, Whose};
use super::events::line;
use crate::connection::Connection;
use crate::inbox::Work;
use std::sync::Arc;
use tidings_engine::command::Scope;
use tidings_engine::cursor::Cursor;
use tidings_engine::event::AuditedRead;
use tidings_engine::grant::Right;
use tidings_engine::ids::{Position, TenantId};
use tidings_engine::keys::TenantTag;
use tidings_engine::limits::PAGE_BYTES_MAX;
use tidings_engine::rejection::Rejection;
use tidings_engine::session::Input;
use tidings_wire::InboxName;

/// Most events that are looked at for one page: 20,000.
const LOOKED_COUNT_MAX: u64 = 20_000;

/// What a connection that follows the audit is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Following {
    /// Whose events.
    pub(crate) tenant: TenantId,
    /// What its cursors are sealed for.
    pub(crate) tag: TenantTag,
    /// Whether it is on record that content is read.
    pub(crate) content: bool,
}

/// Events of one step of catching up: as many as fit a frame.
pub struct AuditPage {
    /// As JSON texts, in the order of the log.
    pub(crate) lines: Vec<String>,
    /// The last event that was looked at.
    pub(crate) next: Position,
}

/// Begins a subscription of a connection, on a task of its own. It is answered once, whatever happens.
pub(crate) fn follow(connection: Arc<Connection>, from: Option<Cursor>) {
    tokio::spawn(async move {
        if let Err(rejection) = begin(&connection, from).await {
            connection.give(Input::SubscribeFailed { inbox: &InboxName::Audit, rejection });
        }
    });
}

/// Reads on for a connection that is behind, on a task of its own.
pub(crate) fn catch_up(connection: Arc<Connection>, since: Cursor) {
    tokio::spawn(async move {
        if let Err(rejection) = read_on(&connection, since.position).await {
            connection.give(Input::SubscribeFailed { inbox: &InboxName::Audit, rejection });
        }
    });
}

async fn begin(connection: &Arc<Connection>, from: Option<Cursor>) -> Result<(), Rejection> {
    let server = connection.server();
    let auditing = &server.auditing;
    let grant = connection.session_grant().ok_or(Rejection::Unauthenticated)?;
    if let Some(cursor) = from
        && !auditing.run(move |log| log.is_of_this_log(&cursor)).await?
    {
        return Err(Rejection::invalid("from", "is of another log"));
    }
    let head = auditing.log.head();
    let content = grant.permits(Right::ReadContent);
    let reading = Reading {
        scope: Scope::Own,
        what: if content { AuditedRead::FollowWithContent } else { AuditedRead::Follow },
        subject: None,
        from: from.map_or(head, |cursor| cursor.position).next(),
        through: head,
    };
    let Whose::Tenant { tenant, tag, .. } = auditing.record(&**server, &grant, reading).await? else {
        return Err(Rejection::Internal);
    };
    let following = Following { tenant, tag, content };
    connection.set_following(following);
    let from_head = from.is_none();
    server.inbox.send(Work::FollowAudit { connection: Arc::clone(connection), following, from_head });
    match from {
        Some(cursor) => read_on(connection, cursor.position).await,
        None => Ok(()),
    }
}

async fn read_on(connection: &Arc<Connection>, since: Position) -> Result<(), Rejection> {
    let server = connection.server();
    let following = connection.following().ok_or(Rejection::Internal)?;
    let content = following.content && connection.permits(Right::ReadContent);
    let page = server.auditing.run(move |log| page(log, following, content, since)).await?;
    let page = page.map_err(|fault| fault.rejection())?;
    server.inbox.send(Work::AuditPage { connection: Arc::clone(connection), page });
    Ok(())
}

fn page(log: &AuditLog, following: Following, content: bool, since: Position) -> Result<AuditPage, Fault> {
    let whose = Whose::Tenant { tenant: following.tenant, tag: following.tag, is_platform: false };
    let (mut lines, mut room, mut last, mut is_full) = (Vec::new(), PAGE_BYTES_MAX, since, false);
    let view = whose.view(&log.keys);
    let looked = log.each(whose, (since, log.head()), LOOKED_COUNT_MAX, |found| {
        let text = line(log, &found, content, view).text_within(PAGE_BYTES_MAX);
        is_full = text.len() + 1 > room && !lines.is_empty();
        if !is_full {
            room = room.saturating_sub(text.len() + 1);
            lines.push(text);
            last = found.record.envelope.position;
        }
        Ok(!is_full)
    })?;
    Ok(AuditPage { lines, next: if is_full { last } else { looked } })
}
