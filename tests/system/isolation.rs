//! No tenant learns of another tenant, no user of another user: whatever a route or frame can name, a name of theirs is
//! answered as one that never was, byte for byte but for request id and time.
//!
//! The matrix is made from the table of routes, the frames, the commands and the roles. A new kind of any of them does not
//! compile here before it has its row.

#[path = "isolation/frames.rs"]
mod frames;
#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use frames::{KINDS, frames, row};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use system::caller::{Caller, text};
use system::conversation::{CARRIERS, Conversation, json_of};
use system::server::{Launch, Server};
use system::sure;
use system::tokens::Signer;
use tidings_adapters::http::{Access, BulkMarking, Operation, ROUTES, Route};
use tidings_client::{Answer, Transport};
use tidings_engine::grant::{Right, Role};
use tidings_wire::{ClientFrame, Fetch, InboxName, PageQuery, ServerFrame};

/// Rates and places that this many requests do not exceed.
const UNLIMITED: &str = "
    [limits]
    commands_per_second = 1000000
    commands_burst = 1000000
    tenant_publishes_per_second = 1000000
    tenant_recipients_per_second = 1000000
    queries_per_second = 1000000
    queries_burst = 1000000
    user_connections_max = 1000
";

/// What belongs to tenant acme, and what never was.
#[derive(Clone, Debug)]
struct Names {
    /// Of an item of ada's inbox.
    id: String,
    /// Of an item of the tenant's inbox.
    tenant_id: String,
    /// Of ada's inbox.
    cursor: String,
    tenant: String,
    /// Whom the tenant knows.
    person: String,
    /// Of somebody of the tenant.
    token: String,
    /// Of a key of the tenant.
    key: String,
    /// Of an open session of ada's.
    session: String,
}

/// How a request that names something of another's is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// `not_found`, where the role may ask at all.
    NotFound,
    /// As the same request with a name that never was, and not as success.
    AsAbsent,
}

/// One request of the matrix.
#[derive(Debug)]
struct Asked {
    path: String,
    body: Option<Value>,
    verdict: Verdict,
    /// The right that the inbox in the path needs, where it is not the route's own.
    right: Option<Right>,
}

struct World {
    server: Server,
    signer: Signer,
    /// Acme's.
    foreign: Names,
    /// Nobody's.
    absent: Names,
    /// Ada's session, which nobody may end.
    _open: Conversation,
}

impl World {
    async fn begin(folder: &Path) -> Self {
        let data = folder.join("data");
        let server = Launch::new(&data).with_config(UNLIMITED).start().await;
        let signer = Signer::dev(&data);
        let service = Caller::new(&server.addresses, &signer.token("acme", "billing", "service"));
        let ada = signer.token("acme", "ada", "user");
        let (open, beginning) =
            Conversation::follow(&server.addresses, Transport::WebSocket, &ada, InboxName::Me).await;
        let id = service.publish(&json!("ada"), "for ada alone").await;
        let tenant_id = service.publish(&json!({"type": "tenant"}), "for acme alone").await;
        let admin = Caller::new(&server.addresses, &signer.token("acme", "anna", "tenant_admin"));
        let key = admin.ask("POST", "/v1/keys", Some(&json!({})), 201).await["data"]["id"].take();
        let sessions = admin.ask("GET", "/v1/sessions?subscriberId=ada", None, 200).await["data"].take();
        let foreign = Names {
            id,
            tenant_id,
            cursor: beginning.cursor,
            tenant: "acme".into(),
            person: "ada".into(),
            token: ada,
            key: text(&key),
            session: text(&sessions[0]["id"]),
        };
        let absent = Names {
            id: never_was(&foreign.id),
            tenant_id: never_was(&foreign.tenant_id),
            cursor: never_was(&foreign.cursor),
            tenant: "nowhere".into(),
            person: "nobody".into(),
            token: signer.token("nowhere", "ada", "user"),
            key: never_was(&foreign.key),
            session: never_was(&foreign.session),
        };
        Self { server, signer, foreign, absent, _open: open }
    }

    fn caller(&self, tenant: &str, subject: &str, role: Role) -> Caller {
        Caller::new(&self.server.addresses, &self.signer.token(tenant, subject, role.word()))
    }

    /// All that acme sees of its inboxes.
    async fn acme(&self) -> Vec<Value> {
        let admin = self.caller("acme", "anna", Role::TenantAdmin);
        let ada = self.caller("acme", "ada", Role::User);
        let mut seen = Vec::new();
        for (caller, inbox) in [(&ada, "me"), (&admin, "tenant")] {
            for path in ["", "/count"] {
                let path = format!("/v1/inbox/notifications{path}?inbox={inbox}");
                seen.push(caller.ask("GET", &path, None, 200).await);
            }
        }
        seen
    }
}

/// A text of the same shape that nobody was ever given.
fn never_was(name: &str) -> String {
    let middle = name.len() / 2;
    let other = if &name[middle..=middle] == "a" { "b" } else { "a" };
    format!("{}{other}{}", &name[..middle], &name[middle + 1..])
}

/// Every way in which a route can name something.
fn asked(route: &Route, names: &Names) -> Vec<Asked> {
    let path = |id: &str, inbox: &str| format!("{}?inbox={inbox}", route.path.replace("{id}", id));
    let one = |path: String, body, verdict, right| Asked { path, body, verdict, right };
    let both = |body: fn(&str) -> Option<Value>, verdict| {
        let named = [("me", &names.id), ("tenant", &names.id), ("tenant", &names.tenant_id), ("me", &names.tenant_id)];
        Vec::from(named.map(|(inbox, id)| one(path(id, inbox), body(id), verdict, inbox_right(route, inbox))))
    };
    match route.operation {
        // They name nothing, and answer everybody alike.
        Operation::Discovery
        | Operation::WebSocket
        | Operation::Ticket
        | Operation::Health
        | Operation::Ready
        | Operation::OpenApi
        | Operation::AuditSchema => vec![],
        // What it names is named in a hello, which the matrix of frames has.
        Operation::Events => vec![],
        Operation::AuditEvents | Operation::AuditState | Operation::AuditReplay | Operation::AuditVerify => {
            audit_asked(route, names)
        }
        // It signs for whichever tenant it is asked, for one developer on one machine.
        Operation::DevToken => vec![],
        // Counts are of one's own inbox, and name no item.
        Operation::Count => vec![],
        Operation::Publish => {
            let body = json!({"to": "ada", "body": "to another tenant", "tenant": names.tenant});
            vec![one(route.path.to_owned(), Some(body), Verdict::AsAbsent, None)]
        }
        Operation::Retract => {
            let named = [&names.id, &names.tenant_id];
            Vec::from(named.map(|id| one(route.path.replace("{id}", id), None, Verdict::NotFound, None)))
        }
        // A name is one of the caller's own tenant: there nobody is called so.
        Operation::Erase => {
            let name = if names.tenant == "acme" { "ada" } else { "nobody" };
            vec![one(route.path.to_owned(), Some(json!({"subscriberId": name})), Verdict::NotFound, None)]
        }
        Operation::Receipt => vec![one(route.path.replace("{id}", &names.id), None, Verdict::NotFound, None)],
        Operation::List => {
            let named = [("me", &names.id), ("me", &names.cursor), ("tenant", &names.tenant_id)];
            Vec::from(named.map(|(inbox, after)| {
                let path = format!("{}&after={after}", path("", inbox));
                one(path, None, Verdict::AsAbsent, inbox_right(route, inbox))
            }))
        }
        Operation::Revoke
        | Operation::Revocations
        | Operation::CreateKey
        | Operation::Keys
        | Operation::RevokeKey
        | Operation::Sessions
        | Operation::EndSessions
        | Operation::EndSession => access_asked(route, names),
        Operation::RecordConsent
        | Operation::WithdrawConsent
        | Operation::Consents
        | Operation::Settings
        | Operation::ChangeSettings => consents_asked(route, names),
        Operation::MarkOne(_) => both(|_| None, Verdict::NotFound),
        Operation::MarkMany(marking) => {
            let verdict = match marking {
                BulkMarking::Read | BulkMarking::Seen | BulkMarking::Archive | BulkMarking::Delete => Verdict::NotFound,
                // It takes no ids.
                BulkMarking::ReadArchive => Verdict::AsAbsent,
            };
            both(|id| Some(json!({"notificationIds": [id]})), verdict)
        }
    }
}

/// Whom a route about consents names is of the caller's own tenant, and it knows no other one; one about settings names it.
fn consents_asked(route: &Route, names: &Names) -> Vec<Asked> {
    let Names { person, tenant, .. } = names;
    let (path, body) = match route.operation {
        Operation::RecordConsent => (route.path.to_owned(), Some(json!({"subscriberId": person, "tenant": tenant}))),
        Operation::Settings => (route.path.replace("{id}", tenant), None),
        Operation::ChangeSettings => (route.path.replace("{id}", tenant), Some(json!({"realtime": "opt_in"}))),
        _ => (format!("{}?subscriberId={person}&tenant={tenant}", route.path), None),
    };
    vec![Asked { path, body, verdict: Verdict::AsAbsent, right: None }]
}

/// Every way in which a route about who is let in can name something.
fn access_asked(route: &Route, names: &Names) -> Vec<Asked> {
    let one = |path: String, body, verdict| Asked { path, body, verdict, right: None };
    let named = |id: &str| one(route.path.replace("{id}", id), None, Verdict::NotFound);
    let Names { tenant, key, session, .. } = names;
    match route.operation {
        Operation::Revoke => [json!({"all": true, "tenant": tenant}), json!({"jti": "t", "tenant": tenant})]
            .map(|body| one(route.path.to_owned(), Some(body), Verdict::AsAbsent))
            .into(),
        Operation::CreateKey => {
            let body = json!({"tenant": tenant, "roles": ["user"]});
            vec![one(route.path.to_owned(), Some(body), Verdict::AsAbsent)]
        }
        Operation::Revocations | Operation::Keys => {
            vec![one(format!("{}?tenant={tenant}", route.path), None, Verdict::AsAbsent)]
        }
        Operation::RevokeKey => vec![named(key)],
        Operation::EndSession => vec![named(session)],
        // In the caller's tenant nobody is called so, or nobody else may ask.
        _ => vec![],
    }
}

/// Every way in which an auditor's route can name something. Who may audit the platform names other tenants by right.
fn audit_asked(route: &Route, names: &Names) -> Vec<Asked> {
    let one = |path: String, body, verdict| Asked { path, body, verdict, right: None };
    let Names { cursor, tenant, person, .. } = names;
    let path = |query: String| format!("{}?{query}", route.path);
    let tenant_named = || one(path(format!("tenant={tenant}")), None, Verdict::AsAbsent);
    match route.operation {
        Operation::AuditEvents => {
            vec![tenant_named(), one(path(format!("after={cursor}")), None, Verdict::AsAbsent)]
        }
        Operation::AuditState => vec![
            one(path(format!("tenant={tenant}&subscriberId=eve")), None, Verdict::AsAbsent),
            one(path(format!("subscriberId={person}")), None, Verdict::NotFound),
            one(path(format!("subscriberId=eve&at={cursor}")), None, Verdict::AsAbsent),
        ],
        Operation::AuditVerify => vec![tenant_named()],
        _ => [json!({"tenant": tenant}), json!({"after": cursor}), json!({"through": cursor})]
            .map(|body| one(route.path.to_owned(), Some(body), Verdict::AsAbsent))
            .into(),
    }
}

fn inbox_right(route: &Route, inbox: &str) -> Option<Right> {
    match (route.access, inbox) {
        (Access::Open | Access::Authenticated | Access::Session, _) => None,
        (Access::Holder(right), _) => Some(right),
        (Access::Inbox { tenant }, "tenant") => Some(tenant),
        (Access::Inbox { .. }, _) => Some(Right::OwnInbox),
    }
}

/// What of an answer may be compared: all but its request id and its times.
fn comparable(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    // What is left of a rate depends on when somebody asked, and on nothing that is asked for.
    let skipped = |name: &str| matches!(name, "x-request-id" | "date" | "ratelimit-remaining" | "ratelimit-reset");
    let headers = answer.headers.iter().filter(|(name, _)| !skipped(name)).cloned().collect();
    let mut text = String::from_utf8(answer.body.to_vec()).unwrap();
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    for field in ["requestId", "timestamp"] {
        if let Some(value) = body[field].as_str() {
            text = text.replacen(value, field, 1);
        }
    }
    (answer.status, headers, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_names_of_another_tenant_or_user_as_names_that_never_were() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    let before = world.acme().await;
    let mut rows = 0;
    for role in Role::ALL {
        let strangers = [world.caller("globex", "bob", role)];
        // In the same tenant only an ordinary user has no way to ada's items.
        let neighbours = (role == Role::User).then(|| world.caller("acme", "eve", role));
        for (caller, is_neighbour) in strangers
            .into_iter()
            .map(|caller| (caller, false))
            .chain(neighbours.into_iter().map(|caller| (caller, true)))
        {
            for route in ROUTES {
                let pairs = asked(route, &world.foreign).into_iter().zip(asked(route, &world.absent));
                for (foreign, absent) in pairs {
                    // What is everybody's in the tenant is the neighbour's too, and so is the tenant itself.
                    let own = foreign.path.contains(&world.foreign.tenant_id)
                        || foreign
                            .body
                            .as_ref()
                            .is_some_and(|body| body.to_string().contains(&world.foreign.tenant_id));
                    if is_neighbour && (own || route.operation == Operation::Publish) {
                        continue;
                    }
                    // A cursor of ada's is of her own tenant; eve may go on from that place in her own inbox.
                    if is_neighbour
                        && route.operation == Operation::List
                        && foreign.path.contains(&world.foreign.cursor)
                    {
                        continue;
                    }
                    // Who may audit or manage the platform is told of every tenant, and of those that are none.
                    let names_tenant = foreign.path.contains("tenant=acme")
                        || foreign.path.contains("/tenants/acme/")
                        || foreign.body.as_ref().is_some_and(|body| body.get("tenant").is_some());
                    let is_platforms = matches!(
                        route.access,
                        Access::Holder(Right::Audit | Right::ManageAccess | Right::ManageTenant)
                            | Access::Authenticated
                    );
                    if role == Role::SuperAdmin && is_platforms && names_tenant {
                        continue;
                    }
                    compare(&caller, role, route, &foreign, &absent).await;
                    rows += 1;
                }
            }
        }
    }
    assert!(rows > 6 * 20, "{rows} rows are no matrix");
    assert_eq!(world.acme().await, before, "what is acme's stays as it was");
    assert_eq!(world.caller("globex", "bob", Role::User).count("me").await, 0);
}

async fn compare(caller: &Caller, role: Role, route: &Route, foreign: &Asked, absent: &Asked) {
    let verb = route.verb.name();
    let theirs = caller.call(verb, &foreign.path, foreign.body.as_ref()).await.unwrap();
    let nobodys = caller.call(verb, &absent.path, absent.body.as_ref()).await.unwrap();
    let place = format!("{role:?}: {verb} {}", foreign.path);
    assert_eq!(comparable(&theirs), comparable(&nobodys), "{place}");
    let right = foreign.right.or(match route.access {
        Access::Holder(right) => Some(right),
        Access::Open | Access::Authenticated | Access::Session | Access::Inbox { .. } => None,
    });
    let may_ask = right.is_none_or(|right| right.is_given_by(role));
    let body: Value = serde_json::from_slice(&theirs.body).unwrap();
    match foreign.verdict {
        _ if !may_ask => assert_eq!((theirs.status, &body["code"]), (403, &json!("forbidden")), "{place}"),
        Verdict::NotFound => assert_eq!((theirs.status, &body["code"]), (404, &json!("not_found")), "{place}"),
        Verdict::AsAbsent => assert!(theirs.status >= 400, "{place}: {body}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_answers_names_of_another_tenant_as_names_that_never_were() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    let before = world.acme().await;
    let kinds: BTreeSet<usize> = frames(&world.foreign).iter().map(|frame| row(frame).0).collect();
    assert_eq!(kinds, (0..KINDS).collect(), "every kind of frame and command is asked");
    // Who may do most in a tenant, so that no answer is only about rights.
    let token = world.signer.token("globex", "gina", Role::TenantAdmin.word());
    for transport in CARRIERS {
        for (foreign, absent) in frames(&world.foreign).iter().zip(&frames(&world.absent)) {
            let theirs = answered(&world, transport, &token, foreign).await;
            let nobodys = answered(&world, transport, &token, absent).await;
            assert_eq!(theirs, nobodys, "over {transport:?}: {foreign:?}");
            let said = |code: &str| theirs.iter().any(|frame| frame.contains(&format!("\"code\":\"{code}\"")));
            match row(foreign).1 {
                Some(Verdict::NotFound) => assert!(said("not_found"), "{foreign:?}: {theirs:?}"),
                Some(Verdict::AsAbsent) => assert!(theirs[0].contains("\"ok\":false"), "{foreign:?}: {theirs:?}"),
                None => {}
            }
            assert!(!theirs.concat().contains("for a"), "{foreign:?}: {theirs:?}");
        }
    }
    assert_eq!(world.acme().await, before, "what is acme's stays as it was");
}

/// The whole answer of a fresh session to one frame, as the bytes that it came in.
async fn answered(world: &World, transport: Transport, token: &str, frame: &ClientFrame) -> Vec<String> {
    let addresses = &world.server.addresses;
    let follow = match frame {
        ClientFrame::Hello(hello) => hello.subscribe.first().map(|one| (one.inbox.clone(), one.from.clone())),
        _ => None,
    };
    let opened = sure("welcome", Conversation::open(addresses, transport, token, follow)).await;
    let mut conversation = opened.unwrap();
    if !matches!(frame, ClientFrame::Hello(_)) {
        conversation.client().send(frame).await.unwrap();
    }
    // A question about one's own inbox. A command may be answered after it, since it waits for the disk.
    let fence = Fetch { id: "fence".into(), inbox: InboxName::Me, query: PageQuery::default() };
    let mut frames = Vec::new();
    let mut snapshots_wanted = usize::from(matches!(frame, ClientFrame::Hello(_)));
    if snapshots_wanted == 0 {
        conversation.client().send(&ClientFrame::Fetch(fence.clone())).await.unwrap();
    }
    let mut is_answered =
        matches!(frame, ClientFrame::Hello(_) | ClientFrame::Ack { .. } | ClientFrame::Ping | ClientFrame::Pong);
    let mut is_fenced = false;
    while !(is_answered && is_fenced) {
        let next = conversation.must().await;
        is_answered |= matches!(&next, ServerFrame::Reply { id, .. } if id != "fence");
        match &next {
            ServerFrame::Reply { id, .. } if id == "fence" => {
                is_fenced = true;
                continue;
            }
            // A subscription that is refused brings no snapshot.
            ServerFrame::Snapshot { .. } | ServerFrame::Reply { ok: false, .. } if snapshots_wanted == 1 => {
                snapshots_wanted = 0;
                conversation.client().send(&ClientFrame::Fetch(fence.clone())).await.unwrap();
            }
            _ => {}
        }
        frames.push(json_of(&next).to_string());
    }
    frames
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_of_another_tenant_is_nobodys() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    let body = json!({"to": "ada", "body": "once", "transactionId": "order-1"});
    let publish = |tenant: &'static str| {
        let caller = world.caller(tenant, "billing", Role::Service);
        let body = body.clone();
        async move { caller.call("POST", "/v1/notifications", Some(&body)).await.unwrap() }
    };
    let (first, other) = (publish("acme").await, publish("globex").await);
    let replayed = |answer: &Answer| answer.headers.iter().any(|(name, _)| name == "idempotency-replay");
    assert_eq!((first.status, other.status, replayed(&other)), (201, 201, false));
    assert_ne!(first.body, other.body);
    let again = publish("acme").await;
    assert_eq!((again.body, replayed(&first)), (first.body, false));
    assert_eq!(world.caller("globex", "ada", Role::User).bodies("me").await, ["once"]);
}
