//! Sessions of this node as their owners see them, and what is asked about who is let in.

use crate::connection::Connection;
use crate::consents::{settings_shown, shown_consents};
use crate::entropy;
use crate::gateway::Server;
use crate::hub::ConnectionId;
use crate::security_log::neighbourhood;
use data_encoding::HEXLOWER;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use tidings_adapters::http::{AccessQuestion, ListOf};
use tidings_engine::access::{ApiKey, Revocation, secret_text};
use tidings_engine::command::Scope;
use tidings_engine::event::RevokedTokens;
use tidings_engine::grant::{Grant, Right, Role};
use tidings_engine::ids::{Position, StreamId};
use tidings_engine::keys::{StreamKind, TenantTag};
use tidings_engine::rejection::Rejection;
use tidings_engine::session::Input;
use tidings_wire::{CloseCode, KeyShown, RevocationShown, SessionShown};
use tracing::error;

/// Every connection, and whose the sessions on them are.
#[derive(Default)]
pub(crate) struct Sessions {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    connections: HashMap<ConnectionId, Weak<Connection>>,
    by_subject: BTreeSet<(StreamId, ConnectionId)>,
}

impl Sessions {
    pub(crate) fn insert(&self, connection: &Arc<Connection>) {
        self.inner.lock().connections.insert(connection.id(), Arc::downgrade(connection));
    }

    /// Its session is somebody's from now on.
    pub(crate) fn authenticated(&self, connection: &Connection, subject: StreamId) {
        self.inner.lock().by_subject.insert((subject, connection.id()));
    }

    pub(crate) fn remove(&self, connection: &Connection) {
        let mut inner = self.inner.lock();
        inner.connections.remove(&connection.id());
        if let Some(grant) = connection.grant() {
            inner.by_subject.remove(&(grant.stream, connection.id()));
        }
    }

    /// Every connection, without keeping any.
    pub(crate) fn known(&self) -> Vec<Weak<Connection>> {
        self.inner.lock().connections.values().cloned().collect()
    }

    /// Every connection that is still there.
    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.inner.lock().connections.values().filter_map(Weak::upgrade).collect()
    }

    fn one(&self, id: ConnectionId) -> Option<Arc<Connection>> {
        self.inner.lock().connections.get(&id)?.upgrade()
    }

    /// The sessions of one person or service, oldest first.
    fn of(&self, subject: StreamId) -> Vec<Arc<Connection>> {
        let inner = self.inner.lock();
        let range = (subject, ConnectionId(0))..=(subject, ConnectionId(u64::MAX));
        inner.by_subject.range(range).filter_map(|(_, id)| inner.connections.get(id)?.upgrade()).collect()
    }
}

impl Server {
    /// Ends every open session that `is_theirs` picks by what it may do now; `by`: what took its right away. One that opens
    /// meanwhile has looked for itself whether it may, so that none is passed by.
    pub(crate) fn end_sessions(&self, by: &'static str, is_theirs: &dyn Fn(&Grant) -> bool) {
        for connection in self.sessions.all() {
            if connection.session_grant().is_some_and(|grant| is_theirs(&grant)) {
                self.end(&connection, by);
            }
        }
    }

    /// Ends the sessions of a person who was erased: they stand for somebody who is no more. Whoever comes with the same
    /// token later is a new person.
    pub(crate) fn end_sessions_of(&self, subject: StreamId) {
        self.observed.lock().forget(subject);
        self.end_sessions("erasure", &|grant| grant.stream == subject);
    }

    /// Ends the sessions of everybody whose token or key was revoked.
    pub(crate) fn end_refused_sessions(&self) {
        self.end_sessions("revocation", &|grant| self.context.refuses(grant));
    }

    /// The client stays away: it is told as one whose token was revoked.
    fn end(&self, connection: &Connection, by: &'static str) {
        self.security.revoked(&connection.who(), by);
        connection.give(Input::Close(CloseCode::TokenRevoked));
    }

    /// Answers what is asked about who is let in.
    pub(crate) fn managed(&self, grant: &Grant, question: AccessQuestion) -> Result<Value, Rejection> {
        match question {
            AccessQuestion::Revocations(list) => self.revocations(grant, &list),
            AccessQuestion::Keys(list) => self.keys_of(grant, &list),
            AccessQuestion::Sessions { subscriber_id, current } => {
                let sessions = self.theirs(grant, subscriber_id.as_deref())?;
                let shown = sessions.iter().filter_map(|connection| self.shown(connection, current.as_deref()));
                Ok(json!(shown.collect::<Vec<_>>()))
            }
            AccessQuestion::EndSession { id } => {
                let connection = self.reachable(grant, &id).ok_or(Rejection::NotFound)?;
                self.end(&connection, ended_by(&connection, grant));
                Ok(Value::Null)
            }
            AccessQuestion::EndSessions { subscriber_id, except } => {
                let except = except.and_then(|id| self.connection_of(&id));
                let mut sessions = self.theirs(grant, subscriber_id.as_deref())?;
                sessions.retain(|connection| Some(connection.id()) != except);
                sessions.iter().for_each(|connection| self.end(connection, ended_by(connection, grant)));
                Ok(json!({ "ended": sessions.len() }))
            }
            AccessQuestion::Settings(scope) => self.settings(grant, &scope),
            AccessQuestion::Consents { subject } => {
                let said = subject.map_or_else(Vec::new, |subject| self.inbox.consents().of(subject));
                shown_consents(&self.reader, &self.keys, grant.tenant_tag, &said).map_err(|why| {
                    error!(%why, "a consent cannot be read");
                    Rejection::Internal
                })
            }
        }
    }

    /// The name of the session on a connection: opaque, and of this process alone.
    pub(crate) fn session_id(&self, connection: ConnectionId) -> String {
        self.keys.item_id(self.session_tag, Position(connection.0))
    }

    fn connection_of(&self, session: &str) -> Option<ConnectionId> {
        let number = self.keys.notification(self.session_tag, session);
        (number != Position::ZERO).then_some(ConnectionId(number.0))
    }

    /// The caller's own sessions, or those of somebody of the tenant whom the caller manages.
    fn theirs(&self, grant: &Grant, subject: Option<&str>) -> Result<Vec<Arc<Connection>>, Rejection> {
        let stream = match subject {
            Some(subject) if *subject != *grant.subject => {
                if !grant.permits(Right::ManageAccess) {
                    return Err(Rejection::Forbidden);
                }
                self.keys.known_person(&grant.tenant, subject)
            }
            _ => Some(grant.stream),
        };
        let mut sessions = stream.map_or_else(Vec::new, |stream| self.sessions.of(stream));
        sessions.retain(|connection| connection.session_grant().is_some());
        Ok(sessions)
    }

    /// An open session by its name, if it is in the caller's reach. Any other costs the same as one that never was.
    fn reachable(&self, grant: &Grant, session: &str) -> Option<Arc<Connection>> {
        let connection = self.sessions.one(self.connection_of(session)?)?;
        let theirs = connection.session_grant()?;
        let is_managed = grant.permits(Right::ManageAccess) && theirs.tenant_stream == grant.tenant_stream;
        (theirs.stream == grant.stream || is_managed).then_some(connection)
    }

    fn shown(&self, connection: &Connection, current: Option<&str>) -> Option<SessionShown> {
        let (grant, last_seen) = connection.last_seen()?;
        let id = self.session_id(connection.id());
        Some(SessionShown {
            subscriber_id: grant.subject.to_string(),
            carrier: connection.peer().carrier.name().to_owned(),
            since: connection.opened().rfc3339(),
            last_seen: last_seen.rfc3339(),
            client: connection.client().map(str::to_owned),
            address: neighbourhood(connection.peer().address.ip()),
            user_agent: connection.peer().user_agent.clone(),
            current: current == Some(id.as_str()),
            id,
        })
    }

    /// What a tenant decides for itself.
    fn settings(&self, grant: &Grant, scope: &Scope) -> Result<Value, Rejection> {
        let name = self.named(grant, scope)?;
        let settings = self.inbox.consents().settings(self.keys.stream(&name, StreamKind::Tenant, ""));
        Ok(json!(settings_shown(&settings)))
    }

    /// The name of the tenant that is meant, which there must be unless it is the caller's own.
    fn named(&self, grant: &Grant, scope: &Scope) -> Result<String, Rejection> {
        match scope {
            Scope::Own => Ok(grant.tenant.to_string()),
            Scope::Tenant(name) if self.context.access().read(|access| access.tenant(name)).is_some() => {
                Ok(name.clone())
            }
            Scope::Tenant(_) => Err(Rejection::NotFound),
            Scope::Everything => Err(Rejection::Forbidden),
        }
    }

    /// The tenant that a list is of: its name, and what its ids are made with.
    fn listed(&self, grant: &Grant, list: &ListOf) -> Result<(String, TenantTag, Position), Rejection> {
        if !grant.permits(Right::ManageAccess) {
            return Err(Rejection::Forbidden);
        }
        let name = self.named(grant, &list.scope)?;
        let tag = self.keys.tenant_tag(&name);
        let before = match &list.after {
            None => Position(u64::MAX),
            Some(id) => match self.keys.notification(tag, id) {
                Position::ZERO => return Err(Rejection::invalid("after", "is no id of this list")),
                position => position,
            },
        };
        Ok((name, tag, before))
    }

    fn revocations(&self, grant: &Grant, list: &ListOf) -> Result<Value, Rejection> {
        let (name, tag, before) = self.listed(grant, list)?;
        let stream = self.keys.stream(&name, StreamKind::Tenant, "");
        let found: Vec<Revocation> = self.context.access().read(|access| {
            let older = access.revocations(stream).skip_while(|revocation| revocation.position >= before);
            older.take(list.limit).copied().collect()
        });
        let shown = found.iter().map(|revocation| RevocationShown {
            id: self.keys.item_id(tag, revocation.position),
            kind: match revocation.which {
                RevokedTokens::Token { .. } => "token",
                RevokedTokens::Subject { .. } => "subject",
                RevokedTokens::Tenant { .. } => "tenant",
            }
            .to_owned(),
            token: match revocation.which {
                RevokedTokens::Token { id } => Some(HEXLOWER.encode(&id)),
                _ => None,
            },
            stream: match revocation.which {
                RevokedTokens::Subject { subject, .. } => Some(subject.to_string()),
                _ => None,
            },
            issued_before: revocation.issued_before().map(|moment| moment.rfc3339()),
            revoked_at: revocation.at.rfc3339(),
            until: revocation.until.rfc3339(),
        });
        Ok(json!(shown.collect::<Vec<_>>()))
    }

    fn keys_of(&self, grant: &Grant, list: &ListOf) -> Result<Value, Rejection> {
        let (name, tag, before) = self.listed(grant, list)?;
        let found: Vec<ApiKey> = self.context.access().read(|access| {
            let Some(tenant) = access.tenant(&name) else { return Vec::new() };
            let older = access.keys(tenant).skip_while(|key| key.position >= before);
            older.take(list.limit).cloned().collect()
        });
        let shown = found.iter().map(|key| self.key_shown(key, tag)).collect::<Result<Vec<_>, _>>()?;
        Ok(json!(shown))
    }

    fn key_shown(&self, key: &ApiKey, tag: TenantTag) -> Result<KeyShown, Rejection> {
        let name = name_of(&self.reader, &self.keys, key.position).map_err(|why| {
            error!(%why, position = key.position.0, "the name of a key cannot be read");
            Rejection::Internal
        })?;
        Ok(key_shown(key, name, self.keys.item_id(tag, key.position)))
    }
}

/// A key as it is shown.
pub(crate) fn key_shown(key: &ApiKey, name: Option<String>, id: String) -> KeyShown {
    KeyShown {
        id,
        roles: key.roles.iter().map(|role| Role::word(*role).to_owned()).collect(),
        name,
        created_at: Some(key.created.rfc3339()),
        expires_at: key.expires.map(|time| time.rfc3339()),
        secret: None,
    }
}

/// The name of the key that was created at a position: it is content of that event.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn name_of(
    reader: &tidings_engine::log::LogReader,
    keys: &tidings_engine::keys::Keys,
    position: Position,
) -> Result<Option<String>, String> {
    let record = reader.read(position).map_err(|error| error.to_string())?;
    let content = keys.content(&record.envelope, &record.content).map_err(|error| error.to_string())?;
    Ok(content.and_then(|content| content.subject))
}

/// Who ends a session, as the security log names them.
fn ended_by(connection: &Connection, by: &Grant) -> &'static str {
    if connection.grant().is_some_and(|grant| grant.stream == by.stream) { "owner" } else { "administrator" }
}

/// A secret for an API key.
///
/// # Errors
/// `Internal`: the system gives no random bytes.
pub(crate) fn fresh_secret() -> Result<String, Rejection> {
    let random = entropy::bytes().map_err(|error| {
        error!(%error, "the system gives no random bytes");
        Rejection::Internal
    })?;
    Ok(secret_text(&random))
}
