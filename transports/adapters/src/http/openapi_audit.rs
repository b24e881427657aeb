//! What auditors may ask and are answered, for the OpenAPI document.

use super::schemas::{boolean, object, string, time};
use serde_json::{Value, json};
use tidings_engine::audit::EVENT_TYPES;
use tidings_engine::limits::{AUDIT_EVENTS_DEFAULT, AUDIT_EVENTS_MAX};

/// One query parameter of an audit route.
pub(super) fn query_parameter(name: &str) -> Value {
    let types: Vec<&str> = EVENT_TYPES.iter().map(|(_, name)| *name).collect();
    let limit =
        json!({ "type": "integer", "minimum": 1, "maximum": AUDIT_EVENTS_MAX, "default": AUDIT_EVENTS_DEFAULT });
    let (shown, schema, description) = match name {
        "tenant" => (name, string(), "Name of a tenant, for super_admin alone; all tenants when absent."),
        "after" => (name, string(), "Where the reading before ended: a cursor, or a time."),
        "limit" => (name, limit, "Most events."),
        "subscriberId" => (name, string(), "Only what a person did, got by name or was read of."),
        "stream" => (name, string(), "As subscriberId, by stream: 32 hexadecimal digits."),
        "type" => ("type[]", json!({ "type": "array", "items": { "enum": types } }), "Only these types."),
        "from" => (name, time(), "Only events of this time or later."),
        "to" => (name, time(), "Only events of this time or earlier."),
        "at" => (name, string(), "A time or a cursor; now when absent."),
        _ => {
            (name, json!({ "type": "boolean", "default": false }), "With content. Needs the role privacy_officer too.")
        }
    };
    json!({ "name": shown, "in": "query", "description": description, "schema": schema })
}

/// The schemas of the audit routes.
pub(super) fn schemas() -> Value {
    json!({
        "AuditEvents": {
            "description": "Lines of JSON, each of the schema that is referred to. The last one has `end`.",
            "$ref": "/v1/audit/events.schema.json",
        },
        "AuditReplay": replay(),
        "AuditReplayAnswer": replay_answer(),
        "AuditState": state(),
        "JsonSchema": { "type": "object" },
    })
}

fn replay() -> Value {
    let place = json!({ "type": "string", "description": "A cursor or a time." });
    let mut schema = object(&[], json!({ "tenant": string(), "after": place, "through": place, "state": boolean() }));
    schema["additionalProperties"] = json!(false);
    schema["description"] = json!("All of the log through now when empty. Without state the inboxes are not folded.");
    schema
}

fn hash() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
}

fn replay_answer() -> Value {
    let number = json!({ "type": "integer" });
    let through = object(&["tenantSequence", "time"], json!({ "tenantSequence": number, "time": time() }));
    let properties = json!({
        "verified": boolean(),
        "damage": { "type": "string", "description": "What was found, where verified is false." },
        "events": { "type": "integer", "description": "Events of the range." },
        "cursor": string(),
        "through": through,
        "tenantChainBefore": hash(),
        "tenantChain": hash(),
        "inboxes": number,
        "stateVersion": string(),
        "stateDigest": hash(),
        "streams": number,
        "log": { "type": "string", "description": "For super_admin, as are the following." },
        "epoch": number,
        "position": number,
        "chainBefore": hash(),
        "chain": hash(),
        "segments": number,
        "tenants": number,
    });
    object(&["verified"], properties)
}

fn state() -> Value {
    let number = json!({ "type": "integer" });
    let as_of = object(&["tenantSequence", "time"], json!({ "tenantSequence": number, "time": time() }));
    let items = json!({ "type": "array", "items": { "type": "object" } });
    let state = object(
        &["stream", "counts", "items"],
        json!({ "stream": string(), "counts": { "type": "object" }, "items": items }),
    );
    let content = object(&["id", "content"], json!({ "id": string(), "content": { "type": ["object", "null"] } }));
    let properties = json!({
        "asOf": as_of,
        "cursor": string(),
        "digest": hash(),
        "state": state,
        "version": { "const": "tidings-state-1" },
        "contents": { "type": "array", "items": content },
    });
    object(&["asOf", "cursor", "digest", "state", "version"], properties)
}
