//! The one table of routes: the router, the OpenAPI document and the tests of isolation are made from it.

use super::api::Work;
pub use super::operation::{BulkMarking, Operation};
use axum::routing::MethodFilter;
use tidings_engine::grant::Right;
use tidings_wire::Mark;

/// How a route is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Reads; `HEAD` is answered too.
    Get,
    /// Makes or changes many.
    Post,
    /// Changes one.
    Patch,
    /// Takes away.
    Delete,
}

impl Verb {
    /// The method's name: `GET`, `POST`, `PATCH` or `DELETE`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    pub(super) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a token.
    Open,
    /// Who holds a good token, whatever it permits.
    Authenticated,
    /// Who holds a good token, or a connect ticket: a session is opened by it, and decides.
    Session,
    /// Who holds a token that gives the right.
    Holder(Right),
    /// Who holds a token for the inbox that the query parameter `inbox` names: [`Right::OwnInbox`] for `me`, which is the
    /// default, and this right for `tenant`.
    Inbox {
        /// What the tenant inbox needs.
        tenant: Right,
    },
}

/// What a request carries; the names are those of schemas in the OpenAPI document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing; a body is not read.
    Nothing,
    /// A JSON object, or nothing.
    Optional(&'static str),
    /// A JSON object.
    Required(&'static str),
}

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub verb: Verb,
    /// The path; `{id}` stands for the opaque id of a notification, or the name of a tenant.
    pub path: &'static str,
    /// One sentence for readers of the document.
    pub summary: &'static str,
    /// Who may ask.
    pub access: Access,
    /// Which rate it counts against, where there is a token.
    pub work: Work,
    /// Query parameters; any other one is refused on a route that needs a token or a ticket. Lists are written `name[]`.
    pub query: &'static [&'static str],
    /// What the request carries.
    pub payload: Payload,
    /// Status of success.
    pub status: u16,
    /// Schema of the answer; `None`: it has no body.
    pub answer: Option<&'static str>,
    /// Whether it is served under `--dev` alone.
    pub only_dev: bool,
    /// What it does.
    pub operation: Operation,
}

const INBOX_QUERY: &[&str] = &["inbox"];
const EVENTS_QUERY: &[&str] = &["inbox", "from", "ticket"];
const COUNT_QUERY: &[&str] = &["inbox", "filters"];
const LIST_QUERY: &[&str] = &[
    "inbox",
    "limit",
    "after",
    "read",
    "seen",
    "archived",
    "snoozed",
    "tags",
    "severity",
    "category",
    "createdGte",
    "createdLte",
];

const AUDIT_EVENTS_QUERY: &[&str] =
    &["tenant", "after", "limit", "subscriberId", "stream", "type", "from", "to", "content"];
const AUDIT_STATE_QUERY: &[&str] = &["tenant", "subscriberId", "stream", "at", "content"];
const AUDIT_VERIFY_QUERY: &[&str] = &["tenant"];

const fn auditing(
    path: &'static str,
    operation: Operation,
    query: &'static [&'static str],
    answer: &'static str,
    summary: &'static str,
) -> Route {
    Route { access: Access::Holder(Right::Audit), query, ..open(path, operation, answer, summary) }
}

const fn open(path: &'static str, operation: Operation, answer: &'static str, summary: &'static str) -> Route {
    Route {
        verb: Verb::Get,
        path,
        summary,
        access: Access::Open,
        work: Work::Query,
        query: &[],
        payload: Payload::Nothing,
        status: 200,
        answer: Some(answer),
        only_dev: false,
        operation,
    }
}

const LISTED_QUERY: &[&str] = &["tenant", "limit", "after"];
const CONSENTS_QUERY: &[&str] = &["subscriberId"];
const WITHDRAW_QUERY: &[&str] = &["subscriberId", "channel", "category"];
const SESSIONS_QUERY: &[&str] = &["subscriberId", "current"];
const END_SESSIONS_QUERY: &[&str] = &["subscriberId", "except"];

/// About the consents of the caller, or of somebody whom the caller may record them for.
const fn consenting(verb: Verb, operation: Operation, answer: &'static str, summary: &'static str) -> Route {
    Route {
        verb,
        access: Access::Authenticated,
        query: CONSENTS_QUERY,
        ..open("/v1/privacy/consents", operation, answer, summary)
    }
}

/// About the settings of a tenant that the caller manages.
const fn settling(verb: Verb, operation: Operation, summary: &'static str) -> Route {
    Route {
        verb,
        access: Access::Holder(Right::ManageTenant),
        ..open("/v1/tenants/{id}/settings", operation, "SettingsAnswer", summary)
    }
}

/// Reads what somebody manages who manages access.
const fn managing(path: &'static str, operation: Operation, answer: &'static str, summary: &'static str) -> Route {
    Route { access: Access::Holder(Right::ManageAccess), query: LISTED_QUERY, ..open(path, operation, answer, summary) }
}

/// Ends sessions of somebody who is the caller, or whom the caller manages.
const fn ending(path: &'static str, operation: Operation, summary: &'static str) -> Route {
    Route {
        verb: Verb::Delete,
        access: Access::Authenticated,
        work: Work::Command,
        status: 204,
        answer: None,
        ..open(path, operation, "", summary)
    }
}

const fn reading(
    path: &'static str,
    operation: Operation,
    query: &'static [&'static str],
    answer: &'static str,
    summary: &'static str,
) -> Route {
    Route { access: Access::Inbox { tenant: Right::ReadTenantInbox }, query, ..open(path, operation, answer, summary) }
}

const fn marking_one(path: &'static str, mark: Mark, summary: &'static str) -> Route {
    Route {
        verb: Verb::Patch,
        access: Access::Inbox { tenant: Right::MarkTenantInbox },
        work: Work::Command,
        query: INBOX_QUERY,
        ..open(path, Operation::MarkOne(mark), "ItemAnswer", summary)
    }
}

const fn marking_many(path: &'static str, marking: BulkMarking, summary: &'static str) -> Route {
    Route {
        verb: Verb::Post,
        access: Access::Inbox { tenant: Right::MarkTenantInbox },
        work: Work::Command,
        query: INBOX_QUERY,
        payload: Payload::Optional("BulkMark"),
        status: 204,
        answer: None,
        ..open(path, Operation::MarkMany(marking), "", summary)
    }
}

/// Every route but the files of the demo page.
pub const ROUTES: &[Route] = &[
    open("/healthz", Operation::Health, "Health", "Whether the process lives."),
    open("/readyz", Operation::Ready, "Ready", "Whether requests can be served, and what to look into."),
    open("/v1/openapi.json", Operation::OpenApi, "OpenApi", "This document."),
    open("/v1/connect", Operation::Discovery, "Discovery", "Where the carriers are."),
    Route {
        status: 101,
        answer: None,
        ..open(crate::websocket::PATH, Operation::WebSocket, "", "Becomes a WebSocket of subprotocol tidings.v1.")
    },
    Route {
        access: Access::Session,
        query: EVENTS_QUERY,
        ..open(crate::events::PATH, Operation::Events, "EventStream", "Follows an inbox by server-sent events.")
    },
    Route {
        verb: Verb::Post,
        access: Access::Authenticated,
        status: 201,
        ..open(
            "/v1/connect/ticket",
            Operation::Ticket,
            "TicketAnswer",
            "A ticket for one event stream, for pages whose EventSource can send no token.",
        )
    },
    Route {
        verb: Verb::Post,
        access: Access::Holder(Right::Publish),
        work: Work::Publish,
        payload: Payload::Required("Publish"),
        status: 201,
        ..open("/v1/notifications", Operation::Publish, "PublishedAnswer", "Publishes a notification.")
    },
    Route {
        verb: Verb::Delete,
        access: Access::Holder(Right::Publish),
        work: Work::Publish,
        status: 204,
        answer: None,
        ..open("/v1/notifications/{id}", Operation::Retract, "", "Takes a notification back from every inbox.")
    },
    Route {
        verb: Verb::Post,
        access: Access::Holder(Right::Erase),
        work: Work::Command,
        payload: Payload::Required("Erase"),
        status: 201,
        ..open(
            "/v1/privacy/erasures",
            Operation::Erase,
            "ReceiptAnswer",
            "Erases a person: destroys the key of all that is theirs.",
        )
    },
    Route {
        access: Access::Holder(Right::Erase),
        ..open("/v1/privacy/erasures/{id}", Operation::Receipt, "ReceiptAnswer", "The receipt of an erasure.")
    },
    Route {
        work: Work::Command,
        query: &[],
        payload: Payload::Required("ChangeConsent"),
        status: 201,
        ..consenting(Verb::Post, Operation::RecordConsent, "ConsentRecordedAnswer", "Records what a person allows.")
    },
    Route {
        work: Work::Command,
        query: WITHDRAW_QUERY,
        status: 204,
        answer: None,
        ..consenting(Verb::Delete, Operation::WithdrawConsent, "", "Takes back what a person allows.")
    },
    consenting(Verb::Get, Operation::Consents, "ConsentsAnswer", "What a person allows, and does not."),
    settling(Verb::Get, Operation::Settings, "What a tenant decides for itself."),
    Route {
        work: Work::Command,
        payload: Payload::Required("ChangeSettings"),
        ..settling(Verb::Patch, Operation::ChangeSettings, "Has a tenant decide otherwise; what is absent stays.")
    },
    reading("/v1/inbox/notifications", Operation::List, LIST_QUERY, "PageAnswer", "One page, newest first."),
    reading("/v1/inbox/notifications/count", Operation::Count, COUNT_QUERY, "CountAnswer", "Exact counts by filters."),
    marking_one("/v1/inbox/notifications/{id}/read", Mark::Read, "Marks one as read, and so as seen."),
    marking_one("/v1/inbox/notifications/{id}/unread", Mark::Unread, "Marks one as unread, out of the archive."),
    marking_one("/v1/inbox/notifications/{id}/seen", Mark::Seen, "Marks one as seen."),
    marking_one("/v1/inbox/notifications/{id}/unseen", Mark::Unseen, "Marks one as unseen and unread."),
    marking_one("/v1/inbox/notifications/{id}/archive", Mark::Archived, "Archives one: it is seen and read then."),
    marking_one("/v1/inbox/notifications/{id}/unarchive", Mark::Unarchived, "Takes one out of the archive."),
    Route {
        verb: Verb::Delete,
        status: 204,
        answer: None,
        ..marking_one("/v1/inbox/notifications/{id}/delete", Mark::Deleted, "Deletes one, for good.")
    },
    marking_many("/v1/inbox/notifications/read", BulkMarking::Read, "Marks many as read."),
    marking_many("/v1/inbox/notifications/seen", BulkMarking::Seen, "Marks many as seen."),
    marking_many("/v1/inbox/notifications/archive", BulkMarking::Archive, "Archives many."),
    marking_many("/v1/inbox/notifications/read-archive", BulkMarking::ReadArchive, "Archives those that are read."),
    marking_many("/v1/inbox/notifications/delete", BulkMarking::Delete, "Deletes many, for good."),
    auditing(
        "/v1/audit/events",
        Operation::AuditEvents,
        AUDIT_EVENTS_QUERY,
        "AuditEvents",
        "Events as lines of JSON; the last line tells where the next reading goes on.",
    ),
    auditing(
        "/v1/audit/state",
        Operation::AuditState,
        AUDIT_STATE_QUERY,
        "AuditState",
        "An inbox as of a time or cursor, with its digest.",
    ),
    Route {
        verb: Verb::Post,
        payload: Payload::Optional("AuditReplay"),
        ..auditing(
            "/v1/audit/replays",
            Operation::AuditReplay,
            &[],
            "AuditReplayAnswer",
            "Verifies a range, and folds the inboxes anew.",
        )
    },
    auditing(
        "/v1/audit/verify",
        Operation::AuditVerify,
        AUDIT_VERIFY_QUERY,
        "AuditReplayAnswer",
        "Verifies the tenant's events; for the platform every byte of the log.",
    ),
    Route {
        verb: Verb::Post,
        access: Access::Authenticated,
        work: Work::Command,
        payload: Payload::Required("Revoke"),
        status: 201,
        ..open(
            "/v1/revocations",
            Operation::Revoke,
            "RevokedAnswer",
            "Has tokens permit nothing any more, and ends their sessions.",
        )
    },
    managing("/v1/revocations", Operation::Revocations, "RevocationsAnswer", "What is revoked, newest first."),
    Route {
        verb: Verb::Post,
        work: Work::Command,
        query: &[],
        payload: Payload::Required("CreateKey"),
        status: 201,
        ..managing("/v1/keys", Operation::CreateKey, "KeyAnswer", "Makes a key for a service; tells its secret once.")
    },
    managing("/v1/keys", Operation::Keys, "KeysAnswer", "The keys of services, newest first."),
    Route {
        verb: Verb::Delete,
        work: Work::Command,
        query: &["tenant"],
        status: 204,
        answer: None,
        ..managing("/v1/keys/{id}", Operation::RevokeKey, "", "Has a key permit nothing any more.")
    },
    Route {
        access: Access::Authenticated,
        query: SESSIONS_QUERY,
        ..open("/v1/sessions", Operation::Sessions, "SessionsAnswer", "The sessions of one person on this node.")
    },
    Route {
        query: END_SESSIONS_QUERY,
        status: 200,
        answer: Some("EndedAnswer"),
        ..ending("/v1/sessions", Operation::EndSessions, "Ends the sessions of one person, all or all but one.")
    },
    ending("/v1/sessions/{id}", Operation::EndSession, "Ends one session."),
    open("/v1/audit/events.schema.json", Operation::AuditSchema, "JsonSchema", "The JSON Schema of a line of events."),
    Route {
        verb: Verb::Post,
        payload: Payload::Required("DevTokenRequest"),
        only_dev: true,
        ..open("/dev/token", Operation::DevToken, "DevToken", "Signs a token with the development key.")
    },
];

/// The routes of a server that runs with or without `--dev`.
pub(super) fn served(dev: bool) -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(move |route| dev || !route.only_dev)
}
