//! A server that records what the routes ask, and knows one notification.

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tidings_adapters::http::{
    AccessQuestion, Api, AuditAnswer, AuditParts, AuditQuestion, Authenticated, Caller, Foreign, Question, Reached,
    Reading, Work,
};
use tidings_engine::command::{Answer, Command, Done, Outcome, Request};
use tidings_engine::grant::{Credential, Grant, Role};
use tidings_engine::ids::{Position, Time};
use tidings_engine::keys::{Keys, StreamKind as Stream};
use tidings_engine::limits::Limit;
use tidings_engine::rate::{Allowance, RateLimit};
use tidings_engine::rejection::Rejection;
use tidings_engine::tickets::IssuedTicket;
use tidings_wire::{Counts, Item, Receipt};

/// The page that may ask.
pub const ORIGIN: &str = "https://app.example";
/// The notification there is, in tenant `acme`.
pub const KNOWN: Position = Position(7);
/// A value of an application whose text a JSON library would not give back.
pub const DATA: &str = r#"{"b":1.10,"a":12345678901234567890123,"b":2}"#;
/// What its clock says, always.
pub const NOW: Time = Time(1_769_850_000_007);

/// See the head of this file. It records for ever: a long run makes a new one now and then.
pub struct Fake {
    /// The keys of its ids.
    pub keys: Keys,
    /// Whether it signs tokens for the demo page.
    pub dev: bool,
    /// Whether it says that it is reached by TLS.
    pub secure: bool,
    /// Given instead of the usual outcome.
    pub outcome: Mutex<Option<Outcome>>,
    /// Why it is not ready, if it is not.
    pub not_ready: Mutex<Option<&'static str>>,
    /// What an operator should look into.
    pub warnings: Mutex<Vec<&'static str>>,
    /// The commands that reached it.
    pub submitted: Mutex<Vec<Request>>,
    /// The questions that reached it.
    pub asked: Mutex<Vec<Question>>,
    /// Those of auditors.
    pub audited: Mutex<Vec<AuditQuestion>>,
    /// Those about who is let in.
    pub managed: Mutex<Vec<AccessQuestion>>,
    /// The tokens that it was shown.
    pub tokens: Mutex<Vec<Option<String>>>,
    /// Who showed them.
    pub callers: Mutex<Vec<Caller>>,
    /// The limits that were told to the log.
    pub limits_hit: Mutex<Vec<Limit>>,
    /// What names of others were told to the log.
    pub foreign: Mutex<Vec<Foreign>>,
    /// How many requests got an id.
    pub requests: AtomicU64,
}

impl Default for Fake {
    fn default() -> Self {
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
}

impl Fake {
    /// One that serves the demo page, and refuses nothing by itself.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The id of a notification of a tenant.
    #[must_use]
    pub fn id(&self, tenant: &str, notification: Position) -> String {
        self.keys.item_id(self.keys.tenant_tag(tenant), notification)
    }

    /// Forgets what reached it.
    pub fn forget(&self) {
        self.submitted.lock().clear();
        self.asked.lock().clear();
        self.audited.lock().clear();
        self.managed.lock().clear();
        self.tokens.lock().clear();
        self.callers.lock().clear();
        self.limits_hit.lock().clear();
        self.foreign.lock().clear();
    }

    /// How often anything behind the routes was asked to do something.
    #[must_use]
    pub fn work(&self) -> usize {
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
            credential: Credential::Token,
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
