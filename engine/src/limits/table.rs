//! The table: one row a limit, and what is made from it.

use super::{
    API_KEYS_NODE_MAX, API_KEYS_TENANT_MAX, AUDIT_EVENTS_MAX, BODY_BYTES_MAX, BULK_IDS_COUNT_MAX, COMMAND_ID_BYTES_MAX,
    CONSENTS_NODE_MAX, CONSENTS_PERSON_MAX, CONSENTS_TENANT_MAX, COUNT_FILTERS_MAX, CRITICAL_COUNT_MAX, DATA_BYTES_MAX,
    DATA_DEPTH_MAX, Description, FRAME_BYTES_MAX, HTTP_BODY_BYTES_MAX, HTTP_HEAD_BYTES_MAX, HTTP_HEADERS_COUNT_MAX,
    HTTP_OPEN_BODY_BYTES_MAX, HTTP_STREAMS_MAX, IDEMPOTENCY_KEYS_NODE_MAX, IDEMPOTENCY_KEYS_TENANT_MAX,
    IDEMPOTENCY_MS_MAX, INBOX_ITEMS_MAX, ITEM_BYTES_MAX, NAME_BYTES_MAX, PAGE_BYTES_MAX, PAGE_ITEMS_MAX,
    RECIPIENTS_COUNT_MAX, REVOCATIONS_NODE_MAX, REVOCATIONS_TENANT_MAX, ROLES_COUNT_MAX, SUBJECT_BYTES_MAX, Scope, Set,
    TAGS_COUNT_MAX, TICKET_MS_MAX, TICKETS_COUNT_MAX, TICKETS_OF_ONE_MAX, TOKEN_BYTES_MAX, TOMBSTONES_COUNT_MAX,
    TOPICS_COUNT_MAX, Told, URL_BYTES_MAX,
};
use serde::{Deserialize, Serialize};
use tidings_wire::{CloseCode, ReplyCode};

macro_rules! limits {
    (
        fixed { $( $fixed:ident $fixed_name:literal = $value:expr, $fixed_scope:ident, $fixed_told:expr, $fixed_about:literal; )+ }
        set { $( $limit:ident $field:ident: $type:ty = $default:expr, at least $min:literal, $scope:ident, $told:expr, $set:ident, $about:literal; )+ }
    ) => {
        /// Every limit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Limit {
            $( #[doc = concat!($fixed_about, ".")] $fixed, )+
            $( #[doc = concat!($about, ".")] $limit, )+
        }

        impl Limit {
            /// All, in the order of the table.
            pub const ALL: &'static [Self] = &[$( Self::$fixed, )+ $( Self::$limit, )+];

            /// Its row of the table.
            #[must_use]
            pub const fn describe(self) -> Description {
                match self {
                    $( Self::$fixed => Description {
                        name: $fixed_name, default: $value as u64, min: $value as u64, scope: Scope::$fixed_scope,
                        told: $fixed_told, set: Set::Fixed, about: $fixed_about,
                    }, )+
                    $( Self::$limit => Description {
                        name: stringify!($field), default: ($default) as u64, min: $min, scope: Scope::$scope,
                        told: $told, set: Set::$set, about: $about,
                    }, )+
                }
            }
        }

        /// The limits that an operator can lower or raise: section `[limits]` of the configuration.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Limits {
            $( #[doc = concat!($about, ": ", stringify!($default), " by default.")] pub $field: $type, )+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $( $field: $default, )+ }
            }
        }

        impl Limits {
            /// The value of a limit; `None` of one that is fixed.
            #[must_use]
            pub fn value(&self, limit: Limit) -> Option<u64> {
                match limit {
                    $( Limit::$limit => Some(u64::try_from(self.$field).unwrap_or(0)), )+
                    _ => None,
                }
            }

            /// Puts a value into the place of a limit that is not fixed.
            pub(super) fn put(&mut self, limit: Limit, value: u64) {
                match limit {
                    $( Limit::$limit => self.$field = <$type>::try_from(value).unwrap_or(<$type>::MAX), )+
                    _ => {}
                }
            }
        }
    };
}

limits! {
    fixed {
        FrameBytesMax "frame_bytes_max" = FRAME_BYTES_MAX, Request, Told::Close(CloseCode::FrameTooLarge),
            "Bytes of a frame, either way";
        TokenBytesMax "token_bytes_max" = TOKEN_BYTES_MAX, Request, Told::Close(CloseCode::Unauthenticated),
            "Bytes of a token";
        HttpBodyBytesMax "http_body_bytes_max" = HTTP_BODY_BYTES_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Bytes of an HTTP body";
        HttpOpenBodyBytesMax "http_open_body_bytes_max" = HTTP_OPEN_BODY_BYTES_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Bytes of an HTTP body where no token is needed";
        HttpHeadBytesMax "http_head_bytes_max" = HTTP_HEAD_BYTES_MAX, Request, Told::Status(431),
            "Bytes of the head of an HTTP request";
        HttpHeadersCountMax "http_headers_count_max" = HTTP_HEADERS_COUNT_MAX, Request, Told::Status(431),
            "Headers of an HTTP/1.1 request";
        HttpStreamsMax "http_streams_max" = HTTP_STREAMS_MAX, HttpConnection, Told::Nothing,
            "Requests open at once on one HTTP/2 connection; further ones wait";
        RecipientsCountMax "recipients_count_max" = RECIPIENTS_COUNT_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "People whom one publish names";
        BulkIdsCountMax "bulk_ids_count_max" = BULK_IDS_COUNT_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Items that one command names";
        SubjectBytesMax "subject_bytes_max" = SUBJECT_BYTES_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Bytes of a subject, and of the purpose of a consent";
        BodyBytesMax "body_bytes_max" = BODY_BYTES_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Bytes of a body";
        DataBytesMax "data_bytes_max" = DATA_BYTES_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Bytes of `data` as JSON";
        DataDepthMax "data_depth_max" = DATA_DEPTH_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Levels of lists and objects in `data`";
        ItemBytesMax "item_bytes_max" = ITEM_BYTES_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Bytes of a notification as an item in JSON";
        TagsCountMax "tags_count_max" = TAGS_COUNT_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Labels of an item, and of a filter";
        NameBytesMax "name_bytes_max" = NAME_BYTES_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Bytes of a label, category, tenant, subject id or topic key";
        CommandIdBytesMax "command_id_bytes_max" = COMMAND_ID_BYTES_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Bytes of `commandId`, `Idempotency-Key` and `transactionId`";
        UrlBytesMax "url_bytes_max" = URL_BYTES_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Bytes of an address in a notification";
        RolesCountMax "roles_count_max" = ROLES_COUNT_MAX, Request, Told::Close(CloseCode::Unauthenticated),
            "Roles of a token";
        TopicsCountMax "topics_count_max" = TOPICS_COUNT_MAX, Request, Told::Close(CloseCode::Unauthenticated),
            "Topics of a token";
        TicketMsMax "ticket_ms_max" = TICKET_MS_MAX, Request, Told::Close(CloseCode::Unauthenticated),
            "Life of a connect ticket";
        TicketsOfOneMax "tickets_of_one_max" = TICKETS_OF_ONE_MAX, User, Told::Reply(ReplyCode::RateLimited),
            "Connect tickets that wait to be used";
        TicketsCountMax "tickets_count_max" = TICKETS_COUNT_MAX, Node, Told::Reply(ReplyCode::Overloaded),
            "Connect tickets issued within their life, used or not";
        PageItemsMax "page_items_max" = PAGE_ITEMS_MAX, Request, Told::Reply(ReplyCode::Invalid),
            "Items of one page";
        PageBytesMax "page_bytes_max" = PAGE_BYTES_MAX, Request, Told::Nothing,
            "Bytes of the items of one page or snapshot as JSON; the page ends before";
        CountFiltersMax "count_filters_max" = COUNT_FILTERS_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Filters of one question for counts";
        AuditEventsMax "audit_events_max" = AUDIT_EVENTS_MAX, Request, Told::Reply(ReplyCode::Invalid),
            "Events of one reading by an auditor";
        InboxItemsMax "inbox_items_max" = INBOX_ITEMS_MAX, Inbox, Told::Oldest,
            "Items that an inbox shows";
        TombstonesCountMax "tombstones_count_max" = TOMBSTONES_COUNT_MAX, Inbox, Told::Oldest,
            "Removals that an inbox remembers for those who return; an older cursor gets `resync`";
        ApiKeysTenantMax "api_keys_tenant_max" = API_KEYS_TENANT_MAX, Tenant, Told::Reply(ReplyCode::TooLarge),
            "API keys of a tenant";
        ApiKeysNodeMax "api_keys_node_max" = API_KEYS_NODE_MAX, Node, Told::Reply(ReplyCode::TooLarge),
            "API keys of all tenants";
        RevocationsTenantMax "revocations_tenant_max" = REVOCATIONS_TENANT_MAX, Tenant, Told::Reply(ReplyCode::TooLarge),
            "Revocations that are remembered of a tenant";
        RevocationsNodeMax "revocations_node_max" = REVOCATIONS_NODE_MAX, Node, Told::Reply(ReplyCode::TooLarge),
            "Revocations that are remembered of all tenants";
        CriticalCountMax "critical_count_max" = CRITICAL_COUNT_MAX, Request, Told::Reply(ReplyCode::TooLarge),
            "Categories that a tenant calls critical";
        ConsentsPersonMax "consents_person_max" = CONSENTS_PERSON_MAX, User, Told::Reply(ReplyCode::TooLarge),
            "Consents of a person";
        ConsentsTenantMax "consents_tenant_max" = CONSENTS_TENANT_MAX, Tenant, Told::Reply(ReplyCode::TooLarge),
            "Consents of a tenant's people";
        ConsentsNodeMax "consents_node_max" = CONSENTS_NODE_MAX, Node, Told::Reply(ReplyCode::TooLarge),
            "Consents of all tenants' people";
        IdempotencyMsMax "idempotency_ms_max" = IDEMPOTENCY_MS_MAX, Request, Told::Oldest,
            "How long an idempotency key is remembered, by recorded time";
        IdempotencyKeysTenantMax "idempotency_keys_tenant_max" = IDEMPOTENCY_KEYS_TENANT_MAX, Tenant, Told::Oldest,
            "Idempotency keys that are remembered of a tenant";
        IdempotencyKeysNodeMax "idempotency_keys_node_max" = IDEMPOTENCY_KEYS_NODE_MAX, Node, Told::Oldest,
            "Idempotency keys that are remembered of all tenants";
    }
    set {
        HandshakeMsMax handshake_ms_max: u64 = 10_000, at least 100, Connection, Told::Ended, Node,
            "Time for a transport handshake; for the head of each HTTP/1.1 request, from the end of the one before";
        HelloMsMax hello_ms_max: u64 = 10_000, at least 100, Connection, Told::Close(CloseCode::HelloTimeout), Node,
            "Time to authenticate; an HTTP connection that has shown no good token by then ends after the request under way";
        IdleMsMax idle_ms_max: u64 = 60_000, at least 200, Connection, Told::Close(CloseCode::IdleTimeout), Node,
            "Silence that ends a session";
        PingMs ping_ms: u64 = 25_000, at least 100, Connection, Told::Nothing, Node,
            "How often the server pings; at most half of `idle_ms_max`";
        HttpBodyMsMax http_body_ms_max: u64 = 30_000, at least 100, Request, Told::Status(408), Node,
            "Time for an HTTP body to arrive";
        OutboxBytesMax outbox_bytes_max: usize = 64 * 1024, at least 4096, Connection, Told::Behind, Tenant,
            "Bytes of queued deltas and other frames, without the one being written";
        OutboxFramesMax outbox_frames_max: usize = 256, at least 8, Connection, Told::Behind, Tenant,
            "Queued frames, without the one being written";
        CommandsInFlightMax commands_in_flight_max: u32 = 32, at least 1, Connection, Told::Reply(ReplyCode::RateLimited), Tenant,
            "Commands and fetches without their reply";
        CommandsPerSecond commands_per_second: u32 = 20, at least 1, ConnectionAndUser, Told::Reply(ReplyCode::RateLimited), Tenant,
            "Commands, sustained; publishing counts for its tenant instead";
        CommandsBurst commands_burst: u32 = 40, at least 1, ConnectionAndUser, Told::Reply(ReplyCode::RateLimited), Tenant,
            "Commands at once";
        QueriesPerSecond queries_per_second: u32 = 50, at least 1, ConnectionAndUser, Told::Reply(ReplyCode::RateLimited), Tenant,
            "Pages, subscriptions and all other frames, sustained";
        QueriesBurst queries_burst: u32 = 100, at least 1, ConnectionAndUser, Told::Reply(ReplyCode::RateLimited), Tenant,
            "Pages, subscriptions and all other frames at once";
        RateLimitedPerMinuteMax rate_limited_per_minute_max: u32 = 100, at least 1, Connection, Told::Close(CloseCode::RateLimited), Tenant,
            "Answers `rate_limited` within a minute";
        ProtocolErrorsMax protocol_errors_max: u32 = 3, at least 1, Connection, Told::Close(CloseCode::ProtocolError), Node,
            "Protocol errors: the last one ends the session; on HTTP, answers 401 of one connection";
        SubscriptionsMax subscriptions_max: u32 = 8, at least 1, Connection, Told::Reply(ReplyCode::TooLarge), Tenant,
            "Subscriptions";
        UserConnectionsMax user_connections_max: u32 = 30, at least 1, User, Told::Close(CloseCode::TooManyConnections), Tenant,
            "Sessions; HTTP connections count for their address and the node";
        AddressUnauthenticatedMax address_unauthenticated_max: u32 = 256, at least 1, Address, Told::NoPlace, Node,
            "Connections that have shown no good token yet";
        AddressConnectionsMax address_connections_max: u32 = 10_000, at least 1, Address, Told::NoPlace, Node,
            "Connections that have shown a good token";
        AddressHandshakesPerSecond address_handshakes_per_second: u32 = 50, at least 1, Address, Told::NoPlace, Node,
            "New connections, at once and sustained";
        TenantConnectionsMax tenant_connections_max: u32 = 50_000, at least 1, Tenant, Told::Close(CloseCode::TooManyConnections), Tenant,
            "Sessions";
        TenantPublishesPerSecond tenant_publishes_per_second: u32 = 1_000, at least 1, Tenant, Told::Reply(ReplyCode::RateLimited), Tenant,
            "Publishes and retractions, at once and sustained";
        TenantRecipientsPerSecond tenant_recipients_per_second: u32 = 100_000, at least 1, Tenant, Told::Reply(ReplyCode::RateLimited), Tenant,
            "People named by publishes, at once and sustained; an audience counts as one";
        NodeConnectionsMax node_connections_max: u32 = 100_000, at least 1, Node, Told::NoPlace, Node,
            "Connections";
        NodeUnauthenticatedMax node_unauthenticated_max: u32 = 2_000, at least 1, Node, Told::NoPlace, Node,
            "Connections that have shown no good token yet";
        NodeAuditsRunningMax node_audits_running_max: u32 = 4, at least 1, Node, Told::Nothing, Node,
            "Readings of the log by auditors that run at a time; further ones wait";
        TenantAuditsMax tenant_audits_max: u32 = 4, at least 1, Tenant, Told::Reply(ReplyCode::RateLimited), Tenant,
            "Readings of the log by auditors under way, running or waiting";
        TokenLifetimeMsMax token_lifetime_ms_max: i64 = 24 * 60 * 60 * 1_000, at least 1000, Request, Told::Close(CloseCode::Unauthenticated), Node,
            "Life of a token";
    }
}
