//! A server that records what the routes ask, and knows one notification.

use crate::carrier::{CarrierEnd, Close, FrameFault, StreamKind};
use crate::gateway::{Admission, Gateway, Peer, Protocol, Refused};
use crate::http::{
    AccessQuestion, Api, AuditAnswer, AuditParts, AuditQuestion, Authenticated, Caller, Foreign, Question, Reached,
    Reading, Work,
};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tidings_engine::command::{Answer, Command, Done, Outcome, Request};
use tidings_engine::grant::{Grant, Role};
use tidings_engine::ids::{Position, Time};
use tidings_engine::keys::{Keys, StreamKind as Stream};
use tidings_engine::limits::Limit;
use tidings_engine::rate::{Allowance, RateLimit};
use tidings_engine::rejection::Rejection;
use tidings_engine::tickets::IssuedTicket;
use tidings_wire::{Counts, Item, Receipt};
use tokio::sync::Notify;

/// The page that may ask.
pub(super) const ORIGIN: &str = "https://app.example";
/// The notification there is, in tenant `acme`.
pub(super) const KNOWN: Position = Position(7);
/// A value of an application whose text a JSON library would not give back.
pub(super) const DATA: &str = r#"{"b":1.10,"a":12345678901234567890123,"b":2}"#;
pub(super) const NOW: Time = Time(1_769_850_000_007);

pub(super) struct Fake {
    pub(super) keys: Keys,
    pub(super) dev: bool,
    pub(super) secure: bool,
    /// Given instead of the usual outcome.
    pub(super) outcome: Mutex<Option<Outcome>>,
    pub(super) not_ready: Mutex<Option<&'static str>>,
    pub(super) warnings: Mutex<Vec<&'static str>>,
    pub(super) submitted: Mutex<Vec<Request>>,
    pub(super) asked: Mutex<Vec<Question>>,
    pub(super) audited: Mutex<Vec<AuditQuestion>>,
    pub(super) managed: Mutex<Vec<AccessQuestion>>,
    pub(super) tokens: Mutex<Vec<Option<String>>>,
    pub(super) callers: Mutex<Vec<Caller>>,
    pub(super) limits_hit: Mutex<Vec<Limit>>,
    pub(super) foreign: Mutex<Vec<Foreign>>,
    pub(super) requests: AtomicU64,
}

impl Fake {
    pub(super) fn new() -> Self {
        Self {
            keys: Keys::new(&[7; 32]),
            dev: true,
            secure: false,
            outcome: Mutex::default(),
            not_ready: Mutex::default(),
            warnings: Mutex::default(),
            submitted: Mutex::default(),
            asked: Mutex::default(),
            audited: Mutex::default(),
            managed: Mutex::default(),
            tokens: Mutex::default(),
            callers: Mutex::default(),
            limits_hit: Mutex::default(),
            foreign: Mutex::default(),
            requests: AtomicU64::new(0),
        }
    }

    pub(super) fn id(&self, tenant: &str, notification: Position) -> String {
        self.keys.item_id(self.keys.tenant_tag(tenant), notification)
    }

    /// How often anything behind the routes was asked to do something.
    pub(super) fn work(&self) -> usize {
        self.submitted.lock().len() + self.asked.lock().len() + self.tokens.lock().len()
    }

    fn grant(&self, tenant: &str, subject: &str, roles: Vec<Role>) -> Grant {
        Grant {
            tenant: tenant.into(),
            tenant_stream: self.keys.stream(tenant, Stream::Tenant, ""),
            tenant_tag: self.keys.tenant_tag(tenant),
            subject: subject.into(),
            stream: self.keys.stream(tenant, Stream::User, subject),
            roles,
            topics: Vec::new(),
            token_id: None,
            issued: None,
            expires: Time(i64::MAX),
            credential: tidings_engine::grant::Credential::Token,
        }
    }

    fn item(&self) -> Item {
        let item = json!({
            "id": self.id("acme", KNOWN), "transactionId": "t", "body": "hello", "isRead": true, "isSeen": true,
            "isArchived": false, "isSnoozed": false, "isPinned": false, "createdAt": NOW.rfc3339(),
            "channelType": "in_app", "severity": "none",
        });
        let mut item: Item = serde_json::from_value(item).unwrap();
        item.data = Some(serde_json::value::RawValue::from_string(DATA.to_owned()).unwrap());
        item
    }
}

impl Api for Fake {
    fn now(&self) -> Time {
        NOW
    }

    fn keys(&self) -> &Keys {
        &self.keys
    }

    /// A token is `TENANT/SUBJECT/ROLE`.
    async fn authenticate(&self, token: Option<&str>, _: Work, caller: &Caller) -> Authenticated {
        self.tokens.lock().push(token.map(str::to_owned));
        self.callers.lock().push(caller.clone());
        let parts: Vec<_> = token.unwrap_or_default().split('/').collect();
        let (&[tenant, subject, _], Some(role)) = (&parts[..], parts.last().and_then(|role| Role::of(role))) else {
            return Rejection::Unauthenticated.into();
        };
        let allowed = |remaining, full_in_ms| {
            Some(Allowance { limit: RateLimit { per_second: 20, burst: 41 }, remaining, full_in_ms })
        };
        if subject == "unready" {
            return Rejection::Unavailable.into();
        }
        if subject == "hasty" {
            let rejection = Rejection::RateLimited { limit: Limit::CommandsPerSecond, retry_after_ms: 2_001 };
            return Authenticated { verdict: Err(rejection), allowance: allowed(0, 2_050) };
        }
        Authenticated { verdict: Ok(Arc::new(self.grant(tenant, subject, vec![role]))), allowance: allowed(40, 50) }
    }

    fn limit_hit(&self, limit: Limit, _: &Caller) {
        self.limits_hit.lock().push(limit);
    }

    fn foreign(&self, what: Foreign, _: &Caller, _: &Grant) {
        self.foreign.lock().push(what);
    }

    fn origin_allowed(&self, origin: Option<&str>, _: &Caller) -> bool {
        origin.is_none_or(|origin| origin == ORIGIN)
    }

    async fn submit(&self, request: Request) -> Outcome {
        let items = match &request.command {
            Command::Mark { items, .. } => items.clone(),
            Command::Retract { notification } => vec![*notification],
            _ => vec![KNOWN],
        };
        let answer = match &request.command {
            Command::Publish(publication) => {
                Answer::Published { notification: KNOWN, recipients: publication.recipients_count() }
            }
            Command::Retract { .. } => Answer::Retracted,
            Command::Erase { .. } => Answer::Erased,
            _ => Answer::Marked,
        };
        self.submitted.lock().push(request);
        if let Some(outcome) = self.outcome.lock().clone() {
            return outcome;
        }
        if items.iter().any(|item| *item != KNOWN) {
            return Err(Rejection::NotFound);
        }
        Ok(Done { answer, position: KNOWN, replayed: false })
    }

    async fn read(&self, _: Arc<Grant>, question: Question) -> Result<Reading, Rejection> {
        let reading = match &question {
            Question::Page { .. } => {
                Reading::Page { items: vec![self.item()], has_more: true, counts: Counts::default() }
            }
            Question::Count { filters, .. } => Reading::Count((0..).take(filters.len()).collect()),
            Question::Item { .. } => Reading::Item(Box::new(self.item())),
        };
        self.asked.lock().push(question);
        Ok(reading)
    }

    async fn receipt(&self, _: &Arc<Grant>, event: Position) -> Result<Receipt, Rejection> {
        if event != KNOWN {
            return Err(Rejection::NotFound);
        }
        let text = |text: &str| text.to_owned();
        Ok(Receipt {
            id: self.keys.item_id(self.grant("acme", "officer", Vec::new()).tenant_tag, event),
            erased_at: text("2026-01-01T00:00:00.000Z"),
            key_fingerprint: text("00"),
            leaf: text("01"),
            note: text("note"),
        })
    }

    async fn audit(&self, _: Arc<Grant>, question: AuditQuestion) -> Result<AuditAnswer, Rejection> {
        let lines = |text: &'static str| -> AuditParts {
            let parts = text.split_inclusive('\n').map(|line| Ok(Bytes::from_static(line.as_bytes())));
            Box::pin(futures_util::stream::iter(parts.collect::<Vec<_>>()))
        };
        let answer = match &question {
            AuditQuestion::Events(_) => AuditAnswer::Lines(lines("{}\n{}\n")),
            AuditQuestion::State(_) => AuditAnswer::Parts(lines("{\n}\n")),
            AuditQuestion::Replay(_) | AuditQuestion::Verify(_) => AuditAnswer::Json(json!({ "verified": true })),
        };
        self.audited.lock().push(question);
        Ok(answer)
    }

    fn ticket(&self, grant: &Arc<Grant>, _caller: &Caller) -> Result<IssuedTicket, Rejection> {
        Ok(IssuedTicket { text: format!("ticket-of-{}", grant.subject), expires: NOW.plus(30_000) })
    }

    async fn access(&self, _: &Arc<Grant>, question: AccessQuestion) -> Result<Value, Rejection> {
        let answer = match &question {
            AccessQuestion::EndSession { id } if id != "mine" => Err(Rejection::NotFound),
            AccessQuestion::EndSession { .. } => Ok(Value::Null),
            AccessQuestion::EndSessions { .. } => Ok(json!({ "ended": 1 })),
            _ => Ok(json!([])),
        };
        self.managed.lock().push(question);
        answer
    }

    fn token_lifetime_ms_max(&self) -> i64 {
        3_600_000
    }

    fn new_secret(&self) -> Result<String, Rejection> {
        Ok(tidings_engine::access::secret_text(&[7; 32]))
    }

    fn cursor(&self, _: &Grant, position: Position) -> String {
        format!("cursor-{position}")
    }

    fn discovery(&self, reached: Reached<'_>) -> Value {
        json!({ "websocket": { "url": format!("ws://{}/v1/connect/websocket", reached.host.unwrap_or("?")) } })
    }

    fn warnings(&self) -> Vec<&'static str> {
        self.warnings.lock().clone()
    }

    fn ready(&self) -> Result<(), &'static str> {
        self.not_ready.lock().map_or(Ok(()), Err)
    }

    fn dev_token(&self, tenant: &str, user: &str, roles: &[String]) -> Option<Result<String, Rejection>> {
        self.dev.then(|| Ok(format!("{tenant}/{user}/{}", roles.join("+"))))
    }

    fn is_secure(&self) -> bool {
        self.secure
    }

    fn request_id(&self) -> String {
        format!("request-{:06}", self.requests.fetch_add(1, Ordering::SeqCst))
    }
}

/// A gateway without a place.
pub(super) struct Crowded(pub(super) Refused);

/// Never made.
pub(super) struct Nobody(pub(super) Notify);

impl Gateway for Crowded {
    type Ticket = ();
    type Protocol = Nobody;

    fn now(&self) -> Time {
        NOW
    }

    fn admit(&self, _: &Admission) -> Result<(), Refused> {
        Err(self.0)
    }

    fn origin_allowed(&self, _: &Peer) -> bool {
        true
    }

    fn open(&self, (): (), _: Peer) -> Nobody {
        Nobody(Notify::new())
    }
}

impl Protocol for Nobody {
    fn on_frame(&self, _: StreamKind, _: Bytes, _: Time) {}
    fn on_alive(&self, _: Time) {}
    fn on_fault(&self, _: StreamKind, _: FrameFault, _: Time) {}
    fn on_carrier_end(&self, _: &CarrierEnd, _: Time) {}
    fn take_frames(&self, _: StreamKind, _: usize, _: &mut Vec<Bytes>, _: Time) {}
    fn close(&self) -> Option<Close> {
        None
    }
    fn timeout(&self) -> Option<Time> {
        None
    }
    fn on_timeout(&self, _: Time) {}
    fn wake(&self) -> &Notify {
        &self.0
    }
}
