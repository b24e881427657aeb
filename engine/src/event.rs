//! What can have happened. An event is facts: clear, kept for ever and never personal; the personal part is [`Content`].

use crate::grant::Role;
use crate::ids::{Position, StreamId, Time};
use crate::item::{Filter, Mark};
use crate::log;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tidings_wire::Severity;

/// Tag of postcard 1 as the codec of facts and content: the first byte of each.
const CODEC_POSTCARD: u8 = 1;

/// One thing that happened, as recorded in the facts of its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A tenant arose. Its number is the envelope's tenant.
    TenantCreated {
        /// The tenant's name.
        name: String,
    },
    /// A person was seen for the first time, or with other roles or topics than last recorded. In the person's stream.
    SubjectObserved {
        /// Roles of the grant, sorted.
        roles: Vec<Role>,
        /// Topics of the grant, sorted.
        topics: Vec<String>,
    },
    /// A notification was published. In the tenant's stream. One event, whatever the audience.
    NotificationPublished(Published),
    /// A notification was taken back: it leaves every inbox. In the tenant's stream.
    NotificationRetracted {
        /// The notification.
        notification: Position,
    },
    /// A mark was set on items. In the stream of the inbox's owner: a person, or the tenant for the tenant inbox.
    ItemsMarked {
        /// Which mark.
        mark: Mark,
        /// The notifications, ascending.
        items: Vec<Position>,
    },
    /// A mark was set on every item up to a place that a filter matches. In the stream of the inbox's owner.
    AllItemsMarked {
        /// Which mark.
        mark: Mark,
        /// Which items, judged by their states just before this event.
        filter: Filter,
        /// Greatest order key that is covered; this event's own position at most.
        up_to: Position,
    },
    /// A person was erased: their key was destroyed after this event, and the same name is a new person. In the tenant's
    /// stream.
    SubjectErased {
        /// The person's stream, which leads to nobody any more.
        subject: StreamId,
        /// Number of the destroyed key in the keyring.
        key: u32,
        /// First 16 bytes of the SHA-256 of the key, by which a restored copy of it is told.
        fingerprint: [u8; 16],
    },
    /// An auditor read the log through a server. In the stream of the tenant that was read.
    AuditRead {
        /// How.
        what: AuditedRead,
        /// Whose stream or inbox, when it was one person's.
        subject: Option<StreamId>,
        /// First position that was asked for.
        from: Position,
        /// Last position that could be told.
        through: Position,
    },
    /// Checkpoints are signed by this key from here on. In the platform's stream.
    CheckpointKeyAdopted {
        /// The Ed25519 public key.
        public: [u8; 32],
        /// Signature of the key before over the text of this one, see [`crate::checkpoint::SigningKey::endorse`]; empty for
        /// the first key of a log.
        endorsement: Vec<u8>,
    },
    /// Tokens permit nothing any more, although they verify. In the stream of their tenant.
    TokensRevoked {
        /// Which.
        which: RevokedTokens,
        /// When every token that it concerns has expired by itself, so that it need not be remembered any longer.
        until: Time,
    },
    /// A service got a key to call with. In the stream of its tenant; the event's position is the key's identity. Its name
    /// is content: [`Content::subject`].
    ApiKeyCreated {
        /// SHA-256 of the secret. A secret is 32 random bytes, so that nobody finds it by trying: a hash that is slow on
        /// purpose would add nothing, and cost each request.
        hash: [u8; 32],
        /// What its grants may be, sorted.
        roles: Vec<Role>,
        /// When it ends by itself.
        expires: Option<Time>,
    },
    /// A key of a service permits nothing any more. In the stream of its tenant.
    ApiKeyRevoked {
        /// The key: the position of its creation.
        key: Position,
    },
    /// A person allowed a use of their data, or took that back. In the tenant's stream. What for is content:
    /// [`Content::subject`], sealed with the person's key; who recorded it is the facts' actor.
    ConsentChanged {
        /// The person.
        subject: StreamId,
        /// What is allowed or not.
        channel: Channel,
        /// For items of which category; for all that no other consent of the channel names when absent.
        category: Option<String>,
        /// Whether it is allowed from here on.
        given: bool,
        /// Which text the person was shown: a name of its version, never the text.
        text_version: Option<String>,
    },
    /// A tenant decided something for itself. In the tenant's stream.
    TenantSettingsChanged {
        /// What is otherwise from here on; what is not named stays.
        settings: Vec<Setting>,
    },
    /// A device of a person has all that was pushed of the person's inbox up to a place. In the person's stream; only where
    /// the tenant decided that it is recorded, and at most once a minute.
    ItemsDelivered {
        /// The event up to which.
        up_to: Position,
    },
}

/// One thing that a tenant decides for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setting {
    /// What is pushed to people who said nothing.
    Realtime {
        /// Nothing is, until they allow it; else everything is, until they do not.
        opt_in: bool,
    },
    /// Categories whose items are pushed whatever a person says.
    Critical {
        /// Sorted, without doubles. All of them: what is not named is not critical.
        categories: Vec<String>,
    },
    /// Whether it is recorded what reached people's devices.
    RecordDelivered {
        /// It is; unless told it is not.
        on: bool,
    },
}

/// A way to use somebody's data that needs consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Channel {
    /// Items are pushed to open sessions the moment they arrive.
    Realtime,
}

/// Which tokens were revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RevokedTokens {
    /// One, whenever it was issued.
    Token {
        /// Keyed hash of tenant and `jti`.
        id: [u8; 16],
    },
    /// Those of a person or service. One that does not say when it was issued counts as issued before.
    Subject {
        /// Their stream.
        subject: StreamId,
        /// Issued before this moment.
        issued_before: Time,
    },
    /// Those of everybody in the tenant. One that does not say when it was issued counts as issued before.
    Tenant {
        /// Issued before this moment.
        issued_before: Time,
    },
}

/// How an auditor read the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditedRead {
    /// A list of events.
    Events,
    /// An inbox as of a time.
    State,
    /// A replay with its digests.
    Replay,
    /// A verification.
    Verify,
    /// A subscription to all that happens.
    Follow,
    /// A list of events with their content.
    EventsWithContent,
    /// An inbox as of a time with the content of its items.
    StateWithContent,
    /// A subscription to all that happens with content.
    FollowWithContent,
}

/// The facts of a published notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Whom it is for.
    pub audience: Audience,
    /// How urgent it is.
    pub severity: Severity,
    /// What kind of thing it is about.
    pub category: Option<String>,
    /// Filterable labels, sorted and without doubles.
    pub tags: Vec<String>,
    /// Which workflow made it.
    pub workflow: Option<String>,
    /// When it goes by itself.
    pub expires: Option<Time>,
    /// Keyed hash of the group key.
    pub group: Option<[u8; 16]>,
}

/// Whom a notification is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Audience {
    /// People by their streams: one, or a list of at most 10,000.
    People(Vec<StreamId>),
    /// Everyone of the tenant.
    Tenant,
    /// Everyone who follows the topic.
    Topic(String),
    /// Everyone who has the role.
    Role(Role),
    /// Everyone of every tenant.
    Platform,
}

/// Facts as they stand in a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Stream of who caused it. All zero: the engine itself.
    pub actor: StreamId,
    /// Hash of the request's arguments, by which a retry with another body is told. All zero: the command had no key.
    pub fingerprint: [u8; 16],
    /// What happened.
    pub event: Event,
}

/// The personal part of a published notification, the name of an API key, or what a consent is for: sealed and removable, so
/// nothing that is folded may depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// One line.
    pub subject: Option<String>,
    /// The text.
    pub body: String,
    /// The application's own value, as JSON text.
    pub data: Option<String>,
    /// Address of a picture.
    pub avatar: Option<String>,
    /// The application's id of who caused it.
    pub actor: Option<String>,
    /// The main button, as JSON text of the wire.
    pub primary_action: Option<String>,
    /// The other button, as JSON text of the wire.
    pub secondary_action: Option<String>,
    /// Where a click leads, as JSON text of the wire.
    pub redirect: Option<String>,
    /// Items of one group belong together.
    pub group_key: Option<String>,
    /// The publisher's own name for it.
    pub transaction_id: Option<String>,
    /// The person it is for, when it is one.
    pub recipient: Option<String>,
}

/// An event with its envelope, decoded from a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Position, stream, revision, time and the rest of the fixed part.
    pub envelope: log::Envelope,
    /// What happened and who caused it.
    pub facts: Facts,
    /// The stored content, sealed; empty where the event has none.
    pub content: log::Stored,
}

/// Bytes of a record are not what this version can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The codec tag is unknown.
    #[error("codec {found} is not known")]
    Codec {
        /// The tag.
        found: u8,
    },
    /// The event's type is newer than this program, or none.
    #[error("event type {found} is not known")]
    Type {
        /// The type.
        found: u16,
    },
    /// The event version is newer than this program, or none.
    #[error("event type {event_type} has version {found}, at most {known} is known")]
    Version {
        /// Which type.
        event_type: u16,
        /// Its version in the log.
        found: u16,
        /// The newest that is known.
        known: u16,
    },
    /// The bytes are not of the codec.
    #[error("{part} of the record cannot be decoded")]
    Malformed {
        /// `facts` or `content`.
        part: &'static str,
    },
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 1] = [Self::Realtime];

    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Realtime => "realtime",
        }
    }

    /// The channel of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.word() == word)
    }
}

impl Event {
    /// Number of [`Event::CheckpointKeyAdopted`], by which its records are found without decoding the others.
    pub const CHECKPOINT_KEY_ADOPTED: u16 = 9;

    /// Number of the type in the envelope. Never reused.
    #[must_use]
    pub const fn type_number(&self) -> u16 {
        match self {
            Self::TenantCreated { .. } => 1,
            Self::SubjectObserved { .. } => 2,
            Self::NotificationPublished(_) => 3,
            Self::NotificationRetracted { .. } => 4,
            Self::ItemsMarked { .. } => 5,
            Self::AllItemsMarked { .. } => 6,
            Self::SubjectErased { .. } => 7,
            Self::AuditRead { .. } => 8,
            Self::CheckpointKeyAdopted { .. } => Self::CHECKPOINT_KEY_ADOPTED,
            Self::TokensRevoked { .. } => 10,
            Self::ApiKeyCreated { .. } => 11,
            Self::ApiKeyRevoked { .. } => 12,
            Self::ConsentChanged { .. } => 13,
            Self::TenantSettingsChanged { .. } => 14,
            Self::ItemsDelivered { .. } => 15,
        }
    }

    /// Name of the type in audits.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::TenantCreated { .. } => "TenantCreated",
            Self::SubjectObserved { .. } => "SubjectObserved",
            Self::NotificationPublished(_) => "NotificationPublished",
            Self::NotificationRetracted { .. } => "NotificationRetracted",
            Self::ItemsMarked { .. } => "ItemsMarked",
            Self::AllItemsMarked { .. } => "AllItemsMarked",
            Self::SubjectErased { .. } => "SubjectErased",
            Self::AuditRead { .. } => "AuditRead",
            Self::CheckpointKeyAdopted { .. } => "CheckpointKeyAdopted",
            Self::TokensRevoked { .. } => "TokensRevoked",
            Self::ApiKeyCreated { .. } => "ApiKeyCreated",
            Self::ApiKeyRevoked { .. } => "ApiKeyRevoked",
            Self::ConsentChanged { .. } => "ConsentChanged",
            Self::TenantSettingsChanged { .. } => "TenantSettingsChanged",
            Self::ItemsDelivered { .. } => "ItemsDelivered",
        }
    }

    /// Newest version of a type that this program reads; `None` when it does not know the type.
    #[must_use]
    pub const fn version_of(event_type: u16) -> Option<u16> {
        match event_type {
            1..=15 => Some(1),
            _ => None,
        }
    }

    /// Version that this program writes for the type.
    #[must_use]
    pub const fn version(&self) -> u16 {
        1
    }
}

fn encode<T: Serialize>(value: &T) -> Bytes {
    let bytes = postcard::to_extend(value, vec![CODEC_POSTCARD]).expect("a growing vector takes every value");
    Bytes::from(bytes)
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], part: &'static str) -> Result<T, DecodeError> {
    match bytes.split_first() {
        Some((&CODEC_POSTCARD, rest)) => match postcard::take_from_bytes(rest) {
            Ok((value, [])) => Ok(value),
            _ => Err(DecodeError::Malformed { part }),
        },
        Some((&found, _)) => Err(DecodeError::Codec { found }),
        None => Err(DecodeError::Malformed { part }),
    }
}

impl Facts {
    /// The bytes for a record.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        encode(self)
    }
}

impl Content {
    /// The bytes for a record.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        encode(self)
    }

    /// Reads the stored content of a record.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are of no known codec, or were redacted.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes, "content")
    }
}

impl Recorded {
    /// Decodes a record.
    ///
    /// # Errors
    /// [`DecodeError`] when a newer program wrote it, or the facts are of no known codec, or of another type than the envelope
    /// says, or not all of the bytes are read.
    pub fn decode(record: log::Record) -> Result<Self, DecodeError> {
        let (event_type, found) = (record.envelope.event_type, record.envelope.event_version);
        let known = Event::version_of(event_type).ok_or(DecodeError::Type { found: event_type })?;
        if found == 0 || found > known {
            return Err(DecodeError::Version { event_type, found, known });
        }
        let facts: Facts = decode(&record.facts, "facts")?;
        if facts.event.type_number() != event_type {
            return Err(DecodeError::Malformed { part: "facts" });
        }
        Ok(Self { envelope: record.envelope, facts, content: record.content })
    }
}
