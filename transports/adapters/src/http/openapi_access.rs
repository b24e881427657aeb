//! Who is let in, for the OpenAPI document.

use super::schemas::{boolean, object, string, strings, time};
use serde_json::{Value, json};

/// One query parameter of a route about access.
pub(super) fn query_parameter(name: &str) -> Value {
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 100 });
    let (schema, description) = match name {
        "tenant" => (string(), "Another tenant, for super_admin alone."),
        "limit" => (limit, "Most entries."),
        "after" => (string(), "Id of the last entry of the part before."),
        "subscriberId" => (string(), "Somebody else of the tenant, for who manages access, or consents."),
        "channel" => (json!({ "enum": ["realtime"], "default": "realtime" }), "For what."),
        "category" => (string(), "For items of one category; for all that no other consent names when absent."),
        "current" => (string(), "The session that is to be marked as the asker's own, as welcome named it."),
        _ => (string(), "The session that goes on."),
    };
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

/// The schemas of the routes about access.
pub(super) fn schemas() -> Value {
    let list = |of: Value| object(&["data"], json!({ "data": { "type": "array", "items": of } }));
    let one = |of: Value| object(&["data"], json!({ "data": of }));
    json!({
        "ChangeConsent": change_consent(),
        "ConsentRecordedAnswer": one(object(&["id"], json!({ "id": string() }))),
        "ConsentsAnswer": list(consent()),
        "CreateKey": create_key(),
        "EndedAnswer": one(object(&["ended"], json!({ "ended": { "type": "integer" } }))),
        "KeyAnswer": one(key()),
        "KeysAnswer": list(key()),
        "Revoke": revoke(),
        "RevokedAnswer": one(object(&["id"], json!({ "id": string() }))),
        "RevocationsAnswer": list(revocation()),
        "ChangeSettings": strict(object(&[], settings()), "What is absent stays."),
        "SettingsAnswer": one(object(&["realtime", "critical", "recordDelivered"], settings())),
        "SessionsAnswer": list(session()),
    })
}

fn strict(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description);
    schema["additionalProperties"] = json!(false);
    schema
}

fn revoke() -> Value {
    let properties = json!({
        "jti": string(),
        "subscriberId": string(),
        "all": { "const": true },
        "issuedBefore": time(),
        "expiresAt": time(),
        "tenant": string(),
    });
    let description = "Exactly one of jti, subscriberId and all. Everybody may revoke their own tokens. issuedBefore is now \
                       when absent; expiresAt goes with jti, where the token may live longer than this server takes tokens for.";
    strict(object(&[], properties), description)
}

fn revocation() -> Value {
    let properties = json!({
        "id": string(),
        "kind": { "enum": ["token", "subject", "tenant"] },
        "token": { "type": "string", "description": "Keyed hash of the token's jti." },
        "stream": { "type": "string", "description": "As audits name the person or service." },
        "issuedBefore": time(),
        "revokedAt": time(),
        "until": time(),
    });
    object(&["id", "kind", "revokedAt", "until"], properties)
}

fn create_key() -> Value {
    let properties = json!({ "roles": strings(), "name": string(), "expiresAt": time(), "tenant": string() });
    strict(object(&[], properties), "A key may do nothing that its maker may not. Roles are service when absent.")
}

fn key() -> Value {
    let properties = json!({
        "id": string(),
        "roles": strings(),
        "name": string(),
        "createdAt": time(),
        "expiresAt": time(),
        "secret": { "type": "string", "description": "Told once, in the first answer to its creation." },
    });
    object(&["id", "roles"], properties)
}

fn settings() -> Value {
    json!({
        "realtime": {
            "enum": ["opt_out", "opt_in"],
            "description": "What is pushed to people who said nothing: everything, or nothing.",
        },
        "critical": {
            "type": "array",
            "items": string(),
            "maxItems": 32,
            "description": "Categories whose items are pushed whatever a person says.",
        },
        "recordDelivered": {
            "type": "boolean",
            "description": "Whether it is recorded what reached people's devices, at most once a minute each.",
        },
    })
}

fn change_consent() -> Value {
    let properties = json!({
        "subscriberId": string(),
        "channel": { "enum": ["realtime"] },
        "category": string(),
        "given": boolean(),
        "purpose": { "type": "string", "maxLength": 512 },
        "textVersion": string(),
    });
    let description = "Given when it does not say otherwise, for realtime, for all categories, by the caller.";
    strict(object(&[], properties), description)
}

fn consent() -> Value {
    let properties = json!({
        "id": string(),
        "channel": { "enum": ["realtime"] },
        "category": { "type": "string", "description": "Absent: all that no other consent names." },
        "given": boolean(),
        "purpose": string(),
        "textVersion": string(),
        "recordedAt": time(),
        "recordedBy": { "enum": ["self", "other"] },
    });
    object(&["id", "channel", "given", "recordedAt", "recordedBy"], properties)
}

fn session() -> Value {
    let properties = json!({
        "id": string(),
        "subscriberId": string(),
        "carrier": string(),
        "since": time(),
        "lastSeen": time(),
        "client": string(),
        "address": { "type": "string", "description": "Without its last part." },
        "userAgent": string(),
        "current": boolean(),
    });
    object(&["id", "subscriberId", "carrier", "since", "lastSeen", "address", "current"], properties)
}
