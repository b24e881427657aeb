//! Who takes part: keys, limits small enough to be reached, and the tokens that a client may show.

use serde_json::json;
use std::sync::{Arc, OnceLock};
use tidings_engine::cursor::{Cursor, CursorKind};
use tidings_engine::grant::Role;
use tidings_engine::ids::{Position, Time};
use tidings_engine::keys::Keys;
use tidings_engine::limits::Limits;
use tidings_engine::session::SessionContext;
use tidings_engine::token::{Algorithm, KeyConfig, Tenants, Verifier, sign};

/// When every script begins.
pub(crate) const NOW: Time = Time(1_800_000_000_000);

/// The tenant of the client.
const TENANT: &str = "acme";

/// The tenant that nothing may be learned of.
const FOREIGN_TENANT: &str = "globex";

/// Positions of the foreign tenant begin here: none of them may ever reach the server.
pub(super) const FOREIGN_POSITION: u64 = 1_000_000;

/// Limits that a script reaches.
pub(super) fn limits() -> Limits {
    Limits {
        outbox_bytes_max: 4_096,
        outbox_frames_max: 8,
        commands_in_flight_max: 3,
        commands_per_second: 2,
        commands_burst: 6,
        queries_per_second: 8,
        queries_burst: 24,
        rate_limited_per_minute_max: 5,
        protocol_errors_max: 3,
        subscriptions_max: 2,
        ..Limits::default()
    }
}

pub(crate) fn context() -> &'static Arc<SessionContext> {
    static CONTEXT: OnceLock<Arc<SessionContext>> = OnceLock::new();
    CONTEXT.get_or_init(|| {
        let limits = limits();
        let verifier = Verifier::new(vec![key()], "tenant".to_owned(), &limits).expect("one key is a configuration");
        Arc::new(SessionContext::new(Arc::new(Keys::new(&[1; 32])), Arc::new(verifier), limits, 5))
    })
}

fn key() -> KeyConfig {
    KeyConfig {
        tenants: Tenants::Any,
        roles: Role::ALL.to_vec(),
        ..KeyConfig::new(Algorithm::Hs256, vec![7; 32], TENANT)
    }
}

/// A token to begin with, counted round. Every script is about a client of [`TENANT`], so the last of [`tokens`] is left
/// out: it would open a session of the other tenant, whose own cursors are those that are foreign here.
pub(crate) fn first_token(which: usize) -> &'static str {
    let tokens = tokens();
    &tokens[which % (tokens.len() - 1)]
}

/// A token to go on with, counted round: any of them.
pub(super) fn token(which: usize) -> &'static str {
    let tokens = tokens();
    &tokens[which % tokens.len()]
}

/// A user's, an administrator's, a service's, a short-lived, another person's, none, a later one of the administrator, a
/// later one of the user, and one of another tenant.
fn tokens() -> &'static [String] {
    static TOKENS: OnceLock<Vec<String>> = OnceLock::new();
    TOKENS.get_or_init(|| {
        let one = |tenant: &str, subject: &str, role: &str, seconds: i64| {
            let exp = NOW.0 / 1_000 + seconds;
            let claims = json!({ "sub": subject, "tenant": tenant, "roles": [role], "exp": exp });
            sign(&key(), &claims).expect("the key signs")
        };
        vec![
            one(TENANT, "ada", "user", 3_600),
            one(TENANT, "ada", "tenant_admin", 3_600),
            one(TENANT, "mail", "service", 3_600),
            one(TENANT, "ada", "user", 20),
            one(TENANT, "bob", "user", 3_600),
            "a.b.c".to_owned(),
            one(TENANT, "ada", "tenant_admin", 7_200),
            one(TENANT, "ada", "user", 7_300),
            one(FOREIGN_TENANT, "ada", "tenant_admin", 7_400),
        ]
    })
}

/// The place after the change at `position`.
pub(crate) fn place(position: u64) -> Cursor {
    Cursor { kind: CursorKind::Changes, epoch: 5, position: Position(position), chain: [0; 4], place: 0 }
}

/// The cursor of that place, as the client knows it.
pub(crate) fn cursor(position: u64) -> String {
    place(position).seal(&context().keys, context().keys.tenant_tag(TENANT))
}

/// A cursor of the client's tenant that is no place among the changes of this log: of a page, or of another log.
pub(crate) fn void_cursor(which: usize, position: u64) -> String {
    let place = place(position);
    let void =
        if which.is_multiple_of(2) { Cursor { kind: CursorKind::Page, ..place } } else { Cursor { epoch: 6, ..place } };
    void.seal(&context().keys, context().keys.tenant_tag(TENANT))
}

/// A cursor of another tenant.
pub(crate) fn foreign_cursor(position: u64) -> String {
    place(FOREIGN_POSITION + position).seal(&context().keys, context().keys.tenant_tag(FOREIGN_TENANT))
}
