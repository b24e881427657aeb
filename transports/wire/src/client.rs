use crate::inbox::InboxName;
use crate::privacy::Erase;
use crate::publish::Publish;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing a client says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ClientFrame {
    /// Who the client is; must be first.
    Hello(Hello),
    /// A later token of the same person.
    Refresh {
        /// Echoed in the reply.
        id: String,
        /// The token.
        token: String,
    },
    /// Follow an inbox.
    Subscribe {
        /// Echoed in the reply.
        id: String,
        /// Which inbox.
        inbox: InboxName,
        /// Where to go on; a snapshot first when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    },
    /// Follow an inbox no more.
    Unsubscribe {
        /// Echoed in the reply.
        id: String,
        /// Which inbox.
        inbox: InboxName,
    },
    /// Change something.
    Command {
        /// Echoed in the reply.
        id: String,
        /// Makes a retry harmless; at most 64 bytes.
        #[serde(default, rename = "commandId", skip_serializing_if = "Option::is_none")]
        command_id: Option<String>,
        /// What to change.
        #[serde(flatten)]
        command: CommandFrame,
    },
    /// One page.
    Fetch(Fetch),
    /// Everything up to the cursor was delivered.
    Ack {
        /// The cursor.
        cursor: String,
    },
    /// Are you there.
    Ping,
    /// I am.
    Pong,
}

/// The first frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The token; absent where there is a ticket.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// A connect ticket instead of the token: worth one connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Name and version of the client, for the operator's eyes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// What to follow from the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscribe: Vec<SubscribeTo>,
}

/// A subscription within `hello`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribeTo {
    /// Which inbox.
    pub inbox: InboxName,
    /// Where to go on; a snapshot first when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// A question for one page of an inbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fetch {
    /// Echoed in the reply.
    pub id: String,
    /// Which inbox.
    pub inbox: InboxName,
    /// Which items.
    #[serde(default)]
    pub query: PageQuery,
}

/// Which items of an inbox, and how many. Field names of one page query on every carrier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PageQuery {
    /// Most items, 1 to 100; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The id of the last item of the page before, or a cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Only read, or only unread ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<bool>,
    /// Only seen, or only unseen ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<bool>,
    /// Only archived, or only those that are not; not archived when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// Only snoozed, or only those that are not; not snoozed when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed: Option<bool>,
    /// Labels: `["a","b"]` is a or b; `[["a","b"],["c"]]` is (a or b) and c.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Value>,
    /// One severity or a list of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Value>,
    /// One category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Published at or after this moment, milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_gte: Option<i64>,
    /// Published at or before this moment, milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_lte: Option<i64>,
}

/// Arguments of a mark on all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkMark {
    /// Which items; all when absent. `limit` and `after` are no filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<PageQuery>,
    /// Only what is ordered up to this cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<String>,
    /// `me` when absent; `tenant` for those who may write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbox: Option<InboxName>,
}

/// What a client asks to change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is the command of its name in docs/wire.md")]
pub enum CommandFrame {
    MarkSeen(Marked),
    MarkUnseen(Marked),
    MarkRead(Marked),
    MarkUnread(Marked),
    Archive(Marked),
    Unarchive(Marked),
    Delete(Marked),
    MarkAllSeen(BulkMark),
    MarkAllRead(BulkMark),
    ArchiveAll(BulkMark),
    ArchiveRead(BulkMark),
    DeleteAll(BulkMark),
    Publish(Box<Publish>),
    Retract(Retract),
    Erase(Erase),
}

/// The items that a mark is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marked {
    /// Ids, 1 to 500.
    pub notifications: Vec<String>,
    /// `me` when absent; `tenant` for those who may write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbox: Option<InboxName>,
}

/// Which notification to take back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retract {
    /// Its id.
    pub notification: String,
}

/// Why bytes are no frame. None of these says anything of ours beyond the field at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// More bytes than a frame may have.
    #[error("frame is {bytes} bytes, at most {bytes_max} are allowed")]
    TooLarge {
        /// Found.
        bytes: usize,
        /// Allowed.
        bytes_max: usize,
    },
    /// Not UTF-8.
    #[error("frame is not UTF-8")]
    NotText,
    /// Not a JSON object with a `type`.
    #[error("frame is not a JSON object with a type")]
    NotAFrame,
    /// A `type` that no client frame has.
    #[error("frame type is not known")]
    UnknownType,
    /// The frame's type is known and its fields are not right; carries the `id` where there is one.
    #[error("{what}")]
    Invalid {
        /// The frame's `id`, to be echoed.
        id: Option<String>,
        /// A plain sentence.
        what: String,
    },
}

/// Most bytes an `id` may have to be echoed: 64.
const ID_BYTES_MAX: usize = 64;

const TYPES: [&str; 9] = ["hello", "refresh", "subscribe", "unsubscribe", "command", "fetch", "ack", "ping", "pong"];

/// Reads one client frame.
///
/// # Errors
/// [`FrameError`], which is a protocol error except for `Invalid`, whose `id` lets the server reply to it.
pub fn decode(bytes: &[u8], bytes_max: usize) -> Result<ClientFrame, FrameError> {
    if bytes.len() > bytes_max {
        return Err(FrameError::TooLarge { bytes: bytes.len(), bytes_max });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| FrameError::NotText)?;
    let value: Value = serde_json::from_str(text).map_err(|_| FrameError::NotAFrame)?;
    let kind = value.get("type").and_then(Value::as_str).ok_or(FrameError::NotAFrame)?;
    if !TYPES.contains(&kind) {
        return Err(FrameError::UnknownType);
    }
    let id = value.get("id").and_then(Value::as_str).filter(|id| id.len() <= ID_BYTES_MAX).map(str::to_owned);
    if id.is_none() && !matches!(kind, "hello" | "ack" | "ping" | "pong") {
        return Err(FrameError::Invalid { id, what: format!("{kind} needs an id, a string of at most 64 bytes") });
    }
    let what = format!("{kind} has a field that is missing or not of its kind");
    serde_json::from_value(value).map_err(|_| FrameError::Invalid { id, what })
}

#[cfg(test)]
mod tests {
    use super::{ClientFrame, FrameError, decode};

    #[test]
    fn a_command_reads_its_arguments_beside_its_name() {
        let frame =
            decode(br#"{"type":"command","id":"1","command":"mark_read","notifications":["a"]}"#, 1024).unwrap();
        let ClientFrame::Command { id, command_id, command } = frame else { panic!("not a command") };
        assert_eq!((id.as_str(), command_id), ("1", None));
        assert!(matches!(command, super::CommandFrame::MarkRead(marked) if marked.notifications == ["a"]));
    }

    #[test]
    fn unknown_fields_are_ignored_and_unknown_types_are_not() {
        assert_eq!(decode(br#"{"type":"ping","later":1}"#, 1024), Ok(ClientFrame::Ping));
        assert_eq!(decode(br#"{"type":"pwn"}"#, 1024), Err(FrameError::UnknownType));
        assert_eq!(decode(br"[]", 1024), Err(FrameError::NotAFrame));
        assert_eq!(decode(&[b'"', 0xff, b'"'], 1024), Err(FrameError::NotText));
        assert!(matches!(decode(&[b' '; 9], 8), Err(FrameError::TooLarge { bytes: 9, bytes_max: 8 })));
    }

    #[test]
    fn a_frame_with_a_wrong_field_keeps_its_id_for_the_reply() {
        let error = decode(br#"{"type":"subscribe","id":"7","inbox":"nobody"}"#, 1024).unwrap_err();
        assert!(matches!(error, FrameError::Invalid { id: Some(id), .. } if id == "7"));
    }
}
