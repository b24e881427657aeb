//! The frames and commands of the matrix.

use super::{Names, Verdict};
use serde_json::json;
use tidings_wire::{
    BulkMark, ClientFrame, CommandFrame, Erase, Fetch, Hello, InboxName, Marked, PageQuery, Publish, Retract,
    SubscribeTo,
};

/// One frame of each kind that names something, in every way it can.
pub(crate) fn frames(names: &Names) -> Vec<ClientFrame> {
    let mut frames = vec![
        ClientFrame::Hello(Hello {
            token: String::new(),
            ticket: None,
            client: None,
            subscribe: vec![SubscribeTo { inbox: InboxName::Me, from: Some(names.cursor.clone()) }],
        }),
        ClientFrame::Refresh { id: "1".into(), token: names.token.clone() },
        ClientFrame::Unsubscribe { id: "1".into(), inbox: InboxName::Me },
        ClientFrame::Ack { cursor: names.cursor.clone() },
        ClientFrame::Ping,
        ClientFrame::Pong,
    ];
    let from = Some(names.cursor.clone());
    frames.push(ClientFrame::Subscribe { id: "1".into(), inbox: InboxName::Audit, from });
    for inbox in [InboxName::Me, InboxName::Tenant] {
        let from = Some(names.cursor.clone());
        frames.push(ClientFrame::Subscribe { id: "1".into(), inbox: inbox.clone(), from });
        for after in [&names.id, &names.tenant_id, &names.cursor] {
            let query = PageQuery { after: Some(after.clone()), ..PageQuery::default() };
            frames.push(ClientFrame::Fetch(Fetch { id: "1".into(), inbox: inbox.clone(), query }));
        }
    }
    let commands = commands(names).into_iter();
    frames.extend(commands.map(|command| ClientFrame::Command { id: "1".into(), command_id: None, command }));
    frames
}

/// One command of each kind, in every way it can name something.
fn commands(names: &Names) -> Vec<CommandFrame> {
    let mut commands = Vec::new();
    for inbox in [InboxName::Me, InboxName::Tenant] {
        for id in [&names.id, &names.tenant_id] {
            let marked = || Marked { notifications: vec![id.clone()], inbox: Some(inbox.clone()) };
            commands.extend([
                CommandFrame::MarkSeen(marked()),
                CommandFrame::MarkUnseen(marked()),
                CommandFrame::MarkRead(marked()),
                CommandFrame::MarkUnread(marked()),
                CommandFrame::Archive(marked()),
                CommandFrame::Unarchive(marked()),
                CommandFrame::Delete(marked()),
            ]);
        }
        let bulk = || BulkMark { filter: None, up_to: Some(names.cursor.clone()), inbox: Some(inbox.clone()) };
        commands.extend([
            CommandFrame::MarkAllSeen(bulk()),
            CommandFrame::MarkAllRead(bulk()),
            CommandFrame::ArchiveAll(bulk()),
            CommandFrame::ArchiveRead(bulk()),
            CommandFrame::DeleteAll(bulk()),
        ]);
    }
    let body = json!({"to": "ada", "body": "to another tenant", "tenant": names.tenant});
    let publish: Publish = serde_json::from_value(body).unwrap();
    commands.push(CommandFrame::Publish(Box::new(publish)));
    let retract = |id: &String| CommandFrame::Retract(Retract { notification: id.clone() });
    commands.extend([&names.id, &names.tenant_id].map(retract));
    let subscriber_id = if names.tenant == "acme" { "ada" } else { "nobody" };
    commands.push(CommandFrame::Erase(Erase { subscriber_id: subscriber_id.to_owned() }));
    commands
}

/// How a frame that names something of another's is answered, and the kind's number. Without a wildcard: a new kind needs
/// its row here, and with its number also in [`frames`] or [`commands`].
pub(crate) fn row(frame: &ClientFrame) -> (usize, Option<Verdict>) {
    match frame {
        ClientFrame::Hello(_) => (0, None),
        ClientFrame::Refresh { .. } => (1, Some(Verdict::AsAbsent)),
        ClientFrame::Subscribe { .. } => (2, Some(Verdict::AsAbsent)),
        ClientFrame::Unsubscribe { .. } => (3, None),
        ClientFrame::Fetch(_) => (4, Some(Verdict::AsAbsent)),
        ClientFrame::Ack { .. } => (5, None),
        ClientFrame::Ping => (6, None),
        ClientFrame::Pong => (7, None),
        ClientFrame::Command { command, .. } => match command {
            CommandFrame::MarkSeen(_) => (8, Some(Verdict::NotFound)),
            CommandFrame::MarkUnseen(_) => (9, Some(Verdict::NotFound)),
            CommandFrame::MarkRead(_) => (10, Some(Verdict::NotFound)),
            CommandFrame::MarkUnread(_) => (11, Some(Verdict::NotFound)),
            CommandFrame::Archive(_) => (12, Some(Verdict::NotFound)),
            CommandFrame::Unarchive(_) => (13, Some(Verdict::NotFound)),
            CommandFrame::Delete(_) => (14, Some(Verdict::NotFound)),
            CommandFrame::MarkAllSeen(_) => (15, Some(Verdict::AsAbsent)),
            CommandFrame::MarkAllRead(_) => (16, Some(Verdict::AsAbsent)),
            CommandFrame::ArchiveAll(_) => (17, Some(Verdict::AsAbsent)),
            CommandFrame::ArchiveRead(_) => (18, Some(Verdict::AsAbsent)),
            CommandFrame::DeleteAll(_) => (19, Some(Verdict::AsAbsent)),
            CommandFrame::Publish(_) => (20, Some(Verdict::AsAbsent)),
            CommandFrame::Retract(_) => (21, Some(Verdict::NotFound)),
            CommandFrame::Erase(_) => (22, Some(Verdict::AsAbsent)),
        },
    }
}

/// Kinds of frames and commands.
pub(crate) const KINDS: usize = 23;
